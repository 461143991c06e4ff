//! The state of the engine in memory and its transitions.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Behaviour;
use crate::backend::{
    Attachment, ContainerDetail, ContainerSpec, Endpoint, ErrorKind, Event, Health, ImageInfo, Labels, LogRecord,
    MountPoint, NetworkInfo, PathInfo, PublishedPort, State, Stream, Usage, VolumeInfo,
};

/// What the engine says no with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal(pub ErrorKind, pub String);

pub(super) type Outcome<T> = Result<T, Refusal>;

fn refuse<T>(kind: ErrorKind, message: impl Into<String>) -> Outcome<T> {
    Err(Refusal(kind, message.into()))
}

/// One container.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub detail: ContainerDetail,
    pub log: Vec<LogRecord>,
    pub archives: Vec<(String, Bytes)>,
    pub paths: BTreeMap<String, PathInfo>,
    pub usage: Usage,
    auto_remove: bool,
    has_check: bool,
    anonymous: Vec<String>,
}

/// Everything the engine knows.
#[derive(Debug, Default)]
pub(super) struct World {
    pub containers: BTreeMap<String, Entry>,
    pub networks: BTreeMap<String, NetworkInfo>,
    pub volumes: BTreeMap<String, VolumeInfo>,
    pub images: Vec<ImageInfo>,
    pub registry: Vec<ImageInfo>,
    pub behaviours: BTreeMap<String, Behaviour>,
    pub exec_codes: BTreeMap<String, i64>,
    pub execs: BTreeMap<String, i64>,
    pub failing_builds: BTreeMap<String, String>,
    /// Not yet published.
    pub events: Vec<Event>,
    clock: i64,
    ids: u64,
    addresses: u32,
}

/// Networks that every engine has.
const BUILTIN_NETWORKS: [&str; 3] = ["bridge", "host", "none"];

pub(super) fn is_builtin(network: &str) -> bool {
    BUILTIN_NETWORKS.contains(&network)
}

/// A full image name: `:latest` where neither tag nor digest is given.
pub(super) fn full_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains(':') || image.contains('@') { image.to_owned() } else { format!("{image}:latest") }
}

impl World {
    pub(super) fn add_builtin_networks(&mut self) {
        for name in BUILTIN_NETWORKS {
            let id = self.new_id();
            self.networks.insert(
                name.to_owned(),
                NetworkInfo { id, name: name.to_owned(), driver: name.to_owned(), ..NetworkInfo::default() },
            );
        }
    }

    /// Ids look like the engine's: 64 hexadecimal digits.
    pub(super) fn new_id(&mut self) -> String {
        self.ids += 1;
        format!(
            "{:032x}{:032x}",
            u128::from(self.ids).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            self.ids
        )
    }

    /// A clock that only goes on when something happens: nanoseconds, one microsecond a tick.
    fn tick(&mut self) -> i64 {
        self.clock += 1000;
        1_700_000_000_000_000_000 + self.clock
    }

    fn time_text(nanos: i64) -> String {
        jiff::Timestamp::from_nanosecond(i128::from(nanos)).map(|time| format!("{time:.9}")).unwrap_or_default()
    }

    fn event(&mut self, kind: &str, action: &str, id: &str, attributes: Labels) {
        let time = self.tick();
        self.events.push(Event {
            kind: kind.to_owned(),
            action: action.to_owned(),
            id: id.to_owned(),
            attributes,
            time,
        });
    }

    fn container_event(&mut self, id: &str, action: &str, more: &[(&str, String)]) {
        let Some(entry) = self.containers.get(id) else { return };
        let summary = &entry.detail.summary;
        let mut attributes = summary.labels.clone();
        attributes.insert("name".to_owned(), summary.name.clone());
        attributes.insert("image".to_owned(), summary.image.clone());
        attributes.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        self.event("container", action, id, attributes);
    }

    pub(super) fn find(&self, id_or_name: &str) -> Option<&Entry> {
        self.id_of(id_or_name).and_then(|id| self.containers.get(&id))
    }

