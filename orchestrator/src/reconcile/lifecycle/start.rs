//! `start` of what is there, from labels alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::chosen;
use super::dependencies::Dependencies;
use crate::backend::Container;
use crate::labels;
use crate::reconcile::action::{Action, Target, WaitFor};
use crate::reconcile::observed::{Observed, is_oneoff, service_of};
use crate::reconcile::plan::{Need, Plan, Step, StepId, Words};

/// Services that a container's service depends on, with what it waits for; started is enough without one.
fn conditions(container: &Container) -> impl Iterator<Item = (&str, Option<WaitFor>)> {
    let label = container.labels.get(labels::DEPENDS_ON).map_or("", String::as_str);
    label.split(',').filter(|entry| !entry.is_empty()).map(|entry| {
        let mut parts = entry.split(':');
        let name = parts.next().unwrap_or_default();
        let until = match parts.next() {
            Some("service_healthy") => Some(WaitFor::Healthy),
            Some("service_completed_successfully") => Some(WaitFor::Completed),
            _ => None,
        };
        (name, until)
    })
}

fn wait_step(service: &str, targets: Vec<Target>, until: WaitFor, limit: Option<Duration>) -> Step {
    let single = matches!(targets.as_slice(), [_]);
    let name = targets.first().filter(|_| single).map_or(service, Target::name).to_owned();
    let words = Words::both("Waiting", if until == WaitFor::Completed { "Exited" } else { "Healthy" });
    Step::of_container(&name, Action::Wait { service: service.to_owned(), targets, until, limit }, words)
}

/// Starts the containers of services (none named: of all) and of those they depend on. With `wait` the end is that all
/// run, or are healthy where they have a check, within `limit`.
pub fn start(observed: &Observed, services: &[String], wait: bool, limit: Option<Duration>) -> Plan {
    let mut plan = Plan::default();
    let dependencies = Dependencies::new(observed, None);
    let mut wanted: BTreeSet<&str> = chosen(observed, services);
    let mut open: Vec<&str> = wanted.iter().copied().collect();
    while let Some(name) = open.pop() {
        let needed = dependencies.0.get(name).into_iter().flatten().map(|(name, _)| *name);
        open.extend(needed.filter(|name| wanted.insert(name)));
    }
    let mut order = dependencies.dependents_first(&wanted);
    order.reverse();
    let targets = |service: &str| -> Vec<Target> { observed.of_service(service).map(Target::from).collect() };
    let mut starts: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    let mut waits: BTreeMap<(&str, WaitFor), StepId> = BTreeMap::new();
    for service in order {
        let mut own = Vec::new();
        for container in observed.containers.iter().filter(|container| service_of(container) == service) {
            if is_oneoff(container) || container.state.has_process() {
                continue;
            }
            let mut needs = Vec::new();
            for (other, until) in conditions(container) {
                let before = starts.get(other).cloned().unwrap_or_default();
                match until {
                    Some(until) if !targets(other).is_empty() => {
                        let wait = *waits.entry((other, until)).or_insert_with(|| {
                            let needs: Vec<_> = before.iter().map(|id| (*id, Need::Success)).collect();
                            plan.add(wait_step(other, targets(other), until, None), needs)
                        });
                        needs.push((wait, Need::Success));
                    }
                    _ => needs.extend(before.into_iter().map(|id| (id, Need::Success))),
                }
            }
            let action = Action::Start { target: Target::from(container) };
            own.push(plan.add(Step::of_container(&container.name, action, Words::both("Starting", "Started")), needs));
        }
        starts.insert(service, own);
    }
    if wait {
        for service in wanted.into_iter().filter(|service| !targets(service).is_empty()) {
            let needs: Vec<_> = starts.get(service).into_iter().flatten().map(|id| (*id, Need::Success)).collect();
            plan.add(wait_step(service, targets(service), WaitFor::RunningOrHealthy, limit), needs);
        }
    }
    plan
}
