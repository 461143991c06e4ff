//! Networks and volumes.

use std::collections::BTreeMap;

use super::decide::{ContainerDecision, Decision};
use super::stop::Removal;
use super::{PlanError, Planner, Recreate};
use crate::backend::{Container, Labels};
use crate::labels;
use crate::reconcile::action::{Action, Target};
use crate::reconcile::desired::{Desired, references};
use crate::reconcile::observed::Observed;
use crate::reconcile::plan::{Need, Step, StepId, Words};

/// Keys and engine names of the project's volumes whose definition has changed: made anew, they lose their data.
pub fn changed_volumes(desired: &Desired, observed: &Observed) -> Vec<(String, String)> {
    let own = desired.volumes.iter().filter(|(_, volume)| !volume.external);
    own.filter_map(|(key, volume)| {
        let name = &volume.spec.volume.name;
        let found = observed.volumes.get(name)?;
        differs(&desired.project, &found.labels, &volume.spec.labels).then(|| (key.clone(), name.clone()))
    })
    .collect()
}

fn is_ours(project: &str, found: &Labels) -> bool {
    found.get(labels::PROJECT).is_some_and(|owner| owner == project)
}

/// It is the project's and was made from another definition. Objects without a hash are as old as Docker Compose before
/// 2.30 and prove nothing.
fn differs(project: &str, found: &Labels, wanted: &Labels) -> bool {
    is_ours(project, found)
        && found.get(labels::CONFIG_HASH).is_some_and(|hash| Some(hash) != wanted.get(labels::CONFIG_HASH))
}

impl<'a> Planner<'a> {
    /// Finds the networks and volumes whose definition has changed and that are made anew.
    pub(super) fn find_remade(&mut self) {
        // Containers have to be stopped, or go with them; where none may be replaced, they stay.
        if self.options.existing_only || self.options.recreate == Recreate::Never {
            return;
        }
        let desired = self.desired;
        for network in desired.networks.values().filter(|network| !network.external) {
            let name = &network.spec.network.name;
            if self.observed.networks.get(name).is_some_and(|found| self.differs(&found.labels, &network.spec.labels)) {
                self.remade_networks.insert(name);
            }
        }
        for (key, volume) in desired.volumes.iter().filter(|(_, volume)| !volume.external) {
            let name = &volume.spec.volume.name;
            if self.options.recreate_volumes.contains(key)
                && self.observed.volumes.get(name).is_some_and(|found| self.differs(&found.labels, &volume.spec.labels))
            {
                self.remade_volumes.insert(name);
            }
        }
    }

    fn differs(&self, found: &Labels, wanted: &Labels) -> bool {
        differs(&self.desired.project, found, wanted)
    }

    fn is_ours(&self, found: &Labels) -> bool {
        is_ours(&self.desired.project, found)
    }

    /// Makes what is missing, and anew what has changed.
    pub(super) fn networks(&mut self) -> Result<(), PlanError> {
        let desired = self.desired;
        for network in desired.networks.values() {
            let name = network.spec.network.name.as_str();
            let found = self.observed.networks.get(name);
            match found {
                // The networks of the engine itself are always there.
                None if network.external => {
                    return Err(PlanError::ExternalMissing { kind: "network", name: name.to_owned() });
                }
                None if self.options.existing_only => {}
                Some(found) if !network.external && !self.is_ours(&found.labels) => {
                    self.plan.notices.push(format!(
                        "a network with name `{name}` exists but was not created for project `{}`; it is used as it \
                         is; `external: true` says that this is meant",
                        desired.project
                    ));
                }
                Some(found) if self.remade_networks.contains(name) => {
                    let needs = self.leave(name);
                    let removed = self.plan.add(
                        Step {
                            action: Action::RemoveNetwork {
                                id: found.id.clone(),
                                name: name.to_owned(),
                                may_stay: false,
                            },
                            cause: "its definition has changed".to_owned(),
                            resource: format!("Network {name}"),
                            words: Words::both("Removing", "Removed"),
                        },
                        needs,
                    );
                    self.create_network(network.spec.clone(), name, &[removed]);
                }
                Some(_) => {}
                None => self.create_network(network.spec.clone(), name, &[]),
            }
        }
        Ok(())
    }

    fn create_network(&mut self, spec: crate::backend::NetworkSpec, name: &'a str, after: &[StepId]) {
        let step = Step {
            action: Action::CreateNetwork(Box::new(spec)),
            cause: if after.is_empty() { "it does not exist".to_owned() } else { String::new() },
            resource: format!("Network {name}"),
            words: Words::both("Creating", "Created"),
        };
        let id = self.plan.add(step, after.iter().map(|step| (*step, Need::Success)));
        self.network_steps.insert(name, id);
    }

