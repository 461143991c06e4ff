//! What a backslash makes of the character behind it.

use std::fmt::Write as _;

use super::{PatternError, property};

/// A character that no text holds.
const NOTHING: &str = r"[^\x00-\x{10FFFF}]";

/// Reads an escape outside of a class.
pub(super) fn outside<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, PatternError> {
    let whole = match rest.as_bytes().get(1) {
        Some(b'A') => Some(r"\A"),
        Some(b'z') => Some(r"\z"),
        Some(b'b') => Some(r"(?-u:\b)"),
        Some(b'B') => Some(r"(?-u:\B)"),
        _ => None,
    };
    if let Some(text) = whole {
        out.push_str(text);
        return Ok(rest.get(2..).unwrap_or_default());
    }
    if let Some((items, after)) = set(rest)? {
        out.push('[');
        out.push_str(&items);
        out.push(']');
        return Ok(after);
    }
    let (point, after) = character(rest)?;
    push_literal(out, point);
    Ok(after)
}

/// A set of characters (`\d`, `\pL`) as what is written inside of a class; `None` where the text begins with none.
pub(super) fn set(rest: &str) -> Result<Option<(String, &str)>, PatternError> {
    let items = match rest.as_bytes().get(1) {
        Some(b'd') => "0-9",
        Some(b'D') => "[^0-9]",
        Some(b'w') => "0-9A-Za-z_",
        Some(b'W') => "[^0-9A-Za-z_]",
        Some(b's') => r"\t\n\f\r ",
        Some(b'S') => r"[^\t\n\f\r ]",
        Some(b'p' | b'P') => return property::read(rest).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((items.to_owned(), rest.get(2..).unwrap_or_default())))
}

/// The code point that an escape at the start of a text stands for.
pub(super) fn character(rest: &str) -> Result<(u32, &str), PatternError> {
    let mut chars = rest.chars();
    chars.next();
    let Some(c) = chars.next() else {
        return Err(PatternError("trailing backslash at end of expression: ``".to_owned()));
    };
    let after = chars.as_str();
    let shown = rest.get(..rest.len() - after.len()).unwrap_or_default();
    let invalid = || PatternError::new("invalid escape sequence", shown);
    let plain = match c {
        // A digit alone would be a reference to a group.
        '1'..='7' if !after.starts_with(|next| matches!(next, '0'..='7')) => return Err(invalid()),
        '0'..='7' => {
            let digits = rest.get(1..).unwrap_or_default();
            let length = digits.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            let (number, after) = digits.split_at(length);
            return Ok((u32::from_str_radix(number, 8).map_err(|_| invalid())?, after));
        }
        'x' => return hexadecimal(rest).ok_or_else(invalid),
        'a' => 7,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => u32::from(other),
        _ => return Err(invalid()),
    };
    Ok((plain, after))
}

/// `\x41` or `\x{41}`.
fn hexadecimal(rest: &str) -> Option<(u32, &str)> {
    let body = rest.get(2..)?;
    let (digits, after) = match body.strip_prefix('{') {
        Some(inner) => inner.split_once('}')?,
        None => body.split_at_checked(2)?,
    };
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let point = u32::from_str_radix(digits, 16).ok().filter(|point| valid && *point <= u32::from(char::MAX))?;
    Some((point, after))
}

/// Writes a character that stands for itself. One half of a surrogate pair, which is none, never fits.
pub(super) fn push_literal(out: &mut String, point: u32) {
    match char::from_u32(point) {
        Some(c) => push_char(out, c),
        None => out.push_str(NOTHING),
    }
}

/// Writes a character so that it has no meaning, inside of classes and outside.
pub(super) fn push_char(out: &mut String, c: char) {
    if c.is_alphanumeric() || c == '_' {
        out.push(c);
    } else {
        // Writing to a text cannot fail.
        let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
    }
}
