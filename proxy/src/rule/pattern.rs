//! Regular expressions in Go's syntax (RE2), compiled with the `regex` crate.
//!
//! Both run in linear time and agree on most of the syntax. Where they differ, the pattern is rewritten: Go's `\d \w \s \b` are ASCII
//! only; a `{` that begins no repetition is a plain character; character classes know no set operations; `\Q…\E` quotes.
//! Specification: <https://github.com/google/re2/wiki/Syntax>, Go package `regexp/syntax`.

use regex::bytes::{Regex, RegexBuilder};

/// Bytes that a compiled pattern may take, so that nobody fills the memory with one label.
const SIZE_LIMIT: usize = 4 << 20;

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {0}")]
pub struct PatternError(String);

/// Compiles a pattern; it matches anywhere in a text unless anchored.
pub fn compile(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(&translate(pattern)?).octal(true).size_limit(SIZE_LIMIT).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError(format!("expression too large: `{pattern}`")),
        other => {
            let text = other.to_string();
            let reason = text.rsplit("error: ").next().unwrap_or_default().trim();
            // Go's words, where it has others.
            let reason = match reason {
                "unclosed group" => "missing closing )",
                "unopened group" => "unexpected )",
                "repetition operator missing expression" => "missing argument to repetition operator",
                other => other,
            };
            PatternError(format!("{reason}: `{pattern}`"))
        }
    })
}

/// Rewrites Go's syntax into that of the `regex` crate.
fn translate(pattern: &str) -> Result<String, PatternError> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '\\' => escape(rest, false, &mut out)?,
            '[' => class(rest, &mut out)?,
            '{' if repetition(rest).is_none() => literal(rest, "\\{", 1, &mut out),
            '(' if rest.starts_with("(?") => group(rest, &mut out)?,
            other => literal(rest, other.encode_utf8(&mut [0; 4]), other.len_utf8(), &mut out),
        };
    }
    Ok(out)
}

/// Writes `text` and goes `length` bytes on.
fn literal<'a>(rest: &'a str, text: &str, length: usize, out: &mut String) -> &'a str {
    out.push_str(text);
    rest.get(length..).unwrap_or_default()
}

/// The length of `{2}`, `{2,}` or `{2,3}` at the start of a text.
fn repetition(rest: &str) -> Option<usize> {
    let body = rest.get(1..rest.find('}')?)?;
    let (low, high) = body.split_once(',').unwrap_or((body, "0"));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(low) && (high.is_empty() || number(high))).then_some(body.len() + 2)
}

/// A group with flags: only Go's flags, for the crate knows more.
fn group<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, PatternError> {
    let named = rest.starts_with("(?P<") || rest.starts_with("(?<");
    let end = rest.find([':', ')']).unwrap_or(rest.len());
    let flags = rest.get(2..end).unwrap_or_default();
    if !named && !flags.chars().all(|c| matches!(c, 'i' | 'm' | 's' | 'U' | '-')) {
        let shown: String = rest.chars().take(3).collect();
        return Err(PatternError(format!("invalid or unsupported Perl syntax: `{shown}`")));
    }
    Ok(literal(rest, "(?", 2, out))
}

fn escape<'a>(rest: &'a str, in_class: bool, out: &mut String) -> Result<&'a str, PatternError> {
    let Some(c) = rest.chars().nth(1) else {
        return Err(PatternError("trailing backslash at end of expression".to_owned()));
    };
    let text = match (c, in_class) {
        ('d', false) => "[0-9]",
        ('D', _) => "[^0-9]",
        ('w', false) => "[0-9A-Za-z_]",
        ('W', _) => "[^0-9A-Za-z_]",
        ('s', false) => r"[\t\n\f\r ]",
        ('S', _) => r"[^\t\n\f\r ]",
        ('d', true) => "0-9",
        ('w', true) => "0-9A-Za-z_",
        ('s', true) => r"\t\n\f\r ",
        ('b', false) => r"(?-u:\b)",
        ('B', false) => r"(?-u:\B)",
        // The crate takes these for word boundaries, Go for themselves.
        ('<', _) => "<",
        ('>', _) => ">",
        ('Q', false) => {
            let body = rest.get(2..).unwrap_or_default();
            let (quoted, after) = body.split_once("\\E").unwrap_or((body, ""));
            out.push_str(&regex::escape(quoted));
            return Ok(after);
        }
        ('p' | 'P' | 'x', _) if rest.get(2..).is_some_and(|after| after.starts_with('{')) => {
            let length = rest.find('}').map_or(rest.len(), |at| at + 1);
            return Ok(literal(rest, rest.get(..length).unwrap_or_default(), length, out));
        }
        // An escaped ordinary character: the two agree on what it means, or that it is wrong.
        _ => {
            let length = 1 + c.len_utf8();
            return Ok(literal(rest, rest.get(..length).unwrap_or_default(), length, out));
        }
    };
    Ok(literal(rest, text, 2, out))
}

/// A character class; inside it the crate gives a meaning to `[`, `&&`, `--` and `~~`, Go does not.
fn class<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, PatternError> {
    let missing = || PatternError(format!("missing closing ]: `{rest}`"));
    out.push('[');
    let mut rest = rest.get(1..).unwrap_or_default();
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    if let Some(after) = rest.strip_prefix(']') {
        out.push_str("\\]");
        rest = after;
    }
    loop {
        let Some(c) = rest.chars().next() else {
            return Err(missing());
        };
        rest = match c {
            ']' => return Ok(literal(rest, "]", 1, out)),
            '\\' => escape(rest, true, out)?,
            '[' if rest.starts_with("[:") && rest.contains(":]") => {
                let length = rest.find(":]").map_or(rest.len(), |at| at + 2);
                literal(rest, rest.get(..length).unwrap_or_default(), length, out)
            }
            '[' => literal(rest, "\\[", 1, out),
            '&' => literal(rest, "\\&", 1, out),
            '~' => literal(rest, "\\~", 1, out),
            // Only as an end of the class or before it is `-` not the sign of a range.
            '-' if rest.starts_with("-]") => literal(rest, "\\-", 1, out),
            other => literal(rest, other.encode_utf8(&mut [0; 4]), other.len_utf8(), out),
        };
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::compile;

    #[test]
    fn means_what_go_means() {
        for (pattern, text, expected) in [
            ("^/{id:[a-z]+}$", "/{id:x}", true),
            ("^/{id:[a-z]+}$", "/x", false),
            (r"^\d+$", "12", true),
            (r"^\d+$", "\u{661}", false),
            (r"\p{L}+\.org", "b\u{fc}cher.org", true),
            (r"[\w-]+", "-", true),
            (r"^[]a]+$", "]a", true),
            (r"^[a[&&b~]+$", "[&~", true),
            (r"a{2}", "aa", true),
            (r"a{2}", "a", false),
            (r"\Qa.b\E$", "axb", false),
            (r"(?i)^EXAMPLE$", "example", true),
            (r"\<", "<", true),
            (r"^[[:alpha:]]+$", "ab", true),
            (r"^(?P<x>a)$", "a", true),
            ("^.$", "\u{e9}", true),
        ] {
            assert_eq!(compile(pattern).unwrap().is_match(text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for pattern in ["[", "(?=x)", "*a", "(", "(?x)a", "a\\", r"(a)\1x(?!b)", "[b-a]"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
        assert_eq!(compile("[").unwrap_err().to_string(), "error parsing regexp: missing closing ]: `[`");
    }

    #[test]
    fn refuses_giants() {
        assert!(compile("((a{100}){100}){100}").unwrap_err().to_string().contains("too large"));
    }
}
