//! A secret that is ours comes from somewhere.

use super::Check;
use crate::codes::check::NO_SOURCE;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, secret) in &project.secrets {
        if !secret.external && secret.file.is_empty() && secret.environment.is_empty() {
            let at = check.place(&["secrets", name]);
            check.error(NO_SOURCE, format!("secret `{name}` has neither `file` nor `environment`"), at, "");
        }
    }
}
