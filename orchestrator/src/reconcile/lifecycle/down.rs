//! `down`: containers, then what they used.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use compose_schema::model::Project;

use super::dependencies::Dependencies;
use super::stop::stop_services;
use super::{chosen, success};
use crate::backend::Container;
use crate::labels;
use crate::reconcile::action::{Action, Target};
use crate::reconcile::desired::provided;
use crate::reconcile::observed::{Observed, service_of};
use crate::reconcile::plan::{Need, Plan, Step, StepId, Words};
use crate::reconcile::version::kept_image;

/// Which images `down` removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        let remove = Action::Remove { target: Target::from(container), volumes: options.volumes };
        removed.push(plan.add(Step::of_container(&container.name, remove, Words::both("Removing", "Removed")), needs));
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