    pub(super) fn find_mut(&mut self, id_or_name: &str) -> Outcome<&mut Entry> {
        let id = self.id_of(id_or_name);
        match id.and_then(|id| self.containers.get_mut(&id)) {
            Some(entry) => Ok(entry),
            None => refuse(ErrorKind::NotFound, format!("No such container: {id_or_name}")),
        }
    }

    /// By exact name, full id, or the beginning of one.
    fn id_of(&self, id_or_name: &str) -> Option<String> {
        if self.containers.contains_key(id_or_name) {
            return Some(id_or_name.to_owned());
        }
        let by_name = self.containers.iter().find(|(_, entry)| entry.detail.summary.name == id_or_name);
        by_name
            .or_else(|| self.containers.iter().find(|(id, _)| id_or_name.len() >= 12 && id.starts_with(id_or_name)))
            .map(|(id, _)| id.clone())
    }

    fn known_id(&self, id_or_name: &str) -> Outcome<String> {
        match self.id_of(id_or_name) {
            Some(id) => Ok(id),
            None => refuse(ErrorKind::NotFound, format!("No such container: {id_or_name}")),
        }
    }

    pub(super) fn image(&self, name: &str) -> Option<&ImageInfo> {
        let full = full_name(name);
        self.images.iter().find(|image| {
            image.id == name
                || image.tags.iter().any(|tag| full_name(tag) == full)
                || image.digests.iter().any(|digest| digest == name)
        })
    }

    /// A tag belongs to one image: it is taken from whoever had it.
    pub(super) fn add_image(&mut self, mut image: ImageInfo) {
        if image.id.is_empty() {
            image.id = format!("sha256:{}", self.new_id());
        }
        if image.platform.is_empty() {
            "linux/amd64".clone_into(&mut image.platform);
        }
        image.tags = image.tags.iter().map(|tag| full_name(tag)).collect();
        for other in &mut self.images {
            other.tags.retain(|tag| !image.tags.contains(tag));
        }
        let attributes = Labels::from([("name".to_owned(), image.tags.first().cloned().unwrap_or_default())]);
        let id = image.id.clone();
        self.images.push(image);
        self.event("image", "tag", &id, attributes);
    }

    pub(super) fn network_named(&self, id_or_name: &str) -> Option<&NetworkInfo> {
        self.networks.values().find(|network| network.name == id_or_name || network.id == id_or_name)
    }

