//! Making, replacing, starting and removing containers.

use std::collections::{BTreeMap, BTreeSet};

use compose_schema::model::{Condition, Mount};

use super::fate::{Fate, Verdict};
use super::{PlanError, Planner, rollout};
use crate::backend::{Attachment, Container, ContainerSpec, State};
use crate::labels;
use crate::reconcile::action::{Action, Create, HookKind, Target, Until};
use crate::reconcile::desired::{DesiredService, references};
use crate::reconcile::plan::{Need, Step, StepId, Words};
use crate::reconcile::version::{Version, kept_image};

/// Digits of an id in the name that a new container has while the old one is still there.
const SHORT_ID: usize = 12;

pub(super) fn existing(container: &Container) -> Target {
    Target::Existing { id: container.id.clone(), name: container.name.clone() }
}

pub(super) fn runs(container: &Container) -> bool {
    matches!(container.state, State::Running | State::Restarting | State::Paused)
}

pub(super) fn resource(name: &str) -> String {
    format!("Container {name}")
}

impl<'a> Planner<'a> {
    /// Everything for one service; those it depends on have been planned before.
    pub(super) fn service(&mut self, name: &'a str) -> Result<(), PlanError> {
        let Some(service) = self.desired.services.get(name) else { return Ok(()) };
        let fates = self.fates.get(name).cloned().unwrap_or_default();
        for fate in &fates.there {
            if let Verdict::Remove { cause } = &fate.verdict
                && self.successor(service, fate, &fates.there).is_none()
            {
                if service.replicas > 0 {
                    self.drains.insert(&fate.container.id, rollout::drain(&service.service));
                }
                self.remove(name, fate.container, cause, &[], false);
            }
        }
        for fate in fates.there.iter().filter(|fate| fate.verdict == Verdict::Keep) {
            let old = fates.there.iter().find(|old| {
                self.successor(service, old, &fates.there).is_some_and(|new| new.container.id == fate.container.id)
            });
            match old {
                Some(old) => self.take_over(service, fate, old.container),
                None => self.keep(service, fate),
            }
        }
        self.replacements(service, &fates.there)?;
        for number in &fates.missing {
            let cause = if fates.there.is_empty() { "it does not exist" } else { "one more is wanted" };
            let container = self.create(service, *number, None, cause, Words::both("Creating", "Created"))?;
            self.bring_up(service, *number, &container, &[], "");
        }
        Ok(())
    }

