//! The only door to containers.
//!
//! [`Backend`] is kept narrow and in the terms of containers, images, networks, volumes, exec, logs and events, so
//! that an embedded engine or a cluster can be a further implementation. It makes no decisions: one method is one
//! request to the engine (pulls, builds, logs, events and exec are one request with a stream behind it).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use compose_schema::model::{Build, Mount, Network, Service, ServiceNetwork, Volume};
use futures_util::stream::BoxStream;

pub mod content;
pub mod docker;
pub mod memory;
pub mod reference;
pub mod usage;

pub use content::{CommitSpec, PathInfo, PathKind, Unpack, Upload};
pub use usage::Usage;

/// A shared handle on an engine.
pub type Engine = Arc<dyn Backend>;
/// Result of a call to the engine.
pub type Result<T> = std::result::Result<T, Error>;
/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// Why a call to the engine failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}{message}", doing(*kind, call, object))]
pub struct Error {
    /// What kind of failure, for those who decide on it.
    pub kind: ErrorKind,
    /// The call, in words (`create container`).
    pub call: &'static str,
    /// What it was about (`web-app-1`); may be empty.
    pub object: String,
    /// The engine's own words, or what went wrong on the way to it.
    pub message: String,
}

/// What was being done; for an engine that is out of reach that is no matter.
fn doing(kind: ErrorKind, call: &str, object: &str) -> String {
    match kind {
        ErrorKind::Unreachable | ErrorKind::Permission => String::new(),
        _ if object.is_empty() => format!("{call}: "),
        _ => format!("{call} {object}: "),
    }
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No engine answers at the address.
    Unreachable,
    /// The socket is there, this user may not use it.
    Permission,
    /// The engine did not answer in time.
    Timeout,
    /// The object does not exist (404).
    NotFound,
    /// The object is in the way or in another state (409).
    Conflict,
    /// The request makes no sense to the engine (400).
    Invalid,
    /// The engine is too old for it; the message names the version it needs.
    Unsupported,
    /// Anything else the engine refused (500 and others).
    Engine,
}

impl Error {
    /// The way out, where there is one that always holds.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.kind {
            ErrorKind::Unreachable => {
                Some("is the engine running (`systemctl start docker`)? `DOCKER_HOST` names another one")
            }
            ErrorKind::Permission => {
                Some("join the group `docker` (`sudo usermod -aG docker $USER`, then log in again), or use sudo")
            }
            ErrorKind::Timeout => Some("`docker version` shows whether the engine answers at all"),
            _ => None,
        }
    }
}

/// Facts about the engine that plans and messages need.
#[derive(Debug, Clone, Default)]
pub struct EngineInfo {
    /// Address it is reached at (`unix:///var/run/docker.sock`).
    pub address: String,
    /// It runs on this very host with a Linux kernel (its bridge networks are reachable from here).
    pub local: bool,
    /// Its version (`20.10.24`).
    pub version: String,
    /// API version in use, as (major, minor).
    pub api: (u32, u32),
    /// Operating system and architecture in image terms (`linux/amd64`).
    pub platform: String,
}

/// The engine's host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostInfo {
    /// Folder of the engine's data (`/var/lib/docker`).
    pub root: String,
    /// Its time, RFC 3339.
    pub time: String,
}

/// What the engine's clock says: that of this host may be another one, or have been set meanwhile.
///
/// # Errors
/// The engine's.
pub async fn now(engine: &dyn Backend) -> Result<jiff::Timestamp> {
    let host = engine.host().await?;
    Ok(host.time.parse().unwrap_or_else(|_| jiff::Timestamp::now()))
}

/// A container as listings show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Name without the leading slash.
    pub name: String,
    /// Image as it was named at creation; its id once that name means another image, or none.
    pub image: String,
    /// Id of that image.
    pub image_id: String,
    /// Command line as the engine abbreviates it.
    pub command: String,
    /// Unix seconds of creation.
    pub created: i64,
    /// State.
    pub state: State,
    /// The engine's words for it (`Up 2 minutes (healthy)`).
    pub status: String,
    /// Labels.
    pub labels: Labels,
    /// Published and exposed ports.
    pub ports: Vec<PublishedPort>,
    /// Attachments by network name.
    pub networks: BTreeMap<String, Endpoint>,
    /// Mounts.
    pub mounts: Vec<MountPoint>,
}

/// State of a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Made, never started.
    #[default]
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Between two runs.
    Restarting,
    /// On its way out.
    Removing,
    /// Ended.
    Exited,
    /// Beyond repair.
    Dead,
}