    pub(super) fn create(&mut self, spec: &ContainerSpec) -> Outcome<String> {
        let Some(image) = self.image(&spec.image).cloned() else {
            return refuse(ErrorKind::NotFound, format!("No such image: {}", full_name(&spec.image)));
        };
        if let Some(other) = self.containers.values().find(|entry| entry.detail.summary.name == spec.name) {
            return refuse(
                ErrorKind::Conflict,
                format!(
                    "Conflict. The container name \"/{}\" is already in use by container \"{}\".",
                    spec.name, other.detail.summary.id
                ),
            );
        }
        let mut networks = BTreeMap::new();
        for attachment in &spec.networks {
            let endpoint = self.endpoint(attachment)?;
            networks.insert(attachment.network.clone(), endpoint);
        }
        let id = self.new_id();
        let now = self.tick();
        let (mounts, anonymous) = self.mounts(spec, &image);
        let mut detail = ContainerDetail {
            environment: spec.environment.clone(),
            tty: spec.service.tty,
            user: spec.service.user.clone(),
            restart_policy: if spec.service.restart.is_empty() {
                "no".to_owned()
            } else {
                spec.service.restart.clone()
            },
            network_mode: if spec.service.network_mode.is_empty() {
                spec.networks.first().map(|attachment| attachment.network.clone()).unwrap_or_default()
            } else {
                spec.service.network_mode.clone()
            },
            exposed: image.exposed.clone(),
            logs_readable: true,
            body: match &spec.body {
                Some(body) => (**body).clone(),
                None => serde_json::json!({ "Env": spec.environment }),
            },
            ..ContainerDetail::default()
        };
        let summary = &mut detail.summary;
        summary.id.clone_from(&id);
        summary.name.clone_from(&spec.name);
        summary.image.clone_from(&spec.image);
        summary.image_id.clone_from(&image.id);
        summary.command = spec.service.command.clone().unwrap_or_default().join(" ");
        summary.created = now / 1_000_000_000;
        "Created".clone_into(&mut summary.status);
        summary.labels.clone_from(&spec.labels);
        summary.ports = spec
            .service
            .ports
            .iter()
            .map(|port| PublishedPort {
                host_ip: port.host_ip.clone(),
                published: port.published.parse().unwrap_or(0),
                target: u16::try_from(port.target).unwrap_or(0),
                protocol: port.protocol.clone().into_owned(),
            })
            .collect();
        summary.networks = networks;
        summary.mounts = mounts;
        let has_check = match &spec.service.healthcheck {
            Some(check) if check.disable || check.test.first().is_some_and(|word| word == "NONE") => false,
            Some(check) if !check.test.is_empty() => true,
            _ => image.has_healthcheck,
        };
        let entry = Entry {
            detail,
            log: Vec::new(),
            archives: Vec::new(),
            paths: BTreeMap::new(),
            usage: Usage::default(),
            auto_remove: spec.auto_remove,
            has_check,
            anonymous,
        };
        self.containers.insert(id.clone(), entry);
        self.container_event(&id, "create", &[]);
        Ok(id)
    }

    pub(super) fn tag(&mut self, image: &str, name: &str) -> Outcome<()> {
        let Some(found) = self.images.iter_mut().find(|found| found.id == image) else {
            return refuse(ErrorKind::NotFound, format!("No such image: {image}"));
        };
        found.tags.push(name.to_owned());
        Ok(())
    }

    fn endpoint(&self, attachment: &Attachment) -> Outcome<Endpoint> {
        match self.network_named(&attachment.network) {
            Some(network) => Ok(Endpoint {
                network_id: network.id.clone(),
                aliases: attachment.aliases.clone(),
                ..Endpoint::default()
            }),
            None => refuse(ErrorKind::NotFound, format!("network {} not found", attachment.network)),
        }
    }

    /// Mounts of a new container; volumes that are not there are made, as the engine does.
    fn mounts(&mut self, spec: &ContainerSpec, image: &ImageInfo) -> (Vec<MountPoint>, Vec<String>) {
        let mut anonymous = Vec::new();
        let mut points = Vec::new();
        let declared = image.volumes.iter().filter(|path| spec.mounts.iter().all(|mount| mount.target != **path));
        let wanted = spec
            .mounts
            .iter()
            .map(|mount| (mount.kind.clone(), mount.source.clone(), mount.target.clone(), !mount.read_only))
            .chain(declared.map(|path| ("volume".to_owned(), String::new(), path.clone(), true)));
        for (kind, source, target, writable) in wanted {
            let mut point = MountPoint { kind, target, writable, ..MountPoint::default() };
            if point.kind == "volume" {
                point.name = source;
                if point.name.is_empty() {
                    point.name = self.new_id();
                    anonymous.push(point.name.clone());
                }
                self.add_volume(VolumeInfo {
                    name: point.name.clone(),
                    driver: "local".to_owned(),
                    ..VolumeInfo::default()
                });
            } else {
                point.source = source;
            }
            points.push(point);
        }
        (points, anonymous)
    }

    /// Makes a volume; one that is there stays as it is.
    pub(super) fn add_volume(&mut self, volume: VolumeInfo) {
        if !self.volumes.contains_key(&volume.name) {
            let name = volume.name.clone();
            self.event("volume", "create", &name, Labels::new());
            self.volumes.insert(name, volume);
        }
    }

