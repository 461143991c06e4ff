//! `down`, `stop`, `restart`, `rm`: plans over what is there. They work from labels alone; with the files at hand they
//! know the hooks too.

mod dependencies;
mod down;
mod restart;
mod start;
mod stop;

use std::collections::BTreeSet;

use compose_schema::model::{Hook, Project};

use crate::backend::{Container, State};
use crate::edge::has_routes;
use crate::reconcile::action::{Action, HookKind, Target};
use crate::reconcile::observed::{Observed, service_of};
use crate::reconcile::plan::{Need, Plan, Step, StepId, Words};

pub use down::{DownOptions, Images, down};
pub use restart::restart;
pub use start::start;
pub use stop::{RemoveOptions, remove, stop};

fn success(steps: &[StepId]) -> Vec<(StepId, Need)> {
    steps.iter().map(|step| (*step, Need::Success)).collect()
}

/// Hooks of a container's service, as far as the files are known and the container can run them.
fn hooks(
    plan: &mut Plan,
    project: Option<&Project>,
    container: &Container,
    kind: HookKind,
    needs: &mut Vec<(StepId, Need)>,
) {
    let Some(service) = project.and_then(|project| project.services.get(service_of(container))) else { return };
    let hooks: &[Hook] = match kind {
        HookKind::PostStart => &service.post_start,
        HookKind::PreStop => &service.pre_stop,
    };
    for hook in hooks {
        let action = Action::Hook {
            target: Target::from(container),
            service: service_of(container).to_owned(),
            hook: Box::new(hook.clone()),
            kind,
        };
        *needs =
            vec![(plan.add(Step::of_container(&container.name, action, Words::SILENT), needs.clone()), Need::Success)];
    }
}

/// Services that commands name, or all that have containers.
fn chosen<'a>(observed: &'a Observed, services: &'a [String]) -> BTreeSet<&'a str> {
    if services.is_empty() {
        observed.containers.iter().map(service_of).collect()
    } else {
        services.iter().map(String::as_str).collect()
    }
}

/// Whether the gateway sends requests to it.
fn is_routed(observed: &Observed, container: &Container) -> bool {
    observed.gateway && container.state == State::Running && has_routes(&container.labels)
}

/// A step that takes containers into the gateway's routes, or out of them.
fn routing(containers: &[&Container], action: impl FnOnce(Vec<Target>) -> Action) -> Step {
    let names = containers.iter().map(|container| container.name.as_str()).collect::<Vec<_>>().join(" ");
    let targets = containers.iter().map(|container| Target::from(*container)).collect();
    Step::of_container(&names, action(targets), Words::SILENT)
}
