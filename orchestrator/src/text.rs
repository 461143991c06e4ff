//! Text from outside, made fit to be shown.

use compose_schema::diagnostic::push_visibly;

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
