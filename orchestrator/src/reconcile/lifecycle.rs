//! `down`, `stop`, `restart`, `rm`: plans over what is there. They work from labels alone; with the files at hand they
//! know the hooks too.

mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use compose_schema::model::{Hook, Project};

use crate::backend::{Container, State};
use crate::edge::has_routes;
use crate::labels;
use crate::reconcile::action::{Action, HookKind, Target, Until};
use crate::reconcile::desired::provided;
use crate::reconcile::observed::{Observed, dependencies_of, is_oneoff, service_of};
use crate::reconcile::plan::{Need, Plan, Step, StepId, Words};
use crate::reconcile::version::kept_image;

use crate::reconcile::up::rollout::{DRAIN, REACH, SHORT_DRAIN, drain};

pub use start::start;

/// Which images `down` removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Images {
    /// Those without a name of their own in the file.
    Local,
    /// All.
    All,
}

/// What `down` removes.
#[derive(Debug, Clone, Default)]
pub struct DownOptions {
    /// These services and those that depend on them; none: all.
    pub services: Vec<String>,
    /// Volumes too.
    pub volumes: bool,
    /// Images too.
    pub images: Option<Images>,
    /// Containers of services that are gone from the files too.
    pub remove_orphans: bool,
    /// Time until a container is killed; its own without one.
    pub timeout: Option<Duration>,
}

/// Services by name with those they depend on and whether they restart with them: from the labels of their
/// containers and from the files.
#[derive(Debug, Default)]
struct Dependencies<'a>(BTreeMap<&'a str, BTreeMap<&'a str, bool>>);

impl<'a> Dependencies<'a> {
    fn new(observed: &'a Observed, project: Option<&'a Project>) -> Self {
        let mut all = BTreeMap::<_, BTreeMap<_, bool>>::new();
        for container in &observed.containers {
            all.entry(service_of(container)).or_default().extend(dependencies_of(container));
        }
        for (name, service) in project.iter().flat_map(|project| &project.services) {
            let own = service.depends_on.iter().map(|(other, dependency)| (other.as_str(), dependency.restart));
            all.entry(name).or_default().extend(own);
        }
        Self(all)
    }

    /// The services with all that depend on them, directly or not; `restarting` counts only `restart: true`.
    fn with_dependents(&self, services: &[&'a str], restarting: bool) -> BTreeSet<&'a str> {
        let mut found: BTreeSet<&str> = services.iter().copied().collect();
        loop {
            let more: Vec<&str> = self
                .0
                .iter()
                .filter(|(name, _)| !found.contains(**name))
                .filter(|(_, on)| on.iter().any(|(other, restart)| found.contains(other) && (*restart || !restarting)))
                .map(|(name, _)| *name)
                .collect();
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    /// Names, each after those that depend on it. Labels may lie: a cycle is cut where it is met.
    fn dependents_first(&self, services: &BTreeSet<&'a str>) -> Vec<&'a str> {
        fn visit<'a>(
            all: &Dependencies<'a>,
            name: &'a str,
            services: &BTreeSet<&'a str>,
            seen: &mut BTreeSet<&'a str>,
            order: &mut Vec<&'a str>,
        ) {
            if !services.contains(name) || !seen.insert(name) {
                return;
            }
            for dependent in all.dependents(name) {
                visit(all, dependent, services, seen, order);
            }
            order.push(name);
        }
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        for name in services {
            visit(self, name, services, &mut seen, &mut order);
        }
        order
    }

    fn dependents<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a str> + 'b {
        self.0.iter().filter(move |(_, on)| on.contains_key(name)).map(|(dependent, _)| *dependent)
    }
}

fn target(container: &Container) -> Target {
    Target::Existing { id: container.id.clone(), name: container.name.clone() }
}

fn step(container: &Container, action: Action, words: Words) -> Step {
    Step { action, cause: String::new(), resource: format!("Container {}", container.name), words }
}

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
            target: target(container),
            service: service_of(container).to_owned(),
            hook: Box::new(hook.clone()),
            kind,
        };
        *needs = vec![(plan.add(step(container, action, Words::SILENT), needs.clone()), Need::Success)];
    }
}

fn runs(container: &Container) -> bool {
    matches!(container.state, State::Running | State::Restarting | State::Paused)
}

