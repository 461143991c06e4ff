//! Reads attributes of mappings as the types of the model; keeps every mistake.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::codes::schema::BAD_VALUE;
use crate::diagnostic::{Code, Diagnostic};
use crate::emit::TIMESTAMP;
use crate::model::{Bytes, Duration, Extensions, OptionalMap, StringMap};
use crate::number;
use crate::yaml::{Entry, Mapping, Node, Value, rfc3339};
use serde_yaml::value::{Tag, TaggedValue};

/// The mistakes of one decoding.
#[derive(Default)]
pub(super) struct Mistakes(RefCell<Vec<Diagnostic>>);

impl Mistakes {
    pub(super) fn into_inner(self) -> Vec<Diagnostic> {
        self.0.into_inner()
    }
}

/// One mapping of the tree.
pub(super) struct Fields<'a> {
    mistakes: &'a Mistakes,
    /// Where it is, as messages name it: `services.web.build`.
    path: String,
    entries: &'a Mapping,
}

impl<'a> Fields<'a> {
    pub(super) fn new(mistakes: &'a Mistakes, path: String, entries: &'a Mapping) -> Self {
        Self { mistakes, path, entries }
    }

    /// A mapping inside this one.
    pub(super) fn child<'b>(&'b self, name: &str, entries: &'b Mapping) -> Fields<'b> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Fields { mistakes: self.mistakes, path, entries }
    }

    /// What an attribute says; `null` is nothing.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries.get(key).map(|entry| &entry.node).filter(|node| !matches!(node.value, Value::Null))
    }

    pub(super) fn refuse(&self, code: Code, key: &str, node: &Node, reason: &str) {
        let message = format!("`{}.{key}`: {reason}", self.path);
        self.mistakes.0.borrow_mut().push(Diagnostic::error(code, message).at(node.span, ""));
    }

    fn bad<T: Default>(&self, key: &str, node: &Node, wanted: &str) -> T {
        self.refuse(BAD_VALUE, key, node, &format!("must be {wanted}, not {}", node.value.kind()));
        T::default()
    }

    pub(super) fn text(&self, key: &str) -> String {
        match self.get(key) {
            Some(node @ Node { value: Value::Int(number), .. }) if i64::try_from(*number).is_err() => {
                self.refuse(BAD_VALUE, key, node, "is too large");
                String::new()
            }
            Some(node) => self.text_of(key, node),
            None => String::new(),
        }
    }

    /// The text of an attribute, or what it is when it is not written at all.
    pub(super) fn text_or(&self, key: &str, default: &'static str) -> Cow<'static, str> {
        if self.entries.contains_key(key) { self.text(key).into() } else { default.into() }
    }

    fn text_of(&self, key: &str, node: &Node) -> String {
        match node.value.text() {
            Some(text) => text.into_owned(),
            None if matches!(node.value, Value::Null) => String::new(),
            None => self.bad(key, node, "a string"),
        }
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.optional_flag(key).unwrap_or(false)
    }

    pub(super) fn optional_flag(&self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        match &node.value {
            Value::Bool(value) => Some(*value),
            Value::String(text) if text == "true" || text == "false" => Some(text == "true"),
            _ => self.bad(key, node, "`true` or `false`"),
        }
    }

    /// A whole number; what is behind the point of others is cut off.
    pub(super) fn integer<T: TryFrom<i128> + Default>(&self, key: &str) -> Option<T> {
        let node = self.get(key)?;
        let number = match &node.value {
            Value::Int(number) => *number,
            #[expect(clippy::cast_possible_truncation, reason = "the fraction is meant to go; `as` saturates")]
            Value::Float(number) if !number.is_nan() => *number as i128,
            _ => return self.bad(key, node, "a whole number"),
        };
        self.fit(key, node, number)
    }

    /// A whole number, in quotes or not.
    pub(super) fn integer_or_text<T: TryFrom<i128> + Default>(&self, key: &str) -> Option<T> {
        match self.get(key) {
            Some(node @ Node { value: Value::String(text), .. }) => match text.parse::<i128>() {
                Ok(number) => self.fit(key, node, number),
                Err(_) => self.bad(key, node, "a whole number"),
            },
            _ => self.integer(key),
        }
    }

    fn fit<T: TryFrom<i128>>(&self, key: &str, node: &Node, number: i128) -> Option<T> {
        let fitting = T::try_from(number).ok();
        if fitting.is_none() {
            let reason = if number < 0 { "must not be negative, or not that far" } else { "is too large" };
            self.refuse(BAD_VALUE, key, node, reason);
        }
        fitting
    }

    pub(super) fn float(&self, key: &str) -> f32 {
        let Some(node) = self.get(key) else { return 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "the nearest number there is")]
        let number = node.value.text().and_then(|text| number::float(&text)).map(|number| number as f32);
        number.unwrap_or_else(|| {
            self.refuse(BAD_VALUE, key, node, "must be a number");
            0.0
        })
    }

    pub(super) fn bytes(&self, key: &str) -> Bytes {
        let Some(node) = self.get(key) else { return Bytes::default() };
        match &node.value {
            Value::Int(number) => Bytes(self.fit(key, node, *number).unwrap_or_default()),
            Value::String(text) => Bytes::parse(text).unwrap_or_else(|reason| {
                self.refuse(BAD_VALUE, key, node, &reason);
                Bytes::default()
            }),
            // Docker Compose passes over numbers with a fraction.
            _ => Bytes::default(),
        }
    }

    pub(super) fn duration(&self, key: &str) -> Option<Duration> {
        let node = self.get(key)?;
        match Duration::parse(&self.text_of(key, node)) {
            Ok(duration) => Some(duration),
            Err(reason) => {
                self.refuse(BAD_VALUE, key, node, &reason);
                None
            }
        }
    }

    /// A list of texts; a text alone is a list of one.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            None => Vec::new(),
            Some(node) => self.texts_of(key, node),
        }
    }

    pub(super) fn texts_of(&self, key: &str, node: &Node) -> Vec<String> {
        match &node.value {
            Value::Sequence(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Float(_) | Value::Bool(_) => self.bad(key, item, "a string or a whole number"),
                    _ => self.text_of(key, item),
                })
                .collect(),
            _ => vec![self.text_of(key, node)],
        }
    }

    /// The same for variables, whose names in lists do not end with a space.
    pub(super) fn variables(&self, key: &str) -> OptionalMap {
        for item in self.get(key).and_then(Node::as_sequence).unwrap_or_default() {
            let name = item.as_str().and_then(|text| text.split('=').next()).unwrap_or_default();
            if name.ends_with(|c: char| c.is_ascii_whitespace()) {
                self.refuse(BAD_VALUE, key, item, &format!("the name of `{}` ends with a space", name.trim_end()));
            }
        }
        self.optional_map(key)
    }

    /// `KEY: value` or `- KEY=value`; a key without a value has none.
    pub(super) fn optional_map(&self, key: &str) -> OptionalMap {
        let Some(node) = self.get(key) else { return OptionalMap::new() };
        match &node.value {
            Value::Mapping(entries) => entries
                .iter()
                .map(|(name, Entry { node, .. })| {
                    let none = matches!(node.value, Value::Null);
                    (name.clone(), (!none).then(|| self.text_of(key, node)))
                })
                .collect(),
            Value::Sequence(items) => items
                .iter()
                .map(|item| {
                    let item = self.text_of(key, item);
                    match item.split_once('=') {
                        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                        None => (item, None),
                    }
                })
                .collect(),
            _ => self.bad(key, node, "a mapping or a list"),
        }
    }

    /// The same, where a key without a value has an empty one.
    pub(super) fn map(&self, key: &str) -> StringMap {
        self.optional_map(key).into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
    }

    pub(super) fn object<T>(&self, key: &str, decode: impl FnOnce(&Fields<'_>) -> T) -> Option<T> {
        let node = self.get(key)?;
        match &node.value {
            Value::Mapping(entries) => Some(decode(&self.child(key, entries))),
            _ => {
                self.bad::<()>(key, node, "a mapping");
                None
            }
        }
    }

    /// The same for what few services have and takes much space.
    pub(super) fn boxed<T>(&self, key: &str, decode: impl FnOnce(&Fields<'_>) -> T) -> Option<Box<T>> {
        self.object(key, decode).map(Box::new)
    }

    /// A list of mappings.
    pub(super) fn list<T>(&self, key: &str, decode: impl Fn(&Fields<'_>) -> T) -> Vec<T> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let Value::Sequence(items) = &node.value else { return self.bad(key, node, "a list") };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match &item.value {
                Value::Mapping(entries) => {
                    list.push(decode(&self.child(&format!("{key}.{index}"), entries)));
                }
                _ => self.bad(key, item, "a mapping"),
            }
        }
        list
    }

    /// A mapping whose keys are names that people choose; entries that say nothing are decoded as empty mappings.
    pub(super) fn named<T>(&self, key: &str, decode: impl Fn(&Fields<'_>) -> T) -> BTreeMap<String, T> {
        let empty = Mapping::new();
        self.entries_of(key)
            .filter_map(|(name, node)| {
                let entries = match &node.value {
                    Value::Mapping(entries) => entries,
                    Value::Null => &empty,
                    _ => {
                        self.bad::<()>(key, node, "a mapping");
                        return None;
                    }
                };
                Some((name.to_owned(), decode(&self.child(&format!("{key}.{name}"), entries))))
            })
            .collect()
    }

    /// The same, where an entry that says nothing stays nothing.
    pub(super) fn optionally_named<T>(
        &self,
        key: &str,
        decode: impl Fn(&Fields<'_>) -> T,
    ) -> BTreeMap<String, Option<T>> {
        let nothing: Vec<&str> =
            self.entries_of(key).filter(|(_, node)| matches!(node.value, Value::Null)).map(|(name, _)| name).collect();
        let mut named: BTreeMap<String, Option<T>> =
            self.named(key, decode).into_iter().map(|(name, value)| (name, Some(value))).collect();
        for name in nothing {
            named.insert(name.to_owned(), None);
        }
        named
    }

    /// The entries of an attribute that is a mapping; none where it is not.
    pub(super) fn entries_of(&self, key: &str) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        let entries = self.get(key).and_then(Node::as_mapping);
        entries.into_iter().flatten().map(|(name, entry)| (name.as_str(), &entry.node))
    }

    /// The `x-` keys.
    pub(super) fn extensions(&self) -> Extensions {
        self.entries
            .iter()
            .filter(|(key, _)| key.starts_with("x-"))
            .map(|(key, entry)| (key.clone(), plain(&entry.node)))
            .collect()
    }
}

/// A tree without places.
fn plain(node: &Node) -> serde_yaml::Value {
    match &node.value {
        Value::Null => serde_yaml::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => value.into(),
            (_, Ok(value)) => value.into(),
            #[expect(clippy::cast_precision_loss, reason = "no other type holds it")]
            _ => (*value as f64).into(),
        },
        Value::Float(value) => (*value).into(),
        Value::Timestamp(text) => serde_yaml::Value::Tagged(Box::new(TaggedValue {
            tag: Tag::new(TIMESTAMP),
            value: rfc3339(text).unwrap_or_default().into(),
        })),
        Value::String(text) => text.clone().into(),
        Value::Sequence(items) => items.iter().map(plain).collect::<Vec<_>>().into(),
        Value::Mapping(entries) => {
            let entries = entries.iter().map(|(key, entry)| (key.clone().into(), plain(&entry.node)));
            serde_yaml::Value::Mapping(entries.collect())
        }
    }
}
