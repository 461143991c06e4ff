//! The functions that are part of Go's templates; `and` and `or`, which do not look at everything, are in `evaluate`.

use std::cmp::Ordering;

use super::print::{formatted, line, printed};
use super::value::Value;

/// Their names.
pub const NAMES: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];

/// Calls a function by its name.
pub(super) fn call(name: &str, args: &[Value]) -> Result<Value, String> {
    let found = logic(name, args).or_else(|| parts(name, args)).or_else(|| texts(name, args));
    found.unwrap_or_else(|| match args.is_empty() {
        true => Err(format!("function `{name}` is not supported")),
        false => {
            let kinds = args.iter().map(Value::kind).collect::<Vec<_>>().join(", ");
            Err(format!("function `{name}` is not supported, or not with these arguments ({kinds})"))
        }
    })
}

fn logic(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let compare = |fits: fn(Ordering) -> bool| match args {
        [a, b] => Some(
            order(a, b)
                .map(fits)
                .map(Value::Flag)
                .ok_or_else(|| format!("`{name}`: {} and {} have no order", a.kind(), b.kind())),
        ),
        _ => None,
    };
    Some(Ok(match (name, args) {
        ("eq", [first, rest @ ..]) if !rest.is_empty() => {
            if let Some(other) = rest.iter().find(|other| !comparable(first, other)) {
                return Some(Err(incomparable(name, first, other)));
            }
            Value::Flag(rest.contains(first))
        }
        ("ne", [a, b]) if comparable(a, b) => Value::Flag(a != b),
        ("ne", [a, b]) => return Some(Err(incomparable(name, a, b))),
        ("lt", _) => return compare(Ordering::is_lt),
        ("le", _) => return compare(Ordering::is_le),
        ("gt", _) => return compare(Ordering::is_gt),
        ("ge", _) => return compare(Ordering::is_ge),
        ("not", [value]) => Value::Flag(!value.holds()),
        _ => return None,
    }))
}

fn incomparable(name: &str, a: &Value, b: &Value) -> String {
    format!("`{name}`: {} and {} are not compared", a.go_kind(), b.go_kind())
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Go compares values of one kind, and nothing with anything.
fn comparable(a: &Value, b: &Value) -> bool {
    a.go_kind() == b.go_kind() || [a, b].contains(&&Value::Nothing)
}

fn parts(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    match (name, args) {
        ("index", [value, keys @ ..]) => Some(index(value, keys)),
        ("slice", [Value::List(items), bounds @ ..]) => Some(
            slice(items.len(), bounds).map(|(from, to)| Value::List(items.get(from..to).unwrap_or_default().to_vec())),
        ),
        ("slice", [Value::Text(text), bounds @ ..]) => Some(slice(text.len(), bounds).map(|(from, to)| {
            let bytes = text.as_bytes().get(from..to).unwrap_or_default();
            Value::Text(String::from_utf8_lossy(bytes).into_owned())
        })),
        ("len", [value]) => Some(
            match value {
                Value::Text(text) => Ok(text.len()),
                Value::List(items) => Ok(items.len()),
                Value::Map(entries) => Ok(entries.len()),
                other => Err(format!("`len`: {} has no length", other.kind())),
            }
            .map(|length| Value::Number(i64::try_from(length).unwrap_or(i64::MAX))),
        ),
        _ => None,
    }
}

fn index(value: &Value, keys: &[Value]) -> Result<Value, String> {
    let mut value = value.clone();
    for key in keys {
        let at = |length: usize| match key {
            Value::Number(at) => usize::try_from(*at).ok().filter(|at| *at < length),
            _ => None,
        };
        value = match (value, key) {
            (Value::Map(mut entries), Value::Text(key)) => entries.remove(key).unwrap_or(Value::Nothing),
            (Value::List(mut items), Value::Number(number)) => match at(items.len()) {
                Some(at) => items.swap_remove(at),
                None => return Err(format!("`index`: {number} is outside of a list of {}", items.len())),
            },
            (Value::Text(text), Value::Number(number)) => match at(text.len()).and_then(|at| text.as_bytes().get(at)) {
                Some(byte) => Value::Number(i64::from(*byte)),
                None => return Err(format!("`index`: {number} is outside of a text of {}", text.len())),
            },
            (value, key) => return Err(format!("`index`: {} has no {}", value.kind(), key.text())),
        };
    }
    Ok(value)
}

/// Where a slice begins and ends.
fn slice(length: usize, bounds: &[Value]) -> Result<(usize, usize), String> {
    let bound = |at: usize, other: usize| match bounds.get(at) {
        None => Some(other),
        Some(Value::Number(bound)) => usize::try_from(*bound).ok(),
        Some(_) => None,
    };
    let both = bound(0, 0).zip(bound(1, length)).filter(|(from, to)| from <= to && *to <= length);
    both.ok_or_else(|| format!("`slice`: outside of the {length} that there are"))
}

fn texts(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let escaped = |escape: fn(char) -> String| Value::Text(printed(args).chars().map(escape).collect());
    Some(Ok(match (name, args) {
        ("print", _) => Value::Text(printed(args)),
        ("println", _) => Value::Text(line(args)),
        ("printf", [Value::Text(format), values @ ..]) => return Some(formatted(format, values).map(Value::Text)),
        ("html", [_, ..]) => escaped(|c| match c {
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '&' => "&amp;".to_owned(),
            '\'' => "&#39;".to_owned(),
            '"' => "&#34;".to_owned(),
            c => c.to_string(),
        }),
        ("js", [_, ..]) => escaped(|c| match c {
            '\\' | '\'' | '"' => format!("\\{c}"),
            '<' | '>' | '&' | '=' => format!("\\u{:04X}", u32::from(c)),
            c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
            c => c.to_string(),
        }),
        ("urlquery", [_, ..]) => {
            let escape = |byte: u8| match byte {
                b' ' => "+".to_owned(),
                b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
                _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            };
            Value::Text(printed(args).bytes().map(escape).collect())
        }
        _ => return None,
    }))
}
