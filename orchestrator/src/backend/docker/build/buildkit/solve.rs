//! What a `build` section comes to: the request for the builder's Dockerfile frontend, and what it may ask us for.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard_buildkit_proto::moby::buildkit::v1::{Exporter, SolveRequest};
use compose_schema::model::Build;
use sha2::{Digest as _, Sha256};

use super::cache::Caches;
use super::hosts;
use super::session::{Provider, are_there};
use super::ssh;
use super::sync::Folder;
use crate::backend::docker::build::{Failure, cleaned, is_remote};
use crate::backend::docker::transport::Call;
use crate::backend::{BuildSpec, ErrorKind, Progress, ProgressSink, Result};

/// Names of the frontend's two folders.
const CONTEXT: &str = "context";
const DOCKERFILE: &str = "dockerfile";

/// The request, and what goes with it.
///
/// # Errors
/// Folders and files that are not there, attributes that the builder is not told of.
pub(super) async fn prepare(
    call: Call<'_>,
    spec: &BuildSpec,
    environment: &BTreeMap<String, String>,
    failure: Failure,
    progress: &ProgressSink,
) -> Result<(SolveRequest, Provider)> {
    let build = &spec.build;
    let mut attributes = attributes(spec, environment);
    let mut folders = BTreeMap::new();
    sources(call, build, &mut attributes, &mut folders).await?;
    named_contexts(call, build, &mut attributes, &mut folders).await?;
    are_there(&spec.secrets).await.map_err(|why| call.error(ErrorKind::Invalid, why))?;
    foreign_builder(environment, progress);
    let caches = Caches::of(call, spec, environment, progress).await?;
    caches.tell(&mut attributes);
    let exporter = Exporter { r#type: "moby".to_owned(), attrs: HashMap::from([("name".to_owned(), names(spec))]) };
    let request = SolveRequest {
        r#ref: identity(),
        session: identity(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: attributes.into_iter().collect(),
        // Builders before 0.13 know one exporter only, by these fields.
        exporter_deprecated: exporter.r#type.clone(),
        exporter_attrs_deprecated: exporter.attrs.clone(),
        exporters: vec![exporter],
        cache: Some(caches.options),
        entitlements: entitlements(build),
        ..SolveRequest::default()
    };
    let provider = Provider {
        folders,
        stores: caches.stores,
        secrets: spec.secrets.clone(),
        agents: ssh::agents(call, &build.ssh, environment).await?,
        environment: environment.clone(),
        failure,
    };
    Ok((request, provider))
}

/// Says so where `docker buildx` would have another builder do it. Each context of the `docker` command is a builder of
/// its name: the engine's own.
fn foreign_builder(environment: &BTreeMap<String, String>, progress: &ProgressSink) {
    let of = |name: &str| environment.get(name).map(String::as_str).unwrap_or_default();
    let builder = of("BUILDX_BUILDER");
    if !matches!(builder, "" | "default") && builder != of("DOCKER_CONTEXT") {
        progress(Progress::Warning(format!(
            "`BUILDX_BUILDER` asks for the builder `{builder}`; images are built by the engine's own"
        )));
    }
}

/// An id that nobody else has.
pub(super) fn identity() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // Each state has keys of its own, from the system's random numbers.
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}

fn names(spec: &BuildSpec) -> String {
    let names: Vec<&str> = std::iter::once(&spec.tag).chain(&spec.build.tags).map(String::as_str).collect();
    names.join(",")
}

/// What the frontend is told.
fn attributes(spec: &BuildSpec, environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let build = &spec.build;
    let mut attributes = BTreeMap::new();
    let mut set = |name: &str, value: String| attributes.insert(name.to_owned(), value);
    for (name, value) in &build.args {
        if let Some(value) = value.as_ref().or_else(|| environment.get(name)) {
            set(&format!("build-arg:{name}"), value.clone());
        }
    }
    for (name, value) in build.labels.iter().chain(&spec.labels) {
        set(&format!("label:{name}"), value.clone());
    }
    if !build.target.is_empty() {
        set("target", build.target.clone());
    }
    if build.no_cache {
        // Without names of stages: all of them.
        set("no-cache", String::new());
    }
    if build.pull {
        set("image-resolve-mode", "pull".to_owned());
    }
    let platforms = if build.platforms.len() > 1 { build.platforms.join(",") } else { spec.platform.clone() };
    if !platforms.is_empty() {
        set("platform", platforms);
    }
    if !build.network.is_empty() && build.network != "default" {
        set("force-network-mode", build.network.clone());
    }
    if build.shm_size.0 > 0 {
        set("shm-size", build.shm_size.0.to_string());
    }
    if !build.ulimits.is_empty() {
        let limits = build.ulimits.iter().map(|(name, limit)| {
            let (soft, hard) = if limit.single == 0 { (limit.soft, limit.hard) } else { (limit.single, limit.single) };
            format!("{name}={soft}:{hard}")
        });
        set("ulimit", limits.collect::<Vec<_>>().join(","));
    }
    for (name, value) in [("provenance", &build.provenance), ("sbom", &build.sbom)] {
        if let Some(value) = attestation(value) {
            set(&format!("attest:{name}"), value);
        }
    }
    hosts::tell(build, &mut attributes);
    attributes
}

/// `true`, `false` or parameters, as the frontend takes them; none where nothing is to be attested.
fn attestation(value: &str) -> Option<String> {
    match value {
        "" | "false" => None,
        "true" => Some(String::new()),
        other => Some(other.strip_prefix("disabled=false,").unwrap_or(other).to_owned()),
    }
}

/// Rights that the build asks for; the engine's configuration grants them.
fn entitlements(build: &Build) -> Vec<String> {
    let mut wanted = build.entitlements.clone();
    if build.privileged {
        wanted.push("security.insecure".to_owned());
    }
    if build.network == "host" {
        wanted.push("network.host".to_owned());
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// The context and the Dockerfile.
async fn sources(
    call: Call<'_>,
    build: &Build,
    attributes: &mut BTreeMap<String, String>,
    folders: &mut BTreeMap<String, Folder>,
) -> Result<()> {
    let remote = is_remote(&build.context);
    let folder = PathBuf::from(&build.context);
    if remote {
        attributes.insert(CONTEXT.to_owned(), build.context.clone());
    } else {
        is_folder(call, &folder, "build").await?;
        folders.insert(CONTEXT.to_owned(), Folder::Real(folder.clone()));
    }
    let name = if build.dockerfile.is_empty() { "Dockerfile" } else { &build.dockerfile };
    if !build.dockerfile_inline.is_empty() {
        let text = build.dockerfile_inline.clone().into_bytes();
        folders.insert(DOCKERFILE.to_owned(), Folder::Made(Arc::new(vec![("Dockerfile".to_owned(), text)])));
        attributes.insert("filename".to_owned(), "Dockerfile".to_owned());
        if remote {
            attributes.insert("dockerfilekey".to_owned(), DOCKERFILE.to_owned());
        }
        return Ok(());
    }
    if remote {
        attributes.insert("filename".to_owned(), name.to_owned());
        return Ok(());
    }
    let path = cleaned(&folder.join(name));
    if let Err(error) = tokio::fs::metadata(&path).await {
        let message = if error.kind() == std::io::ErrorKind::NotFound {
            format!("there is no Dockerfile at {}", path.display())
        } else {
            format!("cannot read {}: {error}", path.display())
        };
        return Err(call.error(ErrorKind::Invalid, message));
    }
    let (Some(parent), Some(file)) = (path.parent(), path.file_name()) else {
        return Err(call.error(ErrorKind::Invalid, format!("{} is not a Dockerfile", path.display())));
    };
    attributes.insert("filename".to_owned(), file.to_string_lossy().into_owned());
    folders.insert(DOCKERFILE.to_owned(), Folder::Real(parent.to_path_buf()));
    Ok(())
}

async fn is_folder(call: Call<'_>, folder: &Path, purpose: &str) -> Result<()> {
    if tokio::fs::metadata(folder).await.is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    Err(call.error(ErrorKind::Invalid, format!("there is no folder {} to {purpose}", folder.display())))
}

async fn named_contexts(
    call: Call<'_>,
    build: &Build,
    attributes: &mut BTreeMap<String, String>,
    folders: &mut BTreeMap<String, Folder>,
) -> Result<()> {
    for (name, source) in &build.additional_contexts {
        if source.starts_with("oci-layout://") {
            let message = format!("`build.additional_contexts.{name}`: folders of the OCI layout are not supported");
            return Err(call.error(ErrorKind::Unsupported, message));
        }
        let value = if source.contains("://") || is_remote(source) {
            source.clone()
        } else {
            let folder = PathBuf::from(source);
            is_folder(call, &folder, &format!("be the context `{name}`")).await?;
            // The frontend's own two names are taken.
            let key = if matches!(name.as_str(), CONTEXT | DOCKERFILE) { format!("_{name}") } else { name.clone() };
            let value = format!("local:{key}");
            folders.insert(key, Folder::Real(folder));
            value
        };
        attributes.insert(format!("{CONTEXT}:{name}"), value);
    }
    Ok(())
}

impl Provider {
    /// By this the builder finds what it has from an earlier build of the same folders.
    pub(super) fn shared_key(&self) -> String {
        let mut digest = Sha256::new();
        let machine = rustix::system::uname();
        digest.update(machine.nodename().to_bytes());
        for folder in self.folders.values() {
            if let Folder::Real(path) = folder {
                digest.update(path.as_os_str().as_encoded_bytes());
                digest.update([0]);
            }
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
