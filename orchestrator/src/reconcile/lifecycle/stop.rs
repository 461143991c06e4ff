//! `stop` and `rm`, and the stops of `down`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use compose_schema::model::Project;

use super::dependencies::Dependencies;
use super::{chosen, hooks, is_routed, routing, success};
use crate::backend::{Container, State};
use crate::reconcile::action::{Action, HookKind, Target};
use crate::reconcile::observed::{Observed, is_oneoff, service_of};
use crate::reconcile::plan::{Need, Plan, Step, StepId, Words};
use crate::reconcile::up::rollout::SHORT_DRAIN;

/// Stops a container behind `needs`; nothing for one that does not run.
fn stop_one(
    plan: &mut Plan,
    project: Option<&Project>,
    container: &Container,
    grace: Option<Duration>,
    needs: &[(StepId, Need)],
) -> Option<StepId> {
    if !container.state.has_process() {
        return None;
    }
    let mut needs = needs.to_vec();
    if container.state == State::Running {
        hooks(plan, project, container, HookKind::PreStop, &mut needs);
    }
    let stop = Action::Stop { target: Target::from(container), grace };
    Some(plan.add(Step::of_container(&container.name, stop, Words::both("Stopping", "Stopped")), needs))
}

/// `stop`: dependents before those they depend on, siblings at the same time. Containers stay.
pub fn stop(observed: &Observed, project: Option<&Project>, services: &[String], timeout: Option<Duration>) -> Plan {
    let mut plan = Plan::default();
    let stops = stop_services(&mut plan, observed, project, &chosen(observed, services), timeout, |container| {
        !is_oneoff(container)
    });
    // Started by whomever, they are to be routed to again.
    let left: Vec<&Container> = observed
        .containers
        .iter()
        .filter(|container| stops.contains_key(container.id.as_str()) && is_routed(observed, container))
        .collect();
    if !left.is_empty() {
        let needs: Vec<_> =
            left.iter().filter_map(|container| Some((*stops.get(container.id.as_str())?, Need::End))).collect();
        plan.add(routing(&left, |targets| Action::Enter { targets, limit: None }), needs);
    }
    plan
}

/// Stops services in order; the stops of each container.
pub(super) fn stop_services<'a>(
    plan: &mut Plan,
    observed: &'a Observed,
    project: Option<&'a Project>,
    services: &BTreeSet<&'a str>,
    timeout: Option<Duration>,
    which: impl Fn(&Container) -> bool,
) -> BTreeMap<&'a str, StepId> {
    let dependencies = Dependencies::new(observed, project);
    let mut by_service: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    let mut stops = BTreeMap::new();
    for service in dependencies.dependents_first(services) {
        let needs: Vec<StepId> =
            dependencies.dependents(service).filter_map(|name| by_service.get(name)).flatten().copied().collect();
        let mut own = Vec::new();
        let containers: Vec<&Container> = observed
            .containers
            .iter()
            .filter(|container| service_of(container) == service && which(container))
            .collect();
        let routed: Vec<&Container> =
            containers.iter().copied().filter(|container| is_routed(observed, container)).collect();
        let mut before = success(&needs);
        if !routed.is_empty() {
            let leave = routing(&routed, |targets| Action::Leave { targets, limit: SHORT_DRAIN });
            // A gateway that does not do it is no reason to go on running.
            before = vec![(plan.add(leave, before), Need::End)];
        }
        for container in containers {
            if let Some(stop) = stop_one(plan, project, container, timeout, &before) {
                stops.insert(container.id.as_str(), stop);
                own.push(stop);
            }
        }
        // What does not run still hands on the order.
        if own.is_empty() {
            own = needs;
        }
        by_service.insert(service, own);
    }
    stops
}

/// What `rm` does besides removing.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveOptions {
    /// Running containers too, after a stop.
    pub stop_first: bool,
    /// Anonymous volumes too.
    pub volumes: bool,
}

/// `rm`: removes containers that do not run, and running ones after a stop if asked.
pub fn remove(observed: &Observed, project: Option<&Project>, services: &[String], options: RemoveOptions) -> Plan {
    let mut plan = Plan::default();
    let services = chosen(observed, services);
    let stops = if options.stop_first {
        stop_services(&mut plan, observed, project, &services, None, |container| !is_oneoff(container))
    } else {
        BTreeMap::new()
    };
    for container in observed.containers.iter().filter(|container| services.contains(service_of(container))) {
        if is_oneoff(container) || (container.state.has_process() && !stops.contains_key(container.id.as_str())) {
            continue;
        }
        let needs = stops.get(container.id.as_str()).map(|stop| (*stop, Need::Success));
        let remove = Action::Remove { target: Target::from(container), volumes: options.volumes };
        plan.add(Step::of_container(&container.name, remove, Words::both("Removing", "Removed")), needs);
    }
    plan
}
