use serde::Serialize;

use super::{Bytes, Extensions, FileReference, OptionalMap, StringMap, Ulimit, is_empty};
use std::collections::BTreeMap;

/// `build`: how the service's image is made.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Build {
    /// Folder, tarball or address of the build context.
    #[serde(skip_serializing_if = "is_empty")]
    pub context: String,
    /// Path of the Dockerfile, relative to the context.
    #[serde(skip_serializing_if = "is_empty")]
    pub dockerfile: String,
    /// The Dockerfile's text.
    #[serde(skip_serializing_if = "is_empty")]
    pub dockerfile_inline: String,
    /// Extra privileges the build asks for.
    #[serde(skip_serializing_if = "is_empty")]
    pub entitlements: Vec<String>,
    /// `ARG` values.
    #[serde(skip_serializing_if = "is_empty")]
    pub args: OptionalMap,
    /// Provenance attestation.
    #[serde(skip_serializing_if = "is_empty")]
    pub provenance: String,
    /// Bill of materials attestation.
    #[serde(skip_serializing_if = "is_empty")]
    pub sbom: String,
    /// SSH agents and keys.
    #[serde(skip_serializing_if = "is_empty")]
    pub ssh: Vec<SshKey>,
    /// Labels of the image.
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: StringMap,
    /// Where to read cache from.
    #[serde(skip_serializing_if = "is_empty")]
    pub cache_from: Vec<String>,
    /// Where to write cache to.
    #[serde(skip_serializing_if = "is_empty")]
    pub cache_to: Vec<String>,
    /// Do not use the cache.
    #[serde(skip_serializing_if = "is_empty")]
    pub no_cache: bool,
    /// Named contexts.
    #[serde(skip_serializing_if = "is_empty")]
    pub additional_contexts: StringMap,
    /// Always look for newer base images.
    #[serde(skip_serializing_if = "is_empty")]
    pub pull: bool,
    /// Further host names.
    #[serde(skip_serializing_if = "is_empty", serialize_with = "super::hosts")]
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// Container isolation (Windows).
    #[serde(skip_serializing_if = "is_empty")]
    pub isolation: String,
    /// Network of `RUN` steps.
    #[serde(skip_serializing_if = "is_empty")]
    pub network: String,
    /// Stage to build.
    #[serde(skip_serializing_if = "is_empty")]
    pub target: String,
    /// Secrets for `RUN` steps.
    #[serde(skip_serializing_if = "is_empty")]
    pub secrets: Vec<FileReference>,
    /// Size of `/dev/shm` in `RUN` steps.
    #[serde(skip_serializing_if = "is_empty")]
    pub shm_size: Bytes,
    /// Further names of the image.
    #[serde(skip_serializing_if = "is_empty")]
    pub tags: Vec<String>,
    /// Resource limits of `RUN` steps.
    #[serde(skip_serializing_if = "is_empty")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Platforms to build for.
    #[serde(skip_serializing_if = "is_empty")]
    pub platforms: Vec<String>,
    /// `RUN` steps are privileged.
    #[serde(skip_serializing_if = "is_empty")]
    pub privileged: bool,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// One SSH identity of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshKey {
    /// Its name in the Dockerfile.
    pub id: String,
    /// Key file or agent socket; empty: the user's agent.
    pub path: String,
}

impl Serialize for SshKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.path.is_empty() {
            serializer.serialize_str(&self.id)
        } else {
            serializer.collect_str(&format_args!("{}: {}", self.id, self.path))
        }
    }
}
