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
                let hint = "write `HOST`, `HOST:CONTAINER` or `HOST:CONTAINER:rwm`";
                self.refuse(DEVICE, message, node.span, hint);
                // Where that is no mistake yet, as the text may hold variables, Docker Compose prints no paths.
                ("", "", "rwm")
            }
        };
        let target = if target.is_empty() { source } else { target };
        let fields = [("source", source), ("target", target), ("permissions", permissions)];
        node.value = object(fields.map(|(key, value)| (key, text(value, node.span))).into(), node.span).value;
    }
}
