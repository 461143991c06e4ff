//! `pull` and `build`: images alone, whatever containers there are.

use std::collections::BTreeSet;

use super::PullPolicy;
use super::images::{ImageSteps, Source, bring, step};
use crate::reconcile::desired::{Desired, DesiredService};
use crate::reconcile::observed::Observed;
use crate::reconcile::plan::Plan;

/// What `pull` does.
#[derive(Debug, Clone, Default)]
pub struct Pulls {
    /// Images that can come from nowhere else.
    pub needed: Plan,
    /// Images that can be built as well.
    pub optional: Plan,
    /// Services that those belong to.
    pub buildable: BTreeSet<String>,
}

/// Pulls the image of every service, each once. `missing`: only those that are not here; `skip_buildable`: none that
/// could be built.
pub fn pulls(desired: &Desired, observed: &Observed, missing: bool, skip_buildable: bool) -> Pulls {
    let mut pulls = Pulls::default();
    let mut seen = BTreeSet::new();
    // An image that somebody needs is needed, whoever else could build it.
    let (needed, optional): (Vec<_>, Vec<_>) = desired.services.values().partition(|service| service.build.is_none());
    for service in needed.into_iter().chain(optional) {
        let policy = PullPolicy::parse(&service.service.pull_policy);
        let nowhere = service.service.image.is_empty()
            || matches!(policy, Some(PullPolicy::Never | PullPolicy::Build))
            || (skip_buildable && service.build.is_some());
        let plan = if service.build.is_none() { &mut pulls.needed } else { &mut pulls.optional };
        let here = missing && observed.image_id(&service.image).is_some();
        if nowhere || here {
            plan.unchanged.push((resource(service), if here { "Present" } else { "Skipped" }));
        } else if seen.insert(&service.image)
            && let Some(step) = step(service, Source::Pull { cause: "", or_build: false })
        {
            plan.add(step, []);
            if service.build.is_some() {
                pulls.buildable.insert(service.name.clone());
            }
        }
    }
    pulls
}

fn resource(service: &DesiredService) -> String {
    format!("Image {}", service.image)
}

/// Builds every image that has a `build` section, each once.
pub fn builds(desired: &Desired) -> Plan {
    let mut plan = Plan::default();
    let mut steps = ImageSteps::new();
    for service in desired.services.values().filter(|service| service.build.is_some()) {
        bring(&mut plan, &mut steps, desired, service, Source::Build(""), &|_| Source::Build(""));
    }
    plan
}
