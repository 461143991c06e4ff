use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Build, Bytes, Deploy, DeviceRequest, Duration, Extensions, FileReference, Healthcheck, Mount, OptionalMap, Port,
    ServiceNetwork, StringMap, is_empty,
};

/// One service, everything resolved.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Service {
    /// Profiles that switch it on; none: always on.
    #[serde(skip_serializing_if = "is_empty")]
    pub profiles: Vec<String>,
    /// Free-form notes for the runtime.
    #[serde(skip_serializing_if = "is_empty")]
    pub annotations: StringMap,
    /// Whether attached `up` shows its logs.
    #[serde(skip_serializing_if = "is_empty")]
    pub attach: Option<bool>,
    /// How its image is made.
    #[serde(skip_serializing_if = "is_empty")]
    pub build: Option<Box<Build>>,
    /// What `watch` does.
    #[serde(skip_serializing_if = "is_empty")]
    pub develop: Option<Box<Develop>>,
    /// Block I/O limits.
    #[serde(skip_serializing_if = "is_empty")]
    pub blkio_config: Option<Box<BlkioConfig>>,
    /// Capabilities added.
    #[serde(skip_serializing_if = "is_empty")]
    pub cap_add: Vec<String>,
    /// Capabilities taken away.
    #[serde(skip_serializing_if = "is_empty")]
    pub cap_drop: Vec<String>,
    /// Parent control group.
    #[serde(skip_serializing_if = "is_empty")]
    pub cgroup_parent: String,
    /// Control group namespace: `host` or `private`.
    #[serde(skip_serializing_if = "is_empty")]
    pub cgroup: String,
    /// Processors (Windows).
    #[serde(skip_serializing_if = "is_empty")]
    pub cpu_count: i64,
    /// Share of processors (Windows).
    #[serde(skip_serializing_if = "is_empty")]
    pub cpu_percent: f32,
    /// CFS period in microseconds.
    #[serde(skip_serializing_if = "is_empty")]
    pub cpu_period: i64,
    /// CFS quota in microseconds.
    #[serde(skip_serializing_if = "is_empty")]
    pub cpu_quota: i64,
    /// Real-time period in microseconds.
    #[serde(skip_serializing_if = "is_empty")]
    pub cpu_rt_period: i64,
    /// Real-time budget in microseconds.
    #[serde(skip_serializing_if = "is_empty")]
    pub cpu_rt_runtime: i64,
    /// Processors, at most.
    #[serde(skip_serializing_if = "is_empty")]
    pub cpus: f32,
    /// Which processors.
    #[serde(skip_serializing_if = "is_empty")]
    pub cpuset: String,
    /// Weight among containers.
    #[serde(skip_serializing_if = "is_empty")]
    pub cpu_shares: i64,
    /// Arguments; `None`: the image's, empty: none.
    pub command: Option<Vec<String>>,
    /// Configs it sees as files.
    #[serde(skip_serializing_if = "is_empty")]
    pub configs: Vec<FileReference>,
    /// Fixed container name.
    #[serde(skip_serializing_if = "is_empty")]
    pub container_name: String,
    /// Managed account (Windows).
    #[serde(skip_serializing_if = "is_empty")]
    pub credential_spec: Option<Box<CredentialSpec>>,
    /// Services it needs first.
    #[serde(skip_serializing_if = "is_empty")]
    pub depends_on: BTreeMap<String, Dependency>,
    /// Replicas, resources, rollout.
    #[serde(skip_serializing_if = "is_empty")]
    pub deploy: Option<Box<Deploy>>,
    /// Device access rules.
    #[serde(skip_serializing_if = "is_empty")]
    pub device_cgroup_rules: Vec<String>,
    /// Host devices.
    #[serde(skip_serializing_if = "is_empty")]
    pub devices: Vec<DeviceMapping>,
    /// DNS servers.
    #[serde(skip_serializing_if = "is_empty")]
    pub dns: Vec<String>,
    /// Resolver options.
    #[serde(skip_serializing_if = "is_empty")]
    pub dns_opt: Vec<String>,
    /// Search domains.
    #[serde(skip_serializing_if = "is_empty")]
    pub dns_search: Vec<String>,
    /// NIS domain name.
    #[serde(skip_serializing_if = "is_empty")]
    pub domainname: String,
    /// Program; `None`: the image's, empty: none.
    pub entrypoint: Option<Vec<String>>,
    /// An outside program that provides the service.
    #[serde(skip_serializing_if = "is_empty")]
    pub provider: Option<Box<Provider>>,
    /// Environment of the containers.
    #[serde(skip_serializing_if = "is_empty")]
    pub environment: OptionalMap,
    /// Files that add to it (empty once resolved).
    #[serde(skip_serializing_if = "is_empty")]
    pub env_file: Vec<EnvFile>,
    /// Ports meant for other services.
    #[serde(skip_serializing_if = "is_empty")]
    pub expose: Vec<String>,
    /// Links to containers outside the project.
    #[serde(skip_serializing_if = "is_empty")]
    pub external_links: Vec<String>,
    /// Further host names.
    #[serde(skip_serializing_if = "is_empty", serialize_with = "super::hosts")]
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// Further groups.
    #[serde(skip_serializing_if = "is_empty")]
    pub group_add: Vec<String>,
    /// GPUs.
    #[serde(skip_serializing_if = "is_empty")]
    pub gpus: Vec<DeviceRequest>,
    /// Host name of the containers.
    #[serde(skip_serializing_if = "is_empty")]
    pub hostname: String,
    /// How the engine finds out whether it works.
    #[serde(skip_serializing_if = "is_empty")]
    pub healthcheck: Option<Box<Healthcheck>>,
    /// Image.
    #[serde(skip_serializing_if = "is_empty")]
    pub image: String,
    /// Run an init process.
    #[serde(skip_serializing_if = "is_empty")]
    pub init: Option<bool>,
    /// IPC namespace.
    #[serde(skip_serializing_if = "is_empty")]
    pub ipc: String,
    /// Container isolation (Windows).
    #[serde(skip_serializing_if = "is_empty")]
    pub isolation: String,
    /// Labels of the containers.
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: StringMap,
    /// Files that add to them (empty once resolved).
    #[serde(skip_serializing_if = "is_empty")]
    pub label_file: Vec<String>,
    /// Those files, once resolved.
    #[serde(skip)]
    pub labels_read_from: Vec<String>,
    /// Links to other services.
    #[serde(skip_serializing_if = "is_empty")]
    pub links: Vec<String>,
    /// Log driver.
    #[serde(skip_serializing_if = "is_empty")]
    pub logging: Option<Box<Logging>>,
    /// Memory, at most.
    #[serde(skip_serializing_if = "is_empty")]
    pub mem_limit: Bytes,
    /// Memory kept for it.
    #[serde(skip_serializing_if = "is_empty")]
    pub mem_reservation: Bytes,
    /// Memory and swap together, at most.
    #[serde(skip_serializing_if = "is_empty")]
    pub memswap_limit: Bytes,
    /// Readiness to swap, 0 to 100.
    #[serde(skip_serializing_if = "is_empty")]
    pub mem_swappiness: Bytes,
    /// Hardware address.
    #[serde(skip_serializing_if = "is_empty")]
    pub mac_address: String,
    /// Models it uses.
    #[serde(skip_serializing_if = "is_empty")]
    pub models: BTreeMap<String, Option<ServiceModel>>,
    /// `host`, `none`, `service:x`, `container:x` or empty.
    #[serde(skip_serializing_if = "is_empty")]
    pub network_mode: String,
    /// Networks by key.
    #[serde(skip_serializing_if = "is_empty")]
    pub networks: BTreeMap<String, Option<ServiceNetwork>>,
    /// Never killed for lack of memory.
    #[serde(skip_serializing_if = "is_empty")]
    pub oom_kill_disable: bool,
    /// Readiness to be killed for lack of memory.
    #[serde(skip_serializing_if = "is_empty")]
    pub oom_score_adj: i64,
    /// PID namespace.
    #[serde(skip_serializing_if = "is_empty")]
    pub pid: String,
    /// Processes, at most.
    #[serde(skip_serializing_if = "is_empty")]
    pub pids_limit: i64,
    /// Platform of the image (`linux/amd64`).
    #[serde(skip_serializing_if = "is_empty")]
    pub platform: String,
    /// Published ports.
    #[serde(skip_serializing_if = "is_empty")]
    pub ports: Vec<Port>,
    /// All privileges.
    #[serde(skip_serializing_if = "is_empty")]
    pub privileged: bool,
    /// When its image is pulled.
    #[serde(skip_serializing_if = "is_empty")]
    pub pull_policy: String,
    /// Root file system not writable.
    #[serde(skip_serializing_if = "is_empty")]
    pub read_only: bool,
    /// Restart policy of the engine.
    #[serde(skip_serializing_if = "is_empty")]
    pub restart: String,
    /// OCI runtime.
    #[serde(skip_serializing_if = "is_empty")]
    pub runtime: String,
    /// Number of containers.
    #[serde(skip_serializing_if = "is_empty")]
    pub scale: Option<u32>,
    /// Secrets it sees as files.
    #[serde(skip_serializing_if = "is_empty")]
    pub secrets: Vec<FileReference>,
    /// Security options.
    #[serde(skip_serializing_if = "is_empty")]
    pub security_opt: Vec<String>,
    /// Size of `/dev/shm`.
    #[serde(skip_serializing_if = "is_empty")]
    pub shm_size: Bytes,
    /// Standard input stays open.
    #[serde(skip_serializing_if = "is_empty")]
    pub stdin_open: bool,
    /// Time between the stop signal and the kill.
    #[serde(skip_serializing_if = "is_empty")]
    pub stop_grace_period: Option<Duration>,
    /// Signal that asks it to stop.
    #[serde(skip_serializing_if = "is_empty")]
    pub stop_signal: String,
    /// Storage driver options.
    #[serde(skip_serializing_if = "is_empty")]
    pub storage_opt: StringMap,
    /// Kernel parameters.
    #[serde(skip_serializing_if = "is_empty")]
    pub sysctls: StringMap,
    /// Temporary file systems.
    #[serde(skip_serializing_if = "is_empty")]
    pub tmpfs: Vec<String>,
    /// A terminal.
    #[serde(skip_serializing_if = "is_empty")]
    pub tty: bool,
    /// Resource limits of its processes.
    #[serde(skip_serializing_if = "is_empty")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Give it the engine's socket.
    #[serde(skip_serializing_if = "is_empty")]
    pub use_api_socket: bool,
    /// User of its processes.
    #[serde(skip_serializing_if = "is_empty")]
    pub user: String,
    /// User namespace.
    #[serde(skip_serializing_if = "is_empty")]
    pub userns_mode: String,
    /// UTS namespace.
    #[serde(skip_serializing_if = "is_empty")]
    pub uts: String,
    /// Default volume driver.
    #[serde(skip_serializing_if = "is_empty")]
    pub volume_driver: String,
    /// Mounts.
    #[serde(skip_serializing_if = "is_empty")]
    pub volumes: Vec<Mount>,
    /// Containers whose mounts it takes over.
    #[serde(skip_serializing_if = "is_empty")]
    pub volumes_from: Vec<String>,
    /// Working folder.
    #[serde(skip_serializing_if = "is_empty")]
    pub working_dir: String,
    /// Run in the container after its start.
    #[serde(skip_serializing_if = "is_empty")]
    pub post_start: Vec<Hook>,
    /// Run in the container before its stop.
    #[serde(skip_serializing_if = "is_empty")]
    pub pre_stop: Vec<Hook>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

