//! Which services are active, and what they need.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Project, Service};

/// Moves services that none of the `profiles` switches on to [`Project::disabled_services`], and back; records the
/// profiles. As in Docker Compose, no profile at all is the profile with the empty name.
pub fn apply(project: &mut Project, profiles: &[String]) {
    project.profiles = profiles.to_vec();
    let active = |service: &Service| {
        service.profiles.is_empty()
            || (profiles.is_empty() && service.profiles.iter().any(String::is_empty))
            || service.profiles.iter().any(|profile| profiles.iter().any(|on| on == "*" || on == profile))
    };
    // Services are large, and mostly all of them stay where they are.
    let off: Vec<_> = project.services.extract_if(.., |_, service| !active(service)).collect();
    let on: Vec<_> = project.disabled_services.extract_if(.., |_, service| active(service)).collect();
    project.services.extend(on);
    project.disabled_services.extend(off);
}

/// Switches on the profiles of services that were named on the command line.
pub fn enable(project: &mut Project, names: &[String]) {
    let disabled = names.iter().filter_map(|name| project.disabled_services.get(name));
    let mut profiles = project.profiles.clone();
    profiles.extend(disabled.flat_map(|service| service.profiles.iter().cloned()));
    if profiles.len() > project.profiles.len() {
        apply(project, &profiles);
    }
}

/// Leaves only the named services and what they depend on active; no name is every name.
///
/// # Errors
/// The first name, of those and of what they cannot be without, that no active service has.
pub fn select(project: &mut Project, names: &[String]) -> Result<(), NoSuchService> {
    if names.is_empty() {
        return Ok(());
    }
    let missing = |name: &&String| !project.services.contains_key(*name);
    if let Some(name) = names.iter().find(missing) {
        return Err(NoSuchService(name.clone()));
    }
    let wanted: BTreeSet<String> = with_dependencies(project, names).into_iter().map(str::to_owned).collect();
    let services = wanted.iter().filter_map(|name| project.services.get(name));
    let needs = services.flat_map(|service| &service.depends_on).filter(|(_, needed)| needed.required);
    if let Some(name) = needs.map(|(name, _)| name).find(missing) {
        return Err(NoSuchService(name.clone()));
    }
    let all = std::mem::take(&mut project.services);
    let (mut services, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        all.into_iter().partition(|(name, _)| wanted.contains(name));
    for service in services.values_mut() {
        service.depends_on.retain(|name, _| wanted.contains(name));
    }
    project.services = services;
    project.disabled_services.extend(others);
    Ok(())
}

/// The active ones of the named services and of all that they depend on.
pub(crate) fn with_dependencies<'a>(project: &'a Project, names: &'a [String]) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = names.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if let Some(service) = project.services.get(name)
            && found.insert(name)
        {
            open.extend(service.depends_on.keys().map(String::as_str));
        }
    }
    found
}

/// A service that was named on the command line and does not exist, or is not active.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such service: {0}")]
pub struct NoSuchService(pub String);

/// Drops networks, volumes, secrets, configs and models that no active service uses.
pub fn prune(project: &mut Project) {
    let services = project.services.values();
    let names = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let networks = names(services.clone().flat_map(|service| service.networks.keys().map(String::as_str)).collect());
    let models = names(services.clone().flat_map(|service| service.models.keys().map(String::as_str)).collect());
    let configs = names(services.clone().flat_map(|s| s.configs.iter().map(|config| config.source.as_str())).collect());
    let volumes = services.clone().flat_map(|service| &service.volumes).filter(|mount| mount.kind == "volume");
    let volumes = names(volumes.map(|mount| mount.source.as_str()).collect());
    let secrets = services
        .flat_map(|service| service.secrets.iter().chain(service.build.iter().flat_map(|build| &build.secrets)))
        .map(|secret| secret.source.as_str());
    let secrets = names(secrets.collect());
    project.networks.retain(|name, _| networks.contains(name));
    project.volumes.retain(|name, _| volumes.contains(name));
    project.secrets.retain(|name, _| secrets.contains(name));
    project.configs.retain(|name, _| configs.contains(name));
    project.models.retain(|name, _| models.contains(name));
}
