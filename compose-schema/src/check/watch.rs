//! Rules that copy files say where to.

use super::Check;
use crate::codes::check::WATCH_TARGET;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        for (index, rule) in service.develop.iter().flat_map(|develop| &develop.watch).enumerate() {
            if rule.target.is_empty() && !matches!(rule.action.as_str(), "rebuild" | "restart") {
                let at = check.item(&["services", name, "develop", "watch"], index);
                let message =
                    format!("a watch rule of service `{name}` with the action `{}` has no `target`", rule.action);
                check
                    .error(WATCH_TARGET, message, at, "")
                    .hints
                    .push("add `target:`, a path in the container".to_owned());
            }
        }
    }
}
