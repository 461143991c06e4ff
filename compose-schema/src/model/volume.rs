use serde::Serialize;

use super::{Extensions, StringMap, is_empty};

/// A top-level volume.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Volume {
    /// Name at the engine (`project_key` unless given).
    #[serde(skip_serializing_if = "is_empty")]
    pub name: String,
    /// Volume driver; empty for `local`.
    #[serde(skip_serializing_if = "is_empty")]
    pub driver: String,
    /// Driver options.
    #[serde(skip_serializing_if = "is_empty")]
    pub driver_opts: StringMap,
    /// It exists already and is not ours.
    #[serde(skip_serializing_if = "is_empty")]
    pub external: bool,
    /// Labels.
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: StringMap,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}