/// Stops a container behind `needs`; nothing for one that does not run.
fn stop_one(
    plan: &mut Plan,
    project: Option<&Project>,
    container: &Container,
    grace: Option<Duration>,
    needs: &[(StepId, Need)],
) -> Option<StepId> {
    if !runs(container) {
        return None;
    }
    let mut needs = needs.to_vec();
    if container.state == State::Running {
        hooks(plan, project, container, HookKind::PreStop, &mut needs);
    }
    let stop = Action::Stop { target: target(container), grace };
    Some(plan.add(step(container, stop, Words::both("Stopping", "Stopped")), needs))
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

/// `stop`: dependents before those they depend on, siblings at the same time. Containers stay.
pub fn stop(observed: &Observed, project: Option<&Project>, services: &[String], timeout: Option<Duration>) -> Plan {
    let mut plan = Plan::default();
    let stops = stop_services(&mut plan, observed, project, &chosen(observed, services), timeout, |container| {
        !is_oneoff(container)
    });
    // Started by whomever, they are to be routed to again.
    let left: Vec<&Container> = observed
        .containers
        .iter()
        .filter(|container| stops.contains_key(container.id.as_str()) && is_routed(observed, container))
        .collect();
    if !left.is_empty() {
        let needs: Vec<_> =
            left.iter().filter_map(|container| Some((*stops.get(container.id.as_str())?, Need::End))).collect();
        plan.add(shift(&left, |targets| Action::Enter { targets, limit: None }), needs);
    }
    plan
}

/// A step that takes containers into the gateway's routes, or out of them.
fn shift(containers: &[&Container], action: impl FnOnce(Vec<Target>) -> Action) -> Step {
    let names = containers.iter().map(|container| container.name.as_str()).collect::<Vec<_>>().join(" ");
    let targets = containers.iter().map(|container| target(container)).collect();
    Step { action: action(targets), cause: String::new(), resource: format!("Container {names}"), words: Words::SILENT }
}

/// Stops services in order; the stops of each container.
fn stop_services<'a>(
    plan: &mut Plan,
    observed: &'a Observed,
    project: Option<&'a Project>,
    services: &BTreeSet<&'a str>,
    timeout: Option<Duration>,
    which: impl Fn(&Container) -> bool,
) -> BTreeMap<&'a str, StepId> {
    let dependencies = Dependencies::new(observed, project);
    let mut by_service: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    let mut stops = BTreeMap::new();
    for service in dependencies.dependents_first(services) {
        let needs: Vec<StepId> =
            dependencies.dependents(service).filter_map(|name| by_service.get(name)).flatten().copied().collect();
        let mut own = Vec::new();
        let containers: Vec<&Container> = observed
            .containers
            .iter()
            .filter(|container| service_of(container) == service && which(container))
            .collect();
        let routed: Vec<&Container> =
            containers.iter().copied().filter(|container| is_routed(observed, container)).collect();
        let mut before = success(&needs);
        if !routed.is_empty() {
            let leave = shift(&routed, |targets| Action::Leave { targets, limit: SHORT_DRAIN });
            // A gateway that does not do it is no reason to go on running.
            before = vec![(plan.add(leave, before), Need::End)];
        }
        for container in containers {
            if let Some(stop) = stop_one(plan, project, container, timeout, &before) {
                stops.insert(container.id.as_str(), stop);
                own.push(stop);
            }
        }
        // What does not run still hands on the order.
        if own.is_empty() {
            own = needs;
        }
        by_service.insert(service, own);
    }
    stops
}

/// `down`: stops and removes containers, then networks, volumes and images as asked.
pub fn down(observed: &Observed, name: &str, project: Option<&Project>, options: &DownOptions) -> Plan {
    let mut plan = Plan::default();
    let dependencies = Dependencies::new(observed, project);
    let named: Vec<&str> = options.services.iter().map(String::as_str).collect();
    let services = chosen(observed, &options.services);
    let known = |container: &Container| {
        let Some(project) = project else { return true };
        let service = service_of(container);
        project.services.contains_key(service) || project.disabled_services.contains_key(service)
    };
    let ours = |container: &Container| {
        let Some(project) = project else { return true };
        let folder = container.labels.get(labels::WORKING_DIR).map_or("", String::as_str);
        folder.is_empty() || folder == project.working_dir.display().to_string()
    };
    let goes = |container: &Container| {
        services.contains(service_of(container)) && (known(container) || (options.remove_orphans && ours(container)))
    };
    let stops = stop_services(&mut plan, observed, project, &services, options.timeout, goes);
    let mut removed = Vec::new();
    for container in observed.containers.iter().filter(|container| goes(container)) {
        let needs = stops.get(container.id.as_str()).map(|stop| (*stop, Need::Success));
        let remove = Action::Remove { target: target(container), volumes: options.volumes };
        removed.push(plan.add(step(container, remove, Words::both("Removing", "Removed")), needs));
    }
    take_away(&mut plan, project, &dependencies, &named, &removed);
    let stays: Vec<&Container> = observed.containers.iter().filter(|container| !goes(container)).collect();
    let orphans: Vec<&str> =
        stays.iter().filter(|container| !known(container)).map(|container| container.name.as_str()).collect();
    if !orphans.is_empty() {
        plan.notices.push(format!(
            "found orphan containers ([{}]) for this project; `--remove-orphans` removes them too",
            orphans.join(" ")
        ));
    }
    remove_resources(&mut plan, observed, options, &stays, &removed);
    remove_images(&mut plan, observed, name, project, options, &removed);
    plan
}

