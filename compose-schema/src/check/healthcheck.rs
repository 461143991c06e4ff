//! A health check's list says how it is run.

use super::Check;
use crate::codes::check::HEALTHCHECK_TEST;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        let first = service.healthcheck.as_ref().and_then(|healthcheck| healthcheck.test.first());
        if first.is_some_and(|first| !matches!(first.as_str(), "CMD" | "CMD-SHELL" | "NONE")) {
            let at = check.place(&["services", name, "healthcheck", "test"]);
            let message = format!("the health check of service `{name}` must start with `CMD`, `CMD-SHELL` or `NONE`");
            check
                .error(HEALTHCHECK_TEST, message, at, "")
                .hints
                .push("for a program and its arguments put `CMD` first".to_owned());
        }
    }
}
