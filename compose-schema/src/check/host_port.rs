//! One listener a port of the host.

use std::collections::BTreeMap;

use super::Check;
use crate::codes::check::HOST_PORT;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    let mut seen: BTreeMap<(&str, &str, &str), (&str, Span)> = BTreeMap::new();
    for (name, service) in &project.services {
        for (index, port) in service.ports.iter().enumerate() {
            if port.published.is_empty() || port.published == "0" || port.published.contains('-') {
                continue;
            }
            let at = check.item(&["services", name, "ports"], index);
            let key = (port.host_ip.as_str(), port.published.as_str(), port.protocol.as_ref());
            if let Some((first, there)) = seen.get(&key)
                && *first != name
            {
                let message =
                    format!("services `{first}` and `{name}` both publish port {} of the host", port.published);
                check.push(Diagnostic::warning(HOST_PORT, message).at(at, "").also(*there, "the first"));
            } else {
                seen.insert(key, (name, at));
            }
        }
    }
}
