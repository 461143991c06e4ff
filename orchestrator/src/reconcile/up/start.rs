//! Starting a container once what it depends on is there, and waiting for what is started.

use compose_schema::model::Condition;

use super::{Planner, resource};
use crate::reconcile::action::{Action, HookKind, Target, WaitFor};
use crate::reconcile::desired::DesiredService;
use crate::reconcile::plan::{Need, Step, StepId, Words};

impl<'a> Planner<'a> {
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
        let start = Step::of_container(
            target.name(),
            Action::Start { target: target.clone() },
            Words::both("Starting", "Started"),
        )
        .because(cause);
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
                Condition::Healthy => WaitFor::Healthy,
                Condition::CompletedSuccessfully => WaitFor::Completed,
            };
            needs.extend(self.wait(parent, until).map(|step| (step, need)));
        }
        needs
    }

    fn wait(&mut self, service: &'a str, until: WaitFor) -> Option<StepId> {
        if let Some(step) = self.waits.get(&(service, until)) {
            return Some(*step);
        }
        let targets: Vec<Target> = self.targets.get(service)?.iter().map(|(_, target)| target.clone()).collect();
        let single = matches!(targets.as_slice(), [_]);
        let name = targets.first().filter(|_| single).map_or(service, Target::name).to_owned();
        let needs = self.ready.get(service).cloned().unwrap_or_default();
        let limit = match until {
            WaitFor::RunningOrHealthy | WaitFor::RunningOrCompleted => self.options.wait_timeout,
            WaitFor::Healthy | WaitFor::Completed => None,
        };
        let words = Words::both("Waiting", if until == WaitFor::Completed { "Exited" } else { "Healthy" });
        let wait = Action::Wait { service: service.to_owned(), targets, until, limit };
        let step = Step::of_container(&name, wait, words);
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
            .map(|name| (name, if completes(name) { WaitFor::RunningOrCompleted } else { WaitFor::RunningOrHealthy }))
            .collect();
        for (name, until) in waits {
            self.wait(name, until);
        }
    }
}
