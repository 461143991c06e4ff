//! `build --print`: the builds as a file of `docker buildx bake`, as Docker Compose writes it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use compose_schema::model::{Build, Project};
use serde::Serialize;

use crate::error::{CommandError, Result};
use crate::reconcile::Desired;
use crate::reconcile::desired::DesiredService;

#[derive(Serialize)]
struct File<'a> {
    group: BTreeMap<&'static str, Group<'a>>,
    target: BTreeMap<&'a str, Target>,
}

#[derive(Serialize)]
struct Group<'a> {
    targets: Vec<&'a str>,
}

/// One build; the order of the fields is that of Docker Compose.
#[derive(Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Target {
    #[serde(skip_serializing_if = "String::is_empty")]
    context: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    contexts: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    dockerfile: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dockerfile_inline: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    args: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cache_from: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cache_to: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    target: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secret: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ssh: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pull: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_cache: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    network: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    shm_size: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ulimits: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entitlements: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra_hosts: BTreeMap<String, String>,
    output: [String; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attest: Vec<String>,
}

/// The file's text; empty where nothing is built. `push`: images with a name go to their registries.
///
/// # Errors
/// None that is known.
pub(super) fn file(
    project: &Project,
    desired: &Desired,
    environment: &BTreeMap<String, String>,
    push: bool,
) -> Result<String> {
    let built = desired.services.iter().chain(&desired.bases).filter(|(_, service)| service.build.is_some());
    let target: BTreeMap<&str, Target> = built
        .filter_map(|(name, service)| Some((name.as_str(), target(project, service, environment, push)?)))
        .collect();
    if target.is_empty() {
        return Ok(String::new());
    }
    let group = BTreeMap::from([("default", Group { targets: target.keys().copied().collect() })]);
    let text = serde_json::to_string_pretty(&File { group, target })
        .map_err(|error| CommandError::new(format!("cannot print JSON: {error}")))?;
    // These stand in texts only, and are written as Docker Compose writes them.
    Ok(format!("{}\n", text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")))
}

fn target(
    project: &Project,
    service: &DesiredService,
    environment: &BTreeMap<String, String>,
    push: bool,
) -> Option<Target> {
    let spec = service.build.as_ref()?;
    // Flags of the command have changed `spec`; contexts and attestations are those of the file.
    let (build, own) = (&spec.build, service.service.build.as_deref()?);
    let platforms = match service.service.platform.as_str() {
        "" => build.platforms.clone(),
        platform => vec![platform.to_owned()],
    };
    let image = &service.service.image;
    let output = match platforms.len() {
        _ if push && !image.is_empty() => "type=registry",
        2.. => "type=image,push=false",
        _ => "type=docker",
    };
    let mut entitlements = build.entitlements.clone();
    if build.privileged {
        entitlements.push("security.insecure".to_owned());
    }
    let ulimits = build.ulimits.iter().map(|(name, limit)| match limit.single {
        0 => format!("{name}={}:{}", limit.soft, limit.hard),
        single => format!("{name}={single}"),
    });
    let hosts = build.extra_hosts.iter().map(|(host, addresses)| (host.clone(), addresses.join(",")));
    Some(Target {
        context: build.context.clone(),
        contexts: own.additional_contexts.iter().map(|(name, source)| (name.clone(), context(source))).collect(),
        dockerfile: dockerfile(build),
        dockerfile_inline: literal(&build.dockerfile_inline),
        args: arguments(build, environment),
        labels: build.labels.iter().chain(&spec.labels).map(|(name, value)| (name.clone(), value.clone())).collect(),
        tags: build.tags.iter().chain([&spec.tag]).cloned().collect(),
        cache_from: build.cache_from.clone(),
        cache_to: build.cache_to.clone(),
        target: build.target.clone(),
        secret: secrets(project, build),
        ssh: build.ssh.iter().map(|key| format!("{}={}", key.id, key.path)).collect(),
        platforms,
        pull: build.pull,
        no_cache: build.no_cache,
        network: build.network.clone(),
        shm_size: if build.shm_size.0 > 0 { build.shm_size.0.to_string() } else { String::new() },
        ulimits: ulimits.collect(),
        entitlements,
        extra_hosts: hosts.collect(),
        output: [output.to_owned()],
        attest: [("provenance", &own.provenance), ("sbom", &own.sbom)]
            .into_iter()
            .filter_map(|(kind, value)| match value.as_str() {
                "" | "false" => None,
                "true" => Some(format!("type={kind}")),
                other => Some(format!("type={kind},{other}")),
            })
            .collect(),
    })
}

fn context(source: &str) -> String {
    source.strip_prefix("service:").map_or_else(|| source.to_owned(), |service| format!("target:{service}"))
}

/// Its path; in a context that the builder fetches itself, as it is written.
fn dockerfile(build: &Build) -> String {
    if !build.dockerfile_inline.is_empty() {
        return String::new();
    }
    let name = if build.dockerfile.is_empty() { "Dockerfile" } else { &build.dockerfile };
    let folder = Path::new(&build.context);
    if !folder.is_absolute() {
        return name.to_owned();
    }
    let mut path = std::path::PathBuf::new();
    for part in folder.join(name).components() {
        match part {
            std::path::Component::ParentDir => drop(path.pop()),
            std::path::Component::CurDir => {}
            other => path.push(other),
        }
    }
    path.display().to_string()
}

fn arguments(build: &Build, environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let values = build.args.iter().filter_map(|(name, value)| {
        let value = value.as_ref().or_else(|| environment.get(name))?;
        Some((name.clone(), literal(value)))
    });
    values.collect()
}

/// A text in which `bake` finds no variables.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

fn secrets(project: &Project, build: &Build) -> Vec<String> {
    let named = build.secrets.iter().filter_map(|reference| {
        let object = project.secrets.get(&reference.source)?;
        let id = if reference.target.is_empty() { &reference.source } else { &reference.target };
        if !object.file.is_empty() {
            return Some(format!("id={id},type=file,src={}", object.file));
        }
        (!object.environment.is_empty()).then(|| format!("id={id},type=env,env={}", object.environment))
    });
    named.collect()
}
