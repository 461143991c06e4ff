use serde::Serialize;

use super::{Extensions, StringMap, is_empty};

/// A top-level secret or config.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FileObject {
    /// Name (`project_key` unless given).
    #[serde(skip_serializing_if = "is_empty")]
    pub name: String,
    /// Host file that holds it.
    #[serde(skip_serializing_if = "is_empty")]
    pub file: String,
    /// Environment variable that holds it.
    #[serde(skip_serializing_if = "is_empty")]
    pub environment: String,
    /// The content itself (configs, and secrets taken from the environment).
    #[serde(skip_serializing_if = "is_empty")]
    pub content: String,
    /// It exists already and is not ours.
    #[serde(skip_serializing_if = "is_empty")]
    pub external: bool,
    /// Labels.
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: StringMap,
    /// Driver (Swarm).
    #[serde(skip_serializing_if = "is_empty")]
    pub driver: String,
    /// Driver options (Swarm).
    #[serde(skip_serializing_if = "is_empty")]
    pub driver_opts: StringMap,
    /// Template driver (Swarm).
    #[serde(skip_serializing_if = "is_empty")]
    pub template_driver: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// A secret or config as a service or build uses it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FileReference {
    /// Key of the top-level object.
    #[serde(skip_serializing_if = "is_empty")]
    pub source: String,
    /// Path or file name in the container.
    #[serde(skip_serializing_if = "is_empty")]
    pub target: String,
    /// Owner.
    #[serde(skip_serializing_if = "is_empty")]
    pub uid: String,
    /// Group.
    #[serde(skip_serializing_if = "is_empty")]
    pub gid: String,
    /// Permission bits.
    #[serde(skip_serializing_if = "is_empty", serialize_with = "super::octal")]
    pub mode: Option<u32>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}
