//! Builds of images: by BuildKit where the engine has it, as Docker's own client decides, else by the classic builder.

mod buildkit;
mod classic;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use serde::Deserialize;

use super::Docker;
use super::transport::{Call, Message};
use crate::backend::{BuildCheck, BuildSpec, Error, ErrorKind, ProgressSink, Result};
use crate::text::truth;

/// Older engines have a BuildKit (0.8) whose frontend does not know all that is in a compose file.
const FULL_FRONTEND: (u32, u32) = (1, 42);

/// Why the context could not be sent, if so.
#[derive(Debug, Clone, Default)]
struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, why: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

/// Engines whose frontend may have checks.
const CHECKS: (u32, u32) = (1, 46);

/// How an engine keeps images.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Storage {
    #[serde(rename = "DriverStatus")]
    status: Vec<Vec<String>>,
}

/// Which builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Builder {
    BuildKit,
    Classic,
}

/// What only BuildKit does.
fn needs_buildkit(spec: &BuildSpec) -> Option<&'static str> {
    let build = &spec.build;
    let wanted = [
        ("build.secrets", !build.secrets.is_empty()),
        ("build.ssh", !build.ssh.is_empty()),
        ("build.additional_contexts", !build.additional_contexts.is_empty()),
        ("build.cache_to", !build.cache_to.is_empty()),
        ("build.entitlements", !build.entitlements.is_empty()),
        ("build.privileged", build.privileged),
        ("build.platforms with several platforms", build.platforms.len() > 1),
        ("build.provenance", !matches!(build.provenance.as_str(), "" | "false")),
        ("build.sbom", !matches!(build.sbom.as_str(), "" | "false")),
    ];
    wanted.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
}

/// What BuildKit does not do, or not yet in an engine of this API version; with the reason.
fn needs_classic(spec: &BuildSpec, api: (u32, u32)) -> Option<(&'static str, &'static str)> {
    let build = &spec.build;
    let old = api < FULL_FRONTEND;
    let wanted = [
        ("--memory", spec.memory > 0, "BuildKit knows no limit of memory"),
        ("build.isolation", !matches!(build.isolation.as_str(), "" | "default"), "BuildKit knows none"),
        ("build.shm_size", old && build.shm_size.0 > 0, "BuildKit takes it from Docker 23.0 (API 1.42) on"),
        ("build.ulimits", old && !build.ulimits.is_empty(), "BuildKit takes them from Docker 23.0 (API 1.42) on"),
    ];
    wanted.into_iter().find(|(_, given, _)| *given).map(|(name, _, reason)| (name, reason))
}

/// What even BuildKit does not do in an engine of this API version.
fn too_new(spec: &BuildSpec, api: (u32, u32)) -> Option<&'static str> {
    (api < FULL_FRONTEND && !spec.build.additional_contexts.is_empty()).then_some("build.additional_contexts")
}

/// What needs images kept by containerd: the engine's own store has one platform, no attestations, and writes no caches
/// but those within images.
fn needs_store(spec: &BuildSpec, environment: &BTreeMap<String, String>) -> Option<String> {
    let build = &spec.build;
    let given = |value: &str| !matches!(value, "" | "false");
    let wanted = [
        ("`build.platforms` with several platforms", build.platforms.len() > 1),
        ("`build.provenance`", given(&build.provenance)),
        ("`build.sbom`", given(&build.sbom)),
    ];
    let attribute = wanted.into_iter().find(|(_, given)| *given).map(|(name, _)| name.to_owned());
    attribute.or_else(|| {
        let kind = buildkit::written_caches(build, environment).find(|kind| *kind != "inline")?;
        let place = spec.places.cache_to.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        Some(format!("`build.cache_to`{place} of the type `{kind}`"))
    })
}

/// `DOCKER_BUILDKIT` as Docker reads it; none where it is not set.
fn asked_for(text: Option<&str>) -> std::result::Result<Option<Builder>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match truth(text) {
        Some(true) => Ok(Some(Builder::BuildKit)),
        Some(false) => Ok(Some(Builder::Classic)),
        None => Err(format!("`DOCKER_BUILDKIT` is `{text}`; it takes `1` or `0`")),
    }
}

