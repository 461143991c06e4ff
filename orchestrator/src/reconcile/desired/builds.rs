//! What a `build` section takes from the rest of the project: secrets, and images of other services.

use std::collections::BTreeMap;
use std::path::PathBuf;

use compose_schema::model::{Build, Project};

use super::{DesiredService, ProjectError, image_name, one};
use crate::backend::{BuildPlaces, BuildSecret, SecretValue};

/// How `additional_contexts` names another service.
const SERVICE: &str = "service:";

/// The section, with contexts that are other services' images named as such.
pub(super) fn settled(project: &Project, build: &Build) -> Build {
    let mut build = build.clone();
    for source in build.additional_contexts.values_mut() {
        if let Some(name) = source.strip_prefix(SERVICE)
            && let Some(service) = project.services.get(name)
        {
            *source = format!("docker-image://{}", image_name(project, name, service));
        }
    }
    build
}

/// Where its parts are written.
pub(super) fn places(build: &Build, place: &dyn Fn(&str) -> Option<String>) -> BuildPlaces {
    // Finding one takes time.
    let of = |key, wanted: bool| if wanted { place(key) } else { None };
    BuildPlaces {
        context: of("context", build.context.is_empty()),
        cache_from: of("cache_from", !build.cache_from.is_empty()),
        cache_to: of("cache_to", !build.cache_to.is_empty()),
    }
}

/// Services whose images a build needs first.
pub(super) fn needed(build: &Build) -> impl Iterator<Item = &str> {
    build.additional_contexts.values().filter_map(|source| source.strip_prefix(SERVICE))
}

/// The services that builds begin with and that are not among those to run.
///
/// # Errors
/// Builds that go round in a circle, services that cannot be.
pub(super) fn bases(
    project: &Project,
    services: &BTreeMap<String, DesiredService>,
    place: &dyn Fn(&[&str]) -> Option<String>,
) -> Result<BTreeMap<String, DesiredService>, ProjectError> {
    let mut bases: BTreeMap<String, DesiredService> = BTreeMap::new();
    for service in services.values() {
        let mut way = vec![service.name.clone()];
        add(project, services, &mut bases, service, &mut way, place)?;
    }
    Ok(bases)
}

fn add(
    project: &Project,
    services: &BTreeMap<String, DesiredService>,
    bases: &mut BTreeMap<String, DesiredService>,
    service: &DesiredService,
    way: &mut Vec<String>,
    place: &dyn Fn(&[&str]) -> Option<String>,
) -> Result<(), ProjectError> {
    for name in &service.bases {
        if way.contains(name) {
            let place = place(&["services", &service.name, "build", "additional_contexts"]);
            return Err(ProjectError::BuildCycle { services: way.clone(), place });
        }
        let Some(definition) = project.services.get(name) else { continue };
        let base = match services.get(name).or_else(|| bases.get(name)) {
            Some(known) => known.clone(),
            None => one(project, name, definition, 0, false, place)?,
        };
        way.push(name.clone());
        add(project, services, bases, &base, way, place)?;
        way.pop();
        if !services.contains_key(name) {
            bases.insert(name.clone(), base);
        }
    }
    Ok(())
}

/// Its secrets, by the names that the Dockerfile uses.
pub(super) fn secrets(project: &Project, build: &Build) -> Vec<BuildSecret> {
    build
        .secrets
        .iter()
        .filter_map(|reference| {
            // The loader has checked that it is defined.
            let object = project.secrets.get(&reference.source)?;
            let id = if reference.target.is_empty() { &reference.source } else { &reference.target };
            let value = if !object.file.is_empty() {
                SecretValue::File(PathBuf::from(&object.file))
            } else if !object.content.is_empty() || object.environment.is_empty() {
                SecretValue::Text(object.content.clone())
            } else {
                // Optional ones are common: a build that cannot do without says so itself.
                SecretValue::Text(project.environment.get(&object.environment).cloned().unwrap_or_default())
            };
            Some(BuildSecret { id: id.clone(), value })
        })
        .collect()
}
