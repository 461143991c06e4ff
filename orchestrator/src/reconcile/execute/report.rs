//! What is said when a plan did not come to its end: what failed and why, what was done and what was not, the way out.

use std::collections::BTreeSet;

use super::{Outcome, StepError};
use crate::backend::ErrorKind;
use crate::error::{CommandError, Kind};
use crate::reconcile::action::{Action, PullFallback, Target, WaitFor};
use crate::reconcile::desired::{Desired, DesiredService, at};
use crate::reconcile::plan::{Plan, Step, StepId};
use crate::reconcile::up::{FOREIGN_HINT, no_build_hint};

impl Outcome {
    /// The command's result: an error that tells all, unless everything was done. `desired` adds places.
    ///
    /// # Errors
    /// What failed, or that it was ended early.
    pub fn into_result(self, plan: &Plan, desired: Option<&Desired>) -> Result<Self, CommandError> {
        if self.is_success() {
            return Ok(self);
        }
        let mut lines: Vec<String> = Vec::new();
        let mut hints: Vec<String> = Vec::new();
        for (id, error) in &self.failures {
            let Some(step) = plan.step(*id) else { continue };
            let line = message(step, error, desired);
            if !lines.contains(&line) {
                lines.push(line);
            }
            if !self.has_discarded(plan, error) {
                hints.extend(hint(step, error, desired));
            }
        }
        if self.interrupted {
            lines.push("interrupted".to_owned());
        }
        lines.extend(self.state(plan));
        let mut seen = BTreeSet::new();
        hints.retain(|hint| seen.insert(hint.clone()));
        let kind = if self.interrupted { Kind::Interrupted } else { Kind::Failed };
        Err(CommandError { message: lines.join("\n"), hints, kind })
    }

    /// Whether the container that an error is about has been removed again: the end of its log has been shown, and its name
    /// is that of the one that goes on serving.
    fn has_discarded(&self, plan: &Plan, error: &StepError) -> bool {
        let (StepError::Unhealthy { container, .. } | StepError::Exited { container, .. }) = error else {
            return false;
        };
        let is_it = |target: &Target| target.name() == container;
        let mut discards = plan.steps().filter(|(id, _)| self.done.contains(id));
        discards.any(|(_, step)| matches!(&step.action, Action::Discard { target, .. } if is_it(target)))
    }

    /// What was done and what was not, by resource.
    fn state(&self, plan: &Plan) -> Vec<String> {
        // A step that cleans up is nothing that anybody waits for.
        let changing = || plan.steps().filter(|(id, step)| step.action.changes() && !plan.is_rescue(*id));
        let left: BTreeSet<&str> =
            changing().filter(|(id, _)| !self.done.contains(id)).map(|(_, step)| step.resource.as_str()).collect();
        let mut lines = Vec::new();
        let mut seen = BTreeSet::new();
        let done: Vec<&str> = changing()
            .map(|(_, step)| step.resource.as_str())
            .filter(|resource| !left.contains(resource) && seen.insert(*resource))
            .collect();
        if !done.is_empty() {
            lines.push(format!("  done: {}", done.join(", ")));
        }
        let failed: BTreeSet<StepId> = self.failures.iter().map(|(id, _)| *id).collect();
        let mut seen = BTreeSet::new();
        let undone: Vec<String> = changing()
            .filter(|(id, step)| !self.done.contains(id) && !failed.contains(id) && seen.insert(step.resource.as_str()))
            .map(|(_, step)| format!("{:#}", step.action))
            .collect();
        if !undone.is_empty() {
            lines.push(format!("  not done: {}", undone.join(", ")));
        }
        lines
    }
}

/// The service that a step is about.
fn service_of<'a>(step: &Step, desired: Option<&'a Desired>) -> Option<&'a DesiredService> {
    let desired = desired?;
    let by_container = |target: &Target| {
        let name = target.name();
        desired.services.values().find(|service| {
            let prefix = format!("{}-{}-", desired.project, service.name);
            service.service.container_name == name
                || name.strip_prefix(&prefix).is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    match &step.action {
        Action::Pull { service, .. } | Action::Build { service, .. } | Action::Wait { service, .. } => {
            desired.services.get(service)
        }
        Action::Create(create) => {
            create.spec.labels.get(crate::labels::SERVICE).and_then(|service| desired.services.get(service))
        }
        Action::Start { target } | Action::Restart { target, .. } => by_container(target),
        _ => None,
    }
}

fn message(step: &Step, error: &StepError, desired: Option<&Desired>) -> String {
    let service = service_of(step, desired);
    match (&step.action, error) {
        (Action::Wait { until: WaitFor::Healthy | WaitFor::Completed, .. }, error) => {
            format!("dependency failed to start: {error}")
        }
        (Action::Pull { image, service: name, .. }, StepError::Engine(error)) => {
            let place = at(&service.and_then(|service| service.image_place.clone()));
            format!("cannot pull image `{image}` of service `{name}`{place}: {}", error.message)
        }
        (Action::Pull { service: name, .. }, StepError::Foreign { image, platform, engine }) => {
            let place = service.and_then(|service| service.image_place.clone());
            crate::reconcile::up::foreign(image, name, platform, engine, &place)
        }
        (Action::Build { service: name, .. }, StepError::Engine(error)) => {
            format!("cannot build service `{name}`: {}", error.message)
        }
        (action, StepError::Engine(error)) => format!("cannot {action:#}: {}", error.message),
        (_, error) => error.to_string(),
    }
}

fn hint(step: &Step, error: &StepError, desired: Option<&Desired>) -> Option<String> {
    let service = service_of(step, desired);
    let StepError::Engine(engine) = error else {
        return match error {
            StepError::Unhealthy { container, .. } | StepError::Exited { container, .. } => {
                Some(format!("`docker logs {container}` shows what it printed"))
            }
            StepError::NotCompleted { service, .. } => Some(format!("`stack logs {service}` shows what it printed")),
            StepError::NoHealthcheck { .. } => Some("add `healthcheck:`, or wait for `service_started`".to_owned()),
            StepError::Foreign { .. } => Some(FOREIGN_HINT.to_owned()),
            StepError::Provide(refusal) => refusal.hint.clone(),
            _ => None,
        };
    };
    match &step.action {
        Action::Pull { service, fallback: PullFallback::Forbidden, .. } => Some(no_build_hint(service)),
        Action::Pull { image, .. } if engine.kind == ErrorKind::NotFound => Some(format!(
            "check the name; a private image needs `docker login`; an image of your own needs `build:` or \
             `docker load` (`{image}`)"
        )),
        Action::Pull { image, .. } => {
            Some(format!("is the registry reachable from here? `docker load` brings `{image}` without one"))
        }
        _ if engine.kind == ErrorKind::PortTaken => {
            let place = at(&service.and_then(|service| service.ports_place.clone()));
            Some(format!("someone else has this port (`ss -ltnp` shows who); change `ports`{place} or stop the other"))
        }
        Action::Create(create) if engine.kind == ErrorKind::Conflict => Some(format!(
            "another container has that name: `docker rm -f {}` removes it, `container_name` avoids it",
            create.spec.name
        )),
        Action::Create(_) if engine.kind == ErrorKind::MissingSource => {
            Some("a bind mount needs its path on the engine's host".to_owned())
        }
        _ => None,
    }
}
