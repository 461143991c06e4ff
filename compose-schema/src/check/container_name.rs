//! Names of containers are unique.

use std::collections::BTreeMap;

use super::Check;
use crate::codes::check::CONTAINER_NAME;
use crate::diagnostic::Diagnostic;
use crate::profile;

/// One service with a name has one container.
pub(super) fn single(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        if service.replicas() > 1 && !service.container_name.is_empty() {
            let at = check.place(&["services", name, "container_name"]);
            let message = format!("service `{name}` has a `container_name`, but more than one container");
            let hint = "remove `container_name`: names are unique";
            check.push(Diagnostic::error(CONTAINER_NAME, message).at(at, "").hint(hint));
        }
    }
}

/// No two services have one name.
pub(super) fn unique(check: &mut Check<'_>, selected: &[String]) {
    let project = check.project;
    let wanted = profile::with_dependencies(project, selected);
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, service) in &project.services {
        if service.container_name.is_empty() || !(wanted.is_empty() || wanted.contains(name.as_str())) {
            continue;
        }
        if let Some(first) = seen.insert(&service.container_name, name) {
            let at = check.place(&["services", name, "container_name"]);
            let there = check.place(&["services", first, "container_name"]);
            let message = format!("services `{first}` and `{name}` have the same `container_name`");
            check.push(Diagnostic::error(CONTAINER_NAME, message).at(at, "").also(there, "the first"));
        }
    }
}
