//! Text from outside, made fit to be shown.

use compose_schema::diagnostic::push_visibly;

/// A truth value as Go's `strconv.ParseBool` takes it, and so Docker Compose and Traefik do; none for anything else.
pub fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
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
    use super::{printable, truth};

    #[test]
    fn truth_has_six_words_each() {
        assert_eq!(["1", "t", "T", "true", "TRUE", "True"].map(truth), [Some(true); 6]);
        assert_eq!(["0", "f", "F", "false", "FALSE", "False"].map(truth), [Some(false); 6]);
        assert_eq!(["", "tRUE", "yes", " true"].map(truth), [None; 4]);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\tc"), "a\\u{1b}[2Jb\tc");
        assert_eq!(printable("app\u{202e}gnp.exe"), "app\\u{202e}gnp.exe");
        assert_eq!(printable("plain ü"), "plain ü");
    }
}
