//! Values in templates.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// Lists and maps inside each other, at most.
const DEEPEST: usize = 64;

/// A value in a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// What is not there.
    Nothing,
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A fraction.
    Float(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A moment.
    Time(jiff::Timestamp),
    /// Values in their order.
    List(Vec<Value>),
    /// Values by keys, of which any may be asked for.
    Map(BTreeMap<String, Value>),
    /// Fields in their order; there are no others.
    Record(Vec<(String, Value)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// As JSON has it: fields in their order, keys in theirs.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Time(time) => serializer.collect_str(time),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => serializer.collect_map(entries),
            Self::Record(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
        }
    }
}

impl FromIterator<String> for Value {
    fn from_iter<T: IntoIterator<Item = String>>(texts: T) -> Self {
        Self::List(texts.into_iter().map(Value::Text).collect())
    }
}

impl Value {
    /// What `if` goes by.
    pub fn holds(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Flag(flag) => *flag,
            Self::Time(_) => true,
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Record(_) => true,
        }
    }

    /// As it is printed.
    pub fn text(&self) -> String {
        match self {
            Self::Nothing => "<no value>".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Time(time) => super::time::printed(*time),
            Self::List(items) => format!("[{}]", items.iter().map(Self::text).collect::<Vec<_>>().join(" ")),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{key}:{}", value.text()));
                format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
            }
            Self::Record(fields) => {
                format!("{{{}}}", fields.iter().map(|(_, value)| value.text()).collect::<Vec<_>>().join(" "))
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
            Self::Record(fields) => {
                fields.iter().try_fold(1, |all, (name, value)| Ok(all + name.len() + value.weight_below(depth)?))
            }
            Self::Nothing | Self::Number(_) | Self::Float(_) | Self::Flag(_) | Self::Time(_) => Ok(1),
        }
    }

    /// What it is, in words.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Text(_) => "a text",
            Self::Number(_) | Self::Float(_) => "a number",
            Self::Flag(_) => "a flag",
            Self::Time(_) => "a time",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Record(_) => "a record",
        }
    }

    /// Go's name of its kind.
    pub const fn go_kind(&self) -> &'static str {
        match self {
            Self::Nothing => "invalid",
            Self::Text(_) => "string",
            Self::Number(_) => "int",
            Self::Float(_) => "float64",
            Self::Flag(_) => "bool",
            Self::Time(_) => "struct",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Record(_) => "struct",
        }
    }

    /// The value below a path of keys.
    ///
    /// # Errors
    /// A record without the field, or what has no fields.
    pub fn below(&self, path: &[String]) -> Result<Self, String> {
        let mut value = self;
        for key in path {
            value = match value {
                Self::Map(entries) => entries.get(key).unwrap_or(&Self::Nothing),
                Self::Record(fields) => match fields.iter().find(|(name, _)| name == key) {
                    Some((_, value)) => value,
                    None => return Err(format!("there is no field `.{key}`")),
                },
                other => return Err(format!("`.{key}`: {} has no fields", other.kind())),
            };
        }
        Ok(value.clone())
    }
}
