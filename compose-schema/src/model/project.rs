use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Extensions, FileObject, Network, Service, StringMap, Volume};

/// A whole project.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Project {
    /// Project name.
    pub name: String,
    /// Folder that relative paths start from.
    pub working_dir: PathBuf,
    /// Active services by name.
    pub services: BTreeMap<String, Service>,
    /// Services that no active profile switches on.
    pub disabled_services: BTreeMap<String, Service>,
    /// Networks by key.
    pub networks: BTreeMap<String, Network>,
    /// Volumes by key.
    pub volumes: BTreeMap<String, Volume>,
    /// Secrets by key.
    pub secrets: BTreeMap<String, FileObject>,
    /// Configs by key.
    pub configs: BTreeMap<String, FileObject>,
    /// Models by key.
    pub models: BTreeMap<String, Model>,
    /// `x-` keys of the top level.
    pub extensions: Extensions,
    /// The compose files it was read from, absolute, in order; `-` for standard input.
    pub compose_files: Vec<PathBuf>,
    /// The `.env` files that interpolation used.
    pub env_files: Vec<PathBuf>,
    /// The environment that interpolation used.
    pub environment: StringMap,
    /// Active profiles.
    pub profiles: Vec<String>,
}

/// A top-level model.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Model {
    /// Name.
    #[serde(skip_serializing_if = "super::is_empty")]
    pub name: String,
    /// What to run.
    #[serde(skip_serializing_if = "super::is_empty")]
    pub model: String,
    /// Size of the context window.
    #[serde(skip_serializing_if = "super::is_empty")]
    pub context_size: i64,
    /// Flags of the runtime.
    #[serde(skip_serializing_if = "super::is_empty")]
    pub runtime_flags: Vec<String>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "super::is_empty")]
    pub extensions: Extensions,
}

/// One entry of `include`, in the long form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Include {
    /// Files, merged in order.
    pub path: Vec<String>,
    /// Folder that its relative paths start from.
    pub project_directory: String,
    /// Env files for its interpolation.
    pub env_file: Vec<String>,
}
