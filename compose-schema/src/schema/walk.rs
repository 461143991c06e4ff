//! Compares a tree with its shape.

use std::collections::HashMap;

use super::shape::{Form, Kinds, NameForm, Names, Object, Others, Shape};
use crate::codes::schema::{BAD_NAME, EQUAL_ITEMS, MISSING_ATTRIBUTE, NOT_ALLOWED, UNKNOWN_ATTRIBUTE, WRONG_TYPE};
use crate::diagnostic::Diagnostic;
use crate::emit::{json, value};
use crate::source::Span;
use crate::suggest;
use crate::yaml::{Mapping, Node, Value};

/// The walk's place and what it has found.
#[derive(Default)]
pub(super) struct Walk {
    path: Vec<String>,
    pub(super) found: Vec<Diagnostic>,
}

impl Walk {
    /// Checks one value; `key` is where its key stands, for what is missing inside it.
    pub(super) fn check(&mut self, node: &Node, shape: &Shape, key: Span) {
        match shape {
            Shape::Any => {}
            Shape::Scalar(_) | Shape::Range(..) if !fits(node, shape) => self.wrong_type(node, &[shape]),
            Shape::Scalar(_) | Shape::Range(..) => {}
            Shape::OneOf(allowed) => self.one_of(node, allowed),
            Shape::Form(form) => self.form(node, form),
            Shape::List(item) | Shape::Set(item) => match &node.value {
                Value::Sequence(items) => {
                    for (index, item_node) in items.iter().enumerate() {
                        self.inside(&index.to_string(), |walk| walk.check(item_node, item, item_node.span));
                    }
                    if matches!(shape, Shape::Set(_)) {
                        self.equal_items(items);
                    }
                }
                _ => self.wrong_type(node, &[shape]),
            },
            Shape::Object(object) => match &node.value {
                Value::Mapping(entries) => self.object(entries, object, key),
                _ => self.wrong_type(node, &[shape]),
            },
            Shape::Names(names) => match &node.value {
                Value::Mapping(entries) => self.names(entries, names),
                _ => self.wrong_type(node, &[shape]),
            },
            Shape::Either(shapes) => match shapes.iter().find(|shape| fits(node, shape)) {
                Some(shape) => self.check(node, shape, key),
                None => self.wrong_type(node, &shapes.iter().collect::<Vec<_>>()),
            },
        }
    }

    fn object(&mut self, entries: &Mapping, object: &Object, key: Span) {
        for (name, entry) in entries {
            match object.fields.iter().find(|(field, _)| field == name) {
                Some((_, shape)) => self.inside(name, |walk| walk.check(&entry.node, shape, entry.key)),
                None => match object.others {
                    Others::Any => {}
                    Others::Extensions if name.starts_with("x-") => {}
                    Others::Extensions | Others::None => self.unknown(name, entry.key, object),
                },
            }
        }
        for field in object.required.iter().filter(|field| !entries.contains_key(field)) {
            let message = format!("{} needs the attribute `{field}`", self.place());
            self.found
                .push(Diagnostic::error(MISSING_ATTRIBUTE, message).at(key, format!("`{field}` is missing here")));
        }
    }

    fn unknown(&mut self, name: &str, at: Span, object: &Object) {
        let mut found = Diagnostic::error(UNKNOWN_ATTRIBUTE, format!("{} has no attribute `{name}`", self.place()))
            .at(at, "not known here");
        match suggest::nearest(name, object.fields.iter().map(|(field, _)| *field)) {
            Some(meant) => found = found.hint(format!("did you mean `{meant}`?")),
            None if self.path.is_empty() && super::service::SERVICE.fields.iter().any(|(field, _)| *field == name) => {
                found = found.hint(format!("`{name}` belongs to a service: put it under `services:` and a name"));
            }
            None if object.others == Others::Extensions => {
                found = found.hint("attributes of your own start with `x-`");
            }
            None => {}
        }
        self.found.push(found);
    }

    fn names(&mut self, entries: &Mapping, names: &Names) {
        for (name, entry) in entries {
            if names.names.accepts(name) {
                self.inside(name, |walk| walk.check(&entry.node, &names.values, entry.key));
            } else if names.only {
                let rule = match names.names {
                    NameForm::Identifier => "names are made of letters, digits, `.`, `_` and `-`",
                    NameForm::Lowercase => "names are made of small letters",
                    NameForm::NotEmpty => "a name cannot be empty",
                };
                let message = format!("{} cannot have an entry named `{name}`", self.place());
                self.found.push(Diagnostic::error(BAD_NAME, message).at(entry.key, "").hint(rule));
            }
        }
    }

    fn one_of(&mut self, node: &Node, allowed: &[&str]) {
        let Value::String(text) = &node.value else { return self.wrong_type(node, &[&Shape::OneOf(&[])]) };
        if allowed.contains(&text.as_str()) {
            return;
        }
        let list = allowed.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let must = if allowed.len() == 1 { list } else { format!("one of {list}") };
        let mut found = Diagnostic::error(NOT_ALLOWED, format!("{} must be {must}", self.place())).at(node.span, "");
        if let Some(meant) = suggest::nearest(text, allowed.iter().copied()) {
            found = found.hint(format!("did you mean `{meant}`?"));
        }
        self.found.push(found);
    }

    fn form(&mut self, node: &Node, form: &Form) {
        match &node.value {
            Value::String(text) if (form.accepts)(text) => {}
            Value::String(_) => {
                let message = format!("{} must be {}", self.place(), form.words);
                self.found.push(Diagnostic::error(NOT_ALLOWED, message).at(node.span, ""));
            }
            _ => self.wrong_type(node, &[&Shape::OneOf(&[])]),
        }
    }

