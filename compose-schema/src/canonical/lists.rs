//! Short forms that are only a list or a text in place of a mapping or a list.

use super::{object, text};
use crate::yaml::{Entry, Mapping, Node, Value};

/// `[a, b]` becomes `{a: null, b: null}`.
pub(super) fn names_to_map(node: &mut Node) {
    if let Value::Sequence(names) = &node.value {
        let entry = |name: &Node| Some((name.as_str()?.to_owned(), name.span));
        node.value = names
            .iter()
            .filter_map(entry)
            .map(|(name, span)| (name, Entry { key: span, node: Node::new(Value::Null, span) }))
            .collect();
    }
}

/// `a` becomes `[a]`.
pub(super) fn text_to_list(node: &mut Node) {
    if let Value::String(value) = &node.value {
        node.value = Value::Sequence(vec![text(value.clone(), node.span)]);
    }
}

/// Takes empty items out of a list.
pub(super) fn drop_empty(node: &mut Node) {
    if let Value::Sequence(items) = &mut node.value {
        items.retain(|item| !matches!(&item.value, Value::Null) && item.as_str() != Some(""));
    }
}

/// `a` becomes `{key: a}`.
pub(super) fn text_to_object(node: &mut Node, key: &str) {
    if let Value::String(value) = &node.value {
        node.value = object(vec![(key, text(value.clone(), node.span))], node.span).value;
    }
}

/// `[db]` becomes `{db: {condition: service_started, required: true}}`; dependencies are required unless they say otherwise.
pub(super) fn depends_on(node: &mut Node) {
    match &mut node.value {
        Value::Sequence(names) => {
            let entry = |name: &Node| {
                let fields = vec![
                    ("condition", text("service_started", name.span)),
                    ("required", Node::new(Value::Bool(true), name.span)),
                ];
                Some((name.as_str()?.to_owned(), Entry { key: name.span, node: object(fields, name.span) }))
            };
            let entries: Mapping = names.iter().filter_map(entry).collect();
            node.value = Value::from(entries);
        }
        Value::Mapping(entries) => {
            for entry in entries.values_mut() {
                require(&mut entry.node);
            }
        }
        _ => {}
    }
}

/// `a.env` and `[a.env]` become `[{path: a.env, required: true}]`.
pub(super) fn env_file(node: &mut Node) {
    text_to_list(node);
    if let Value::Sequence(files) = &mut node.value {
        for file in files {
            text_to_object(file, "path");
            require(file);
        }
    }
}

fn require(node: &mut Node) {
    let span = node.span;
    if let Some(fields) = node.as_mapping_mut() {
        fields.get_or_insert_with("required", || Entry { key: span, node: Node::new(Value::Bool(true), span) });
    }
}
