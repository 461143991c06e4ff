//! Attributes of one value that exclude each other, or that one of is needed.

use std::net::IpAddr;

use crate::codes::check::{BAD_ADDRESS, EXCLUSIVE, EXTERNAL_CONFLICT, NO_SOURCE, WATCH_TARGET};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Mapping, Node, Value};

pub(super) fn check(root: &Node, found: &mut Vec<Diagnostic>) {
    for (name, entry) in section(root, "volumes") {
        external_volume(name, entry, found);
    }
    for (name, entry) in section(root, "secrets") {
        one_source("secrets", name, entry, &["file", "environment"], found);
    }
    for (name, entry) in section(root, "configs") {
        one_source("configs", name, entry, &["file", "environment", "content"], found);
    }
    for (name, entry) in section(root, "services") {
        service(name, &entry.node, found);
    }
}

/// Bind mounts that say nothing of their source, of which no path can be made.
pub(super) fn bind_sources(root: &Node, found: &mut Vec<Diagnostic>) {
    for (name, service) in section(root, "services") {
        let mounts = service.node.get("volumes").and_then(Node::as_sequence).unwrap_or_default();
        let bind = |mount: &&Node| mount.get("type").and_then(Node::as_str) == Some("bind");
        for mount in mounts.iter().filter(bind).filter(|mount| mount.get("source").is_none()) {
            let target = mount.get("target").and_then(Node::as_str).unwrap_or_default();
            let message = format!("service `{name}` has a bind mount at `{target}` without a source");
            let no_source = Diagnostic::error(NO_SOURCE, message).at(mount.span, "");
            found.push(no_source.hint("add `source:`, a path of the host"));
        }
    }
}

fn section<'a>(root: &'a Node, key: &str) -> impl Iterator<Item = (&'a String, &'a Entry)> {
    root.get(key).and_then(Node::as_mapping).into_iter().flatten()
}

fn external_volume(name: &str, entry: &Entry, found: &mut Vec<Diagnostic>) {
    let Some(fields) = entry.node.as_mapping() else { return };
    let Some(external) = fields.get("external").filter(|external| external.node.value == Value::Bool(true)) else {
        return;
    };
    let other = |key: &str| !matches!(key, "name" | "external") && !key.starts_with("x-");
    for (key, field) in fields.iter().filter(|(key, _)| other(key)) {
        let message = format!("the external volume `{name}` cannot have `{key}`");
        let hint = format!("remove `{key}`, or `external`");
        found.push(
            Diagnostic::error(EXTERNAL_CONFLICT, message)
                .at(field.key, "")
                .also(external.key, "exists already")
                .hint(hint),
        );
    }
}

fn one_source(section: &str, name: &str, entry: &Entry, sources: &[&str], found: &mut Vec<Diagnostic>) {
    let Some(fields) = entry.node.as_mapping() else { return };
    let given: Vec<&Entry> = sources.iter().filter_map(|source| fields.get(source)).collect();
    let list = sources.iter().map(|source| format!("`{source}`")).collect::<Vec<_>>().join(", ");
    match given.as_slice() {
        [] if fields.contains_key("external") || fields.contains_key("driver") => {}
        [] => {
            let message = format!("`{section}.{name}` needs one of {list}");
            found.push(Diagnostic::error(NO_SOURCE, message).at(entry.key, ""));
        }
        [_] => {}
        [first, second, ..] => {
            let message = format!("`{section}.{name}` can have only one of {list}");
            found.push(Diagnostic::error(EXCLUSIVE, message).at(second.key, "").also(first.key, "the first"));
        }
    }
}

fn service(name: &str, service: &Node, found: &mut Vec<Diagnostic>) {
    for port in items(service.get("ports")) {
        if let Some(Value::String(ip)) = port.get("host_ip").map(|ip| &ip.value)
            && ip.parse::<IpAddr>().is_err()
        {
            let at = port.get("host_ip").map_or(port.span, |ip| ip.span);
            let message = format!("`services.{name}.ports` has a `host_ip` that is not an IP address: `{ip}`");
            found.push(Diagnostic::error(BAD_ADDRESS, message).at(at, ""));
        }
    }
    let devices = ["deploy", "resources", "reservations", "devices"];
    for request in items(service.at(&devices)).iter().chain(items(service.get("gpus"))) {
        let fields: Option<&Mapping> = request.as_mapping();
        if let Some((count, ids)) = fields.and_then(|fields| fields.get("count").zip(fields.get("device_ids"))) {
            let message = format!("a device request of service `{name}` has both `count` and `device_ids`");
            found.push(
                Diagnostic::error(EXCLUSIVE, message).at(ids.key, "").also(count.key, "").hint("keep one of them"),
            );
        }
    }
    for rule in items(service.at(&["develop", "watch"])) {
        if let Some(path) = rule.get("path").filter(|path| path.as_str() == Some("")) {
            let message = format!("a watch rule of service `{name}` has an empty `path`");
            found.push(Diagnostic::error(WATCH_TARGET, message).at(path.span, ""));
        }
    }
}

fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_sequence).unwrap_or_default()
}