    fn equal_items(&mut self, items: &[Node]) {
        let mut seen: HashMap<String, (usize, Span)> = HashMap::new();
        // A number is what an earlier text says in digits; a text is never what an earlier number is.
        let mut numbers: HashMap<u64, (usize, Span)> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let (text, number) = match &item.value {
                Value::String(text) => {
                    if let Ok(number) = text.parse::<f64>() {
                        numbers.entry(number.to_bits()).or_insert((index, item.span));
                    }
                    (format!("\"{text}"), None)
                }
                value => {
                    let number = value.text().and_then(|text| text.parse::<f64>().ok());
                    (json::compact(&value::from_node(item)), number.map(f64::to_bits))
                }
            };
            if let Some((first, span)) = seen.get(&text).or_else(|| numbers.get(&number?)) {
                let message = format!("{} has the same item twice, at {first} and {index}", self.place());
                let found =
                    Diagnostic::error(EQUAL_ITEMS, message).at(item.span, "again here").also(*span, "first here");
                self.found.push(found.hint("remove one of them"));
            } else {
                seen.insert(text, (index, item.span));
            }
        }
    }

    fn wrong_type(&mut self, node: &Node, shapes: &[&Shape]) {
        let wanted = shapes.iter().map(|shape| in_words(shape)).collect::<Vec<_>>();
        let message = format!("{} must be {}, not {}", self.place(), join(&wanted), kind_in_words(&node.value));
        let mut found = Diagnostic::error(WRONG_TYPE, message).at(node.span, "");
        let takes = |kind: fn(&Shape) -> bool| shapes.iter().any(|shape| kind(shape));
        let texts = |shape: &Shape| {
            matches!(shape, Shape::OneOf(_)) || matches!(shape, Shape::Scalar(kinds) if kinds.has(Kinds::STRING))
        };
        match &node.value {
            Value::Int(_) | Value::Float(_) | Value::Bool(_) if takes(texts) => {
                found = found.hint("put it in quotes");
            }
            Value::Timestamp(_) => found = found.hint("without quotes this is a date; put it in quotes"),
            Value::String(_) if takes(|shape| matches!(shape, Shape::List(_) | Shape::Set(_))) => {
                found = found.hint("write it as a list: `[\"...\"]`, or a line that starts with `- `");
            }
            Value::Null => found = found.hint("write a value, or remove the line"),
            _ => {}
        }
        self.found.push(found);
    }

    fn inside(&mut self, name: &str, work: impl FnOnce(&mut Self)) {
        self.path.push(name.to_owned());
        work(self);
        self.path.pop();
    }

    fn place(&self) -> String {
        if self.path.is_empty() { "the top level".to_owned() } else { format!("`{}`", self.path.join(".")) }
    }
}

/// Whether a value is of the kind that a shape is about; what is inside it is not looked at.
fn fits(node: &Node, shape: &Shape) -> bool {
    match (shape, &node.value) {
        (Shape::Any, _) | (Shape::OneOf(_) | Shape::Form(_), Value::String(_)) => true,
        (Shape::Scalar(kinds), value) => match value {
            Value::Null => kinds.has(Kinds::NULL),
            Value::Bool(_) => kinds.has(Kinds::BOOLEAN),
            Value::Int(_) => kinds.has(Kinds::INTEGER),
            Value::Float(value) => kinds.has(Kinds::NUMBER) || (kinds.has(Kinds::INTEGER) && value.fract() == 0.0),
            Value::String(_) => kinds.has(Kinds::STRING),
            Value::Timestamp(_) | Value::Sequence(_) | Value::Mapping(_) => false,
        },
        (Shape::Range(least, most), Value::Int(value)) => (i128::from(*least)..=i128::from(*most)).contains(value),
        #[expect(clippy::cast_precision_loss, reason = "bounds are small or as good as endless")]
        (Shape::Range(least, most), Value::Float(value)) => {
            value.fract() == 0.0 && (*least as f64..=*most as f64).contains(value)
        }
        (Shape::List(_) | Shape::Set(_), Value::Sequence(_)) => true,
        (Shape::Object(_) | Shape::Names(_), Value::Mapping(_)) => true,
        (Shape::Either(shapes), _) => shapes.iter().any(|shape| fits(node, shape)),
        _ => false,
    }
}

fn in_words(shape: &Shape) -> String {
    match shape {
        Shape::Any => "anything".to_owned(),
        Shape::OneOf(_) | Shape::Form(_) => "a string".to_owned(),
        Shape::Range(least, most) if *most == i64::MAX => format!("a whole number from {least} up"),
        Shape::Range(least, most) => format!("a whole number from {least} to {most}"),
        Shape::List(_) | Shape::Set(_) => "a list".to_owned(),
        Shape::Object(_) | Shape::Names(_) => "a mapping".to_owned(),
        Shape::Either(shapes) => join(&shapes.iter().map(in_words).collect::<Vec<_>>()),
        Shape::Scalar(kinds) => {
            let number = if kinds.has(Kinds::NUMBER) { "a number" } else { "a whole number" };
            let words = [
                (Kinds::STRING, "a string"),
                (Kinds::INTEGER, number),
                (Kinds::BOOLEAN, "`true` or `false`"),
                (Kinds::NULL, "nothing"),
            ];
            join(
                &words
                    .iter()
                    .filter(|(kind, _)| kinds.has(*kind))
                    .map(|(_, word)| (*word).to_owned())
                    .collect::<Vec<_>>(),
            )
        }
    }
}

fn kind_in_words(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "`true` or `false`",
        Value::Int(_) => "a number",
        Value::Float(value) if value.fract() == 0.0 => "a number",
        Value::Float(_) => "a number with a fraction",
        Value::Timestamp(_) => "a date",
        Value::String(_) => "a string",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
    }
}

fn join(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
