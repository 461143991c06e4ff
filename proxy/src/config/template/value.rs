//! Values in templates.

use std::collections::BTreeMap;

/// Lists and maps inside each other, at most.
const DEEPEST: usize = 64;

/// A value in a template.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) enum Value {
    /// What is not there.
    Nothing,
    Text(String),
    Number(i64),
    Float(f64),
    Flag(bool),
    Time(jiff::Timestamp),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl FromIterator<String> for Value {
    fn from_iter<T: IntoIterator<Item = String>>(texts: T) -> Self {
        Self::List(texts.into_iter().map(Value::Text).collect())
    }
}

impl Value {
    /// What `if` goes by.
    pub(super) fn holds(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Flag(flag) => *flag,
            Self::Time(_) => true,
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
        }
    }

    /// As it is printed.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Nothing => "<no value>".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Time(time) => super::dates::printed(*time),
            Self::List(items) => format!("[{}]", items.iter().map(Self::text).collect::<Vec<_>>().join(" ")),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{key}:{}", value.text()));
                format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
            }
        }
    }

    /// Bytes and items in it.
    ///
    /// # Errors
    /// It is nested deeper than anything that is meant, and than can be walked through.
    pub(super) fn weight(&self) -> Result<usize, String> {
        self.weight_below(DEEPEST)
    }

    fn weight_below(&self, depth: usize) -> Result<usize, String> {
        let depth = depth.checked_sub(1).ok_or("lists and maps are nested too deeply")?;
        match self {
            Self::Text(text) => Ok(1 + text.len()),
            Self::List(items) => items.iter().try_fold(1, |all, item| Ok(all + item.weight_below(depth)?)),
            Self::Map(entries) => {
                entries.iter().try_fold(1, |all, (key, value)| Ok(all + key.len() + value.weight_below(depth)?))
            }
            Self::Nothing | Self::Number(_) | Self::Float(_) | Self::Flag(_) | Self::Time(_) => Ok(1),
        }
    }

    /// What it is, in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Text(_) => "a text",
            Self::Number(_) | Self::Float(_) => "a number",
            Self::Flag(_) => "a flag",
            Self::Time(_) => "a time",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// The value below a path of keys.
    pub(super) fn below(&self, path: &[String]) -> Result<Self, String> {
        let mut value = self;
        for key in path {
            value = match value {
                Self::Map(entries) => entries.get(key).unwrap_or(&Self::Nothing),
                other => return Err(format!("`.{key}`: {} has no fields", other.kind())),
            };
        }
        Ok(value.clone())
    }

    /// The value as JSON has it; names of a map are in order.
    pub(super) fn json(&self) -> serde_json::Value {
        match self {
            Self::Nothing => serde_json::Value::Null,
            Self::Text(text) => text.clone().into(),
            Self::Number(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Time(time) => time.to_string().into(),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), value.json())).collect(),
        }
    }

    /// A value that JSON says.
    pub(super) fn of_json(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nothing,
            serde_json::Value::Bool(flag) => Self::Flag(flag),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Number(number),
                None => Self::Float(number.as_f64().unwrap_or_default()),
            },
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Self::of_json).collect()),
            serde_json::Value::Object(entries) => {
                Self::Map(entries.into_iter().map(|(key, value)| (key, Self::of_json(value))).collect())
            }
        }
    }
}
