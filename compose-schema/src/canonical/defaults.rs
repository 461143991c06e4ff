//! Defaults that the specification gives to attributes, once everything is merged.

use super::{each, entries_of, node, text};
use crate::source::Span;
use crate::yaml::{Entry, Mapping, Node};

/// The mode of a port that names none.
pub const PORT_MODE: &str = "ingress";

/// The protocol of a port that names none.
pub const PORT_PROTOCOL: &str = "tcp";

/// Fills in the defaults of a merged, canonical tree.
pub fn defaults(root: &mut Node) {
    for (_, entry) in entries_of(root, "services") {
        let Some(service) = entry.node.as_mapping_mut() else { continue };
        if let Some(build) = node(service, "build") {
            set(build, "context", ".");
        }
        each(service, "secrets", secret_target);
        each(service, "gpus", device_count);
        let reservations = node(service, "deploy")
            .and_then(|deploy| deploy.get_mut("resources"))
            .and_then(|resources| resources.get_mut("reservations"))
            .and_then(Node::as_mapping_mut);
        if let Some(reservations) = reservations {
            each(reservations, "devices", device_count);
        }
    }
}

/// Fills in the defaults of ports, for a tree that is printed: the decoder knows them, and a range may be 65,535 of them.
pub fn port_defaults(root: &mut Node) {
    for (_, entry) in entries_of(root, "services") {
        let Some(service) = entry.node.as_mapping_mut() else { continue };
        each(service, "ports", |port| {
            set(port, "mode", PORT_MODE);
            set(port, "protocol", PORT_PROTOCOL);
        });
    }
}

fn set(node: &mut Node, key: &str, value: &str) {
    insert(node, key, |span| text(value, span));
}

fn insert(node: &mut Node, key: &str, value: impl FnOnce(Span) -> Node) {
    let span = node.span;
    if let Some(fields) = node.as_mapping_mut() {
        fields.get_or_insert_with(key, || Entry { key: span, node: value(span) });
    }
}

fn secret_target(secret: &mut Node) {
    let source = secret.get("source").and_then(Node::as_str).map(str::to_owned);
    if let Some(source) = source {
        set(secret, "target", &format!("/run/secrets/{source}"));
    }
}

/// All devices, unless it says which or how many.
fn device_count(request: &mut Node) {
    if !request.as_mapping().is_some_and(|fields: &Mapping| fields.contains_key("device_ids")) {
        set(request, "count", "all");
    }
}
