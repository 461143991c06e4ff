//! Names of containers are unique.

use std::collections::BTreeMap;

use super::Check;
use crate::codes::check::CONTAINER_NAME;
use crate::diagnostic::Diagnostic;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, service) in &project.services {
        if service.container_name.is_empty() {
            continue;
        }
        let at = check.place(&["services", name, "container_name"]);
        if service.replicas() > 1 {
            let message = format!("service `{name}` has a `container_name`, but more than one container");
            let hint = "remove `container_name`: names are unique";
            check.push(Diagnostic::error(CONTAINER_NAME, message).at(at, "").hint(hint));
        }
        if let Some(first) = seen.insert(&service.container_name, name) {
            let there = check.place(&["services", first, "container_name"]);
            let message = format!("services `{first}` and `{name}` have the same `container_name`");
            check.push(Diagnostic::error(CONTAINER_NAME, message).at(at, "").also(there, "the first"));
        }
    }
}
