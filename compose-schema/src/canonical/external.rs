//! `external: {name: x}`, the old way to write `external: true` and `name: x`.

use super::{Canon, text};
use crate::codes::schema::{EXTERNAL_NAME, TWO_NAMES};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Mapping, Node, Value};

impl Canon {
    /// Rewrites the old form of one resource.
    pub(super) fn external(&mut self, section: &str, name: &str, resource: &mut Mapping) {
        let Some(external) = resource.get("external") else { return };
        let (key, Some(old)) = (external.key, external.node.as_mapping()) else { return };
        let span = external.node.span;
        let old_name = old.get("name").map(|entry| (entry.key, entry.node.clone()));
        if let Some((old_key, old_name)) = old_name {
            let message = format!("`{section}.{name}.external.name` is deprecated");
            let hint = "write `external: true` and `name:` beside it";
            self.found.push(Diagnostic::warning(EXTERNAL_NAME, message).at(old_key, "").hint(hint));
            match resource.get("name") {
                Some(entry) if !entry.node.same(&old_name) => {
                    let message = format!("`{section}.{name}` has two names");
                    let found = Diagnostic::error(TWO_NAMES, message).at(old_name.span, "the old way to name it");
                    self.found.push(found.also(entry.node.span, "the other name").hint("keep only `name:`"));
                }
                Some(_) => {}
                None => {
                    let name = text(old_name.as_str().unwrap_or_default(), old_name.span);
                    resource.insert("name".to_owned(), Entry { key: old_key, node: name });
                }
            }
        }
        resource.insert("external".to_owned(), Entry { key, node: Node::new(Value::Bool(true), span) });
    }
}
