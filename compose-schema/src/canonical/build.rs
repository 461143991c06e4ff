//! Short forms of `build` and inside it.

use super::{Canon, each, lists, node, text};
use crate::codes::schema::{KEY_VALUE, SSH_KEY};
use crate::source::Span;
use crate::yaml::{Entry, Mapping, Node, Value};

impl Canon {
    /// Rewrites one `build`.
    pub(super) fn build(&mut self, place: &str, build: &mut Node) {
        lists::text_to_object(build, "context");
        let Some(fields) = build.as_mapping_mut() else { return };
        each(fields, "secrets", |item| lists::text_to_object(item, "source"));
        if let Some(contexts) = node(fields, "additional_contexts") {
            self.contexts(place, contexts);
        }
        if let Some(keys) = node(fields, "ssh") {
            self.ssh(place, keys);
        }
    }

    /// `[name=context]` becomes `{name: context}`.
    fn contexts(&mut self, place: &str, contexts: &mut Node) {
        let Value::Sequence(items) = &contexts.value else { return };
        let mut entries = Mapping::new();
        for item in items {
            let Some((name, context)) = item.as_str().and_then(|item| item.split_once('=')) else {
                let message = format!("`{place}.build.additional_contexts` has an entry without `=`");
                return self.refuse(KEY_VALUE, message, item.span, "write `NAME=CONTEXT`");
            };
            entries.insert(name.to_owned(), Entry { key: item.span, node: text(context, item.span) });
        }
        contexts.value = Value::from(entries);
    }

    /// `[default, id=path]` becomes `{default: null, id: path}`; only `default` goes without a path.
    fn ssh(&mut self, place: &str, keys: &mut Node) {
        if let Value::Sequence(items) = &keys.value {
            let entry = |item: &Node| {
                let value = item.as_str()?;
                let (id, path) = match value.split_once('=') {
                    Some((id, path)) => (id, text(path, item.span)),
                    None => (value, Node::new(Value::Null, item.span)),
                };
                Some((id.to_owned(), Entry { key: item.span, node: path }))
            };
            keys.value = items.iter().filter_map(entry).collect();
        }
        let pathless: Vec<(String, Span)> = keys
            .as_mapping()
            .into_iter()
            .flatten()
            .filter(|(id, entry)| id.as_str() != "default" && matches!(entry.node.value, Value::Null))
            .map(|(id, entry)| (id.clone(), entry.key))
            .collect();
        for (id, span) in pathless {
            let message = format!("`{place}.build.ssh` has the key `{id}` without a path");
            self.refuse(SSH_KEY, message, span, "write `ID=PATH`; only `default` goes without");
        }
    }
}
