//! Empty lists of a tree as Docker Compose's JSON has them.

use std::sync::LazyLock;

use super::value::Value;
use crate::pattern::{Cursor, Patterns};

/// Lists that stay lists: Docker Compose makes those anew from which it takes repeated items out.
static KEPT: LazyLock<Patterns<()>> = LazyLock::new(|| {
    let paths = [
        "networks.*.labels",
        "services.*.annotations",
        "services.*.build.labels",
        "services.*.build.tags",
        "services.*.cap_add",
        "services.*.cap_drop",
        "services.*.configs",
        "services.*.deploy.labels",
        "services.*.devices",
        "services.*.dns",
        "services.*.dns_opt",
        "services.*.dns_search",
        "services.*.env_file",
        "services.*.expose",
        "services.*.labels",
        "services.*.links",
        "services.*.networks.*.aliases",
        "services.*.networks.*.link_local_ips",
        "services.*.ports",
        "services.*.profiles",
        "services.*.secrets",
        "services.*.sysctls",
        "services.*.tmpfs",
        "services.*.volumes",
    ];
    Patterns::new(&paths.map(|path| (path, ())))
});

/// Makes empty lists null, but for those that stay.
pub(super) fn as_null(tree: &mut Value) {
    walk(tree, KEPT.root());
}

fn walk(value: &mut Value, cursor: Cursor<'_, ()>) {
    match value {
        Value::List(items) if items.is_empty() && cursor.rule().is_none() => *value = Value::Null,
        Value::List(items) => items.iter_mut().for_each(|item| walk(item, cursor.item())),
        Value::Map(entries) => entries.iter_mut().for_each(|(key, value)| walk(value, cursor.child(key))),
        _ => {}
    }
}
