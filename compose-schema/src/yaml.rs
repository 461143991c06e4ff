//! The spanned tree that every stage before [`crate::model`] works on.

use indexmap::IndexMap;

use crate::source::Span;

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
    /// A whole number that fits.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A timestamp, which the compose language accepts nowhere.
    Timestamp(String),
    /// Text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in order of writing.
    Mapping(Mapping),
}

/// Keys are text in the compose language; each keeps the place where it is written.
pub type Mapping = IndexMap<String, Entry>;

/// One entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key: Span,
    /// What it says.
    pub node: Node,
}

impl Node {
    /// The node at a path of mapping keys and list indexes (`["services", "web", "ports", "0"]`).
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match &self.value {
            Value::Mapping(entries) => entries.get(*first)?.node.at(rest),
            Value::Sequence(items) => items.get(first.parse::<usize>().ok()?)?.at(rest),
            _ => None,
        }
    }
}