    pub(super) fn start(&mut self, id_or_name: &str) -> Outcome<()> {
        let id = self.known_id(id_or_name)?;
        let entry = self.find_mut(&id)?;
        let summary = &entry.detail.summary;
        if summary.state == State::Running {
            return Ok(());
        }
        if summary.state == State::Paused {
            return refuse(ErrorKind::Conflict, "cannot start a paused container, try unpause instead");
        }
        let networks: Vec<(String, String)> =
            summary.networks.iter().map(|(name, endpoint)| (name.clone(), endpoint.network_id.clone())).collect();
        let behaviour = self.behaviour(&id);
        for (name, network) in &networks {
            if self.network_named(network).is_none() {
                return refuse(ErrorKind::NotFound, format!("network {name} not found"));
            }
        }
        if let Behaviour::Refuse(kind, message) = behaviour {
            self.find_mut(&id)?.detail.error.clone_from(&message);
            return refuse(kind, message);
        }
        let now = self.tick();
        for (name, _) in &networks {
            self.addresses += 1;
            let address = format!("172.30.{}.{}", self.addresses / 250, self.addresses % 250 + 2);
            if let Some(endpoint) = self.find_mut(&id)?.detail.summary.networks.get_mut(name) {
                endpoint.ipv4 = address;
            }
        }
        let entry = self.find_mut(&id)?;
        entry.detail.summary.state = State::Running;
        "Up Less than a second".clone_into(&mut entry.detail.summary.status);
        entry.detail.started_at = Self::time_text(now);
        entry.detail.exit_code = 0;
        entry.detail.health = entry.has_check.then_some(Health::Starting);
        self.container_event(&id, "start", &[]);
        match behaviour {
            Behaviour::Run => self.set_health(&id, Health::Healthy),
            Behaviour::Unhealthy => self.set_health(&id, Health::Unhealthy),
            Behaviour::Exit(code) => self.exit(&id, code),
            Behaviour::Starting | Behaviour::Refuse(..) => {}
        }
        Ok(())
    }

    fn key_lookup<T: Clone>(&self, id: &str, table: &BTreeMap<String, T>) -> Option<T> {
        let summary = &self.containers.get(id)?.detail.summary;
        let service = summary.labels.get("com.docker.compose.service");
        table.get(&summary.name).or_else(|| table.get(service?)).cloned()
    }

    fn behaviour(&self, id: &str) -> Behaviour {
        self.key_lookup(id, &self.behaviours).unwrap_or_default()
    }

    pub(super) fn set_health(&mut self, container: &str, health: Health) {
        let Ok(entry) = self.find_mut(container) else { return };
        if !entry.has_check || entry.detail.health.is_none() {
            return;
        }
        entry.detail.health = Some(health);
        if health == Health::Unhealthy {
            entry.detail.last_probe = Some("probe failed".to_owned());
        }
        let id = entry.detail.summary.id.clone();
        let (word, shown) = match health {
            Health::Starting => ("starting", "health: starting"),
            Health::Healthy => ("healthy", "healthy"),
            Health::Unhealthy => ("unhealthy", "unhealthy"),
        };
        entry.detail.summary.status = format!("Up Less than a second ({shown})");
        self.container_event(&id, &format!("health_status: {word}"), &[]);
    }

    /// The process ends.
    pub(super) fn exit(&mut self, container: &str, code: i64) {
        let Ok(entry) = self.find_mut(container) else { return };
        if !matches!(entry.detail.summary.state, State::Running | State::Paused) {
            return;
        }
        let id = entry.detail.summary.id.clone();
        entry.detail.summary.state = State::Exited;
        entry.detail.summary.status = format!("Exited ({code}) Less than a second ago");
        entry.detail.exit_code = code;
        for endpoint in entry.detail.summary.networks.values_mut() {
            endpoint.ipv4.clear();
        }
        let auto_remove = entry.auto_remove;
        self.container_event(&id, "die", &[("exitCode", code.to_string())]);
        if auto_remove {
            self.remove(&id, true);
        }
    }

