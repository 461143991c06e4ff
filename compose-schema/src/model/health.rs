use serde::Serialize;

use super::{Duration, Extensions, is_empty};

/// `healthcheck`: how the engine finds out whether a container works.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", ...]` or `["CMD-SHELL", line]`.
    #[serde(skip_serializing_if = "is_empty")]
    pub test: Vec<String>,
    /// Time limit of one probe.
    #[serde(skip_serializing_if = "is_empty")]
    pub timeout: Option<Duration>,
    /// Time between probes.
    #[serde(skip_serializing_if = "is_empty")]
    pub interval: Option<Duration>,
    /// Failures in a row until it counts as unhealthy.
    #[serde(skip_serializing_if = "is_empty")]
    pub retries: Option<u64>,
    /// Time after the start in which failures do not count.
    #[serde(skip_serializing_if = "is_empty")]
    pub start_period: Option<Duration>,
    /// Time between probes in the start period.
    #[serde(skip_serializing_if = "is_empty")]
    pub start_interval: Option<Duration>,
    /// Switches the image's own check off.
    #[serde(skip_serializing_if = "is_empty")]
    pub disable: bool,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}
