use serde::Serialize;

use super::{Bytes, Duration, Extensions, StringMap, is_empty};

/// `deploy`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Deploy {
    /// `replicated` or `global`.
    #[serde(skip_serializing_if = "is_empty")]
    pub mode: String,
    /// Number of containers.
    #[serde(skip_serializing_if = "is_empty")]
    pub replicas: Option<u32>,
    /// Labels of the service.
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: StringMap,
    /// How a change is rolled out.
    #[serde(skip_serializing_if = "is_empty")]
    pub update_config: Option<UpdateConfig>,
    /// How a change is taken back.
    #[serde(skip_serializing_if = "is_empty")]
    pub rollback_config: Option<UpdateConfig>,
    /// Limits and reservations; always written.
    pub resources: Resources,
    /// When the engine restarts a container.
    #[serde(skip_serializing_if = "is_empty")]
    pub restart_policy: Option<RestartPolicy>,
    /// Where containers may run (Swarm); always written.
    pub placement: Placement,
    /// `vip` or `dnsrr`.
    #[serde(skip_serializing_if = "is_empty")]
    pub endpoint_mode: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// `update_config` and `rollback_config`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UpdateConfig {
    /// Containers at a time; 0 is all.
    #[serde(skip_serializing_if = "is_empty")]
    pub parallelism: Option<u64>,
    /// Pause between batches.
    #[serde(skip_serializing_if = "is_empty")]
    pub delay: Duration,
    /// `continue`, `pause` or `rollback`.
    #[serde(skip_serializing_if = "is_empty")]
    pub failure_action: String,
    /// How long a new container is watched for failure.
    #[serde(skip_serializing_if = "is_empty")]
    pub monitor: Duration,
    /// Failures to tolerate.
    #[serde(skip_serializing_if = "is_empty")]
    pub max_failure_ratio: f32,
    /// `stop-first` or `start-first`.
    #[serde(skip_serializing_if = "is_empty")]
    pub order: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// `deploy.resources`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Resources {
    /// Never more than this.
    #[serde(skip_serializing_if = "is_empty")]
    pub limits: Option<Resource>,
    /// At least this.
    #[serde(skip_serializing_if = "is_empty")]
    pub reservations: Option<Resource>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// Amounts of resources.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Resource {
    /// Processors.
    #[serde(skip_serializing_if = "is_empty")]
    pub cpus: f32,
    /// Memory.
    #[serde(skip_serializing_if = "is_empty")]
    pub memory: Bytes,
    /// Processes.
    #[serde(skip_serializing_if = "is_empty")]
    pub pids: i64,
    /// Devices.
    #[serde(skip_serializing_if = "is_empty")]
    pub devices: Vec<DeviceRequest>,
    /// Anything else that is counted (Swarm).
    #[serde(skip_serializing_if = "is_empty")]
    pub generic_resources: Vec<GenericResource>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// One request for devices.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DeviceRequest {
    /// What they must be able to do.
    #[serde(skip_serializing_if = "is_empty")]
    pub capabilities: Vec<String>,
    /// Device driver.
    #[serde(skip_serializing_if = "is_empty")]
    pub driver: String,
    /// How many; -1 is all.
    #[serde(skip_serializing_if = "is_empty")]
    pub count: i64,
    /// Which.
    #[serde(skip_serializing_if = "is_empty")]
    pub device_ids: Vec<String>,
    /// Driver options.
    #[serde(skip_serializing_if = "is_empty")]
    pub options: StringMap,
}

/// A counted resource (Swarm).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GenericResource {
    /// What and how many.
    #[serde(skip_serializing_if = "is_empty")]
    pub discrete_resource_spec: Option<GenericResourceSpec>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// What and how many.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GenericResourceSpec {
    /// What.
    pub kind: String,
    /// How many.
    pub value: i64,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// `deploy.restart_policy`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RestartPolicy {
    /// `none`, `on-failure` or `any`.
    #[serde(skip_serializing_if = "is_empty")]
    pub condition: String,
    /// Pause before a restart.
    #[serde(skip_serializing_if = "is_empty")]
    pub delay: Option<Duration>,
    /// Restarts before giving up.
    #[serde(skip_serializing_if = "is_empty")]
    pub max_attempts: Option<u64>,
    /// How long until a restart counts as good.
    #[serde(skip_serializing_if = "is_empty")]
    pub window: Option<Duration>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// `deploy.placement` (Swarm).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Placement {
    /// Conditions on nodes.
    #[serde(skip_serializing_if = "is_empty")]
    pub constraints: Vec<String>,
    /// Spreading.
    #[serde(skip_serializing_if = "is_empty")]
    pub preferences: Vec<PlacementPreference>,
    /// Most containers a node.
    #[serde(skip_serializing_if = "is_empty")]
    pub max_replicas_per_node: u64,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// One placement preference (Swarm).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlacementPreference {
    /// What to spread over.
    #[serde(skip_serializing_if = "is_empty")]
    pub spread: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}
