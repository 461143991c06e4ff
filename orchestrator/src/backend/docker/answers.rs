//! The engine's answers. Read leniently: a field that is missing or `null` is empty, a word we do not know is not an
//! error (Podman and engines to come have their own).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::backend::{
    self, Container, ContainerDetail, Endpoint, Health, ImageInfo, Labels, MountPoint, NetworkInfo, Processes,
    PublishedPort, State, VolumeInfo,
};

/// Go writes empty maps and lists as `null`.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(input: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(input)?.unwrap_or_default())
}

/// A struct of the Engine API: names in Pascal case, everything optional.
macro_rules! answer {
    ($(#[$attribute:meta])* $name:ident { $($(#[$field_attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$attribute])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub(super) struct $name {
            $($(#[$field_attribute])* #[serde(deserialize_with = "nullable")] pub $field: $type),*
        }
    };
}

answer!(SystemInfo { docker_root_dir: String, system_time: String });

answer!(Version {
    version: String,
    #[serde(rename = "ApiVersion")]
    api_version: String,
    os: String,
    arch: String,
});
answer!(Created { id: String, warnings: Vec<String>, });
answer!(Waited { status_code: i64 });
answer!(Patience { stop_timeout: Option<u64> });
answer!(Patient { config: Patience });
answer!(ExecState { running: bool, exit_code: i64 });
answer!(Volumes { volumes: Vec<VolumeAnswer>, });
answer!(VolumeAnswer { name: String, driver: String, mountpoint: String, scope: String, labels: Labels });
answer!(NetworkAnswer { id: String, name: String, created: String, driver: String, labels: Labels });
answer!(Top { titles: Vec<String>, processes: Vec<Vec<String>>, });
answer!(PortAnswer {
    #[serde(rename = "IP")]
    ip: String,
    private_port: u16,
    public_port: u16,
    r#type: String,
});
answer!(EndpointAnswer {
    #[serde(rename = "NetworkID")] network_id: String,
    #[serde(rename = "IPAddress")] ip_address: String,
    #[serde(rename = "GlobalIPv6Address")] ipv6_address: String,
    aliases: Vec<String>,
});
answer!(NetworkSettings { networks: BTreeMap<String, EndpointAnswer>, ports: BTreeMap<String, Option<Vec<BindingAnswer>>>, });
answer!(BindingAnswer { host_ip: String, host_port: String });
answer!(MountAnswer {
    r#type: String,
    name: String,
    source: String,
    destination: String,
    #[serde(rename = "RW")]
    rw: bool,
});
answer!(Listed {
    id: String,
    names: Vec<String>,
    image: String,
    #[serde(rename = "ImageID")] image_id: String,
    command: String,
    created: i64,
    ports: Vec<PortAnswer>,
    labels: Labels,
    state: String,
    status: String,
    network_settings: NetworkSettings,
    mounts: Vec<MountAnswer>,
});
answer!(Probe { exit_code: i64, output: String });
answer!(HealthAnswer { status: String, log: Vec<Probe>, });
answer!(StateAnswer {
    status: String,
    health: Option<HealthAnswer>,
    exit_code: i64,
    #[serde(rename = "OOMKilled")] oom_killed: bool,
    error: String,
    started_at: String,
});
answer!(ConfigAnswer {
    image: String,
    labels: Labels,
    env: Vec<String>,
    tty: bool,
    user: String,
    exposed_ports: HashMap<String, serde_json::Value>,
    volumes: HashMap<String, serde_json::Value>,
    healthcheck: Option<serde_json::Value>,
});
answer!(Policy { name: String });
answer!(LogConfig { r#type: String });
answer!(HostAnswer { restart_policy: Policy, network_mode: String, log_config: LogConfig });
answer!(LogPlace { id: String, log_path: String, host_config: HostAnswer });
answer!(Inspected {
    id: String,
    created: String,
    name: String,
    image: String,
    path: String,
    args: Vec<String>,
    config: ConfigAnswer,
    state: StateAnswer,
    host_config: HostAnswer,
    network_settings: NetworkSettings,
    mounts: Vec<MountAnswer>,
});
answer!(Image {
    id: String,
    repo_tags: Vec<String>,
    repo_digests: Vec<String>,
    architecture: String,
    variant: String,
    os: String,
    config: ConfigAnswer,
    size: i64,
    created: String,
    metadata: ImageMetadata,
});
answer!(ImageMetadata { last_tag_time: String });
answer!(Actor {
    #[serde(rename = "ID")]
    id: String,
    attributes: Labels,
});

/// An event; its names are in the two styles of the API's history.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EventAnswer {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Actor")]
    actor: Actor,
    #[serde(rename = "timeNano")]
    time: i64,
}

fn state(word: &str) -> State {
    match word {
        "created" | "configured" | "initialized" => State::Created,
        "running" => State::Running,
        "paused" => State::Paused,
        "restarting" => State::Restarting,
        "removing" | "stopping" => State::Removing,
        "dead" => State::Dead,
        _ => State::Exited,
    }
}

fn health(word: &str) -> Option<Health> {
    match word {
        "starting" => Some(Health::Starting),
        "healthy" => Some(Health::Healthy),
        "unhealthy" => Some(Health::Unhealthy),
        _ => None,
    }
}

fn endpoints(settings: NetworkSettings) -> BTreeMap<String, Endpoint> {
    let convert = |endpoint: EndpointAnswer| Endpoint {
        network_id: endpoint.network_id,
        ipv4: endpoint.ip_address,
        ipv6: endpoint.ipv6_address,
        aliases: endpoint.aliases,
    };
    settings.networks.into_iter().map(|(name, endpoint)| (name, convert(endpoint))).collect()
}

fn mounts(answers: Vec<MountAnswer>) -> Vec<MountPoint> {
    let convert = |mount: MountAnswer| MountPoint {
        kind: mount.r#type,
        name: mount.name,
        source: mount.source,
        target: mount.destination,
        writable: mount.rw,
    };
    answers.into_iter().map(convert).collect()
}

impl From<Listed> for Container {
    fn from(listed: Listed) -> Self {
        // A link makes further names, `/other/alias`.
        let own = listed.names.iter().find(|name| !name.trim_start_matches('/').contains('/'));
        let name = own.or(listed.names.first()).map(|name| name.trim_start_matches('/').to_owned());
        let port = |port: PortAnswer| PublishedPort {
            host_ip: port.ip,
            published: port.public_port,
            target: port.private_port,
            protocol: port.r#type,
        };
        let mut ports: Vec<PublishedPort> = listed.ports.into_iter().map(port).collect();
        ports.sort();
        Self {
            id: listed.id,
            name: name.unwrap_or_default(),
            image: listed.image,
            image_id: listed.image_id,
            command: listed.command,
            created: listed.created,
            state: state(&listed.state),
            status: listed.status,
            labels: listed.labels,
            ports,
            networks: endpoints(listed.network_settings),
            mounts: mounts(listed.mounts),
        }
    }
}

/// Published ports of an inspection: `80/tcp` to bindings.
fn published(ports: &BTreeMap<String, Option<Vec<BindingAnswer>>>) -> Vec<PublishedPort> {
    let mut found = Vec::new();
    for (target, bindings) in ports {
        let (port, protocol) = target.split_once('/').unwrap_or((target, "tcp"));
        let Ok(port) = port.parse() else { continue };
        let exposed = PublishedPort { target: port, protocol: protocol.to_owned(), ..PublishedPort::default() };
        match bindings.as_deref() {
            None | Some([]) => found.push(exposed),
            Some(bindings) => found.extend(bindings.iter().map(|binding| PublishedPort {
                host_ip: binding.host_ip.clone(),
                published: binding.host_port.parse().unwrap_or(0),
                ..exposed.clone()
            })),
        }
    }
    found.sort();
    found
}

impl Patient {
    /// The container's own grace period.
    pub(super) fn grace(&self) -> Duration {
        Duration::from_secs(self.config.stop_timeout.unwrap_or_default())
    }
}

impl From<Inspected> for ContainerDetail {
    fn from(inspected: Inspected) -> Self {
        let created = inspected.created.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second);
        let command: Vec<&str> =
            std::iter::once(inspected.path.as_str()).chain(inspected.args.iter().map(String::as_str)).collect();
        let probes = inspected.state.health.as_ref().map(|health| health.log.as_slice()).unwrap_or_default();
        let last_probe =
            probes.iter().rev().find(|probe| probe.exit_code != 0).map(|probe| probe.output.trim().to_owned());
        let mut exposed: Vec<String> = inspected.config.exposed_ports.into_keys().collect();
        exposed.sort();
        Self {
            health: inspected.state.health.as_ref().and_then(|found| health(&found.status)),
            last_probe,
            exit_code: inspected.state.exit_code,
            oom_killed: inspected.state.oom_killed,
            error: inspected.state.error,
            started_at: inspected.state.started_at,
            environment: inspected.config.env,
            tty: inspected.config.tty,
            user: inspected.config.user,
            restart_policy: inspected.host_config.restart_policy.name,
            network_mode: inspected.host_config.network_mode,
            exposed,
            logs_readable: inspected.host_config.log_config.r#type != "none",
            body: serde_json::Value::Null,
            summary: Container {
                id: inspected.id,
                name: inspected.name.trim_start_matches('/').to_owned(),
                image: inspected.config.image,
                image_id: inspected.image,
                command: command.join(" "),
                created,
                state: state(&inspected.state.status),
                status: String::new(),
                labels: inspected.config.labels,
                ports: published(&inspected.network_settings.ports),
                networks: endpoints(inspected.network_settings),
                mounts: mounts(inspected.mounts),
            },
        }
    }
}

/// `linux/arm64/v8` and `linux/arm64` are the same platform.
pub(super) fn platform(os: &str, architecture: &str, variant: &str) -> String {
    let variant = if architecture == "arm64" && variant == "v8" { "" } else { variant };
    let parts = [os, architecture, variant];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

impl From<Image> for ImageInfo {
    fn from(image: Image) -> Self {
        let sorted = |map: HashMap<String, serde_json::Value>| {
            let mut keys: Vec<String> = map.into_keys().collect();
            keys.sort();
            keys
        };
        // `["NONE"]` switches a base image's check off.
        let test =
            image.config.healthcheck.as_ref().and_then(|check| check.pointer("/Test/0")).and_then(|word| word.as_str());
        Self {
            id: image.id,
            tags: image.repo_tags,
            digests: image.repo_digests,
            platform: platform(&image.os, &image.architecture, &image.variant),
            exposed: sorted(image.config.exposed_ports),
            volumes: sorted(image.config.volumes),
            labels: image.config.labels,
            has_healthcheck: test.is_some_and(|word| word != "NONE"),
            size: image.size,
            created: image.created,
            tagged: image.metadata.last_tag_time,
        }
    }
}

impl From<NetworkAnswer> for NetworkInfo {
    fn from(network: NetworkAnswer) -> Self {
        Self { id: network.id, name: network.name, driver: network.driver, labels: network.labels }
    }
}

impl From<VolumeAnswer> for VolumeInfo {
    fn from(volume: VolumeAnswer) -> Self {
        Self {
            name: volume.name,
            driver: volume.driver,
            mountpoint: volume.mountpoint,
            scope: volume.scope,
            labels: volume.labels,
        }
    }
}

impl From<Top> for Processes {
    fn from(top: Top) -> Self {
        Self { titles: top.titles, rows: top.processes }
    }
}

impl From<EventAnswer> for backend::Event {
    fn from(event: EventAnswer) -> Self {
        Self {
            kind: event.kind,
            action: event.action,
            id: event.actor.id,
            attributes: event.actor.attributes,
            time: event.time,
        }
    }
}