    pub(super) fn stop(&mut self, id_or_name: &str) -> Outcome<()> {
        let id = self.known_id(id_or_name)?;
        if matches!(self.find_mut(&id)?.detail.summary.state, State::Running | State::Paused) {
            self.container_event(&id, "kill", &[("signal", "15".to_owned())]);
            self.exit(&id, 0);
            self.container_event(&id, "stop", &[]);
        }
        Ok(())
    }

    pub(super) fn kill(&mut self, id_or_name: &str, signal: &str) -> Outcome<()> {
        let id = self.known_id(id_or_name)?;
        if !matches!(self.find_mut(&id)?.detail.summary.state, State::Running | State::Paused) {
            return refuse(
                ErrorKind::Conflict,
                format!("Cannot kill container: {id_or_name}: Container {id} is not running"),
            );
        }
        self.container_event(&id, "kill", &[("signal", signal.to_owned())]);
        let code = match signal.trim_start_matches("SIG") {
            "KILL" | "9" => Some(137),
            "TERM" | "15" => Some(143),
            "INT" | "2" => Some(130),
            _ => None,
        };
        if let Some(code) = code {
            self.exit(&id, code);
        }
        Ok(())
    }

    pub(super) fn freeze(&mut self, id_or_name: &str, from: State, to: State, action: &str) -> Outcome<()> {
        let id = self.known_id(id_or_name)?;
        let entry = self.find_mut(&id)?;
        if entry.detail.summary.state != from {
            return refuse(ErrorKind::Conflict, format!("Container {id} is in the wrong state to {action} it"));
        }
        entry.detail.summary.state = to;
        self.container_event(&id, action, &[]);
        Ok(())
    }

    pub(super) fn rename(&mut self, id_or_name: &str, name: &str) -> Outcome<()> {
        let id = self.known_id(id_or_name)?;
        if self.containers.iter().any(|(other, entry)| *other != id && entry.detail.summary.name == name) {
            return refuse(ErrorKind::Conflict, format!("Conflict. The container name \"/{name}\" is already in use."));
        }
        let old = std::mem::replace(&mut self.find_mut(&id)?.detail.summary.name, name.to_owned());
        self.container_event(&id, "rename", &[("oldName", format!("/{old}"))]);
        Ok(())
    }

    /// Removes by force; one that is gone is fine.
    pub(super) fn remove(&mut self, id_or_name: &str, volumes: bool) {
        let Some(id) = self.id_of(id_or_name) else { return };
        self.exit(&id, 137);
        self.container_event(&id, "destroy", &[]);
        if let Some(entry) = self.containers.remove(&id)
            && volumes
        {
            for name in entry.anonymous {
                if !self.volume_in_use(&name) {
                    self.volumes.remove(&name);
                }
            }
        }
    }

    pub(super) fn vanish(&mut self, container: &str) {
        self.remove(container, true);
    }

    fn volume_in_use(&self, name: &str) -> bool {
        self.containers.values().any(|entry| entry.detail.summary.mounts.iter().any(|mount| mount.name == name))
    }

    pub(super) fn remove_volume(&mut self, name: &str) -> Outcome<()> {
        if self.volume_in_use(name) {
            return refuse(ErrorKind::Conflict, format!("remove {name}: volume is in use"));
        }
        if self.volumes.remove(name).is_some() {
            self.event("volume", "destroy", name, Labels::new());
        }
        Ok(())
    }

    pub(super) fn add_network(&mut self, name: &str, driver: &str, labels: Labels) -> Outcome<String> {
        if self.network_named(name).is_some() {
            return refuse(ErrorKind::Conflict, format!("network with name {name} already exists"));
        }
        let id = self.new_id();
        let driver = if driver.is_empty() { "bridge" } else { driver };
        let network = NetworkInfo { id: id.clone(), name: name.to_owned(), driver: driver.to_owned(), labels };
        self.networks.insert(id.clone(), network);
        self.event("network", "create", &id, Labels::from([("name".to_owned(), name.to_owned())]));
        Ok(id)
    }

