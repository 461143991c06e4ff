//! `!reset` removes what earlier documents say, `!override` replaces it.

use crate::yaml::{Node, Tag, Value};

/// The paths of a document that take away what earlier documents say there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resets {
    paths: Vec<Vec<String>>,
}

impl Resets {
    /// Takes the tags out of a document: what is reset is removed from it, what overrides stays. Items of lists that are
    /// reset are removed as well, but take nothing away from earlier documents.
    pub(crate) fn extract(document: &mut Node) -> Self {
        let mut resets = Self::default();
        resets.collect(document, &mut Vec::new());
        resets
    }

    /// Adds the paths of another document of the same file.
    pub(crate) fn extend(&mut self, other: Self) {
        self.paths.extend(other.paths);
    }

    fn collect(&mut self, node: &mut Node, path: &mut Vec<String>) {
        match &mut node.value {
            Value::Mapping(entries) => entries.retain(|key, entry| {
                path.push(key.clone());
                let keep = match entry.node.tag.take() {
                    Some(tag) => {
                        self.paths.push(path.clone());
                        tag == Tag::Override
                    }
                    None => {
                        self.collect(&mut entry.node, path);
                        true
                    }
                };
                path.pop();
                keep
            }),
            Value::Sequence(items) => {
                items.retain(|item| item.tag != Some(Tag::Reset));
                // Below an item no path can be told, so that tags there only concern the document itself.
                let mut inner = Self::default();
                items.iter_mut().for_each(|item| inner.collect(item, path));
            }
            _ => {}
        }
    }

    /// Removes what the paths lead to.
    pub(crate) fn apply(&self, root: &mut Node) {
        for path in &self.paths {
            remove(root, path);
        }
    }

    /// Removes from a service what the paths lead to where they start with `services` and its name.
    pub(crate) fn apply_to_service(&self, name: &str, service: &mut Node) {
        for path in &self.paths {
            if let [section, of, rest @ ..] = path.as_slice()
                && section == "services"
                && of == name
                && !rest.is_empty()
            {
                remove(service, rest);
            }
        }
    }
}

fn remove(node: &mut Node, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(node, |node, key| node.get_mut(key));
    if let Some(entries) = parent.and_then(Node::as_mapping_mut) {
        entries.shift_remove(last);
    }
}
