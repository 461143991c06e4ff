//! What is between a model and its text: a tree that remembers what is a struct and what is a map.
//!
//! Go writes a struct's fields in order of declaration and a map's keys sorted; its YAML and JSON writers leave different
//! empty things out. Both decisions need the difference.

use crate::yaml;
use crate::yaml::rfc3339;

/// One value to write.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A point in time, which YAML writes without quotes.
    Timestamp(String),
    /// A list.
    List(Vec<Value>),
    /// Keys that people chose.
    Map(Vec<(String, Value)>),
    /// Fields that the model has.
    Struct(Fields),
}

/// The fields of a struct.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields {
    /// Names and values in order of declaration.
    pub fields: Vec<(&'static str, Value)>,
    /// `x-` keys: written in YAML, after the fields.
    pub extensions: Vec<(String, Value)>,
    /// Whether it may be missing, so that an empty one means something.
    pub optional: bool,
    /// Whether fields that are 0 are written in YAML, but not in JSON.
    pub zeros_in_yaml_only: bool,
}

/// A tree as it was read, `x-` keys included.
#[must_use]
pub fn from_node(node: &yaml::Node) -> Value {
    match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(value) => Value::Bool(*value),
        yaml::Value::Int(value) => Value::Int(*value),
        yaml::Value::Float(value) => Value::Float(*value),
        yaml::Value::Timestamp(text) => Value::Timestamp(rfc3339(text).unwrap_or_default()),
        yaml::Value::String(text) => Value::Text(text.clone()),
        yaml::Value::Sequence(items) => Value::List(items.iter().map(from_node).collect()),
        yaml::Value::Mapping(entries) => {
            Value::Map(entries.iter().map(|(key, entry)| (key.clone(), from_node(&entry.node))).collect())
        }
    }
}
