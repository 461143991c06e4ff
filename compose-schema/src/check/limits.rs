//! Where a service and its `deploy` limit the same thing, they agree.

use super::Check;
use crate::codes::check::DISTINCT;
use crate::diagnostic::Diagnostic;
use crate::model::{Resource, Service};

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        for (attribute, within) in distinct(service) {
            let mut path = vec!["services", name.as_str(), "deploy"];
            path.extend(within.split('.'));
            let deployed = check.place(&path);
            let own = check.place(&["services", name, attribute]);
            let message = format!("service `{name}` has distinct values for `{attribute}` and `deploy.{within}`");
            let hint = "give both the same value, or keep one of them";
            check.push(Diagnostic::error(DISTINCT, message).at(own, "").also(deployed, "").hint(hint));
        }
    }
}

/// Pairs of attributes that differ: the service's own, and the one below `deploy`.
fn distinct(service: &Service) -> Vec<(&'static str, &'static str)> {
    let Some(deploy) = &service.deploy else { return Vec::new() };
    let limits = deploy.resources.limits.as_ref();
    let reservations = deploy.resources.reservations.as_ref();
    let differ = |set: bool, resource: Option<&Resource>, same: &dyn Fn(&Resource) -> bool| {
        set && resource.is_some_and(|resource| !same(resource))
    };
    let mut found = Vec::new();
    if service.scale.is_some() && deploy.replicas.is_some() && service.scale != deploy.replicas {
        found.push(("scale", "replicas"));
    }
    #[expect(clippy::float_cmp, reason = "the same text gives the same number")]
    if differ(service.cpus != 0.0, limits, &|limits| limits.cpus == service.cpus) {
        found.push(("cpus", "resources.limits.cpus"));
    }
    if differ(service.mem_limit.0 != 0, limits, &|limits| limits.memory == service.mem_limit) {
        found.push(("mem_limit", "resources.limits.memory"));
    }
    if differ(service.mem_reservation.0 != 0, reservations, &|own| own.memory == service.mem_reservation) {
        found.push(("mem_reservation", "resources.reservations.memory"));
    }
    if differ(service.pids_limit != 0, limits, &|limits| limits.pids == service.pids_limit) {
        found.push(("pids_limit", "resources.limits.pids"));
    }
    found
}
