//! `restart` in place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use compose_schema::model::Project;

use super::dependencies::Dependencies;
use super::{chosen, hooks, is_routed, routing, success};
use crate::backend::{Container, State};
use crate::reconcile::action::{Action, HookKind, Target, WaitFor};
use crate::reconcile::observed::Observed;
use crate::reconcile::plan::{Need, Plan, Step, StepId, Words};
use crate::reconcile::up::rollout::{DRAIN, REACH, SHORT_DRAIN, drain};

/// `restart`: stops and starts in place, those depended on first. Dependents with `restart: true` follow, unless
/// `alone`.
pub fn restart(
    observed: &Observed,
    project: Option<&Project>,
    services: &[String],
    timeout: Option<Duration>,
    alone: bool,
) -> Plan {
    let mut plan = Plan::default();
    let dependencies = Dependencies::new(observed, project);
    let named: Vec<&str> = chosen(observed, services).into_iter().collect();
    let services: BTreeSet<&str> =
        if alone { named.into_iter().collect() } else { dependencies.restarted_with(&named) };
    let mut order = dependencies.dependents_first(&services);
    order.reverse();
    let mut by_service: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    for service in order {
        let parents = dependencies.0.get(service).into_iter().flatten();
        let needs: Vec<StepId> = parents
            .filter(|(_, restart)| **restart && !alone)
            .filter_map(|(parent, _)| by_service.get(parent))
            .flatten()
            .copied()
            .collect();
        let mut own = Vec::new();
        let containers: Vec<&Container> = observed.of_service(service).collect();
        let several = containers.iter().filter(|container| is_routed(observed, container)).count() > 1;
        let mut before = success(&needs);
        for container in containers {
            // One after another where others serve meanwhile.
            let mut needs = before.clone();
            let routed = is_routed(observed, container);
            if routed {
                let definition = project.and_then(|project| project.services.get(service));
                let limit = if several { definition.map_or(DRAIN, drain) } else { SHORT_DRAIN };
                let leave = routing(&[container], |targets| Action::Leave { targets, limit });
                needs = vec![(plan.add(leave, needs), Need::End)];
            }
            if container.state == State::Running {
                hooks(&mut plan, project, container, HookKind::PreStop, &mut needs);
            }
            let restart = Action::Restart { target: Target::from(container), grace: timeout };
            let id =
                plan.add(Step::of_container(&container.name, restart, Words::both("Restarting", "Started")), needs);
            let mut last = vec![(id, Need::Success)];
            hooks(&mut plan, project, container, HookKind::PostStart, &mut last);
            own.extend(last.iter().map(|(step, _)| *step));
            if !routed {
                continue;
            }
            if several {
                let wait = Action::Wait {
                    service: service.to_owned(),
                    targets: vec![Target::from(container)],
                    until: WaitFor::RunningOrHealthy,
                    limit: None,
                };
                last = vec![(plan.add(Step::of_container(&container.name, wait, Words::SILENT), last), Need::Success)];
            }
            let enter = routing(&[container], |targets| Action::Enter { targets, limit: Some(REACH) });
            let entered = plan.add(enter, last);
            if several {
                before = vec![(entered, Need::Success)];
            }
        }
        by_service.insert(service, own);
    }
    plan
}
