//! How Go's YAML writer writes a text: plain where it reads back as text, else quoted, lines as a literal block.

use crate::yaml::rfc3339;

/// The styles that Docker Compose's output uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// The style for a text.
pub(crate) fn style(text: &str) -> Style {
    let facts = Facts::of(text);
    if text.contains('\n') {
        return if facts.block { Style::Literal } else { Style::Double };
    }
    if reads_as_something_else(text) {
        return Style::Double;
    }
    match (facts.plain, facts.single) {
        (true, _) => Style::Plain,
        (false, true) => Style::Single,
        (false, false) => Style::Double,
    }
}

/// Which styles can hold a text.
struct Facts {
    plain: bool,
    single: bool,
    block: bool,
}

impl Facts {
    fn of(text: &str) -> Self {
        let mut indicator = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut tab, mut breaks, mut space_break, mut break_space) = (false, false, false, false, false);
        let mut previous: Option<char> = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            let before_blank = next.is_none_or(is_blank);
            let after_blank = previous.is_none_or(is_blank);
            indicator |= match c {
                '#' => after_blank,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    previous.is_none()
                }
                '?' | '-' => previous.is_none() && before_blank,
                ':' => before_blank,
                _ => false,
            };
            match c {
                '\t' => tab = true,
                c if is_break(c) => {
                    breaks = true;
                    space_break |= previous == Some(' ');
                    special |= !is_printable(c);
                }
                ' ' => break_space |= previous.is_some_and(is_break),
                c => special |= !is_printable(c),
            }
            previous = Some(c);
        }
        let space = |c: Option<char>| c == Some(' ');
        let trailing_space = text.ends_with(' ');
        let single = !(break_space || space_break || tab || special);
        Self {
            plain: single && !(indicator || breaks || space(text.chars().next()) || space(previous)),
            single,
            block: !(trailing_space || space_break || special),
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t') || is_break(c)
}

/// What the writer leaves unescaped: nothing beyond the first plane, no control characters.
pub(crate) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}') && c != '\u{feff}'
}

/// What the writer takes for the end of a line.
pub(crate) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether the text would not be read as this text when written plain.
fn reads_as_something_else(text: &str) -> bool {
    matches!(
        text,
        "" | "~"
            | "null" | "Null" | "NULL"
            | "true" | "True" | "TRUE"
            | "false" | "False" | "FALSE"
            | "<<" | ".nan" | ".NaN" | ".NAN"
            | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF"
            // Truth values of YAML 1.1.
            | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON"
            | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF"
    ) || is_number(text)
        || is_sexagesimal(text)
        || rfc3339(text).is_some()
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.replace('_', "");
    let with_prefix = |prefixes: [&str; 2], radix: u32| {
        prefixes.iter().any(|prefix| {
            digits.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
        })
    };
    if text.starts_with('.') {
        return text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'-' | b'+'))
            && text.parse().is_ok_and(f64::is_finite);
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || (unsigned.len() == text.len() && text.starts_with('_'))
    {
        return false;
    }
    with_prefix(["0x", "0X"], 16)
        || with_prefix(["0o", "0O"], 8)
        || with_prefix(["0b", "0B"], 2)
        || (digits.chars().all(|c| matches!(c, '0'..='9' | '.' | 'e' | 'E' | '-' | '+'))
            && digits.parse().is_ok_and(f64::is_finite))
}

/// `190:20:30`: a number to base 60 of YAML 1.1.
fn is_sexagesimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    whole.contains(':')
        && first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && digits(fraction)
        && parts.all(|part| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']))
}
