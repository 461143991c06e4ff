//! Stopping and removing a container, after those that ask to be restarted with it.

use std::collections::BTreeSet;

use super::{Planner, rollout};
use crate::backend::{Container, State};
use crate::reconcile::action::{Action, HookKind, Target};
use crate::reconcile::plan::{Need, Step, StepId, Words};

/// Why a container is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removal {
    /// It is not wanted any more.
    Surplus,
    /// It makes room for a new one: shown as part of that, and services that asked to be restarted with it are stopped before.
    Replaced,
}

impl<'a> Planner<'a> {
    /// Stops a container (once), dependents that asked for it first, `pre_stop` hooks before.
    pub(super) fn stop(
        &mut self,
        service: &str,
        container: &'a Container,
        cause: &str,
        needs: &[(StepId, Need)],
    ) -> Option<StepId> {
        if let Some(step) = self.stops.get(container.id.as_str()) {
            return Some(*step);
        }
        if !container.state.has_process() {
            return None;
        }
        let mut needs = needs.to_vec();
        if self.is_routed(service) && container.state == State::Running {
            let limit = self.drains.get(container.id.as_str()).copied().unwrap_or(rollout::SHORT_DRAIN);
            let leave = Step::of_container(
                &container.name,
                Action::Leave { targets: vec![Target::from(container)], limit },
                Words::SILENT,
            );
            needs = vec![(self.plan.add(leave, needs), Need::Success)];
        }
        let desired = self.desired;
        if let Some(service) = desired.services.get(service).filter(|_| container.state == State::Running) {
            for hook in &service.service.pre_stop {
                let hook = Action::Hook {
                    target: Target::from(container),
                    service: service.name.clone(),
                    hook: Box::new(hook.clone()),
                    kind: HookKind::PreStop,
                };
                let step = Step::of_container(&container.name, hook, Words::SILENT);
                needs = vec![(self.plan.add(step, needs), Need::Success)];
            }
        }
        let stop = Step::of_container(
            &container.name,
            Action::Stop { target: Target::from(container), grace: self.options.timeout },
            Words::both("Stopping", "Stopped"),
        )
        .because(cause);
        let step = self.plan.add(stop, needs);
        self.stops.insert(&container.id, step);
        Some(step)
    }

    /// Stops and removes a container (once).
    pub(super) fn remove(
        &mut self,
        service: &str,
        container: &'a Container,
        cause: &str,
        needs: &[(StepId, Need)],
        why: Removal,
    ) -> StepId {
        if let Some(step) = self.removals.get(container.id.as_str()) {
            return *step;
        }
        let replaced = why == Removal::Replaced;
        let mut before = needs.to_vec();
        if replaced {
            before.extend(self.stop_dependents(service, "replaced", needs));
        }
        let stopped_before = self.stops.contains_key(container.id.as_str());
        let stop = self.stop(service, container, cause, &before);
        if let Some(stop) = stop {
            if replaced && let Some(step) = self.plan.step_mut(stop) {
                step.words = Words::SILENT;
            }
            if !stopped_before {
                // The stop needs all of them itself.
                before.clear();
            }
            before.push((stop, Need::Success));
        }
        let words = if replaced { Words::SILENT } else { Words::both("Removing", "Removed") };
        let remove = Action::Remove { target: Target::from(container), volumes: false };
        let remove = Step::of_container(&container.name, remove, words);
        let remove = remove.because(if stop.is_none() { cause } else { "" });
        let step = self.plan.add(remove, before);
        self.removals.insert(&container.id, step);
        step
    }

    /// Stops running containers of services that depend on this one with `restart: true`.
    pub(super) fn stop_dependents(
        &mut self,
        service: &str,
        what: &str,
        needs: &[(StepId, Need)],
    ) -> Vec<(StepId, Need)> {
        let desired = self.desired;
        let dependents: BTreeSet<&'a str> = desired
            .services
            .values()
            .filter(|other| other.service.depends_on.get(service).is_some_and(|dependency| dependency.restart))
            .map(|other| other.name.as_str())
            .collect();
        let cause = format!("`{service}` is {what}, and it asks to be restarted with it");
        let mut steps = Vec::new();
        for dependent in dependents {
            let containers: Vec<&'a Container> = self.observed.of_service(dependent).collect();
            steps.extend(containers.into_iter().filter_map(|container| self.stop(dependent, container, &cause, needs)));
        }
        steps.into_iter().map(|step| (step, Need::Success)).collect()
    }

    /// The removal of the container that has a name now.
    pub(super) fn removed_by_name(&self, name: &str) -> Option<StepId> {
        let holder = self.observed.containers.iter().find(|container| container.name == name)?;
        self.removals.get(holder.id.as_str()).copied()
    }
}
