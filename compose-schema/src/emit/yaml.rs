//! YAML as Docker Compose writes it: two spaces, lists indented, keys in natural order.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::scalar::{self, Style};
use super::value::{Fields, Value};
use crate::yaml::format_float;

/// The longest key, in bytes, that stands before its colon; others have a `?` and a line of their own.
const LONGEST_KEY: usize = 128;

/// A document.
#[must_use]
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    // The end of the last line, also where that is an empty one of a text.
    out.push('\n');
    out
}

/// The entries of a map or struct as YAML writes them.
fn entries(value: &Value) -> Option<Vec<(Cow<'_, str>, &Value)>> {
    match value {
        Value::Map(entries) => Some(sorted(entries)),
        Value::Struct(fields) => {
            let mut written: Vec<(Cow<'_, str>, &Value)> = fields
                .fields
                .iter()
                .filter(|(_, value)| !is_left_out(value))
                .map(|(key, value)| (lower(key), value))
                .collect();
            written.extend(sorted(&fields.extensions));
            Some(written)
        }
        _ => None,
    }
}

/// Fields that have no name of their own in YAML go by their Go name in small letters.
fn lower(field: &str) -> Cow<'_, str> {
    if field.contains(|c: char| c.is_ascii_uppercase()) { field.to_lowercase().into() } else { field.into() }
}

fn sorted(entries: &[(String, Value)]) -> Vec<(Cow<'_, str>, &Value)> {
    let mut entries: Vec<(Cow<'_, str>, &Value)> =
        entries.iter().map(|(key, value)| (key.as_str().into(), value)).collect();
    entries.sort_by(|(a, _), (b, _)| natural(a, b));
    entries
}

/// Fields that are missing, and structs that are always there but empty.
fn is_left_out(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Struct(Fields { fields, extensions, optional: false, .. }) => {
            extensions.is_empty() && fields.iter().all(|(_, value)| is_left_out(value))
        }
        _ => false,
    }
}

/// Writes a value that starts where the cursor is; further lines are indented by `indent`.
fn block(out: &mut String, value: &Value, indent: usize) {
    if let Some(entries) = entries(value) {
        if entries.is_empty() {
            return out.push_str("{}");
        }
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 {
                new_line(out, indent);
            }
            if key.contains(scalar::is_break) || key.len() > LONGEST_KEY {
                out.push_str("? ");
                text(out, key, indent + 2);
                new_line(out, indent);
            } else {
                text(out, key, indent);
            }
            out.push(':');
            child(out, value, indent);
        }
        return;
    }
    match value {
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    new_line(out, indent);
                }
                out.push_str("- ");
                block(out, item, indent + 2);
            }
        }
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float(*value)),
        Value::Text(value) => text(out, value, indent),
        Value::Timestamp(value) => out.push_str(value),
        Value::Map(_) | Value::Struct(_) => {}
    }
}

/// Writes the value of a key: what has entries of its own goes on the next line.
fn child(out: &mut String, value: &Value, indent: usize) {
    let nested = match value {
        Value::List(items) => !items.is_empty(),
        _ => entries(value).is_some_and(|entries| !entries.is_empty()),
    };
    if nested {
        new_line(out, indent + 2);
        block(out, value, indent + 2);
    } else {
        out.push(' ');
        block(out, value, indent + 2);
    }
}

fn new_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

fn float(value: f64) -> String {
    match format_float(value).as_str() {
        "+Inf" => ".inf".to_owned(),
        "-Inf" => "-.inf".to_owned(),
        "NaN" => ".nan".to_owned(),
        text => text.to_owned(),
    }
}

fn text(out: &mut String, text: &str, indent: usize) {
    match scalar::style(text) {
        Style::Plain => out.push_str(text),
        Style::Single => {
            out.push('\'');
            lines(out, &text.replace('\'', "''"), indent, false);
            out.push('\'');
        }
        Style::Double => double_quoted(out, text),
        Style::Literal => literal(out, text, indent),
    }
}

fn literal(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.starts_with(|c| c == ' ' || scalar::is_break(c)) {
        out.push('2');
    }
    let mut from_end = text.chars().rev().map(scalar::is_break);
    match (from_end.next(), from_end.next()) {
        (Some(true), Some(false)) => {}
        (Some(true), _) => out.push('+'),
        _ => out.push('-'),
    }
    out.push('\n');
    lines(out, text.strip_suffix('\n').unwrap_or(text), indent, true);
}

/// Writes a text that may have ends of lines in it as they are; what comes after one is indented.
fn lines(out: &mut String, text: &str, indent: usize, mut at_start: bool) {
    for c in text.chars() {
        let ends = scalar::is_break(c);
        if at_start && !ends {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        out.push(c);
        at_start = ends;
    }
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    // Go's writer looks for a byte order mark at the first place, whichever it writes.
    let marked = text.starts_with('\u{feff}');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            c if scalar::is_printable(c) && !marked => out.push(c),
            '\u{a0}' => out.push_str("\\_"),
            c => match u32::from(c) {
                code @ 0..=0xff => out.push_str(&format!("\\x{code:02X}")),
                code @ 0x100..=0xffff => out.push_str(&format!("\\u{code:04X}")),
                code => out.push_str(&format!("\\U{code:08X}")),
            },
        }
    }
    out.push('"');
}

/// The order of keys: numbers inside them by value, letters after everything else, unless a number comes before.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else { return a.len().cmp(&b.len()) };
    let (Some(&first), Some(&second)) = (a.get(at), b.get(at)) else { return Ordering::Equal };
    let after_digit = at.checked_sub(1).and_then(|before| a.get(before)).is_some_and(|c| c.is_numeric());
    match (first.is_alphabetic(), second.is_alphabetic()) {
        (true, true) => return first.cmp(&second),
        (true, false) => return if after_digit { Ordering::Less } else { Ordering::Greater },
        (false, true) => return if after_digit { Ordering::Greater } else { Ordering::Less },
        (false, false) => {}
    }
    // A zero counts as a digit only after another one: `10` comes before `100`, but `a0` and `a00` are equal so far.
    let before = a.get(..at).unwrap_or_default().iter().rev().take_while(|c| c.is_ascii_digit());
    let lead = u128::from((first == '0' || second == '0') && before.into_iter().any(|c| *c != '0'));
    let digits_from = |text: &[char]| -> (u128, usize) {
        let digits = text.iter().skip(at).map_while(|c| c.to_digit(10));
        digits.fold((lead, 0), |(number, length), digit| {
            (number.saturating_mul(10).saturating_add(digit.into()), length + 1)
        })
    };
    digits_from(&a).cmp(&digits_from(&b)).then(first.cmp(&second))
}
