//! Colour: when, and which.

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use compose_schema::diagnostic::push_visibly;

use crate::error::{CommandError, Result};

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

/// Text from outside (names, output of builds) made harmless for a terminal: control characters, and those that
/// turn a line around, are shown escaped.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '\t' => out.push(character),
            _ => push_visibly(&mut out, character),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\tc"), "a\\u{1b}[2Jb\tc");
        assert_eq!(printable("app\u{202e}gnp.exe"), "app\\u{202e}gnp.exe");
        assert_eq!(printable("plain ü"), "plain ü");
    }
}
