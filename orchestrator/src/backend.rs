//! The only door to containers.
//!
//! [`Backend`] is kept narrow and in the terms of containers, images, networks, volumes, exec, logs and events, so
//! that an embedded engine or a cluster can be a further implementation. A method is one intention about one object. It may
//! take several requests to have it carried out (a container is created, then joins its further networks), but none that its
//! caller could want separately: it decides nothing that a plan is about. A method that changes something can be repeated:
//! what is so already is success. What went wrong is told by [`ErrorKind`]; nobody else reads an engine's words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

pub mod content;
pub mod docker;
mod error;
#[cfg(test)]
pub mod memory;
mod observed;
pub mod reference;
mod spec;
pub mod usage;

pub use content::{CommitSpec, PathInfo, PathKind, Unpack, Upload};
pub use error::{Error, ErrorKind};
pub use observed::{
    Container, ContainerDetail, Endpoint, EngineInfo, Health, HostInfo, ImageInfo, MountPoint, NetworkInfo,
    PublishedPort, State, VolumeInfo,
};
pub use spec::{
    Attachment, BuildCheck, BuildPlaces, BuildSecret, BuildSpec, ContainerSpec, NetworkSpec, SecretValue, VolumeSpec,
};
pub use usage::Usage;

/// A shared handle on an engine.
pub type Engine = Arc<dyn Backend>;
/// Result of a call to the engine.
pub type Result<T> = std::result::Result<T, Error>;
/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// What the engine's clock says: that of this host may be another one, or have been set meanwhile.
///
/// # Errors
/// The engine's.
pub async fn now(engine: &dyn Backend) -> Result<jiff::Timestamp> {
    let host = engine.host().await?;
    Ok(host.time.parse().unwrap_or_else(|_| jiff::Timestamp::now()))
}

/// A step of a pull or a build, for progress and messages.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// One line of output.
    Line(String),
    /// What is to be said even where no output is shown.
    Warning(String),
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
    /// Removes it by force, with its anonymous volumes if asked. One that is gone already is fine, and one that somebody
    /// else is removing is waited for.
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
    /// Joins a container to a network; one that has joined it stays as it is.
    async fn connect_network(&self, container: &str, attachment: &Attachment) -> Result<()>;
    /// Takes a container out of a network. One that is not in it, or gone already, is fine.
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