/// Health of a container that has a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not yet known.
    Starting,
    /// The last probe succeeded.
    Healthy,
    /// It failed too often.
    Unhealthy,
}

/// One port of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedPort {
    /// Address on the host; empty where it is only exposed.
    pub host_ip: String,
    /// Port on the host; 0 where it is only exposed.
    pub published: u16,
    /// Port in the container.
    pub target: u16,
    /// `tcp`, `udp`, `sctp`.
    pub protocol: String,
}

/// Where a container stands in a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Id of the network.
    pub network_id: String,
    /// IPv4 address; empty while not running.
    pub ipv4: String,
    /// IPv6 address; empty without one.
    pub ipv6: String,
    /// Names of the container in it.
    pub aliases: Vec<String>,
}

/// A mount of an existing container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountPoint {
    /// `bind`, `volume`, `tmpfs`.
    pub kind: String,
    /// Volume name; empty for others.
    pub name: String,
    /// Host path.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Writable.
    pub writable: bool,
}

/// What only an inspection tells.
#[derive(Debug, Clone, Default)]
pub struct ContainerDetail {
    /// What a listing says.
    pub summary: Container,
    /// Health, where it has a check.
    pub health: Option<Health>,
    /// Output of the last failed probe, for messages.
    pub last_probe: Option<String>,
    /// Exit code of the last run.
    pub exit_code: i64,
    /// The engine killed it for lack of memory.
    pub oom_killed: bool,
    /// Error of the last start, if any.
    pub error: String,
    /// Start of the last run, RFC 3339.
    pub started_at: String,
    /// Its environment, `KEY=value`, what the image brings included.
    pub environment: Vec<String>,
    /// It has a terminal.
    pub tty: bool,
    /// As whom it runs (`NAME`, `UID`, each with `:GROUP` or without); empty for root.
    pub user: String,
    /// Name of its restart policy.
    pub restart_policy: String,
    /// Its network mode (`host`, a network's name, `container:ID`).
    pub network_mode: String,
    /// Exposed ports (image and compose file), `80/tcp`.
    pub exposed: Vec<String>,
    /// Its log driver keeps lines that can be read back.
    pub logs_readable: bool,
    /// All that the engine would have to be told to make it again, in its own terms, but for image, labels, networks and
    /// anonymous volumes.
    pub body: serde_json::Value,
}

/// A network that exists.
#[derive(Debug, Clone, Default)]
pub struct NetworkInfo {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Driver.
    pub driver: String,
    /// Labels.
    pub labels: Labels,
}

/// A volume that exists.
#[derive(Debug, Clone, Default)]
pub struct VolumeInfo {
    /// Name.
    pub name: String,
    /// Driver.
    pub driver: String,
    /// Where it is on the engine's host.
    pub mountpoint: String,
    /// `local`, or `global` for a cluster's.
    pub scope: String,
    /// Labels.
    pub labels: Labels,
}

/// An image that exists.
#[derive(Debug, Clone, Default)]
pub struct ImageInfo {
    /// Id (`sha256:...`).
    pub id: String,
    /// Names.
    pub tags: Vec<String>,
    /// Repository digests.
    pub digests: Vec<String>,
    /// Platform (`linux/arm64`).
    pub platform: String,
    /// Ports it exposes, `80/tcp`.
    pub exposed: Vec<String>,
    /// Paths it declares as volumes.
    pub volumes: Vec<String>,
    /// Labels.
    pub labels: Labels,
    /// It has a health check of its own.
    pub has_healthcheck: bool,
    /// Size in bytes.
    pub size: i64,
    /// RFC 3339 time of its making.
    pub created: String,
    /// RFC 3339 time of its last naming here.
    pub tagged: String,
}

impl ImageInfo {
    /// Whether it is for another platform than `wanted` (`linux/amd64`): the message that names both.
    #[must_use]
    pub fn platform_mismatch(&self, wanted: &str) -> Option<String> {
        // A variant (`linux/arm/v7`) counts only where both name one.
        let parts = |platform: &str| platform.split('/').map(str::to_owned).collect::<Vec<_>>();
        let fits = self.platform.is_empty()
            || parts(&self.platform).iter().zip(parts(wanted)).all(|(own, other)| *own == other);
        let name = self.tags.first().unwrap_or(&self.id);
        (!fits).then(|| format!("image `{name}` is for {}, not for {wanted}", self.platform))
    }
}

