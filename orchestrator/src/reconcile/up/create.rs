//! A container as it is to be made: its name, its networks and mounts, what it shares, what it takes the place of.

use std::collections::BTreeMap;

use compose_schema::model::Mount;

use super::{PlanError, Planner};
use crate::backend::{Attachment, Container, ContainerSpec};
use crate::labels;
use crate::reconcile::action::{Action, Create, Target};
use crate::reconcile::desired::{DesiredService, references};
use crate::reconcile::plan::{Need, Step, StepId, Words};
use crate::reconcile::version::{Version, kept_image};

/// Digits of an id in the name that a new container has while the old one is still there.
const SHORT_ID: usize = 12;

impl<'a> Planner<'a> {
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
            Step::of_container(&name, Action::Create(Box::new(Create { spec, shares, links, image_from })), words)
                .because(cause),
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
                match planned.or_else(|| self.observed.of_service(parent).next().map(Target::from)) {
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
}

/// Whether a name is the one that a new container has while the old one of this name is still there.
pub(super) fn is_passing(found: &str, name: &str) -> bool {
    let id = found.strip_suffix(name).and_then(|rest| rest.strip_suffix('_'));
    id.is_some_and(|id| id.len() == SHORT_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Volumes without a name get 64 hexadecimal digits from the engine.
pub(super) fn is_anonymous(volume: &str) -> bool {
    volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An attachment with the container's own name among its aliases.
pub(super) fn with_name(attachment: &Attachment, name: &str) -> Attachment {
    let mut attachment = attachment.clone();
    if !attachment.aliases.iter().any(|alias| alias == name) {
        attachment.aliases.insert(0, name.to_owned());
    }
    attachment
}
