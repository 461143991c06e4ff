//! Programs that bring services and models: they come before everything that needs them.

use std::collections::BTreeMap;

use super::Planner;
use crate::provide::Task;
use crate::reconcile::action::Action;
use crate::reconcile::desired::{Desired, Provided};
use crate::reconcile::plan::{Need, Plan, Step, StepId, Words};

/// What programs are to do, alone: their answers decide what containers shall be.
pub fn provisions(desired: &Desired) -> Plan {
    let mut plan = Plan::default();
    add(&mut plan, desired);
    plan
}

/// Adds a step for each; those of services, by name.
fn add<'a>(plan: &mut Plan, desired: &'a Desired) -> BTreeMap<&'a str, StepId> {
    let programs = &desired.programs;
    for model in programs.models.values().chain(&programs.endpoint) {
        plan.add(step(model), []);
    }
    let mut steps: BTreeMap<&str, StepId> = BTreeMap::new();
    for name in programs.services.keys() {
        visit(plan, desired, name, &mut steps);
    }
    steps
}

/// A service's step, behind those of the services that it depends on. There are no circles: the project has been checked.
fn visit<'a>(plan: &mut Plan, desired: &'a Desired, name: &'a str, steps: &mut BTreeMap<&'a str, StepId>) {
    let Some(provided) = desired.programs.services.get(name) else { return };
    if steps.contains_key(name) {
        return;
    }
    let mut needs = Vec::new();
    for before in &provided.after {
        visit(plan, desired, before, steps);
        needs.extend(steps.get(before.as_str()).map(|step| (*step, Need::Success)));
    }
    let id = plan.add(step(provided), needs);
    steps.insert(name, id);
}

fn step(provided: &Provided) -> Step {
    let (resource, words) = match &provided.provision.task {
        Task::Service { name, .. } => (format!("Service {name}"), Words::both("Creating", "Created")),
        Task::Model { key, .. } => (format!("Model {key}"), Words::both("Configuring", "Configured")),
        Task::Endpoint => ("Model runner".to_owned(), Words::SILENT),
    };
    Step { action: Action::Provide(Box::new(provided.provision.clone())), cause: String::new(), resource, words }
}

impl Planner<'_> {
    /// Steps of programs that have not been asked yet.
    pub(super) fn programs(&mut self) {
        if self.options.provided || self.options.existing_only || !self.options.versions.is_empty() {
            return;
        }
        let desired = self.desired;
        for (name, step) in add(&mut self.plan, desired) {
            self.ready.insert(name, vec![step]);
        }
    }
}
