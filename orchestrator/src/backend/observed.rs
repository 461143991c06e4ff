//! What an engine tells of what it has.

use std::collections::BTreeMap;

use super::Labels;

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

impl Container {
    /// Its health, where it has a check; listings tell it in words only.
    pub fn health(&self) -> Option<Health> {
        let words = [
            ("(healthy)", Health::Healthy),
            ("(unhealthy)", Health::Unhealthy),
            ("(health: starting)", Health::Starting),
        ];
        words.into_iter().find_map(|(words, health)| self.status.contains(words).then_some(health))
    }
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

impl State {
    /// Whether there is a process, be it frozen or about to be started again.
    #[must_use]
    pub const fn has_process(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
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

impl Health {
    /// The engine's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_in_the_words_of_a_listing() {
        for (status, expected) in [
            ("Up 2 seconds (health: starting)", "starting"),
            ("Up 2 seconds (healthy)", "healthy"),
            ("Up 2 minutes (unhealthy)", "unhealthy"),
            ("Up 2 seconds", ""),
            ("Exited (137) 2 minutes ago", ""),
        ] {
            let container = Container { status: status.to_owned(), ..Container::default() };
            assert_eq!(container.health().map_or("", Health::word), expected, "{status}");
        }
    }
}
