//! The functions of listings' templates that are not Go's own: Docker's.

use proxy::template::{Functions, Value};

use super::Row;
use crate::cli::to_json;

/// Their names.
pub(super) const NAMES: [&str; 8] = ["join", "json", "lower", "pad", "split", "title", "truncate", "upper"];

/// The functions for a row.
pub(super) struct RowFunctions<'a>(pub(super) &'a Row<'a>);

/// The functions for the line of titles, which they leave as they are.
pub(super) struct HeadFunctions;

impl Functions for RowFunctions<'_> {
    fn call(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        Some(Ok(Value::Text(match (name, args) {
            // What a row as a whole is in JSON, it says itself.
            ("json", [value]) if *value == self.0.fields => match to_json(value) {
                Ok(text) => text,
                Err(error) => return Some(Err(error.message)),
            },
            ("json", [value]) => match serde_json::to_string(value) {
                Ok(text) => text,
                Err(error) => return Some(Err(error.to_string())),
            },
            ("upper", [Value::Text(text)]) => text.to_uppercase(),
            ("lower", [Value::Text(text)]) => text.to_lowercase(),
            ("title", [Value::Text(text)]) => title(text),
            ("truncate", [Value::Text(text), Value::Number(length)]) => {
                text.chars().take(usize::try_from(*length).unwrap_or(0)).collect()
            }
            _ => return common(name, args),
        })))
    }

    fn method(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        let labels = self.0.labels.filter(|_| name == "Label")?;
        Some(match args {
            [Value::Text(name)] => Ok(Value::Text(labels.get(name).cloned().unwrap_or_default())),
            _ => Err("`.Label` takes the name of a label: `.Label \"com.example\"`".to_owned()),
        })
    }
}

impl Functions for HeadFunctions {
    fn call(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        match (name, args) {
            ("json" | "upper" | "lower" | "title", [title @ Value::Text(_)])
            | ("truncate", [title @ Value::Text(_), _]) => Some(Ok(title.clone())),
            ("split", [title @ Value::Text(_), _]) => Some(Ok(Value::List(vec![title.clone()]))),
            _ => common(name, args),
        }
    }

    fn method(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        match (name, args) {
            ("Label", [Value::Text(label)]) => {
                let last = label.rsplit('.').next().unwrap_or_default();
                Some(Ok(Value::Text(last.replace(['-', '_'], " "))))
            }
            _ => None,
        }
    }
}

/// Those that are the same for rows and titles.
fn common(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    Some(Ok(match (name, args) {
        ("pad", [Value::Text(text), Value::Number(before), Value::Number(behind)]) => {
            let spaces = |count: &i64| " ".repeat(usize::try_from(*count).unwrap_or(0).min(1024));
            // Nothing is left of nothing, so that it has no space before it.
            if text.is_empty() { "".into() } else { Value::Text(spaces(before) + text + &spaces(behind)) }
        }
        ("split", [Value::Text(text), Value::Text(separator)]) => {
            text.split(separator.as_str()).map(str::to_owned).collect()
        }
        ("join", [Value::List(items), Value::Text(separator)])
            if items.iter().all(|item| matches!(item, Value::Text(_))) =>
        {
            Value::Text(items.iter().map(Value::text).collect::<Vec<_>>().join(separator))
        }
        ("join", _) => return Some(Err("`join` takes a list of texts and what is put between them".to_owned())),
        _ => return None,
    }))
}

/// The first letter of each word in upper case.
fn title(text: &str) -> String {
    let mut begins = true;
    text.chars()
        .flat_map(|c| {
            let changed = if begins { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] };
            begins = !(c.is_alphanumeric() || c == '_');
            changed
        })
        .collect()
}
