//! Replacing the containers of a service: in which order, how many at a time, and what becomes of one that fails.
//!
//! Behind the gateway, or where `update_config` asks for it, the new container comes first: it starts, is healthy and is
//! routed to before the old one leaves the routes, has time for what is under way, and ends. One that does not get there is
//! removed again; the old one has never stopped serving.

use std::time::Duration;

use compose_schema::model::{self, UpdateConfig};

use super::create::is_anonymous;
use super::decide::{ContainerDecision, Decision};
use super::stop::Removal;
use super::{PlanError, Planner, resource};
use crate::backend::{Container, State};
use crate::reconcile::action::{Action, Target, WaitFor};
use crate::reconcile::desired::{DesiredService, references};
use crate::reconcile::plan::{Need, Step, StepId, Words};

/// Time that requests have which are under way to a container that another has taken the place of.
pub(in crate::reconcile) const DRAIN: Duration = Duration::from_secs(30);
/// The same where nobody has taken its place: as long as they take, new requests have to wait.
pub(in crate::reconcile) const SHORT_DRAIN: Duration = Duration::from_secs(2);
/// Time that a new container has to take connections, once it is started and healthy.
pub(in crate::reconcile) const REACH: Duration = Duration::from_secs(60);

/// What comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Order {
    StartFirst,
    /// With the reason, where the other order would have been taken.
    StopFirst(Option<&'static str>),
}

/// The time that a container of the service has to finish what is under way: `x-stack: {drain: 1m}`.
pub(in crate::reconcile) fn drain(service: &model::Service) -> Duration {
    let written = service.extensions.get("x-stack").and_then(|own| own.get("drain")).and_then(|drain| drain.as_str());
    let given = written.and_then(|text| model::Duration::parse(text).ok());
    given.map_or(DRAIN, |drain| Duration::from_nanos(u64::try_from(drain.0).unwrap_or(0)))
}

pub(super) fn update_config(service: &DesiredService) -> Option<&UpdateConfig> {
    service.service.deploy.as_ref()?.update_config.as_ref()
}

fn positive(duration: model::Duration) -> Option<Duration> {
    u64::try_from(duration.0).ok().filter(|time| *time > 0).map(Duration::from_nanos)
}

fn silent(action: Action, target: &Target) -> Step {
    Step { action, cause: String::new(), resource: resource(target.name()), words: Words::SILENT }
}

impl<'a> Planner<'a> {
    fn order(&self, service: &'a DesiredService, old: &Container) -> Order {
        let asked = update_config(service).map_or("", |config| config.order.as_str());
        let wanted = asked == "start-first" || self.is_routed(&service.name);
        if !wanted
            || asked == "stop-first"
            || self.options.no_start
            || !old.state.has_process()
            || old.state != State::Running
        {
            return Order::StopFirst(None);
        }
        let hard = self.alone(service);
        let soft = || (asked != "start-first").then(|| self.keeps_data(service, old)).flatten();
        match hard.or_else(soft) {
            Some(reason) => Order::StopFirst(Some(reason)),
            None => Order::StartFirst,
        }
    }

