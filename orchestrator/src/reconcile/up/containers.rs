//! The containers of a service: those that stay are put right, those that differ are replaced, those that are missing are made.

use super::create::{is_passing, with_name};
use super::decide::{ContainerDecision, Decision};
use super::stop::Removal;
use super::{PlanError, Planner, resource, rollout};
use crate::backend::{Container, State};
use crate::labels;
use crate::reconcile::action::{Action, Target};
use crate::reconcile::desired::DesiredService;
use crate::reconcile::plan::{Need, Step, StepId, Words};

impl<'a> Planner<'a> {
    /// Everything for one service; those it depends on have been planned before.
    pub(super) fn service(&mut self, name: &'a str) -> Result<(), PlanError> {
        let Some(service) = self.desired.services.get(name) else { return Ok(()) };
        let decisions = self.decisions.get(name).cloned().unwrap_or_default();
        for decided in &decisions.there {
            if let Decision::Remove { cause } = &decided.decision
                && self.successor(service, decided, &decisions.there).is_none()
            {
                if service.replicas > 0 {
                    self.drains.insert(&decided.container.id, rollout::drain(&service.service));
                }
                self.remove(name, decided.container, cause, &[], Removal::Surplus);
            }
        }
        for decided in decisions.there.iter().filter(|decided| decided.decision == Decision::Keep) {
            let old = decisions.there.iter().find(|old| {
                self.successor(service, old, &decisions.there)
                    .is_some_and(|new| new.container.id == decided.container.id)
            });
            match old {
                Some(old) => self.take_over(service, decided, old.container),
                None => self.keep(service, decided),
            }
        }
        self.replacements(service, &decisions.there)?;
        for number in &decisions.missing {
            let cause = if decisions.there.is_empty() { "it does not exist" } else { "one more is wanted" };
            let container = self.create(service, *number, None, cause, Words::both("Creating", "Created"))?;
            self.bring_up(service, *number, &container, &[], "");
        }
        Ok(())
    }