/// A container to be made.
///
/// The service is the compose language's own description, with everything that depends on the project already
/// settled by the planner; the backend only translates it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerSpec {
    /// Container name.
    pub name: String,
    /// Image name or id to run.
    pub image: String,
    /// The service. `network_mode`, `ipc`, `pid` and `volumes_from` name containers by id where the file named services,
    /// `links` and `external_links` name containers (`container:alias`).
    pub service: Service,
    /// All labels of the container, compose's own included.
    pub labels: Labels,
    /// Networks to join, the primary one first. Empty with a `network_mode`.
    pub networks: Vec<Attachment>,
    /// Mounts with volume keys replaced by engine names, secrets and configs that are host files included.
    pub mounts: Vec<Mount>,
    /// Complete environment (`KEY=value`; `KEY` alone takes a variable away from the image's).
    pub environment: Vec<String>,
    /// A one-off container (`run`): removed by the engine at its end.
    pub auto_remove: bool,
    /// Attach standard input (one-off containers).
    pub open_stdin: bool,
    /// Made as one that was there before ([`ContainerDetail::body`]): the service tells its networks only, and `mounts` are
    /// anonymous volumes of the container that it replaces.
    pub body: Option<Box<serde_json::Value>>,
}

/// One network to join.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attachment {
    /// Engine name of the network.
    pub network: String,
    /// All names of the container in it.
    pub aliases: Vec<String>,
    /// Addresses and options from the compose file.
    pub options: ServiceNetwork,
}

/// A network to be made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkSpec {
    /// Definition; its `name` is the engine name.
    pub network: Network,
    /// All labels.
    pub labels: Labels,
}

/// A volume to be made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VolumeSpec {
    /// Definition; its `name` is the engine name.
    pub volume: Volume,
    /// All labels.
    pub labels: Labels,
}

/// An image to be built.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuildSpec {
    /// Definition, paths absolute. Contexts that are other services' images name those (`docker-image://NAME`).
    pub build: Build,
    /// What `build.secrets` comes to.
    pub secrets: Vec<BuildSecret>,
    /// Name to give it.
    pub tag: String,
    /// Platform to build for; empty for the engine's own.
    pub platform: String,
    /// Labels to add.
    pub labels: Labels,
    /// Most memory a step of the build may use, in bytes; 0 for no limit.
    pub memory: i64,
    /// `--build-arg`s and `--no-cache`, `--pull` are already folded into `build`.
    pub quiet: bool,
}

/// What a builder has to say about a Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildCheck {
    /// In words, several lines.
    pub text: String,
    /// There is nothing to complain about.
    pub clean: bool,
}

/// A secret that steps of a build may mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSecret {
    /// Its name in the Dockerfile.
    pub id: String,
    /// Where it comes from.
    pub value: SecretValue,
}

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// A file of the client.
    File(PathBuf),
    /// The secret itself.
    Text(String),
    /// This variable, which is not set.
    Unset(String),
}

/// Without the secret itself: it must not end in a log.
impl std::fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "File({})", path.display()),
            Self::Text(_) => write!(formatter, "Text(..)"),
            Self::Unset(variable) => write!(formatter, "Unset({variable})"),
        }
    }
}

/// A step of a pull or a build, for progress and messages.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// One line of output.
    Line(String),
    /// A layer or step, with bytes done and bytes in all (0 where unknown).
    Part {
        /// Which.
        id: String,
        /// What happens to it.
        status: String,
        /// Bytes done.
        current: u64,
        /// Bytes in all.
        total: u64,
    },
}

/// Where progress goes; called from async code, must not block.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// Which log lines.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Stay and show new ones.
    pub follow: bool,
    /// Only the last so many.
    pub tail: Option<u64>,
    /// Not before this (RFC 3339 or Unix seconds with nanoseconds, `1700000000.000000001`).
    pub since: Option<String>,
    /// Not after this.
    pub until: Option<String>,
}

/// Which stream of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of log output: one record of the engine, with its time. Lines longer than the engine's buffer come in
/// several pieces, all but the last without a newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Stream.
    pub stream: Stream,
    /// The engine's time stamp, RFC 3339 with nanoseconds.
    pub time: String,
    /// Bytes, newline included where there is one.
    pub bytes: Bytes,
}

/// Something that happened at the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `container`, `network`, `volume`, `image`.
    pub kind: String,
    /// `start`, `die`, `health_status: healthy`, ...
    pub action: String,
    /// Id of the object.
    pub id: String,
    /// Attributes; for containers, labels and `name`, `exitCode` are among them.
    pub attributes: Labels,
    /// Nanoseconds since the epoch.
    pub time: i64,
}

