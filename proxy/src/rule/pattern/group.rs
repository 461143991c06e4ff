//! Groups that begin with `(?`: names and flags.

use super::PatternError;
use super::translate::Translation;

const FLAGS: [char; 4] = ['i', 'm', 's', 'U'];

/// Reads the head of a group, or flags for what follows.
pub(super) fn read<'a>(rest: &'a str, pattern: &str, done: &mut Translation) -> Result<&'a str, PatternError> {
    if let Some(after) = rest.strip_prefix("(?P<").or_else(|| rest.strip_prefix("(?<")) {
        let invalid = |shown| PatternError::new("invalid named capture", shown);
        let (name, body) = after.split_once('>').ok_or_else(|| invalid(rest))?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(invalid(rest.get(..rest.len() - body.len()).unwrap_or_default()));
        }
        done.begin(pattern)?;
        // The crate wants names that differ and begin with a letter. A group without its name has still got its number.
        if name.starts_with(|c: char| c.is_ascii_digit()) || done.names.iter().any(|known| known == name) {
            done.out.push('(');
        } else {
            done.out.push_str(&format!("(?P<{name}>"));
            done.names.push(name.to_owned());
        }
        return Ok(body);
    }
    flags(rest, pattern, done)
}

fn flags<'a>(rest: &'a str, pattern: &str, done: &mut Translation) -> Result<&'a str, PatternError> {
    let (mut on, mut off, mut minus) = (String::new(), String::new(), false);
    for (at, c) in rest.char_indices().skip(2) {
        match c {
            '-' if !minus => minus = true,
            ':' | ')' if !minus || !off.is_empty() => {
                on.retain(|flag| !off.contains(flag));
                let off = if off.is_empty() { off } else { format!("-{off}") };
                match c {
                    ':' => {
                        done.begin(pattern)?;
                        done.out.push_str(&format!("(?{on}{off}:"));
                    }
                    _ if on.is_empty() && off.is_empty() => {}
                    _ => done.out.push_str(&format!("(?{on}{off})")),
                }
                return Ok(rest.get(at + 1..).unwrap_or_default());
            }
            flag if FLAGS.contains(&flag) => {
                let set = if minus { &mut off } else { &mut on };
                if !set.contains(flag) {
                    set.push(flag);
                }
            }
            other => {
                let shown = rest.get(..at + other.len_utf8()).unwrap_or_default();
                return Err(PatternError::new("invalid or unsupported Perl syntax", shown));
            }
        }
    }
    Err(PatternError::new("missing closing )", pattern))
}