    /// The container that was made to take the place of this one, by an `up` that did not come to its end; both run.
    fn successor<'f>(
        &self,
        service: &DesiredService,
        old: &ContainerDecision<'a>,
        all: &'f [ContainerDecision<'a>],
    ) -> Option<&'f ContainerDecision<'a>> {
        if !matches!(old.decision, Decision::Remove { .. }) || !self.is_routed(&service.name) {
            return None;
        }
        all.iter().find(|new| {
            new.decision == Decision::Keep
                && new.number == old.number
                && new.container.labels.get(labels::REPLACE) == Some(&old.container.id)
                && new.container.state == State::Running
                && old.container.state == State::Running
        })
    }

    /// Goes on with a replacement that was broken off.
    fn take_over(&mut self, service: &'a DesiredService, decided: &ContainerDecision<'a>, old: &'a Container) {
        let name = service.container_name(&self.desired.project, decided.number);
        let target = Target::Existing { id: decided.container.id.clone(), name };
        let mut before = Vec::new();
        self.reconnect(service, decided.container, &target, &mut before);
        let begun: Vec<StepId> = before.into_iter().map(|(step, _)| step).collect();
        let end = self.hand_over(service, &target, &begun, old, &[]);
        self.ready.entry(&service.name).or_default().push(end);
        self.targets.entry(&service.name).or_default().push((decided.number, target));
    }

    /// A container that stays: its name, its networks, its state are put right.
    fn keep(&mut self, service: &'a DesiredService, decided: &ContainerDecision<'a>) {
        let container = decided.container;
        let wanted = service.container_name(&self.desired.project, decided.number);
        // One that somebody has given another name keeps it: labels say what it is.
        let is_passing = is_passing(&container.name, &wanted);
        let name = if is_passing { wanted } else { container.name.clone() };
        let mut before = Vec::new();
        if is_passing && !self.options.existing_only {
            let freed = self.removed_by_name(&name);
            let rename = self.plan.add(
                Step::of_container(
                    &name,
                    Action::Rename { target: Target::from(container), name: name.clone() },
                    Words::both("Renaming", "Renamed"),
                )
                .because("left over from a replacement"),
                freed.map(|step| (step, Need::Success)),
            );
            before.push((rename, Need::Success));
        }
        let target = Target::Existing { id: container.id.clone(), name: name.clone() };
        self.reconnect(service, container, &target, &mut before);
        let stopped = self.stops.get(container.id.as_str()).copied();
        let idle = match container.state {
            State::Running | State::Restarting => stopped.is_some(),
            State::Exited if self.is_completed(&service.name, container) => {
                self.plan.unchanged.push((resource(&name), "Exited"));
                false
            }
            _ => true,
        };
        if !idle && stopped.is_none() {
            if container.state.has_process() {
                self.plan.unchanged.push((resource(&name), "Running"));
            }
            self.ready.entry(&service.name).or_default().extend(before.into_iter().map(|(step, _)| step));
            self.targets.entry(&service.name).or_default().push((decided.number, target));
            return;
        }
        if container.state == State::Paused && stopped.is_none() {
            let step = Step::of_container(
                &name,
                Action::Unpause { target: target.clone() },
                Words::both("Unpausing", "Unpaused"),
            )
            .because("it is paused");
            let step = self.plan.add(step, before);
            self.ready.entry(&service.name).or_default().push(step);
            self.targets.entry(&service.name).or_default().push((decided.number, target));
            return;
        }
        before.extend(stopped.map(|step| (step, Need::Success)));
        let cause = match container.state {
            State::Exited => "it has ended",
            State::Created => "it was never started",
            _ => "",
        };
        let begun = self.bring_up(service, decided.number, &target, &before, cause);
        if stopped.is_some() && self.is_routed(&service.name) {
            let enter = Step::of_container(
                target.name(),
                Action::Enter { targets: vec![target.clone()], limit: None },
                Words::SILENT,
            );
            self.plan.add(enter, begun.last().map(|step| (*step, Need::Success)));
        }
    }

    /// Joins a container to the networks it has fallen out of, be it that the network was removed behind our back.
    fn reconnect(
        &mut self,
        service: &'a DesiredService,
        container: &Container,
        target: &Target,
        before: &mut Vec<(StepId, Need)>,
    ) {
        for attachment in &service.networks {
            let name = attachment.network.as_str();
            let made = self.network_steps.get(name).copied();
            let endpoint = container.networks.get(name);
            let stale = endpoint.is_some_and(|endpoint| {
                let known = self.observed.networks.get(name);
                !endpoint.network_id.is_empty() && known.is_none_or(|network| network.id != endpoint.network_id)
            });
            if endpoint.is_some() && !stale && made.is_none() {
                continue;
            }
            let mut needs: Vec<_> = made.map(|step| (step, Need::Success)).into_iter().collect();
            let silent = |action, cause: &str| Step {
                action,
                cause: cause.to_owned(),
                resource: resource(target.name()),
                words: Words::SILENT,
            };
            if stale {
                let leave = Action::Disconnect { target: target.clone(), network: name.to_owned() };
                let step = self.plan.add(silent(leave, "the network it was in is gone"), needs.clone());
                needs.push((step, Need::Success));
            }
            let attachment = Box::new(with_name(attachment, target.name()));
            let join = Action::Connect { target: target.clone(), attachment };
            let step =
                self.plan.add(silent(join, if endpoint.is_some() { "" } else { "it is not in the network" }), needs);
            before.push((step, Need::Success));
        }
    }

    /// Create under another name, stop the old one, remove it, rename, start: the old one serves until the new one is
    /// made and all it depends on is there.
    pub(super) fn replace(
        &mut self,
        service: &'a DesiredService,
        decided: &ContainerDecision<'a>,
        cause: &str,
    ) -> Result<(Target, Vec<StepId>), PlanError> {
        let old = decided.container;
        let name = service.container_name(&self.desired.project, decided.number);
        if self.removals.contains_key(old.id.as_str()) {
            // That was planned together with the volume that is made anew.
            let new = self.create(service, decided.number, Some(old), cause, Words::both("Recreate", "Recreated"))?;
            let begun = self.bring_up(service, decided.number, &new, &[], "");
            return Ok((new, begun));
        }
        let new = self.create(service, decided.number, Some(old), cause, Words::opening("Recreate"))?;
        let Target::Made { step: created, .. } = &new else { return Ok((new, Vec::new())) };
        let mut needs = if self.options.no_start { Vec::new() } else { self.dependencies(service) };
        needs.push((*created, Need::Success));
        let removed = self.remove(&service.name, old, "", &needs, Removal::Replaced);
        let rename = self.plan.add(
            Step::of_container(
                &name,
                Action::Rename { target: new.clone(), name: name.clone() },
                Words::closing("Recreated"),
            ),
            [(removed, Need::Success)],
        );
        let begun = self.bring_up(service, decided.number, &new, &[(rename, Need::Success)], "");
        Ok((new, begun))
    }
}
