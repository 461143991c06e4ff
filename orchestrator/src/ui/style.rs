//! Colour: when, and which.

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};

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

/// Text from outside (names, output of builds) made harmless for a terminal: control characters are shown escaped.
pub fn printable(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c == '\t' {
            out.push(c);
        } else if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
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
        assert_eq!(printable("plain ü"), "plain ü");
    }
}
