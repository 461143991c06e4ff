//! The spanned tree that every stage before [`crate::model`] works on.

mod alias;
mod brackets;
mod mapping;
mod parse;
mod scalar;
mod tabs;

use std::borrow::Cow;

use crate::source::Span;

pub use mapping::{Iter, IterMut, Mapping};
pub use parse::{MAX_DEPTH, documents};
pub use scalar::{format_float, rfc3339};

/// One value of a YAML document, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
    /// A local tag that asks something of merging.
    pub tag: Option<Tag>,
}

/// The tags of the compose language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `!reset`: remove the attribute.
    Reset,
    /// `!override`: replace instead of merging.
    Override,
}

/// A YAML value, typed as Docker Compose's reader types it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~`, nothing.
    Null,
    /// `true` or `false` (not `yes`).
    Bool(bool),
    /// A whole number that fits into 64 bits, signed or not.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A timestamp, which the compose language accepts nowhere.
    Timestamp(String),
    /// Text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in order of writing; boxed, because most nodes are scalars and a tree may have a million.
    Mapping(Box<Mapping>),
}

/// One entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key: Span,
    /// What it says.
    pub node: Node,
}

impl From<Mapping> for Value {
    fn from(entries: Mapping) -> Self {
        Self::Mapping(Box::new(entries))
    }
}

impl FromIterator<(String, Entry)> for Value {
    fn from_iter<I: IntoIterator<Item = (String, Entry)>>(entries: I) -> Self {
        Mapping::from_iter(entries).into()
    }
}

impl Value {
    /// What it is, as messages say it: `a list`, `a number`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Timestamp(_) => "a date",
            Self::String(_) => "text",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }

    /// A scalar as text, numbers and booleans rendered as Go's `%v` renders them; nothing for null, lists and mappings.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Int(value) => Some(Cow::Owned(value.to_string())),
            Self::Float(value) => Some(Cow::Owned(format_float(*value))),
            Self::Timestamp(text) | Self::String(text) => Some(Cow::Borrowed(text)),
            Self::Null | Self::Sequence(_) | Self::Mapping(_) => None,
        }
    }
}

impl Node {
    /// A value at a place, without a tag.
    #[must_use]
    pub fn new(value: Value, span: Span) -> Self {
        Self { value, span, tag: None }
    }

    /// The node at a path of mapping keys and list indexes (`["services", "web", "ports", "0"]`).
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match &self.value {
            Value::Mapping(entries) => entries.get(first)?.node.at(rest),
            Value::Sequence(items) => items.get(first.parse::<usize>().ok()?)?.at(rest),
            _ => None,
        }
    }

    /// The place of the value at a path, where it is an entry of a mapping that of its key.
    #[must_use]
    pub fn place(&self, path: &[&str]) -> Option<Span> {
        let Some((last, parents)) = path.split_last() else { return Some(self.span) };
        let parent = self.at(parents)?;
        match &parent.value {
            Value::Mapping(entries) => entries.get(last).map(|entry| entry.key),
            _ => parent.at(&[last]).map(|node| node.span),
        }
    }

    /// The entry of a mapping, or nothing.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_mapping()?.get(key).map(|entry| &entry.node)
    }

    /// The entry of a mapping, or nothing.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.as_mapping_mut()?.get_mut(key).map(|entry| &mut entry.node)
    }

    /// The entries, where it is a mapping.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entries, where it is a mapping.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, where it is a list.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Self]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The text, where it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it says the same, wherever it is written; mappings in any order.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Sequence(a), Value::Sequence(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Value::Mapping(a), Value::Mapping(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, entry)| b.get(key).is_some_and(|other| entry.node.same(&other.node)))
            }
            (a, b) => a == b,
        }
    }
}

#[cfg(test)]
mod tests;
