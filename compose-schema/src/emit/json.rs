//! JSON as Go writes it.

use super::number;
use super::value::Value;

/// On one line, as Go's `json.Marshal`: what hashes are made of.
#[must_use]
pub fn compact(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, None);
    out
}

/// Indented by `indent` spaces a level.
#[must_use]
pub fn pretty(value: &Value, indent: usize) -> String {
    let mut out = String::new();
    write(&mut out, value, Some(Layout { indent, depth: 0 }));
    out
}

#[derive(Clone, Copy)]
struct Layout {
    indent: usize,
    depth: usize,
}

impl Layout {
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

fn write(out: &mut String, value: &Value, layout: Option<Layout>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) if value.is_finite() => out.push_str(&number::json(*value)),
        // JSON has no way to say it.
        Value::Float(_) => out.push_str("null"),
        Value::Text(text) | Value::Timestamp(text) => string(out, text),
        Value::List(items) => {
            block(out, layout, '[', ']', items, write);
        }
        Value::Map(entries) => {
            let mut sorted: Vec<(&str, &Value)> = entries.iter().map(|(key, value)| (key.as_str(), value)).collect();
            sorted.sort_by_key(|(key, _)| *key);
            block(out, layout, '{', '}', &sorted, |out, (key, value), layout| entry(out, key, value, layout));
        }
        Value::Struct(fields) => {
            let left_out = |value: &Value| fields.zeros_in_yaml_only && *value == Value::Int(0);
            let written: Vec<_> = fields.fields.iter().filter(|(_, value)| !left_out(value)).collect();
            block(out, layout, '{', '}', &written, |out, (key, value), layout| entry(out, key, value, layout));
        }
    }
}

fn entry(out: &mut String, key: &str, value: &Value, layout: Option<Layout>) {
    string(out, key);
    out.push_str(if layout.is_some() { ": " } else { ":" });
    write(out, value, layout);
}

fn block<T>(
    out: &mut String,
    layout: Option<Layout>,
    open: char,
    close: char,
    items: &[T],
    mut each: impl FnMut(&mut String, &T, Option<Layout>),
) {
    out.push(open);
    let inner = layout.map(Layout::deeper);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        new_line(out, inner);
        each(out, item, inner);
    }
    if !items.is_empty() {
        new_line(out, layout);
    }
    out.push(close);
}

fn new_line(out: &mut String, layout: Option<Layout>) {
    if let Some(layout) = layout {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', layout.indent * layout.depth));
    }
}

/// With Go's escapes, the ones for HTML included.
fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