    /// Makes what is missing, and anew what has changed and may be lost.
    pub(super) fn volumes(&mut self) -> Result<(), PlanError> {
        let desired = self.desired;
        for (key, volume) in &desired.volumes {
            let name = volume.spec.volume.name.as_str();
            match self.observed.volumes.get(name) {
                None if volume.external => {
                    return Err(PlanError::ExternalMissing { kind: "volume", name: name.to_owned() });
                }
                None if self.options.existing_only => {}
                None => self.create_volume(volume.spec.clone(), name, &[]),
                Some(_) if volume.external => {}
                Some(found) if !self.is_ours(&found.labels) => {
                    self.plan.notices.push(format!(
                        "volume `{name}` already exists but was not created for project `{}`; it is used as it is; \
                         `external: true` says that this is meant",
                        desired.project
                    ));
                }
                Some(_) if self.remade_volumes.contains(name) => {
                    let needs = self.clear(name);
                    let removed = self.plan.add(
                        Step {
                            action: Action::RemoveVolume { name: name.to_owned(), may_stay: false },
                            cause: "its definition has changed, and its data may be lost".to_owned(),
                            resource: format!("Volume {name}"),
                            words: Words::both("Removing", "Removed"),
                        },
                        needs,
                    );
                    self.create_volume(volume.spec.clone(), name, &[removed]);
                }
                Some(found) if self.differs(&found.labels, &volume.spec.labels) => {
                    self.plan.notices.push(format!(
                        "volume `{name}` exists, but its definition under `volumes.{key}` has changed; it is kept as \
                         it is, because a new one would lose the data"
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn create_volume(&mut self, spec: crate::backend::VolumeSpec, name: &'a str, after: &[StepId]) {
        let step = Step {
            action: Action::CreateVolume(Box::new(spec)),
            cause: if after.is_empty() { "it does not exist".to_owned() } else { String::new() },
            resource: format!("Volume {name}"),
            words: Words::both("Creating", "Created"),
        };
        let id = self.plan.add(step, after.iter().map(|step| (*step, Need::Success)));
        self.volume_steps.insert(name, id);
    }

    /// Stops the containers that stand in the way of a network that is made anew, dependents first, and takes them out of
    /// it. They stay: if the network cannot be made, nothing of theirs is lost.
    fn leave(&mut self, network: &str) -> Vec<(StepId, Need)> {
        let mut order = self.desired.order();
        order.reverse();
        let mut users = self.users(|container| container.networks.contains_key(network));
        users.sort_by_key(|(service, _)| order.iter().position(|name| name == service));
        let mut stops: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
        let mut steps = Vec::new();
        for (service, decided) in users {
            let container = decided.container;
            let kept = (decided.decision == Decision::Keep).then(|| self.pause(service, container)).flatten();
            let cause = kept.as_deref().unwrap_or(decided.cause());
            let mut needs = Vec::new();
            if kept.is_some() && container.state.has_process() {
                needs = self.stop_dependents(service, "stopped", &[]);
                needs.extend(self.stop_borrowers(service));
            }
            let depends = |name: &&str| {
                self.desired.services.get(*name).is_some_and(|other| other.service.depends_on.contains_key(service))
            };
            let before = stops.iter().filter(|(name, _)| depends(name)).flat_map(|(_, steps)| steps);
            needs.extend(before.map(|step| (*step, Need::Success)));
            let stop = self.stop(service, container, cause, &needs);
            stops.entry(service).or_default().extend(stop);
            let leave = Step::of_container(
                &container.name,
                Action::Disconnect { target: Target::from(container), network: network.to_owned() },
                Words::SILENT,
            )
            .because(if stop.is_none() { cause.to_owned() } else { String::new() });
            steps.push((self.plan.add(leave, stop.map(|step| (step, Need::Success))), Need::Success));
        }
        steps
    }

    /// Stops running containers that stay and are in namespaces of containers of a service.
    fn stop_borrowers(&mut self, service: &str) -> Vec<(StepId, Need)> {
        let borrows = |name: &str| {
            let other = self.desired.services.get(name);
            other.is_some_and(|other| references::lenders(&other.service).contains(service))
        };
        let all = self.decisions.iter().filter(|(name, _)| borrows(name));
        let kept: Vec<(&'a str, &'a Container)> = all
            .flat_map(|(name, decisions)| decisions.there.iter().map(|decided| (*name, decided)))
            .filter(|(_, decided)| decided.decision == Decision::Keep)
            .map(|(name, decided)| (name, decided.container))
            .collect();
        let cause = format!("it shares with `{service}`, which is stopped");
        let steps = kept.into_iter().filter_map(|(name, container)| self.stop(name, container, &cause, &[]));
        steps.map(|step| (step, Need::Success)).collect()
    }

    /// Stops and removes the containers that stand in the way of a volume that is made anew.
    fn clear(&mut self, volume: &str) -> Vec<(StepId, Need)> {
        self.users(|container| container.mounts.iter().any(|mount| mount.name == volume))
            .into_iter()
            .map(|(service, decided)| {
                (self.remove(service, decided.container, decided.cause(), &[], Removal::Surplus), Need::Success)
            })
            .collect()
    }

    /// The containers that use something, with their services.
    fn users(&self, uses: impl Fn(&Container) -> bool) -> Vec<(&'a str, ContainerDecision<'a>)> {
        let all = self
            .decisions
            .iter()
            .flat_map(|(service, decisions)| decisions.there.iter().map(|decided| (*service, decided)));
        all.filter(|(_, decided)| uses(decided.container))
            .map(|(service, decided)| (service, decided.clone()))
            .collect()
    }
}