/// Decides for one build.
fn choose(
    spec: &BuildSpec,
    asked: Option<Builder>,
    available: bool,
    api: (u32, u32),
) -> std::result::Result<Builder, String> {
    let (modern, classic) = (needs_buildkit(spec), needs_classic(spec, api));
    let builder = match asked {
        Some(Builder::BuildKit) if !available => {
            return Err("`DOCKER_BUILDKIT` asks for BuildKit, and this engine has none".to_owned());
        }
        Some(asked) => asked,
        None if available && (classic.is_none() || modern.is_some()) => Builder::BuildKit,
        None => Builder::Classic,
    };
    match (builder, modern, classic) {
        (Builder::Classic, Some(attribute), _) => {
            let why = if available { "`DOCKER_BUILDKIT` asks for the classic builder" } else { "this engine has none" };
            Err(format!("`{attribute}` needs BuildKit, and {why}"))
        }
        (Builder::BuildKit, modern, Some((attribute, reason))) => Err(match modern {
            Some(modern) => format!("`{attribute}` and `{modern}` do not go together: {reason}"),
            None => format!("`{attribute}` needs the classic builder (`DOCKER_BUILDKIT=0`): {reason}"),
        }),
        (Builder::BuildKit, ..) => match too_new(spec, api) {
            Some(attribute) => Err(format!("`{attribute}` needs Docker 23.0 (API 1.42) or newer")),
            None => Ok(builder),
        },
        _ => Ok(builder),
    }
}

/// Why it is the classic builder, for those who need the other one.
fn why_classic(spec: &BuildSpec, asked: Option<Builder>, available: bool, api: (u32, u32)) -> String {
    match needs_classic(spec, api) {
        _ if asked == Some(Builder::Classic) => "`DOCKER_BUILDKIT` asks for the classic builder".to_owned(),
        _ if !available => "this engine has none".to_owned(),
        Some((attribute, reason)) => format!("`{attribute}` needs the classic builder: {reason}"),
        None => "this is built with the classic builder".to_owned(),
    }
}

/// Whether the engine fetches the context itself.
fn is_remote(context: &str) -> bool {
    context.contains("://") || context.starts_with("git@") || context.starts_with("github.com/")
}

/// A path without `.` and `..`, without asking the file system.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

impl Docker {
    pub(super) async fn build_image(&self, spec: &BuildSpec, progress: &ProgressSink) -> Result<String> {
        let call = Call { name: "build image", object: &spec.tag, limit: None };
        let spec = &self.with_proxies(spec).await?;
        let refuse = |message: String| -> Error { call.error(ErrorKind::Unsupported, message) };
        let asked = asked_for(self.environment.get("DOCKER_BUILDKIT").map(String::as_str)).map_err(refuse)?;
        let (available, api) = (self.has_buildkit().await?, self.api().await?);
        let builder = choose(spec, asked, available, api).map_err(refuse)?;
        if let Some(attribute) = needs_store(spec, &self.environment).filter(|_| builder == Builder::BuildKit)
            && !self.has_store().await?
        {
            return Err(refuse(format!(
                "{attribute} needs an engine that keeps its images in containerd (`features.containerd-snapshotter` in its `daemon.json`)"
            )));
        }
        match builder {
            Builder::BuildKit => self.build_with_buildkit(call, spec, progress).await,
            Builder::Classic => {
                let why = why_classic(spec, asked, available, api);
                self.build_classic(call, spec, &why, progress).await
            }
        }
    }

    pub(super) async fn check_dockerfile(&self, spec: &BuildSpec, progress: &ProgressSink) -> Result<BuildCheck> {
        let call = Call { name: "check build", object: &spec.tag, limit: None };
        if !self.has_buildkit().await? || self.api().await? < CHECKS {
            let message = "checks of Dockerfiles need BuildKit of Docker 27.0 (API 1.46) or newer";
            return Err(call.error(ErrorKind::Unsupported, message));
        }
        self.check_with_buildkit(call, &self.with_proxies(spec).await?, progress).await
    }

    /// A build with arguments for the proxies that it does not set itself: BuildKit and the classic builder give them to
    /// every `RUN`, and count none of them as a change.
    async fn with_proxies(&self, spec: &BuildSpec) -> Result<BuildSpec> {
        let mut spec = spec.clone();
        for (name, value) in self.proxies().await? {
            spec.build.args.entry(name.clone()).or_insert_with(|| Some(value.clone()));
        }
        Ok(spec)
    }

    /// Whether the engine keeps its images in containerd.
    async fn has_store(&self) -> Result<bool> {
        let info: Storage = self.get(super::read("ask engine", ""), "/info", &[]).await?;
        Ok(info.status.iter().flatten().any(|word| word.contains("io.containerd.snapshotter")))
    }

    /// Whether the engine has BuildKit and does not prefer its classic builder. Windows' engines have none, and say
    /// `1`; Podman does not speak its protocol.
    async fn has_buildkit(&self) -> Result<bool> {
        let call = super::read("ask engine", "");
        let answer = self.transport.with_head(call, Message::new(Method::GET, "/_ping".to_owned())).await?;
        let says = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(says("libpod-api-version").is_empty()
            && says("builder-version") != "1"
            && (says("ostype") != "windows" || says("builder-version") == "2"))
    }
}