impl Service {
    /// How many containers it shall have: `scale`, else `deploy.replicas`, else one.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        self.scale.or_else(|| self.deploy.as_ref().and_then(|deploy| deploy.replicas)).unwrap_or(1)
    }
}

/// One entry of `depends_on`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Dependency {
    /// What to wait for.
    pub condition: Condition,
    /// Restart the dependent when this is recreated or restarted.
    #[serde(skip_serializing_if = "is_empty")]
    pub restart: bool,
    /// Fail when it is missing or does not get there.
    pub required: bool,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// What a dependent waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Condition {
    /// It was started.
    #[default]
    #[serde(rename = "service_started")]
    Started,
    /// Its health check succeeds.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It ran to its end with exit code 0.
    #[serde(rename = "service_completed_successfully")]
    CompletedSuccessfully,
}

/// One entry of `env_file`; written as its path alone where it is required.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvFile {
    /// Path.
    pub path: String,
    /// Fail when it is missing.
    pub required: bool,
    /// `raw`: no quotes, no interpolation.
    pub format: String,
}

impl Serialize for EnvFile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        if self.required {
            return serializer.serialize_str(&self.path);
        }
        let mut file = serializer.serialize_struct("EnvFile", 3)?;
        file.serialize_field("path", &self.path)?;
        file.serialize_field("required", &self.required)?;
        if !self.format.is_empty() {
            file.serialize_field("format", &self.format)?;
        }
        file.end()
    }
}