/// Has programs take away what they brought, once no container is left that may need it; dependents first.
fn take_away(
    plan: &mut Plan,
    project: Option<&Project>,
    dependencies: &Dependencies<'_>,
    named: &[&str],
    removed: &[StepId],
) {
    let Some(project) = project else { return };
    let wanted = |name: &str| named.is_empty() || named.contains(&name);
    let provided = project.services.iter().filter(|(name, service)| service.provider.is_some() && wanted(name));
    let provided: BTreeSet<&str> = provided.map(|(name, _)| name.as_str()).collect();
    let mut steps: BTreeMap<&str, StepId> = BTreeMap::new();
    for name in dependencies.dependents_first(&provided) {
        let Some(provision) = provided::service(project, name, true, &|_| None) else { continue };
        let before: Vec<StepId> =
            dependencies.dependents(name).filter_map(|dependent| steps.get(dependent)).copied().collect();
        let step = Step {
            action: Action::Provide(Box::new(provision)),
            cause: String::new(),
            resource: format!("Service {name}"),
            words: Words::both("Removing", "Removed"),
        };
        steps.insert(name, plan.add(step, success(removed).into_iter().chain(success(&before))));
    }
}

fn remove_resources(
    plan: &mut Plan,
    observed: &Observed,
    options: &DownOptions,
    stays: &[&Container],
    removed: &[StepId],
) {
    let partly = !options.services.is_empty();
    for network in observed.networks.values() {
        if partly && stays.iter().any(|container| container.networks.contains_key(&network.name)) {
            continue;
        }
        let remove = Action::RemoveNetwork { id: network.id.clone(), name: network.name.clone(), may_stay: true };
        plan.add(
            Step {
                action: remove,
                cause: String::new(),
                resource: format!("Network {}", network.name),
                words: Words::both("Removing", "Removed"),
            },
            success(removed),
        );
    }
    for volume in observed.volumes.values().filter(|_| options.volumes) {
        let uses = |container: &Container| container.mounts.iter().any(|mount| mount.name == volume.name);
        let used_by_removed =
            observed.containers.iter().any(|container| uses(container) && !stays.iter().any(|c| c.id == container.id));
        if stays.iter().any(|container| uses(container)) || (partly && !used_by_removed) {
            continue;
        }
        plan.add(
            Step {
                action: Action::RemoveVolume { name: volume.name.clone(), may_stay: true },
                cause: String::new(),
                resource: format!("Volume {}", volume.name),
                words: Words::both("Removing", "Removed"),
            },
            success(removed),
        );
    }
}

fn remove_images(
    plan: &mut Plan,
    observed: &Observed,
    name: &str,
    project: Option<&Project>,
    options: &DownOptions,
    removed: &[StepId],
) {
    // Nothing is left that could go back to them.
    let replaced = observed.containers.iter().filter(|container| container.labels.contains_key(labels::PREVIOUS));
    let kept: BTreeSet<String> = replaced
        .map(service_of)
        .filter(|service| options.services.is_empty() || options.services.iter().any(|named| named == service))
        .map(|service| kept_image(name, service))
        .collect();
    for image in kept {
        plan.add(
            Step {
                resource: format!("Image {image}"),
                action: Action::RemoveImage { name: image },
                cause: String::new(),
                words: Words::SILENT,
            },
            success(removed),
        );
    }
    let Some(which) = options.images else { return };
    let mut images = BTreeSet::new();
    for container in observed.containers.iter().filter(|container| !container.image.starts_with("sha256:")) {
        images.insert((service_of(container), container.image.clone()));
    }
    for (service, definition) in project.iter().flat_map(|project| &project.services) {
        let image = if definition.image.is_empty() { format!("{name}-{service}") } else { definition.image.clone() };
        images.insert((service, image));
    }
    let images: BTreeSet<String> = images
        .into_iter()
        .filter(|(service, _)| options.services.is_empty() || options.services.iter().any(|named| named == service))
        .filter(|(service, image)| which == Images::All || *image == format!("{name}-{service}"))
        .map(|(_, image)| image)
        .collect();
    for image in images {
        plan.add(
            Step {
                action: Action::RemoveImage { name: image.clone() },
                cause: String::new(),
                resource: format!("Image {image}"),
                words: Words::both("Removing", "Removed"),
            },
            success(removed),
        );
    }
}