/// Which events and listings: all labels must be there (`None`: with any value).
#[derive(Debug, Clone, Default)]
pub struct LabelFilter(pub Vec<(String, Option<String>)>);

impl LabelFilter {
    /// Whether labels pass.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|(name, wanted)| match (labels.get(name), wanted) {
            (Some(found), Some(wanted)) => found == wanted,
            (found, None) => found.is_some(),
            (None, Some(_)) => false,
        })
    }
}

/// What runs in a container: one row of cells a process, under titles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Processes {
    /// Titles of the columns (`PID`, `CMD`, ...).
    pub titles: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<String>>,
}

/// A command to run in a container.
#[derive(Debug, Clone, Default)]
pub struct ExecSpec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// `KEY=value`.
    pub environment: Vec<String>,
    /// As whom; empty for the container's user.
    pub user: String,
    /// Where; empty for the container's folder.
    pub working_dir: String,
    /// With a terminal.
    pub tty: bool,
    /// With all privileges.
    pub privileged: bool,
    /// Attach standard input.
    pub stdin: bool,
    /// Do not attach anything and do not wait.
    pub detach: bool,
}

/// Output of an attached process.
pub type OutputStream = BoxStream<'static, Result<(Stream, Bytes)>>;
/// Input of an attached process; shutting it down is end of file.
pub type InputSink = Box<dyn tokio::io::AsyncWrite + Send + Unpin>;

/// A process we are attached to.
pub struct Session {
    /// Id of the exec, or of the container for an attach.
    pub id: String,
    /// Its output.
    pub output: OutputStream,
    /// Its input.
    pub input: InputSink,
}

