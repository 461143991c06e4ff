//! What becomes of each container that is there.

use std::collections::{BTreeMap, BTreeSet};

use compose_schema::model::Condition;

use super::{Planner, Recreate, UpOptions, explain};
use crate::backend::{Container, State};
use crate::labels;
use crate::reconcile::desired::{Desired, DesiredService, references};
use crate::reconcile::observed::{Observed, number_of};

/// What becomes of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// It stays.
    Keep,
    /// A new one takes its place.
    Replace {
        /// Why.
        cause: String,
        /// Never two at once: what both would use is made anew in between.
        stop_first: bool,
    },
    /// It goes.
    Remove {
        /// Why.
        cause: String,
    },
}

/// A container with its decision and the number it has, or gets.
#[derive(Debug, Clone)]
pub(super) struct ContainerDecision<'a> {
    pub(super) container: &'a Container,
    pub(super) number: u32,
    pub(super) decision: Decision,
}

impl ContainerDecision<'_> {
    /// Why it does not stay; empty for one that does.
    pub(super) fn cause(&self) -> &str {
        match &self.decision {
            Decision::Replace { cause, .. } | Decision::Remove { cause } => cause,
            Decision::Keep => "",
        }
    }
}

/// All containers of a service.
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceDecisions<'a> {
    pub(super) there: Vec<ContainerDecision<'a>>,
    /// Numbers of containers that are missing.
    pub(super) missing: Vec<u32>,
}

impl ServiceDecisions<'_> {
    /// Some container is made.
    pub(super) fn makes(&self) -> bool {
        !self.missing.is_empty() || self.replaces()
    }

    /// Some container is replaced.
    pub(super) fn replaces(&self) -> bool {
        self.there.iter().any(|decided| matches!(decided.decision, Decision::Replace { .. }))
    }
}

/// Ids of the containers that are replaced, and have to be inspected: to say why, and to be able to go back.
pub(super) fn worth_inspecting(desired: &Desired, observed: &Observed, options: &UpOptions) -> BTreeSet<String> {
    let mut planner = Planner::new(desired, observed, options);
    planner.decide_all();
    let all = planner.decisions.values().flat_map(|decisions| &decisions.there);
    all.filter(|decided| matches!(decided.decision, Decision::Replace { .. }))
        .filter(|decided| !observed.details.contains_key(&decided.container.id))
        .map(|decided| decided.container.id.clone())
        .collect()
}

impl<'a> Planner<'a> {
    /// Decides on all containers, services in dependency order.
    pub(super) fn decide_all(&mut self) {
        self.find_remade();
        for name in self.desired.order() {
            let Some(service) = self.desired.services.get(name) else { continue };
            let decisions = self.decide_service(service);
            self.decisions.insert(name, decisions);
        }
        self.find_starting();
    }

