//! Colour: when, and which.

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};

use crate::error::{CommandError, Result};

pub use crate::text::printable;

/// Applies `--ansi` to both output streams, for the whole process. `auto` leaves the choice to the terminal,
/// `NO_COLOR` and `CLICOLOR_FORCE`.
///
/// # Errors
/// Any other word.
pub fn apply_ansi(ansi: &str) -> Result<()> {
    match ansi {
        "auto" => ColorChoice::Auto,
        "always" => ColorChoice::Always,
        "never" => ColorChoice::Never,
        other => {
            return Err(CommandError::new(format!("invalid value for `--ansi`: `{other}`"))
                .hint("use `never`, `always` or `auto`"));
        }
    }
    .write_global();
    Ok(())
}

/// Something is done and fine.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Something is under way.
pub const BUSY: Style = AnsiColor::Blue.on_default();
/// Something deserves a look.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// Something failed.
pub const BAD: Style = AnsiColor::Red.on_default();

/// Text in a style, with the reset behind it. Streams that take no colour drop the codes.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
