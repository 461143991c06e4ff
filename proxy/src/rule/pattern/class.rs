//! Character classes; inside them the crate gives a meaning to `[`, `&&`, `--` and `~~`, Go does not.

use super::{PatternError, escape};

const NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Reads a class from its `[` to its `]`.
pub(super) fn read<'a>(whole: &'a str, out: &mut String) -> Result<&'a str, PatternError> {
    let mut rest = whole.get(1..).unwrap_or_default();
    let mut items = String::new();
    let negated = rest.starts_with('^');
    if negated {
        rest = rest.get(1..).unwrap_or_default();
    }
    let mut first = true;
    loop {
        if let Some(after) = rest.strip_prefix(']').filter(|_| !first) {
            // A class of which nothing is left holds no character, or every one.
            out.push_str(match (items.is_empty(), negated) {
                (true, false) => r"[^\x00-\x{10FFFF}]",
                (true, true) => r"[\x00-\x{10FFFF}]",
                (false, true) => "[^",
                (false, false) => "[",
            });
            if !items.is_empty() {
                out.push_str(&items);
                out.push(']');
            }
            return Ok(after);
        }
        first = false;
        if let Some(after) = named(rest, &mut items)? {
            rest = after;
        } else if let Some((set, after)) = rest.starts_with('\\').then(|| escape::set(rest)).transpose()?.flatten() {
            items.push_str(&set);
            rest = after;
        } else {
            rest = range(rest, whole, &mut items)?;
        }
    }
}

/// `[:alpha:]` or `[:^alpha:]`.
fn named<'a>(rest: &'a str, items: &mut String) -> Result<Option<&'a str>, PatternError> {
    let Some((name, after)) = rest.strip_prefix("[:").and_then(|body| body.split_once(":]")) else {
        return Ok(None);
    };
    let shown = rest.get(..rest.len() - after.len()).unwrap_or_default();
    if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(PatternError::new("invalid character class range", shown));
    }
    items.push_str(shown);
    Ok(Some(after))
}

/// One character, or a range of them.
fn range<'a>(rest: &'a str, whole: &str, items: &mut String) -> Result<&'a str, PatternError> {
    let (low, after) = character(rest, whole)?;
    let (high, after) = match after.strip_prefix('-') {
        Some(end) if !end.is_empty() && !end.starts_with(']') => character(end, whole)?,
        _ => (low, after),
    };
    if high < low {
        let shown = rest.get(..rest.len() - after.len()).unwrap_or_default();
        return Err(PatternError::new("invalid character class range", shown));
    }
    // Halves of surrogate pairs are no characters: the range goes round them.
    let low = char::from_u32(low).unwrap_or('\u{e000}');
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    if low <= high {
        escape::push_char(items, low);
        if high != low {
            items.push('-');
            escape::push_char(items, high);
        }
    }
    Ok(after)
}

fn character<'a>(rest: &'a str, whole: &str) -> Result<(u32, &'a str), PatternError> {
    match rest.chars().next() {
        None => Err(PatternError::new("missing closing ]", whole)),
        Some('\\') => escape::character(rest),
        Some(c) => Ok((u32::from(c), rest.get(c.len_utf8()..).unwrap_or_default())),
    }
}
