//! One mount a path.

use std::collections::BTreeMap;

use super::Check;
use crate::codes::check::SAME_TARGET;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let tmpfs = service.tmpfs.iter().map(|spec| ("tmpfs", spec.split(':').next().unwrap_or_default())).enumerate();
        let volumes = service.volumes.iter().map(|mount| ("volumes", mount.target.as_str())).enumerate();
        for (index, (key, target)) in tmpfs.chain(volumes) {
            let at = check.item(&["services", name, key], index);
            if let Some(first) = seen.insert(target, at) {
                let message = format!("service `{name}` mounts two things at `{target}`");
                check.push(Diagnostic::error(SAME_TARGET, message).at(at, "this").also(first, "and this"));
            }
        }
    }
}
