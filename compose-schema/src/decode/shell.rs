//! Splits a command line into words, as Docker Compose does: quotes and backslashes as in a shell, no variables, no globs,
//! and nothing after the first operator.

/// A command line in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) words: Vec<String>,
    /// Byte offset of the operator (`;`, `&`, `|`, `<`, `>`) that cut the rest off.
    pub(crate) cut: Option<usize>,
}

/// Splits a line.
///
/// # Errors
/// A quote, parenthesis or backslash that is left open, or a parenthesis where none can be.
pub(crate) fn split(line: &str) -> Result<Words, Unbalanced> {
    let mut words = Vec::new();
    let mut word = String::new();
    // Whether there is a word, even an empty one in quotes.
    let mut begun = false;
    let mut escaped = false;
    let (mut single, mut double, mut backquoted, mut substituted) = (false, false, false, false);
    let mut cut = None;
    for (at, c) in line.char_indices() {
        if escaped {
            word.push(c);
            (escaped, begun) = (false, true);
            continue;
        }
        match c {
            '\\' if single => word.push('\\'),
            '\\' => escaped = true,
            ' ' | '\t' | '\r' | '\n' if single || double || backquoted || substituted => word.push(c),
            ' ' | '\t' | '\r' | '\n' => {
                if begun {
                    words.push(std::mem::take(&mut word));
                    begun = false;
                }
            }
            '"' if !single && !substituted => {
                begun |= double;
                double = !double;
            }
            '\'' if !double && !substituted => {
                begun |= single;
                single = !single;
            }
            '(' if !single && !double && !backquoted => {
                if substituted || !word.ends_with('$') {
                    return Err(Unbalanced);
                }
                substituted = true;
                word.push('(');
            }
            ';' | '&' | '|' | '<' | '>' if !(single || double || backquoted || substituted) => {
                // In `2>file` the number belongs to the operator.
                if c == '>' && word.starts_with(|first: char| first.is_ascii_digit()) {
                    begun = false;
                }
                cut = Some(at);
                break;
            }
            _ => {
                match c {
                    '`' if !single && !double && !substituted => backquoted = !backquoted,
                    ')' if !single && !double && !backquoted => substituted = !substituted,
                    _ => {}
                }
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    if escaped || single || double || backquoted || substituted {
        return Err(Unbalanced);
    }
    Ok(Words { words, cut })
}

/// A line that cannot be split.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unbalanced;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test may panic")]

    use super::split;

    #[test]
    fn splits_as_docker_compose_does() {
        for (line, words) in [
            ("echo a && b", &["echo", "a"][..]),
            ("a;b", &["a"]),
            ("\"a b\" c", &["a b", "c"]),
            ("a\\ b", &["a b"]),
            ("a \"\" b", &["a", "", "b"]),
            ("`a b` c", &["`a b`", "c"]),
            ("$(a b) c", &["$(a b)", "c"]),
            ("a \"$(b c)\" d", &["a", "$(b c)", "d"]),
            ("a 'b\\'c", &["a", "b\\c"]),
            ("\"a\\nb\"", &["anb"]),
            ("2>b", &[]),
            ("foo 2>&1", &["foo"]),
            ("a#b # c", &["a#b", "#", "c"]),
            ("\"a;b\" c", &["a;b", "c"]),
            ("   ", &[]),
        ] {
            assert_eq!(split(line).unwrap().words, words, "{line}");
        }
    }

    #[test]
    fn refuses_what_is_left_open() {
        for line in ["\"a", "a\\", "(a)", "a (b", "a) b", "a $(b", "a=(1 2)", "it's"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