/// An engine that runs containers.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Address the engine is reached at (`unix:///var/run/docker.sock`).
    fn address(&self) -> String;
    /// It runs on this very host with a Linux kernel, as far as its address tells.
    fn is_local(&self) -> bool;
    /// Which engine it is, whatever address it is reached at; asked once and remembered.
    async fn id(&self) -> Result<String>;
    /// Facts about the engine; asked once and remembered.
    async fn info(&self) -> Result<EngineInfo>;
    /// Facts about its host, as they are now.
    async fn host(&self) -> Result<HostInfo>;

    /// Containers in any state whose labels pass the filter, one-offs included.
    async fn containers(&self, filter: &LabelFilter) -> Result<Vec<Container>>;
    /// One container, by id or name.
    async fn container(&self, id: &str) -> Result<ContainerDetail>;
    /// Makes a container; joins all its networks. Returns its id and the engine's warnings.
    async fn create_container(&self, spec: &ContainerSpec) -> Result<(String, Vec<String>)>;
    /// Starts it; a running one stays as it is.
    async fn start_container(&self, id: &str) -> Result<()>;
    /// Stops it: its stop signal, then a kill after `grace` (the container's own grace period without one; never after
    /// [`Duration::MAX`]).
    async fn stop_container(&self, id: &str, grace: Option<Duration>) -> Result<()>;
    /// Stops and starts it.
    async fn restart_container(&self, id: &str, grace: Option<Duration>) -> Result<()>;
    /// Sends a signal.
    async fn kill_container(&self, id: &str, signal: &str) -> Result<()>;
    /// Freezes it.
    async fn pause_container(&self, id: &str) -> Result<()>;
    /// Lets it go on.
    async fn unpause_container(&self, id: &str) -> Result<()>;
    /// Gives it another name.
    async fn rename_container(&self, id: &str, name: &str) -> Result<()>;
    /// Removes it by force, with its anonymous volumes if asked. One that is gone already is fine.
    async fn remove_container(&self, id: &str, volumes: bool) -> Result<()>;
    /// Waits until it has ended; its exit code.
    async fn wait_container(&self, id: &str) -> Result<i64>;
    /// What runs in it.
    async fn top_container(&self, id: &str) -> Result<Processes>;
    /// Sets the size of its terminal.
    async fn resize_container(&self, id: &str, rows: u16, columns: u16) -> Result<()>;
    /// Attaches to its main process (before the start, to miss nothing). `detach_keys` (`ctrl-p,ctrl-q`) take the place
    /// of the engine's own, where the container has a terminal.
    async fn attach_container(&self, id: &str, stdin: bool, detach_keys: Option<&str>) -> Result<Session>;
    /// What it uses of its host: one sample, or with `follow` one a second, for as long as it is there.
    async fn usage(&self, id: &str, follow: bool) -> Result<BoxStream<'static, Result<Usage>>>;
    /// Its log.
    async fn logs(&self, id: &str, options: &LogOptions) -> Result<BoxStream<'static, Result<LogRecord>>>;
    /// Unpacks a tar archive at a path in it.
    async fn put_archive(&self, id: &str, path: &str, tar: Bytes) -> Result<()>;
    /// [`Backend::put_archive`] for an archive of any size.
    async fn put_archive_stream(&self, id: &str, path: &str, tar: Upload, how: Unpack) -> Result<()>;
    /// A path in it as a tar archive.
    async fn get_archive(&self, id: &str, path: &str) -> Result<BoxStream<'static, Result<Bytes>>>;
    /// What a path in it is; a symbolic link is not followed.
    async fn path_info(&self, id: &str, path: &str) -> Result<PathInfo>;
    /// All of its files as a tar archive, volumes excepted.
    async fn export_container(&self, id: &str) -> Result<BoxStream<'static, Result<Bytes>>>;
    /// Makes an image of it; the image's id.
    async fn commit_container(&self, id: &str, spec: &CommitSpec) -> Result<String>;

    /// Runs a command in a running container. Detached: the session's output is empty.
    async fn exec(&self, id: &str, spec: &ExecSpec) -> Result<Session>;
    /// Exit code of an exec that has ended; none while it runs.
    async fn exec_exit_code(&self, exec: &str) -> Result<Option<i64>>;
    /// Sets the size of its terminal.
    async fn resize_exec(&self, exec: &str, rows: u16, columns: u16) -> Result<()>;

    /// Networks whose labels pass the filter.
    async fn networks(&self, filter: &LabelFilter) -> Result<Vec<NetworkInfo>>;
    /// One network, by exact name; none if there is none.
    async fn network(&self, name: &str) -> Result<Option<NetworkInfo>>;
    /// Makes a network; its id.
    async fn create_network(&self, spec: &NetworkSpec) -> Result<String>;
    /// Removes it. One that is gone already is fine.
    async fn remove_network(&self, id: &str) -> Result<()>;
    /// Joins a container to a network.
    async fn connect_network(&self, container: &str, attachment: &Attachment) -> Result<()>;
    /// Takes a container out of a network.
    async fn disconnect_network(&self, container: &str, network: &str) -> Result<()>;

    /// Volumes whose labels pass the filter.
    async fn volumes(&self, filter: &LabelFilter) -> Result<Vec<VolumeInfo>>;
    /// One volume, by exact name; none if there is none.
    async fn volume(&self, name: &str) -> Result<Option<VolumeInfo>>;
    /// Makes a volume.
    async fn create_volume(&self, spec: &VolumeSpec) -> Result<()>;
    /// Removes it. One that is gone already is fine.
    async fn remove_volume(&self, name: &str) -> Result<()>;

    /// One image, by name or id; none if it is not here.
    async fn image(&self, name: &str) -> Result<Option<ImageInfo>>;
    /// Pulls an image.
    async fn pull(&self, image: &str, platform: &str, progress: ProgressSink) -> Result<()>;
    /// The digest that an image's registry has for it now.
    async fn digest(&self, image: &str) -> Result<String>;
    /// Sends an image to its registry.
    async fn push(&self, image: &str, progress: ProgressSink) -> Result<()>;
    /// Builds an image; its id.
    async fn build(&self, spec: &BuildSpec, progress: ProgressSink) -> Result<String>;
    /// Has the Dockerfile of a build checked; nothing is built.
    async fn check_build(&self, spec: &BuildSpec, progress: ProgressSink) -> Result<BuildCheck>;
    /// The client's credentials for registries, as a `config.json` with `auths`.
    async fn registry_config(&self) -> Result<String>;
    /// Loads images from a `docker save` archive.
    async fn load_images(&self, archive: Bytes) -> Result<()>;
    /// Removes an image by name. One that is gone already is fine.
    async fn remove_image(&self, name: &str) -> Result<()>;
    /// Gives an image a further name (`repository:tag`).
    async fn tag_image(&self, image: &str, name: &str) -> Result<()>;

    /// Events from now on.
    async fn events(&self, filter: &LabelFilter) -> Result<BoxStream<'static, Result<Event>>>;
    /// Events from `since` until `until` (RFC 3339), as far as the engine remembers; then those from now on without an
    /// `until`.
    async fn events_between(
        &self,
        filter: &LabelFilter,
        since: Option<&str>,
        until: Option<&str>,
    ) -> Result<BoxStream<'static, Result<Event>>>;
}
