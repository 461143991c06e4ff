//! What a failed plan leaves of the services whose containers it was replacing, and the way back.

use std::collections::{BTreeMap, BTreeSet};

use super::UpOptions;
use super::rollout::update_config;
use crate::backend::Container;
use crate::labels;
use crate::reconcile::action::Action;
use crate::reconcile::desired::Desired;
use crate::reconcile::execute::Outcome;
use crate::reconcile::observed::Observed;
use crate::reconcile::plan::Plan;
use crate::reconcile::version::Version;

/// A service some of whose containers were to be replaced, at least one of them in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenOff {
    /// The service.
    pub service: String,
    /// Containers that are of the new version.
    pub new: Vec<String>,
    /// Containers that have not been replaced.
    pub old: Vec<String>,
    /// All of them shall be of the version before (`failure_action: rollback`).
    pub goes_back: bool,
    /// Ids of the containers that were made, whatever has become of them.
    made: BTreeSet<String>,
    /// By id of the containers that were there: the label with what each had taken the place of.
    previous: BTreeMap<String, String>,
}

impl BrokenOff {
    /// How it stands, where the versions differ.
    #[must_use]
    pub fn state(&self) -> Option<String> {
        let differ = !self.new.is_empty() && !self.old.is_empty();
        let Self { service, new, old, .. } = self;
        differ.then(|| format!("  service `{service}`: {} new, {} as before", new.join(", "), old.join(", ")))
    }
}

/// Services whose replacement did not come to its end; `observed` is what the plan started from.
#[must_use]
pub fn broken_off(desired: &Desired, observed: &Observed, plan: &Plan, outcome: &Outcome) -> Vec<BrokenOff> {
    let open: BTreeSet<&str> = plan
        .steps()
        .filter(|(id, step)| step.action.changes() && !plan.is_rescue(*id) && !outcome.done.contains(id))
        .map(|(_, step)| step.resource.as_str())
        .collect();
    let failed: BTreeSet<&str> =
        outcome.failures.iter().filter_map(|(id, _)| Some(plan.step(*id)?.resource.as_str())).collect();
    let mut found: BTreeMap<&str, (BrokenOff, bool)> = BTreeMap::new();
    for (id, step) in plan.steps() {
        let Action::Create(create) = &step.action else { continue };
        let labels = &create.spec.labels;
        let service = labels.get(labels::SERVICE).and_then(|name| desired.services.get(name));
        let Some(service) = service.filter(|_| labels.contains_key(labels::REPLACE)) else { continue };
        let (broken, fails) = found.entry(&service.name).or_insert_with(|| {
            let goes_back = update_config(service).is_some_and(|config| config.failure_action == "rollback");
            let previous =
                |container: &Container| Some((container.id.clone(), container.labels.get(labels::PREVIOUS)?.clone()));
            let broken = BrokenOff {
                service: service.name.clone(),
                new: Vec::new(),
                old: Vec::new(),
                goes_back,
                made: BTreeSet::new(),
                previous: observed.of_service(&service.name).filter_map(previous).collect(),
            };
            (broken, false)
        });
        let resource = step.resource.as_str();
        *fails |= failed.contains(resource);
        broken.made.extend(outcome.made.get(&id).cloned());
        let container = resource.strip_prefix("Container ").unwrap_or(resource).to_owned();
        if open.contains(resource) { broken.old.push(container) } else { broken.new.push(container) }
    }
    found.into_values().filter(|(_, fails)| *fails).map(|(broken, _)| broken).collect()
}

/// What has to be planned so that the containers that were made are replaced by what they took the place of: only their
/// service, and how. None where none of them is left, or can be.
#[must_use]
pub fn way_back(
    broken: &BrokenOff,
    desired: &Desired,
    observed: &Observed,
    options: &UpOptions,
) -> Option<(Desired, UpOptions)> {
    let made = observed.containers.iter().filter(|container| broken.made.contains(&container.id));
    let as_it_was = |container: &Container| {
        let mut version = Version::before(container)?;
        // What `stack rollback` would have led to before is what it leads to again.
        if let Some(label) = container.labels.get(labels::REPLACE).and_then(|old| broken.previous.get(old)) {
            version.labels.insert(labels::PREVIOUS.to_owned(), label.clone());
        }
        Some((container.id.clone(), version))
    };
    let versions: BTreeMap<_, _> = made.filter_map(as_it_was).collect();
    if versions.is_empty() {
        return None;
    }
    let mut only = desired.clone();
    only.services.retain(|name, _| *name == broken.service);
    let options = UpOptions {
        versions,
        routed: options.routed.clone(),
        timeout: options.timeout,
        // A version that has failed is none to return to.
        forget: true,
        ignore_orphans: true,
        ..UpOptions::default()
    };
    Some((only, options))
}