    pub(super) fn remove_network(&mut self, id_or_name: &str) -> Outcome<()> {
        let Some(network) = self.network_named(id_or_name).cloned() else { return Ok(()) };
        let used = self.containers.values().any(|entry| {
            let summary = &entry.detail.summary;
            summary.state == State::Running
                && summary.networks.values().any(|endpoint| endpoint.network_id == network.id)
        });
        if used {
            return refuse(
                ErrorKind::Conflict,
                format!("error while removing network: network {} has active endpoints", network.name),
            );
        }
        self.networks.retain(|_, other| other.id != network.id);
        self.event("network", "destroy", &network.id, Labels::from([("name".to_owned(), network.name)]));
        Ok(())
    }

    pub(super) fn connect(&mut self, container: &str, attachment: &Attachment) -> Outcome<()> {
        let id = self.known_id(container)?;
        let mut endpoint = self.endpoint(attachment)?;
        let network = endpoint.network_id.clone();
        self.addresses += 1;
        let address = format!("172.30.{}.{}", self.addresses / 250, self.addresses % 250 + 2);
        let summary = &mut self.find_mut(&id)?.detail.summary;
        // A container keeps the endpoint of a network that is gone; a new network of that name takes its place.
        if summary.networks.get(&attachment.network).is_some_and(|old| old.network_id == network) {
            return Ok(());
        }
        if summary.state == State::Running {
            endpoint.ipv4 = address;
        }
        summary.networks.insert(attachment.network.clone(), endpoint);
        self.event("network", "connect", &network, Labels::from([("container".to_owned(), id)]));
        Ok(())
    }

    pub(super) fn disconnect(&mut self, container: &str, network: &str) -> Outcome<()> {
        let Ok(id) = self.known_id(container) else { return Ok(()) };
        let networks = &mut self.find_mut(&id)?.detail.summary.networks;
        let Some(name) = networks
            .iter()
            .find(|(name, endpoint)| *name == network || endpoint.network_id == network)
            .map(|(name, _)| name.clone())
        else {
            return Ok(());
        };
        let gone = networks.remove(&name).map(|endpoint| endpoint.network_id).unwrap_or_default();
        self.event("network", "disconnect", &gone, Labels::from([("container".to_owned(), id)]));
        Ok(())
    }

    pub(super) fn print(&mut self, container: &str, stream: Stream, bytes: Bytes) {
        let time = Self::time_text(self.tick());
        if let Ok(entry) = self.find_mut(container) {
            entry.log.push(LogRecord { stream, time, bytes });
        }
    }

    pub(super) fn exec(&mut self, container: &str, command: &[String]) -> Outcome<String> {
        let id = self.known_id(container)?;
        if self.find_mut(&id)?.detail.summary.state != State::Running {
            return refuse(ErrorKind::Conflict, format!("Container {id} is not running"));
        }
        let code = self.key_lookup(&id, &self.exec_codes).unwrap_or(0);
        let exec = self.new_id();
        self.execs.insert(exec.clone(), code);
        self.container_event(&id, &format!("exec_start: {}", command.join(" ")), &[("execID", exec.clone())]);
        Ok(exec)
    }

    /// What the registry has by a name.
    pub(super) fn offered(&self, name: &str) -> Option<&ImageInfo> {
        let full = full_name(name);
        self.registry.iter().find(|image| {
            image.tags.iter().any(|tag| full_name(tag) == full) || image.digests.iter().any(|digest| digest == name)
        })
    }

    pub(super) fn pull(&mut self, name: &str) -> Outcome<()> {
        match self.offered(name).cloned() {
            Some(image) => {
                let same = self.images.iter().any(|present| !image.id.is_empty() && present.id == image.id);
                if !same {
                    self.add_image(image);
                }
                Ok(())
            }
            None => {
                refuse(ErrorKind::NotFound, format!("manifest for {} not found: manifest unknown", full_name(name)))
            }
        }
    }
}