    /// Why two containers of one number cannot run at once.
    fn alone(&self, service: &DesiredService) -> Option<&'static str> {
        let definition = &service.service;
        let fixed = |network: &model::ServiceNetwork| {
            !network.ipv4_address.is_empty() || !network.ipv6_address.is_empty() || !network.mac_address.is_empty()
        };
        let shares = |other: &DesiredService| references::parents(&other.service).contains(&service.name.as_str());
        if !definition.container_name.is_empty() {
            Some("it has a `container_name`, which only one can have")
        } else if definition.ports.iter().any(|port| !port.published.is_empty() && !port.published.contains('-')) {
            Some("it publishes a port of the host, which only one can have")
        } else if definition.networks.values().flatten().any(fixed) || !definition.mac_address.is_empty() {
            Some("it has an address of its own, which only one can have")
        } else if definition.network_mode == "host" {
            Some("it listens on the host's own ports")
        } else if !references::parents(definition).is_empty() || self.desired.services.values().any(shares) {
            Some("it shares namespaces or volumes with another service")
        } else {
            None
        }
    }

    /// Why two containers should not run at once, unless the user says that they can.
    fn keeps_data(&self, service: &DesiredService, old: &Container) -> Option<&'static str> {
        let anonymous = old.mounts.iter().any(|mount| mount.kind == "volume" && is_anonymous(&mount.name));
        if anonymous && !self.options.renew_anonymous_volumes {
            return Some("its anonymous volume is handed over");
        }
        let socket = |mount: &model::Mount| mount.source.ends_with(".sock");
        let writes = |mount: &model::Mount| {
            matches!(mount.kind.as_str(), "volume" | "bind") && !mount.read_only && !socket(mount)
        };
        // Several replicas share it already.
        (service.replicas == 1 && service.mounts.iter().any(writes))
            .then_some("it writes into a volume; `update_config: {order: start-first}` says that two may")
    }

    /// Whether the gateway, which is there already, routes to the service.
    pub(super) fn is_routed(&self, service: &str) -> bool {
        self.options.routed.contains(service)
    }

    /// Plans all replacements of a service, as many at a time as `update_config` says.
    pub(super) fn replacements(
        &mut self,
        service: &'a DesiredService,
        decisions: &[ContainerDecision<'a>],
    ) -> Result<(), PlanError> {
        let config = update_config(service);
        let at_once = match config.map(|config| config.parallelism.unwrap_or(1)) {
            None | Some(0) => usize::MAX,
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let replaced: Vec<&ContainerDecision<'a>> =
            decisions.iter().filter(|decided| matches!(decided.decision, Decision::Replace { .. })).collect();
        if !replaced.is_empty() {
            self.warn_of(service);
        }
        let continues = config.is_some_and(|config| config.failure_action == "continue");
        let goes_back = config.is_some_and(|config| config.failure_action == "rollback");
        let need = if continues { Need::End } else { Need::Success };
        let last = replaced.len().saturating_sub(1);
        let mut ends = Vec::new();
        // New ones of batches before: while one of them fails, no further old one goes.
        let mut earlier: Vec<Target> = Vec::new();
        let mut batch = Vec::new();
        for (index, decided) in replaced.into_iter().enumerate() {
            let Decision::Replace { cause, stop_first } = &decided.decision else { continue };
            let batched = at_once <= last;
            let (new, end) =
                self.one_replacement(service, decided, cause, *stop_first, (batched || goes_back).then_some(&earlier))?;
            ends.extend(end.map(|end| (end, need)));
            batch.push(new);
            if batched && (index + 1) % at_once == 0 && index < last {
                if !continues {
                    earlier.append(&mut batch);
                }
                self.gate = std::mem::take(&mut ends);
                if let Some(delay) = config.and_then(|config| positive(config.delay)) {
                    let pause = Step {
                        action: Action::Pause(delay),
                        cause: "between batches of `update_config`".to_owned(),
                        resource: format!("Service {}", service.name),
                        words: Words::SILENT,
                    };
                    let gate = std::mem::take(&mut self.gate);
                    self.gate = vec![(self.plan.add(pause, gate), Need::Success)];
                }
            }
        }
        self.gate.clear();
        Ok(())
    }

    /// What of `update_config` and `rollback_config` is not done.
    fn warn_of(&mut self, service: &DesiredService) {
        if service.service.deploy.as_ref().is_some_and(|deploy| deploy.rollback_config.is_some()) {
            self.plan.notices.push(format!(
                "service `{}`: `rollback_config` has no effect: containers that fail are taken back at once",
                service.name
            ));
        }
        let Some(config) = update_config(service) else { return };
        if config.max_failure_ratio > 0.0 {
            self.plan.notices.push(format!(
                "service `{}`: `update_config.max_failure_ratio` is not supported, every failure counts",
                service.name
            ));
        }
    }

    /// Returns the new container and the step after which the old one is replaced; with `watched` the new one has come
    /// up by then, and the ones listed there still serve.
    fn one_replacement(
        &mut self,
        service: &'a DesiredService,
        decided: &ContainerDecision<'a>,
        cause: &str,
        stop_first: bool,
        watched: Option<&Vec<Target>>,
    ) -> Result<(Target, Option<StepId>), PlanError> {
        let order = if stop_first { Order::StopFirst(None) } else { self.order(service, decided.container) };
        let cause = match &order {
            Order::StopFirst(Some(reason)) => format!("{cause}; the old one ends first: {reason}"),
            _ => cause.to_owned(),
        };
        if order != Order::StartFirst {
            let (new, begun) = self.replace(service, decided, &cause)?;
            let Some(earlier) = watched.filter(|_| !begun.is_empty()) else { return Ok((new, begun.last().copied())) };
            let up = self.up_and_healthy(service, &new, &begun);
            let end = self.watch(service, &new, earlier, up).unwrap_or(up);
            return Ok((new, Some(end)));
        }
        let new = self.create(service, decided.number, Some(decided.container), &cause, Words::opening("Recreate"))?;
        let begun = self.bring_up(service, decided.number, &new, &[], "");
        let end = self.hand_over(service, &new, &begun, decided.container, watched.map_or(&[], Vec::as_slice));
        Ok((new, Some(end)))
    }

    fn up_and_healthy(&mut self, service: &'a DesiredService, new: &Target, begun: &[StepId]) -> StepId {
        let wait = Action::Wait {
            service: service.name.clone(),
            targets: vec![new.clone()],
            until: WaitFor::RunningOrHealthy,
            limit: self.options.wait_timeout,
        };
        self.plan.add(silent(wait, new), begun.iter().map(|step| (*step, Need::Success)))
    }

    /// Watches a new container for as long as `update_config.monitor` says, and those before it; nothing where neither is
    /// asked for.
    fn watch(&mut self, service: &DesiredService, new: &Target, earlier: &[Target], after: StepId) -> Option<StepId> {
        let time = update_config(service).and_then(|config| positive(config.monitor));
        if time.is_none() && earlier.is_empty() {
            return None;
        }
        let targets = if time.is_some() { [std::slice::from_ref(new), earlier].concat() } else { earlier.to_vec() };
        let monitor = Action::Monitor { targets, time: time.unwrap_or_default() };
        Some(self.plan.add(silent(monitor, new), [(after, Need::Success)]))
    }

    /// The new container, which `begun` brings up, takes the place of the old one, which runs; or it is removed again.
    /// Returns the step after which it has.
    pub(super) fn hand_over(
        &mut self,
        service: &'a DesiredService,
        new: &Target,
        begun: &[StepId],
        old: &'a Container,
        earlier: &[Target],
    ) -> StepId {
        let wait = self.up_and_healthy(service, new, begun);
        let mut gates = vec![wait];
        if self.is_routed(&service.name) {
            let enter = silent(Action::Enter { targets: vec![new.clone()], limit: Some(REACH) }, new);
            gates.push(self.plan.add(enter, [(wait, Need::Success)]));
        }
        let last = |gates: &[StepId]| gates.last().map(|step| (*step, Need::Success));
        let after = gates.last().copied().unwrap_or(wait);
        gates.extend(self.watch(service, new, earlier, after));
        if let Target::Made { step, name } = new {
            let discard = Step::of_container(
                name,
                Action::Discard {
                    target: new.clone(),
                    drain: self.is_routed(&service.name).then(|| drain(&service.service)),
                },
                Words::both("Rolling back", "Rolled back"),
            )
            .because("it has not come up, the old one goes on serving");
            let failures = begun.iter().chain(&gates).map(|step| (*step, Need::Failure));
            self.plan.add(discard, failures.chain([(*step, Need::Success)]));
        }
        self.drains.insert(&old.id, drain(&service.service));
        let needs: Vec<_> = last(&gates).into_iter().collect();
        let removed = self.remove(&service.name, old, "", &needs, Removal::Replaced);
        let rename = Step::of_container(
            new.name(),
            Action::Rename { target: new.clone(), name: new.name().to_owned() },
            Words::closing("Recreated"),
        );
        self.plan.add(rename, [(removed, Need::Success)])
    }
}
