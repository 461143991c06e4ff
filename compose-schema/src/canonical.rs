//! Short forms become long forms, so that everything after sees one way of writing each attribute.

mod build;
mod defaults;
mod device;
mod external;
mod lists;
mod port;
mod volume;

pub use defaults::{PORT_MODE, PORT_PROTOCOL, defaults, port_defaults};

use crate::codes::schema::BAD_VALUE;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::yaml::{Entry, Mapping, Node, Value};

/// Rewrites every short form below `root` into its long form. With `interpolated` false, texts may still hold `${...}`:
/// those that cannot be read are left as they are.
#[must_use]
pub fn canonicalize(root: &mut Node, interpolated: bool) -> Vec<Diagnostic> {
    let mut canon = Canon { interpolated, found: Vec::new() };
    for (name, entry) in entries_of(root, "services") {
        if let Some(service) = entry.node.as_mapping_mut() {
            canon.service(name, service);
        }
    }
    for section in ["networks", "volumes", "secrets", "configs"] {
        for (name, entry) in entries_of(root, section) {
            if let Some(resource) = entry.node.as_mapping_mut() {
                canon.external(section, name, resource);
            }
        }
    }
    canon.found
}

/// What the rewriting needs to know, and what it has found.
struct Canon {
    interpolated: bool,
    found: Vec<Diagnostic>,
}

impl Canon {
    /// Reports a text that cannot be read, unless it may still change.
    fn refuse(&mut self, code: Code, message: String, at: Span, hint: &str) {
        if self.interpolated {
            let found = Diagnostic::error(code, message).at(at, "");
            self.found.push(if hint.is_empty() { found } else { found.hint(hint) });
        }
    }

    /// Refuses what is no list: in a file whose services others extend, nothing has checked that yet.
    fn list(&mut self, place: &str, key: &str, service: &Mapping) {
        let Some(Entry { node, .. }) = service.get(key) else { return };
        let fits = match &node.value {
            Value::Null | Value::Sequence(_) => true,
            Value::String(_) => key != "ports",
            _ => false,
        };
        if !fits {
            let message = format!("`{place}.{key}` must be a list, not {}", node.value.kind());
            self.found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, ""));
        }
    }

    fn service(&mut self, name: &str, service: &mut Mapping) {
        let place = format!("services.{name}");
        for key in ["env_file", "label_file", "ports"] {
            self.list(&place, key, service);
        }
        if let Some(build) = node(service, "build") {
            self.build(&place, build);
        }
        let watch = service.get_mut("develop").and_then(|develop| develop.node.get_mut("watch"));
        if let Some(Value::Sequence(rules)) = watch.map(|watch| &mut watch.value) {
            for key in ["include", "ignore"] {
                rules.iter_mut().filter_map(|rule| rule.get_mut(key)).for_each(lists::text_to_list);
            }
        }
        let of_build = service.get("build").and_then(|build| build.node.get("ulimits"));
        for limits in service.get("ulimits").map(|limits| &limits.node).into_iter().chain(of_build) {
            ulimits(&place, limits, &mut self.found);
        }
        for key in ["networks", "models"] {
            if let Some(names) = node(service, key) {
                lists::names_to_map(names);
            }
        }
        for key in ["dns", "label_file"] {
            if let Some(texts) = node(service, key) {
                lists::text_to_list(texts);
            }
        }
        if let Some(servers) = node(service, "dns") {
            lists::drop_empty(servers);
        }
        if let Some(dependencies) = node(service, "depends_on") {
            lists::depends_on(dependencies);
        }
        if let Some(files) = node(service, "env_file") {
            lists::env_file(files);
        }
        if let Some(extended) = node(service, "extends") {
            lists::text_to_object(extended, "service");
        }
        for key in ["secrets", "configs"] {
            each(service, key, |item| lists::text_to_object(item, "source"));
        }
        if let Some(gpus) = node(service, "gpus")
            && gpus.as_str().is_some()
        {
            let all = object(vec![("count", text("all", gpus.span))], gpus.span);
            gpus.value = Value::Sequence(vec![all]);
        }
        each(service, "devices", |item| self.device(&place, item));
        each(service, "volumes", |item| self.volume(&place, item));
        if let Some(ports) = node(service, "ports") {
            self.ports(&place, ports);
        }
    }
}

/// Refuses limits that are still texts, which Docker Compose takes with `soft` and `hard` only.
fn ulimits(place: &str, limits: &Node, found: &mut Vec<Diagnostic>) {
    for (name, entry) in limits.as_mapping().into_iter().flatten() {
        if let Value::String(text) = &entry.node.value {
            let message = format!("`{place}` has the limit `{name}`, which must be a number, not the text `{text}`");
            let refused = Diagnostic::error(BAD_VALUE, message).at(entry.node.span, "");
            found.push(refused.hint("write `soft` and `hard`, which may be texts"));
        }
    }
}

/// The entries of a top-level section; none where it is not a mapping.
fn entries_of<'a>(root: &'a mut Node, section: &str) -> impl Iterator<Item = (&'a String, &'a mut Entry)> {
    root.get_mut(section).and_then(Node::as_mapping_mut).into_iter().flatten()
}

fn node<'a>(mapping: &'a mut Mapping, key: &str) -> Option<&'a mut Node> {
    mapping.get_mut(key).map(|entry| &mut entry.node)
}

/// Applies `work` to every item of a list.
fn each(mapping: &mut Mapping, key: &str, work: impl FnMut(&mut Node)) {
    if let Some(Value::Sequence(items)) = node(mapping, key).map(|node| &mut node.value) {
        items.iter_mut().for_each(work);
    }
}

fn text(value: impl Into<String>, span: Span) -> Node {
    Node::new(Value::String(value.into()), span)
}

/// A mapping made from a short form; every key stands where the short form does.
fn object(entries: Vec<(&str, Node)>, span: Span) -> Node {
    let entries = entries.into_iter().map(|(key, node)| (key.to_owned(), Entry { key: span, node }));
    Node::new(entries.collect(), span)
}

/// A path without `.`, `..` and double slashes, as far as that can be told from its text.
pub(crate) fn clean_path(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

#[cfg(test)]
mod tests;