    fn decide_service(&self, service: &'a DesiredService) -> ServiceDecisions<'a> {
        let mut there: Vec<ContainerDecision<'a>> = self
            .observed
            .of_service(&service.name)
            .filter(|container| container.state != State::Removing)
            .map(|container| ContainerDecision {
                container,
                number: number_of(container),
                decision: self.decide(service, container),
            })
            .collect();
        self.remove_surplus(service, &mut there);
        let kept: Vec<u32> = there
            .iter()
            .filter(|decided| !matches!(decided.decision, Decision::Remove { .. }))
            .map(|decided| decided.number)
            .collect();
        let count = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        let missing = if self.options.existing_only { 0 } else { service.replicas.saturating_sub(count) };
        let last = kept.iter().copied().max().unwrap_or(0);
        ServiceDecisions { there, missing: (last.saturating_add(1)..).take(missing as usize).collect() }
    }

    /// Two containers of one number are left behind by an `up` that was killed in the middle of a replacement: the
    /// better one stays. Of too many, those go first that would be replaced anyway, then the highest numbers.
    fn remove_surplus(&self, service: &DesiredService, there: &mut [ContainerDecision<'a>]) {
        if self.options.existing_only {
            return;
        }
        let project = &self.desired.project;
        there.sort_by_key(|decided| {
            let container = decided.container;
            (
                decided.number == 0,
                decided.number,
                decided.decision != Decision::Keep,
                container.state != State::Running,
                container.name != service.container_name(project, decided.number),
                std::cmp::Reverse(container.created),
            )
        });
        let mut seen = BTreeSet::new();
        for decided in there.iter_mut() {
            if !seen.insert(decided.number) || decided.number == 0 {
                decided.decision = Decision::Remove { cause: "left over from a replacement".to_owned() };
            }
        }
        let mut kept: Vec<&mut ContainerDecision<'_>> =
            there.iter_mut().filter(|decided| !matches!(decided.decision, Decision::Remove { .. })).collect();
        kept.sort_by_key(|decided| (decided.decision != Decision::Keep, decided.number));
        for decided in kept.into_iter().skip(service.replicas as usize) {
            decided.decision = Decision::Remove { cause: format!("scaled to {}", service.replicas) };
        }
        there.sort_by_key(|decided| decided.number);
    }

    fn decide(&self, service: &'a DesiredService, container: &'a Container) -> Decision {
        if self.options.existing_only {
            return Decision::Keep;
        }
        let (network, volume) = self.remade_of(service);
        let stop_first = network.or(volume).is_some();
        let replace = |cause: String| Decision::Replace { cause, stop_first };
        if let Some(version) = self.options.versions.get(&container.id) {
            return replace(format!("back to the version before, with image `{}`", version.image));
        }
        if !self.options.versions.is_empty() {
            return Decision::Keep;
        }
        if container.state == State::Dead {
            return replace("the container is dead".to_owned());
        }
        match self.recreate(&service.name) {
            Recreate::Never => return Decision::Keep,
            Recreate::Force => return replace("asked for".to_owned()),
            Recreate::Diverged => {}
        }
        if let Some(name) = volume {
            return replace(format!("`{name}` is made anew"));
        }
        for parent in references::parents(&service.service) {
            if self.decisions.get(parent).is_some_and(ServiceDecisions::makes) {
                return replace(format!("it shares with `{parent}`, which gets a new container"));
            }
        }
        match self.difference(service, container) {
            Some(cause) => replace(cause),
            None => Decision::Keep,
        }
    }

    /// A network, and a volume, of the service that are made anew.
    fn remade_of(&self, service: &'a DesiredService) -> (Option<&'a str>, Option<&'a str>) {
        let mut networks = service.networks.iter().map(|attachment| attachment.network.as_str());
        let volumes = service.mounts.iter().filter(|mount| mount.kind == "volume").map(|mount| mount.source.as_str());
        (
            networks.find(|name| self.remade_networks.contains(name)),
            volumes.into_iter().find(|name| self.remade_volumes.contains(name)),
        )
    }

    /// Why a container that stays is stopped meanwhile: a network that it is in is made anew, or a namespace that it
    /// shares ends with the container that it is of.
    pub(super) fn pause(&self, service: &str, container: &Container) -> Option<String> {
        if let Some(network) = container.networks.keys().find(|name| self.remade_networks.contains(name.as_str())) {
            return Some(format!("`{network}` is made anew"));
        }
        let lenders = references::lenders(&self.desired.services.get(service)?.service);
        let lender = lenders.into_iter().find(|lender| self.pauses(lender))?;
        Some(format!("it shares with `{lender}`, which is stopped"))
    }

    /// Some running container of a service stays, but is stopped meanwhile.
    fn pauses(&self, service: &str) -> bool {
        let there = self.decisions.get(service).into_iter().flat_map(|decisions| &decisions.there);
        let mut kept =
            there.filter(|decided| decided.decision == Decision::Keep && decided.container.state.has_process());
        kept.any(|decided| self.pause(service, decided.container).is_some())
    }

    /// Why a container is not what it should be.
    fn difference(&self, service: &'a DesiredService, container: &'a Container) -> Option<String> {
        let label = |name: &str| container.labels.get(name).map_or("", String::as_str);
        if label(labels::CONFIG_HASH) != self.config_hash(service) {
            return Some(explain::explain(self.observed, service, container));
        }
        if let Some(image) = self.observed.image_id(&service.image)
            && label(labels::IMAGE) != image
        {
            return Some(format!("image `{}` has changed", service.image));
        }
        if container.labels.contains_key(labels::STACK_FILES)
            && container.labels.get(labels::STACK_FILES) != service.labels.get(labels::STACK_FILES)
        {
            return Some("the content of a secret or config has changed".to_owned());
        }
        let mounted: BTreeSet<&str> = container.mounts.iter().map(|mount| mount.name.as_str()).collect();
        let unmounted = service.mounts.iter().find(|mount| {
            mount.kind == "volume" && !mount.source.is_empty() && !mounted.contains(mount.source.as_str())
        });
        unmounted.map(|mount| format!("volume `{}` is not mounted", mount.source))
    }

    /// The hash with the ids of the containers that are there.
    fn config_hash(&self, service: &DesiredService) -> String {
        let ids: BTreeMap<String, String> = references::parents(&service.service)
            .into_iter()
            .filter_map(|parent| {
                // Docker Compose takes the first by name.
                let first = self.observed.of_service(parent).next()?;
                Some((parent.to_owned(), first.id.clone()))
            })
            .collect();
        references::config_hash(&service.service, &ids)
    }

    /// Services some container of which is started by the plan: dependents before those they depend on, because a
    /// completed one-shot runs again only for someone who is about to start.
    fn find_starting(&mut self) {
        let mut order = self.desired.order();
        order.reverse();
        for name in order {
            let (Some(service), Some(decisions)) = (self.desired.services.get(name), self.decisions.get(name)) else {
                continue;
            };
            let restarted = service.service.depends_on.iter().any(|(parent, dependency)| {
                let replaced = || self.decisions.get(parent.as_str()).is_some_and(ServiceDecisions::replaces);
                dependency.restart && (replaced() || self.pauses(parent))
            });
            let idle = decisions.there.iter().any(|decided| match decided.decision {
                Decision::Keep => match decided.container.state {
                    State::Running | State::Restarting => false,
                    State::Exited => !self.is_completed(name, decided.container),
                    _ => true,
                },
                Decision::Replace { .. } | Decision::Remove { .. } => false,
            });
            if restarted || idle || decisions.makes() || self.pauses(name) {
                self.starting.insert(name);
            }
        }
    }

    /// A one-shot that has done its work, and that nobody needs again: it ended well, services wait for its
    /// completion, and none of them is about to start.
    pub(super) fn is_completed(&self, service: &str, container: &Container) -> bool {
        let mut waiting = self.desired.services.values().filter(|other| {
            other
                .service
                .depends_on
                .get(service)
                .is_some_and(|dependency| dependency.condition == Condition::CompletedSuccessfully)
        });
        let first = waiting.next();
        container.status.starts_with("Exited (0)")
            && first.is_some()
            && first.into_iter().chain(waiting).all(|other| !self.starting.contains(other.name.as_str()))
    }
}