/// A lifecycle hook.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Hook {
    /// What to run.
    pub command: Option<Vec<String>>,
    /// As whom.
    #[serde(skip_serializing_if = "is_empty")]
    pub user: String,
    /// With all privileges.
    #[serde(skip_serializing_if = "is_empty")]
    pub privileged: bool,
    /// Where.
    #[serde(skip_serializing_if = "is_empty")]
    pub working_dir: String,
    /// Added to the environment.
    #[serde(skip_serializing_if = "is_empty")]
    pub environment: OptionalMap,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

impl Hook {
    /// The command, word by word.
    #[must_use]
    pub fn words(&self) -> &[String] {
        self.command.as_deref().unwrap_or_default()
    }
}

/// `logging`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Logging {
    /// Log driver.
    #[serde(skip_serializing_if = "is_empty")]
    pub driver: String,
    /// Driver options.
    #[serde(skip_serializing_if = "is_empty")]
    pub options: StringMap,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// `provider`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Provider {
    /// Which program.
    #[serde(rename = "type", skip_serializing_if = "is_empty")]
    pub kind: String,
    /// Its options.
    #[serde(skip_serializing_if = "is_empty")]
    pub options: BTreeMap<String, Vec<String>>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// A model as a service uses it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ServiceModel {
    /// Variable for the model's address.
    #[serde(rename = "endpoint_var", skip_serializing_if = "is_empty")]
    pub endpoint_variable: String,
    /// Variable for the model's name.
    #[serde(rename = "model_var", skip_serializing_if = "is_empty")]
    pub model_variable: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// One host device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeviceMapping {
    /// Host path or CDI name.
    #[serde(skip_serializing_if = "is_empty")]
    pub source: String,
    /// Path in the container.
    #[serde(skip_serializing_if = "is_empty")]
    pub target: String,
    /// `r`, `w`, `m`.
    #[serde(skip_serializing_if = "is_empty")]
    pub permissions: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// One resource limit of processes: one number, or a soft and a hard one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ulimit {
    /// Both limits at once; 0 where two are given.
    pub single: i64,
    /// Soft limit.
    pub soft: i64,
    /// Hard limit.
    pub hard: i64,
}