/// `restart`: stops and starts in place, those depended on first. Dependents with `restart: true` follow, unless
/// `alone`.
pub fn restart(
    observed: &Observed,
    project: Option<&Project>,
    services: &[String],
    timeout: Option<Duration>,
    alone: bool,
) -> Plan {
    let mut plan = Plan::default();
    let dependencies = Dependencies::new(observed, project);
    let named: Vec<&str> = chosen(observed, services).into_iter().collect();
    let services: BTreeSet<&str> =
        if alone { named.into_iter().collect() } else { dependencies.with_dependents(&named, true) };
    let mut order = dependencies.dependents_first(&services);
    order.reverse();
    let mut by_service: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    for service in order {
        let parents = dependencies.0.get(service).into_iter().flatten();
        let needs: Vec<StepId> = parents
            .filter(|(_, restart)| **restart && !alone)
            .filter_map(|(parent, _)| by_service.get(parent))
            .flatten()
            .copied()
            .collect();
        let mut own = Vec::new();
        let containers: Vec<&Container> = observed.of_service(service).collect();
        let several = containers.iter().filter(|container| is_routed(observed, container)).count() > 1;
        let mut before = success(&needs);
        for container in containers {
            // One after another where others serve meanwhile.
            let mut needs = before.clone();
            let routed = is_routed(observed, container);
            if routed {
                let definition = project.and_then(|project| project.services.get(service));
                let limit = if several { definition.map_or(DRAIN, drain) } else { SHORT_DRAIN };
                let leave = shift(&[container], |targets| Action::Leave { targets, limit });
                needs = vec![(plan.add(leave, needs), Need::End)];
            }
            if container.state == State::Running {
                hooks(&mut plan, project, container, HookKind::PreStop, &mut needs);
            }
            let restart = Action::Restart { target: target(container), grace: timeout };
            let id = plan.add(step(container, restart, Words::both("Restarting", "Started")), needs);
            let mut last = vec![(id, Need::Success)];
            hooks(&mut plan, project, container, HookKind::PostStart, &mut last);
            own.extend(last.iter().map(|(step, _)| *step));
            if !routed {
                continue;
            }
            if several {
                let wait = Action::Wait {
                    service: service.to_owned(),
                    targets: vec![target(container)],
                    until: Until::RunningOrHealthy,
                    limit: None,
                };
                last = vec![(plan.add(step(container, wait, Words::SILENT), last), Need::Success)];
            }
            let enter = shift(&[container], |targets| Action::Enter { targets, limit: Some(REACH) });
            let entered = plan.add(enter, last);
            if several {
                before = vec![(entered, Need::Success)];
            }
        }
        by_service.insert(service, own);
    }
    plan
}

/// `rm`: removes containers that do not run, and running ones after a stop if asked.
pub fn remove(
    observed: &Observed,
    project: Option<&Project>,
    services: &[String],
    stop_first: bool,
    volumes: bool,
) -> Plan {
    let mut plan = Plan::default();
    let services = chosen(observed, services);
    let stops = if stop_first {
        stop_services(&mut plan, observed, project, &services, None, |container| !is_oneoff(container))
    } else {
        BTreeMap::new()
    };
    for container in observed.containers.iter().filter(|container| services.contains(service_of(container))) {
        if is_oneoff(container) || (runs(container) && !stops.contains_key(container.id.as_str())) {
            continue;
        }
        let needs = stops.get(container.id.as_str()).map(|stop| (*stop, Need::Success));
        let remove = Action::Remove { target: target(container), volumes };
        plan.add(step(container, remove, Words::both("Removing", "Removed")), needs);
    }
    plan
}
