//! `print` and `printf`.

use std::iter::Peekable;
use std::str::Chars;

use super::value::Value;

/// A value that a function prints: what is not there has another word than where an action prints it.
fn shown(value: &Value) -> String {
    if *value == Value::Nothing { "<nil>".to_owned() } else { value.text() }
}

/// A line: one after the other, with spaces between.
pub(super) fn line(args: &[Value]) -> String {
    args.iter().map(shown).collect::<Vec<_>>().join(" ") + "\n"
}

/// One after the other; a space between two of which none is a text, as Go does it.
pub(super) fn printed(args: &[Value]) -> String {
    let mut out = String::new();
    let mut before: Option<&Value> = None;
    for value in args {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if before.is_some_and(|before| !is_text(before) && !is_text(value)) {
            out.push(' ');
        }
        out.push_str(&shown(value));
        before = Some(value);
    }
    out
}

/// In double quotes, as Go writes them.
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            // Behind `\x` stands a byte, which is no character there.
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A width or a precision, where there is one.
fn digits(characters: &mut Peekable<Chars<'_>>) -> Result<Option<usize>, String> {
    let mut digits = String::new();
    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if digits.is_empty() {
        return Ok(None);
    }
    let number = digits.parse().ok().filter(|number| *number <= 1024);
    number.map(Some).ok_or_else(|| format!("`printf`: a width of {digits} is too much"))
}

/// `printf`, with the verbs for texts, whole numbers and fractions.
pub(super) fn formatted(format: &str, values: &[Value]) -> Result<String, String> {
    let mut values = values.iter();
    let mut out = String::new();
    let mut characters = format.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let (mut left, mut zero, mut named) = (false, false, false);
        while let Some(flag) = characters.next_if(|c| "-0+ #".contains(*c)) {
            match flag {
                '-' => left = true,
                '0' => zero = true,
                '+' => named = true,
                other => return Err(format!("`printf`: the flag `{other}` is not supported")),
            }
        }
        let width = digits(&mut characters)?.unwrap_or(0);
        let precision = match characters.next_if_eq(&'.') {
            Some(_) => Some(digits(&mut characters)?.unwrap_or(0)),
            None => None,
        };
        let verb = characters.next().ok_or("`printf`: a `%` at the end")?;
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = values.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        if named && (verb != 'v' || matches!(value, Value::Number(_) | Value::Float(_))) {
            return Err("`printf`: the flag `+` is not supported".to_owned());
        }
        let all_texts = |items: &[Value]| items.iter().all(|item| matches!(item, Value::Text(_)));
        let shown = match (verb, value) {
            ('f', Value::Float(number)) => format!("{number:.*}", precision.unwrap_or(6)),
            ('s' | 'v', Value::Text(text)) => text.chars().take(precision.unwrap_or(usize::MAX)).collect(),
            _ if precision.is_some() => {
                return Err(format!("`printf`: `%.{verb}` is not supported for {}", value.kind()));
            }
            ('v', value) if named => with_names(value),
            ('d', Value::Number(_)) | ('t', Value::Flag(_)) | ('v', _) => value.text(),
            ('s', Value::List(items)) if all_texts(items) => value.text(),
            ('q', Value::Text(text)) => quoted(text),
            ('x', Value::Number(number)) if *number < 0 => format!("-{:x}", number.unsigned_abs()),
            ('x', Value::Number(number)) => format!("{number:x}"),
            ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('c', Value::Number(number)) => {
                u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
            }
            (_, Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Nothing) => {
                return Err(format!("`printf`: `%{verb}` is not supported for {}", value.kind()));
            }
            // As Go shows what it cannot show.
            _ if "dstqxcf".contains(verb) => format!("%!{verb}({}={})", value.go_kind(), value.text()),
            _ => return Err(format!("`printf`: `%{verb}` is not supported")),
        };
        let missing = width.saturating_sub(shown.chars().count());
        match (left, zero) {
            (true, _) => out.push_str(&format!("{shown}{}", " ".repeat(missing))),
            (false, true) => match shown.strip_prefix('-') {
                Some(digits) => out.push_str(&format!("-{}{digits}", "0".repeat(missing))),
                None => out.push_str(&format!("{}{shown}", "0".repeat(missing))),
            },
            (false, false) => out.push_str(&format!("{}{shown}", " ".repeat(missing))),
        }
    }
    let extra: Vec<String> = values.map(|value| format!("{}={}", value.go_kind(), value.text())).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(out)
}

/// As it is printed, with the names of fields.
fn with_names(value: &Value) -> String {
    match value {
        Value::List(items) => format!("[{}]", items.iter().map(with_names).collect::<Vec<_>>().join(" ")),
        Value::Record(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name}:{}", with_names(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(" "))
        }
        other => other.text(),
    }
}
