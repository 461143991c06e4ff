//! A service that takes over a namespace has no networks of its own.

use super::Check;
use crate::codes::check::{EXCLUSIVE, NEGATIVE};
use crate::diagnostic::Diagnostic;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        if !service.network_mode.is_empty() && !service.networks.is_empty() {
            let mode = check.place(&["services", name, "network_mode"]);
            let networks = check.place(&["services", name, "networks"]);
            let message = format!("service `{name}` has both `network_mode` and `networks`");
            check.push(Diagnostic::error(EXCLUSIVE, message).at(networks, "").also(mode, "").hint("keep one of them"));
        }
    }
    let services: Vec<&str> = project.services.keys().map(String::as_str).collect();
    for name in services {
        for path in [&["services", name, "scale"][..], &["services", name, "deploy", "replicas"]] {
            let negative = check.root.at(path).is_some_and(|node| matches!(node.value, crate::yaml::Value::Int(..0)));
            if negative {
                let at = check.place(path);
                check.error(NEGATIVE, format!("`{}` cannot be negative", path.join(".")), at, "");
            }
        }
    }
}
