//! `pull` and `build`: images alone, whatever containers there are.

use std::collections::BTreeSet;

use super::images::{Building, ImageSteps, Source, bring, check_contexts, step};
use super::{PlanError, PullPolicy};
use crate::backend::reference::Reference;
use crate::reconcile::desired::{Desired, DesiredService};
use crate::reconcile::observed::Observed;
use crate::reconcile::plan::Plan;

/// Pulls the image of every service, each once. `policy` counts in place of each service's own; `skip_buildable`: none
/// that could be built.
pub fn pulls(desired: &Desired, observed: &Observed, policy: Option<PullPolicy>, skip_buildable: bool) -> Plan {
    let mut plan = Plan::default();
    let mut seen = BTreeSet::new();
    // An image that somebody cannot build is asked for by them, whoever else could build it.
    let (needed, buildable): (Vec<_>, Vec<_>) = desired.services.values().partition(|service| service.build.is_none());
    for service in needed.into_iter().chain(buildable) {
        let left_out = if service.service.image.is_empty() {
            Some("Skipped")
        } else {
            match policy.or_else(|| own_policy(service)) {
                Some(PullPolicy::Never | PullPolicy::Build) => Some("Skipped"),
                Some(PullPolicy::Missing) if is_settled(observed, &service.image) => Some("Present"),
                _ if skip_buildable && service.build.is_some() => Some("Skipped"),
                _ => None,
            }
        };
        if let Some(word) = left_out {
            plan.unchanged.push((format!("Image {}", service.image), word));
        } else if seen.insert(&service.image)
            && let Some(step) = step(service, Source::Pull { cause: "", building: Building::No })
        {
            plan.add(step, []);
        }
    }
    plan
}

/// The policy that a service has written down: without one its image is pulled.
fn own_policy(service: &DesiredService) -> Option<PullPolicy> {
    let word = &service.service.pull_policy;
    PullPolicy::parse(word).filter(|_| !word.is_empty())
}

/// Whether an image is here and will not have become another one: of `latest` nobody knows.
fn is_settled(observed: &Observed, image: &str) -> bool {
    observed.image_id(image).is_some() && !Reference::parse(image).is_some_and(|name| name.is_latest())
}

/// The images of which `pull` has to know whether they are here.
pub fn images_to_pull_if_missing(desired: &Desired, policy: Option<PullPolicy>) -> BTreeSet<String> {
    let missing = |service: &&DesiredService| policy.or_else(|| own_policy(service)) == Some(PullPolicy::Missing);
    desired.services.values().filter(missing).map(|service| service.image.clone()).collect()
}

/// Builds every image that has a `build` section, each once.
///
/// # Errors
/// A build of nothing.
pub fn builds(desired: &Desired) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    let mut steps = ImageSteps::new();
    for service in desired.services.values().filter(|service| service.build.is_some()) {
        bring(&mut plan, &mut steps, desired, service, Source::Build(""), &|_| Source::Build(""));
    }
    check_contexts(&plan)?;
    Ok(plan)
}