    /// The container that was made to take the place of this one, by an `up` that did not come to its end; both run.
    fn successor<'f>(&self, service: &DesiredService, old: &Fate<'a>, all: &'f [Fate<'a>]) -> Option<&'f Fate<'a>> {
        if !matches!(old.verdict, Verdict::Remove { .. }) || !self.is_routed(&service.name) {
            return None;
        }
        all.iter().find(|new| {
            new.verdict == Verdict::Keep
                && new.number == old.number
                && new.container.labels.get(labels::REPLACE) == Some(&old.container.id)
                && new.container.state == State::Running
                && old.container.state == State::Running
        })
    }

    /// Goes on with a replacement that was broken off.
    fn take_over(&mut self, service: &'a DesiredService, fate: &Fate<'a>, old: &'a Container) {
        let name = service.container_name(&self.desired.project, fate.number);
        let target = Target::Existing { id: fate.container.id.clone(), name };
        let mut before = Vec::new();
        self.reconnect(service, fate.container, &target, &mut before);
        let begun: Vec<StepId> = before.into_iter().map(|(step, _)| step).collect();
        let end = self.hand_over(service, &target, &begun, old, &[]);
        self.ready.entry(&service.name).or_default().push(end);
        self.targets.entry(&service.name).or_default().push((fate.number, target));
    }

    /// A container that stays: its name, its networks, its state are put right.
    fn keep(&mut self, service: &'a DesiredService, fate: &Fate<'a>) {
        let container = fate.container;
        let wanted = service.container_name(&self.desired.project, fate.number);
        // One that somebody has given another name keeps it: labels say what it is.
        let is_passing = is_passing(&container.name, &wanted);
        let name = if is_passing { wanted } else { container.name.clone() };
        let mut before = Vec::new();
        if is_passing && !self.options.existing_only {
            let freed = self.removed_by_name(&name);
            let rename = self.plan.add(
                Step {
                    action: Action::Rename { target: existing(container), name: name.clone() },
                    cause: "left over from a replacement".to_owned(),
                    resource: resource(&name),
                    words: Words::both("Renaming", "Renamed"),
                },
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
            if runs(container) {
                self.plan.unchanged.push((resource(&name), "Running"));
            }
            self.ready.entry(&service.name).or_default().extend(before.into_iter().map(|(step, _)| step));
            self.targets.entry(&service.name).or_default().push((fate.number, target));
            return;
        }
        if container.state == State::Paused && stopped.is_none() {
            let step = Step {
                action: Action::Unpause { target: target.clone() },
                cause: "it is paused".to_owned(),
                resource: resource(&name),
                words: Words::both("Unpausing", "Unpaused"),
            };
            let step = self.plan.add(step, before);
            self.ready.entry(&service.name).or_default().push(step);
            self.targets.entry(&service.name).or_default().push((fate.number, target));
            return;
        }
        before.extend(stopped.map(|step| (step, Need::Success)));
        let cause = match container.state {
            State::Exited => "it has ended",
            State::Created => "it was never started",
            _ => "",
        };
        let begun = self.bring_up(service, fate.number, &target, &before, cause);
        if stopped.is_some() && self.is_routed(&service.name) {
            let enter = Step {
                action: Action::Enter { targets: vec![target.clone()], limit: None },
                cause: String::new(),
                resource: resource(target.name()),
                words: Words::SILENT,
            };
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
        fate: &Fate<'a>,
        cause: &str,
    ) -> Result<(Target, Vec<StepId>), PlanError> {
        let old = fate.container;
        let name = service.container_name(&self.desired.project, fate.number);
        if self.removals.contains_key(old.id.as_str()) {
            // That was planned together with the volume that is made anew.
            let new = self.create(service, fate.number, Some(old), cause, Words::both("Recreate", "Recreated"))?;
            let begun = self.bring_up(service, fate.number, &new, &[], "");
            return Ok((new, begun));
        }
        let new = self.create(service, fate.number, Some(old), cause, Words::opening("Recreate"))?;
        let Target::Made { step: created, .. } = &new else { return Ok((new, Vec::new())) };
        let mut needs = if self.options.no_start { Vec::new() } else { self.dependencies(service) };
        needs.push((*created, Need::Success));
        let removed = self.remove(&service.name, old, "", &needs, true);
        let rename = self.plan.add(
            Step {
                action: Action::Rename { target: new.clone(), name: name.clone() },
                cause: String::new(),
                resource: resource(&name),
                words: Words::closing("Recreated"),
            },
            [(removed, Need::Success)],
        );
        let begun = self.bring_up(service, fate.number, &new, &[(rename, Need::Success)], "");
        Ok((new, begun))
    }

    /// Makes a container, under a passing name as long as the one it replaces has not been removed.
    pub(super) fn create(
        &mut self,
        service: &'a DesiredService,
        number: u32,
        replaces: Option<&Container>,
        cause: &str,
        words: Words,
    ) -> Result<Target, PlanError> {
        let name = service.container_name(&self.desired.project, number);
        let mut needs: Vec<StepId> = Vec::new();
        let image_from = self.image_steps.get(service.image.as_str()).copied();
        needs.extend(image_from);
        needs.extend(self.resources(service));
        let shares = self.shares(service)?;
        needs.extend(shares.values().filter_map(|target| match target {
            Target::Made { step, .. } => Some(*step),
            Target::Existing { .. } => None,
        }));
        let gone = replaces.and_then(|old| self.removals.get(old.id.as_str()).copied());
        needs.extend(gone);
        let passing = match replaces {
            Some(old) if gone.is_none() => format!("{}_{name}", old.id.get(..SHORT_ID).unwrap_or(&old.id)),
            _ => name.clone(),
        };
        // One that a replacement has left over may have this very name.
        needs.extend(self.removed_by_name(&passing));
        let mut labels = service.labels.clone();
        labels.insert(labels::NUMBER.to_owned(), number.to_string());
        if let Some(image) = self.observed.image_id(&service.image).filter(|_| image_from.is_none()) {
            labels.insert(labels::IMAGE.to_owned(), image.to_owned());
        }
        let mut spec = ContainerSpec {
            name: passing,
            image: service.image.clone(),
            service: service.service.clone(),
            labels,
            networks: service.networks.iter().map(|attachment| with_name(attachment, &name)).collect(),
            mounts: self.mounts(service, replaces),
            environment: service.environment.clone(),
            ..ContainerSpec::default()
        };
        if let Some(old) = replaces {
            self.remember(service, old, image_from.is_some(), &mut spec);
        }
        let links = references::links(&service.service, &|service| {
            let targets = self.targets.get(service).map_or(&[][..], Vec::as_slice);
            targets.iter().map(|(number, target)| (*number, target.name().to_owned())).collect()
        });
        let step = self.plan.add(
            Step {
                action: Action::Create(Box::new(Create { spec, shares, links, image_from })),
                cause: cause.to_owned(),
                resource: resource(&name),
                words,
            },
            needs.into_iter().map(|step| (step, Need::Success)).chain(self.gate.iter().copied()),
        );
        Ok(Target::Made { step, name })
    }

    /// The steps that make networks and volumes of a service.
    pub(super) fn resources(&self, service: &DesiredService) -> Vec<StepId> {
        let networks = service.networks.iter().map(|attachment| attachment.network.as_str());
        let volumes = service.mounts.iter().filter(|mount| mount.kind == "volume").map(|mount| mount.source.as_str());
        let networks = networks.filter_map(|name| self.network_steps.get(name));
        networks.chain(volumes.filter_map(|name| self.volume_steps.get(name))).copied().collect()
    }

    /// Notes at a container what it takes the place of, and makes it of the version that the old one goes back to.
    fn remember(&mut self, service: &'a DesiredService, old: &Container, new_image: bool, spec: &mut ContainerSpec) {
        if let Some(version) = self.options.versions.get(&old.id) {
            spec.image.clone_from(&version.image_id);
            spec.labels.clone_from(&version.labels);
            spec.mounts.retain(|mount| mount.kind == "volume" && is_anonymous(&mount.source));
            spec.body = Some(Box::new(version.body.clone()));
        }
        spec.labels.insert(labels::REPLACE.to_owned(), old.id.clone());
        let before = if self.options.forget {
            // One that comes back may bring along what it had taken the place of itself.
            Version::in_labels(&spec.labels)
        } else {
            self.observed.details.get(&old.id).and_then(Version::of)
        };
        let Some(version) = before else { return };
        if !self.options.forget {
            let Some(label) = version.label() else { return };
            spec.labels.insert(labels::PREVIOUS.to_owned(), label);
        }
        let other_image = new_image || spec.labels.get(labels::IMAGE) != Some(&version.image_id);
        if other_image && self.kept.insert(&service.name) {
            let name = kept_image(&self.desired.project, &service.name);
            self.plan.add(
                Step {
                    resource: format!("Image {name}"),
                    action: Action::TagImage { image: version.image_id, name },
                    cause: "for `stack rollback`".to_owned(),
                    words: Words::SILENT,
                },
                [],
            );
        }
    }

    /// Containers of the services that this one shares with: the first of each.
    pub(super) fn shares(&self, service: &DesiredService) -> Result<BTreeMap<String, Target>, PlanError> {
        references::parents(&service.service)
            .into_iter()
            .map(|parent| {
                // The first by name, as the config hash takes it.
                let planned = self.targets.get(parent).and_then(|targets| {
                    targets.iter().map(|(_, target)| target.clone()).min_by(|a, b| a.name().cmp(b.name()))
                });
                match planned.or_else(|| self.observed.of_service(parent).next().map(existing)) {
                    Some(target) => Ok((parent.to_owned(), target)),
                    None => Err(PlanError::ParentMissing { service: service.name.clone(), parent: parent.to_owned() }),
                }
            })
            .collect()
    }

    /// Mounts of a new container; anonymous volumes of the one it replaces are carried over.
    fn mounts(&self, service: &DesiredService, replaces: Option<&Container>) -> Vec<Mount> {
        let mut mounts = service.mounts.clone();
        let Some(old) = replaces.filter(|_| !self.options.renew_anonymous_volumes) else { return mounts };
        let image = self.observed.images.get(&service.image).and_then(Option::as_ref);
        for volume in old.mounts.iter().filter(|mount| mount.kind == "volume" && !mount.name.is_empty()) {
            match mounts.iter_mut().find(|mount| mount.target == volume.target) {
                Some(mount) if mount.kind == "volume" && mount.source.is_empty() => {
                    mount.source.clone_from(&volume.name);
                }
                Some(_) => {}
                None if image.is_none_or(|image| image.volumes.contains(&volume.target))
                    && is_anonymous(&volume.name) =>
                {
                    mounts.push(Mount {
                        kind: "volume".to_owned(),
                        source: volume.name.clone(),
                        target: volume.target.clone(),
                        read_only: !volume.writable,
                        ..Mount::default()
                    });
                }
                None => {}
            }
        }
        mounts
    }

    /// Puts files into a container, starts it, runs its hooks; notes it as part of its service. Returns the steps.
    pub(super) fn bring_up(
        &mut self,
        service: &'a DesiredService,
        number: u32,
        target: &Target,
        before: &[(StepId, Need)],
        cause: &str,
    ) -> Vec<StepId> {
        self.targets.entry(&service.name).or_default().push((number, target.clone()));
        if self.options.no_start {
            self.ready.entry(&service.name).or_default().extend(before.iter().map(|(step, _)| *step));
            return Vec::new();
        }
        let mut steps = Vec::new();
        let mut needs = before.to_vec();
        if let Target::Made { step, .. } = target {
            needs.push((*step, Need::Success));
        }
        let silent =
            |action| Step { action, cause: String::new(), resource: resource(target.name()), words: Words::SILENT };
        if !service.files.is_empty() {
            let put = Action::Put { target: target.clone(), files: service.files.clone() };
            let step = self.plan.add(silent(put), needs.clone());
            needs.push((step, Need::Success));
            steps.push(step);
        }
        needs.extend(self.dependencies(service));
        let start = Step {
            action: Action::Start { target: target.clone() },
            cause: cause.to_owned(),
            resource: resource(target.name()),
            words: Words::both("Starting", "Started"),
        };
        let mut last = self.plan.add(start, needs);
        steps.push(last);
        for hook in &service.service.post_start {
            let hook = Action::Hook {
                target: target.clone(),
                service: service.name.clone(),
                hook: Box::new(hook.clone()),
                kind: HookKind::PostStart,
            };
            last = self.plan.add(silent(hook), [(last, Need::Success)]);
            steps.push(last);
        }
        self.ready.entry(&service.name).or_default().push(last);
        steps
    }

    /// What has to be before a container of the service may start.
    pub(super) fn dependencies(&mut self, service: &'a DesiredService) -> Vec<(StepId, Need)> {
        let mut needs = Vec::new();
        for (name, dependency) in &service.service.depends_on {
            let need = if dependency.required { Need::Success } else { Need::End };
            let Some((parent, _)) = self.desired.services.get_key_value(name) else {
                // What a program brings is there once it has ended.
                needs.extend(self.ready.get(name.as_str()).into_iter().flatten().map(|step| (*step, need)));
                continue;
            };
            let until = match dependency.condition {
                Condition::Started => {
                    needs.extend(self.ready.get(parent.as_str()).into_iter().flatten().map(|step| (*step, need)));
                    continue;
                }
                Condition::Healthy => Until::Healthy,
                Condition::CompletedSuccessfully => Until::Completed,
            };
            needs.extend(self.wait(parent, until).map(|step| (step, need)));
        }
        needs
    }

    fn wait(&mut self, service: &'a str, until: Until) -> Option<StepId> {
        if let Some(step) = self.waits.get(&(service, until)) {
            return Some(*step);
        }
        let targets: Vec<Target> = self.targets.get(service)?.iter().map(|(_, target)| target.clone()).collect();
        let single = matches!(targets.as_slice(), [_]);
        let name = targets.first().filter(|_| single).map_or(service, Target::name).to_owned();
        let needs = self.ready.get(service).cloned().unwrap_or_default();
        let limit = match until {
            Until::RunningOrHealthy | Until::RunningOrCompleted => self.options.wait_timeout,
            Until::Healthy | Until::Completed => None,
        };
        let step = Step {
            action: Action::Wait { service: service.to_owned(), targets, until, limit },
            cause: String::new(),
            resource: resource(&name),
            words: Words::both("Waiting", if until == Until::Completed { "Exited" } else { "Healthy" }),
        };
        let id = self.plan.add(step, needs.into_iter().map(|step| (step, Need::Success)));
        self.waits.insert((service, until), id);
        Some(id)
    }

    /// `--wait`: every service has to get there.
    pub(super) fn final_waits(&mut self) {
        if !self.options.wait || self.options.no_start {
            return;
        }
        let completes = |name: &str| {
            self.desired.services.values().any(|other| {
                other
                    .service
                    .depends_on
                    .get(name)
                    .is_some_and(|dependency| dependency.condition == Condition::CompletedSuccessfully)
            })
        };
        let waits: Vec<_> = self
            .desired
            .order()
            .into_iter()
            .map(|name| (name, if completes(name) { Until::RunningOrCompleted } else { Until::RunningOrHealthy }))
            .collect();
        for (name, until) in waits {
            self.wait(name, until);
        }
    }

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
        if !runs(container) {
            return None;
        }
        let mut needs = needs.to_vec();
        if self.is_routed(service) && container.state == State::Running {
            let limit = self.drains.get(container.id.as_str()).copied().unwrap_or(rollout::SHORT_DRAIN);
            let leave = Step {
                action: Action::Leave { targets: vec![existing(container)], limit },
                cause: String::new(),
                resource: resource(&container.name),
                words: Words::SILENT,
            };
            needs = vec![(self.plan.add(leave, needs), Need::Success)];
        }
        let desired = self.desired;
        if let Some(service) = desired.services.get(service).filter(|_| container.state == State::Running) {
            for hook in &service.service.pre_stop {
                let hook = Action::Hook {
                    target: existing(container),
                    service: service.name.clone(),
                    hook: Box::new(hook.clone()),
                    kind: HookKind::PreStop,
                };
                let step = Step {
                    action: hook,
                    cause: String::new(),
                    resource: resource(&container.name),
                    words: Words::SILENT,
                };
                needs = vec![(self.plan.add(step, needs), Need::Success)];
            }
        }
        let stop = Step {
            action: Action::Stop { target: existing(container), grace: self.options.timeout },
            cause: cause.to_owned(),
            resource: resource(&container.name),
            words: Words::both("Stopping", "Stopped"),
        };
        let step = self.plan.add(stop, needs);
        self.stops.insert(&container.id, step);
        Some(step)
    }

    /// Stops and removes a container (once). With `replaced` it makes room for a new one: shown as part of that, and
    /// services that asked to be restarted with it are stopped before.
    pub(super) fn remove(
        &mut self,
        service: &str,
        container: &'a Container,
        cause: &str,
        needs: &[(StepId, Need)],
        replaced: bool,
    ) -> StepId {
        if let Some(step) = self.removals.get(container.id.as_str()) {
            return *step;
        }
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
        let remove = Step {
            action: Action::Remove { target: existing(container), volumes: false },
            cause: if stop.is_none() { cause.to_owned() } else { String::new() },
            resource: resource(&container.name),
            words: if replaced { Words::SILENT } else { Words::both("Removing", "Removed") },
        };
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
    fn removed_by_name(&self, name: &str) -> Option<StepId> {
        let holder = self.observed.containers.iter().find(|container| container.name == name)?;
        self.removals.get(holder.id.as_str()).copied()
    }
}

/// Whether a name is the one that a new container has while the old one of this name is still there.
fn is_passing(found: &str, name: &str) -> bool {
    let id = found.strip_suffix(name).and_then(|rest| rest.strip_suffix('_'));
    id.is_some_and(|id| id.len() == SHORT_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Volumes without a name get 64 hexadecimal digits from the engine.
pub(super) fn is_anonymous(volume: &str) -> bool {
    volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An attachment with the container's own name among its aliases.
fn with_name(attachment: &Attachment, name: &str) -> Attachment {
    let mut attachment = attachment.clone();
    if !attachment.aliases.iter().any(|alias| alias == name) {
        attachment.aliases.insert(0, name.to_owned());
    }
    attachment
}