impl Ulimit {
    /// What writers know it by: JSON leaves limits of 0 out, YAML does not.
    pub(crate) const NAME: &str = "Ulimit";
}

impl Serialize for Ulimit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        if self.single != 0 {
            return serializer.serialize_i64(self.single);
        }
        let mut both = serializer.serialize_struct(Self::NAME, 2)?;
        both.serialize_field("soft", &self.soft)?;
        both.serialize_field("hard", &self.hard)?;
        both.end()
    }
}

/// `blkio_config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BlkioConfig {
    /// Weight among containers.
    #[serde(skip_serializing_if = "is_empty")]
    pub weight: u16,
    /// Weight for one device.
    #[serde(skip_serializing_if = "is_empty")]
    pub weight_device: Vec<WeightDevice>,
    /// Bytes a second, reading.
    #[serde(skip_serializing_if = "is_empty")]
    pub device_read_bps: Vec<ThrottleDevice>,
    /// Operations a second, reading.
    #[serde(skip_serializing_if = "is_empty")]
    pub device_read_iops: Vec<ThrottleDevice>,
    /// Bytes a second, writing.
    #[serde(skip_serializing_if = "is_empty")]
    pub device_write_bps: Vec<ThrottleDevice>,
    /// Operations a second, writing.
    #[serde(skip_serializing_if = "is_empty")]
    pub device_write_iops: Vec<ThrottleDevice>,
}

/// Weight of a device. Docker Compose has the names of its fields with a capital in JSON, and so in hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct WeightDevice {
    /// Device file.
    pub path: String,
    /// Weight.
    pub weight: u16,
}

/// Limit of a device; see [`WeightDevice`] for its names in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ThrottleDevice {
    /// Device file.
    pub path: String,
    /// Bytes or operations a second.
    pub rate: Bytes,
}

/// `credential_spec` (Windows).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CredentialSpec {
    /// A config that holds it.
    #[serde(skip_serializing_if = "is_empty")]
    pub config: String,
    /// A file that holds it.
    #[serde(skip_serializing_if = "is_empty")]
    pub file: String,
    /// A registry value that holds it.
    #[serde(skip_serializing_if = "is_empty")]
    pub registry: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// `develop`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Develop {
    /// What to do when files change.
    #[serde(skip_serializing_if = "is_empty")]
    pub watch: Vec<WatchRule>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// One rule of `develop.watch`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WatchRule {
    /// What to watch.
    #[serde(skip_serializing_if = "is_empty")]
    pub path: String,
    /// `rebuild`, `sync`, `restart`, `sync+restart` or `sync+exec`.
    #[serde(skip_serializing_if = "is_empty")]
    pub action: String,
    /// Path in the container.
    #[serde(skip_serializing_if = "is_empty")]
    pub target: String,
    /// What to run after a sync; always written in JSON.
    pub exec: Hook,
    /// Only these.
    #[serde(skip_serializing_if = "is_empty")]
    pub include: Vec<String>,
    /// Not these.
    #[serde(skip_serializing_if = "is_empty")]
    pub ignore: Vec<String>,
    /// Sync everything once at the start.
    #[serde(skip_serializing_if = "is_empty")]
    pub initial_sync: bool,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}
