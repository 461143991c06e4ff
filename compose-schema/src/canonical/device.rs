//! `HOST[:CONTAINER[:PERMISSIONS]]`, one entry of `devices`.

use super::{Canon, object, text};
use crate::codes::schema::DEVICE;
use crate::yaml::{Node, Value};

impl Canon {
    /// Rewrites one entry.
    pub(super) fn device(&mut self, place: &str, node: &mut Node) {
        let Value::String(spec) = &node.value else { return };
        let parts: Vec<&str> = spec.split(':').collect();
        let (source, target, permissions) = match parts.as_slice() {
            [source] => (*source, "", "rwm"),
            [source, target] => (*source, *target, "rwm"),
            [source, target, permissions] => (*source, *target, *permissions),
            _ => {
                let message = format!("`{place}.devices` has an entry with too many colons: `{spec}`");
                return self.refuse(
                    DEVICE,
                    message,
                    node.span,
                    "write `HOST`, `HOST:CONTAINER` or `HOST:CONTAINER:rwm`",
                );
            }
        };
        let target = if target.is_empty() { source } else { target };
        let fields = [("source", source), ("target", target), ("permissions", permissions)];
        node.value = object(fields.map(|(key, value)| (key, text(value, node.span))).into(), node.span).value;
    }
}
