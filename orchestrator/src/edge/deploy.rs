//! Gateway and agent as containers of the engine: one pair for all projects.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use compose_schema::model::{BindOptions, Duration, Healthcheck, Logging, Mount, Service, Volume};
use futures_util::StreamExt as _;

use super::adopt::HostMount;
use super::exchange;
use super::image::Executable;
use super::{projects, state};
use crate::backend::{
    self, Backend, Container, ContainerSpec, Engine, EngineInfo, ErrorKind, LabelFilter, Labels, State, VolumeSpec,
};
use crate::error::{CommandError, Result};

/// Name of the gateway's container.
pub const GATEWAY: &str = "stack-gateway";
/// Name of the agent's container.
pub const AGENT: &str = "stack-agent";
/// Name of the volume between them.
pub const VOLUME: &str = "stack-gateway";
/// Name of the volume with what projects want, which the gateway never sees: variables and secrets are in it.
pub const PROJECTS: &str = "stack-projects";
/// Name of the volume with the certificates that the gateway obtained. It outlives both: authorities count.
pub const CERTIFICATES: &str = "stack-certificates";

const ROLE: &str = "stack.role";
/// Role of a container that only exists for a volume to be read; it never runs.
const READER: &str = "reader";
const STAMP: &str = "stack.stamp";
const DIGEST: &str = "stack.digest";
/// Name of the socket at which the gateway tells how it is.
const SOCKET: &str = "stack.socket";
/// Name of the socket at which the gateway waits for its successor.
const HANDOVER: &str = "stack.handover";
/// Which host folders the agent sees for which project, as JSON.
const MOUNTS: &str = "stack.mounts";
/// Where on its host the engine's socket is that the agent has.
const ENGINE: &str = "stack.engine";
/// Where an engine's socket is, unless its address says otherwise.
const ENGINE_SOCKET: &str = "/var/run/docker.sock";

/// Host mounts by project.
pub type ProjectMounts = BTreeMap<String, BTreeSet<HostMount>>;

/// Why gateway and agent are not as they shall be.
#[derive(Debug)]
pub enum Setback {
    /// What was found has been changed by somebody else meanwhile: it is worth looking again.
    Overtaken(CommandError),
    /// Looking again would not help.
    Failed(CommandError),
}

impl From<backend::Error> for Setback {
    fn from(error: backend::Error) -> Self {
        match error.kind {
            ErrorKind::NotFound | ErrorKind::Conflict => Self::Overtaken(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<CommandError> for Setback {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

impl From<Setback> for CommandError {
    fn from(setback: Setback) -> Self {
        match setback {
            Setback::Overtaken(error) | Setback::Failed(error) => error,
        }
    }
}

/// Gateway and agent as they are now.
#[derive(Debug, Clone, Default)]
pub struct Pair {
    /// The gateway's container.
    pub gateway: Option<Container>,
    /// The agent's container.
    pub agent: Option<Container>,
    /// Gateways that the one above has taken over from, and that are still there.
    pub retired: Vec<Container>,
}

impl Pair {
    /// Looks for them.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub async fn observe(engine: &dyn Backend) -> Result<Self> {
        let found = engine.containers(&LabelFilter(vec![(ROLE.to_owned(), None)])).await?;
        Ok(Self::among(found))
    }

    fn among(containers: Vec<Container>) -> Self {
        let mut pair = containers.into_iter().fold(Self::default(), |mut pair, container| {
            match container.labels.get(ROLE).map(String::as_str) {
                Some("gateway") if container.name == GATEWAY => pair.gateway = Some(container),
                Some("gateway") => pair.retired.push(container),
                Some("agent") => pair.agent = Some(container),
                _ => {}
            }
            pair
        });
        let runs = |container: &Container| container.state == State::Running;
        if !pair.gateway.as_ref().is_some_and(runs)
            && let Some(at) = pair.retired.iter().position(runs)
        {
            // A command was killed before its successor served.
            let serving = pair.retired.swap_remove(at);
            pair.retired.extend(pair.gateway.replace(serving));
        }
        pair
    }

    /// Whether one of them is there, and so the volume with the projects' files.
    #[must_use]
    pub const fn exists(&self) -> bool {
        self.agent.is_some() || self.gateway.is_some()
    }

    /// Whether both run, so that what is written for them takes effect.
    #[must_use]
    pub fn works(&self) -> bool {
        [&self.gateway, &self.agent]
            .into_iter()
            .all(|found| found.as_ref().is_some_and(|found| found.state == State::Running))
    }

    /// Whether both run and are the executable with that stamp.
    #[must_use]
    pub fn is_current(&self, stamp: &str) -> bool {
        self.retired.is_empty()
            && self.gateway.as_ref().is_some_and(|gateway| gateway.name == GATEWAY)
            && [&self.gateway, &self.agent].into_iter().all(|found| {
                found.as_ref().is_some_and(|found| {
                    found.state == State::Running && found.labels.get(STAMP).is_some_and(|own| own == stamp)
                })
            })
    }

    /// Name of the socket at which the gateway waits for its successor, if it runs and knows how to.
    #[must_use]
    pub fn handover(&self) -> Option<&str> {
        let gateway = self.gateway.as_ref().filter(|gateway| gateway.state == State::Running)?;
        gateway.labels.get(HANDOVER).map(String::as_str)
    }

    /// Name of the socket at which the gateway tells how it is.
    #[must_use]
    pub fn socket(&self) -> Option<&str> {
        socket_of(&self.gateway.as_ref()?.labels)
    }

    /// Host folders that the agent sees; where somebody removed it, those that its successor has to see.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub async fn mounts(&self, engine: &Engine) -> Result<ProjectMounts> {
        if let Some(mounts) = self.agent_mounts() {
            return Ok(mounts);
        }
        let known = projects::read(engine, self).await?;
        Ok(known.readable.iter().filter_map(|(name, file)| Some((name.clone(), file.mounts()?))).collect())
    }

    /// Whether the engine of this host is reached by another socket than the one that the agent has, which is gone. Where both
    /// are there, either is as good.
    #[must_use]
    pub fn agent_is_cut_off(&self, engine: &Engine) -> bool {
        let Some(has) = self.agent.as_ref().and_then(|agent| agent.labels.get(ENGINE)) else { return false };
        engine.is_local() && engine_socket(&engine.address()) != has && !is_socket(Path::new(has))
    }

    /// Host folders that the agent sees, where there is one.
    fn agent_mounts(&self) -> Option<ProjectMounts> {
        let agent = self.agent.as_ref()?;
        Some(agent.labels.get(MOUNTS).map(|text| parse_mounts(text)).unwrap_or_default())
    }
}

/// Name of the socket at which a gateway tells how it is, from its container's labels.
pub(super) fn socket_of(labels: &Labels) -> Option<&str> {
    labels.get(SOCKET).map(String::as_str)
}

/// Makes sure that gateway and agent run, are this very `stack`, and that the agent sees `mounts`.
/// Returns whether anything was changed.
///
/// # Errors
/// Whatever the engine answers; an executable that cannot become an image.
pub async fn ensure(
    engine: &Engine,
    executable: &Executable,
    pair: &Pair,
    mounts: &ProjectMounts,
) -> Result<bool, Setback> {
    let same_mounts = pair.agent_mounts().is_some_and(|seen| seen == *mounts) && !pair.agent_is_cut_off(engine);
    let stamped = |found: &Option<Container>| {
        found.as_ref().is_some_and(|found| found.labels.get(STAMP) == Some(&executable.stamp))
    };
    let pair = &exchange::clear_away(engine, pair).await?;
    if stamped(&pair.gateway) && stamped(&pair.agent) && same_mounts {
        return start_stopped(engine, pair).await;
    }
    let reader = executable.clone();
    let digest = blocking(move || reader.digest()).await?;
    let current =
        |found: &Option<Container>| found.as_ref().is_some_and(|found| found.labels.get(DIGEST) == Some(&digest));
    let (gateway_fine, agent_fine) = (current(&pair.gateway), current(&pair.agent) && same_mounts);
    if gateway_fine && agent_fine {
        return start_stopped(engine, pair).await;
    }
    let info = engine.info().await?;
    let image = Executable::image_name(&digest);
    load(engine, executable, &digest, &info).await?;
    for (name, role) in [(VOLUME, "state"), (PROJECTS, "projects"), (CERTIFICATES, "certificates")] {
        let volume = VolumeSpec {
            volume: Volume { name: name.to_owned(), ..Volume::default() },
            labels: Labels::from([(ROLE.to_owned(), role.to_owned())]),
        };
        engine.create_volume(&volume).await?;
    }
    if !gateway_fine {
        let successor = gateway_spec(executable, &digest, pair.handover());
        if !exchange::hand_over(engine, pair, &successor).await? {
            replace(engine, pair.gateway.as_ref(), &successor).await?;
        }
    }
    if !agent_fine {
        replace(engine, pair.agent.as_ref(), &agent_spec(executable, &digest, &info, mounts)).await?;
    }
    for container in [&pair.gateway, &pair.agent].into_iter().flatten() {
        if container.image != image {
            // Still used by something else, or gone: either way not ours to worry about.
            let _ = engine.remove_image(&container.image).await;
        }
    }
    Ok(true)
}

/// Makes sure that the engine has the image of this very `stack`; its name, and whether it had to be loaded.
///
/// # Errors
/// Whatever the engine answers; an executable that cannot become an image.
pub async fn own_image(engine: &Engine) -> Result<(String, bool)> {
    let executable = Executable::current()?;
    let reader = executable.clone();
    let digest = blocking(move || reader.digest()).await?;
    let loaded = load(engine, &executable, &digest, &engine.info().await?).await?;
    Ok((Executable::image_name(&digest), loaded))
}

/// Loads the image of an executable where the engine has it not; whether that was needed.
async fn load(engine: &Engine, executable: &Executable, digest: &str, info: &EngineInfo) -> Result<bool> {
    if engine.image(&Executable::image_name(digest)).await?.is_some() {
        return Ok(false);
    }
    let (packer, info, digest) = (executable.clone(), info.clone(), digest.to_owned());
    let archive = blocking(move || packer.archive(&digest, &info)).await?;
    engine.load_images(Bytes::from(archive)).await?;
    Ok(true)
}

/// Takes gateway, agent and their volumes away; the one with the certificates stays where it holds any.
///
/// # Errors
/// Whatever the engine answers.
pub async fn remove(engine: &Engine, pair: &Pair) -> Result<(), Setback> {
    let keeps_certificates = match &pair.gateway {
        Some(gateway) => holds_files(engine, &gateway.id, state::CERTIFICATES).await?,
        None => true,
    };
    for container in [&pair.agent, &pair.gateway].into_iter().flatten().chain(&pair.retired) {
        engine.stop_container(&container.id, None).await?;
        engine.remove_container(&container.id, false).await?;
    }
    // Left by commands that were killed: they hold the volumes.
    for reader in engine.containers(&LabelFilter(vec![(ROLE.to_owned(), Some(READER.to_owned()))])).await? {
        engine.remove_container(&reader.id, false).await?;
    }
    engine.remove_volume(VOLUME).await?;
    engine.remove_volume(PROJECTS).await?;
    if !keeps_certificates {
        engine.remove_volume(CERTIFICATES).await?;
    }
    Ok(())
}

/// Whether there is any file below a folder of a container. What cannot be looked at counts as one.
async fn holds_files(engine: &Engine, container: &str, folder: &str) -> Result<bool> {
    let Some(tar) = archive(engine, container, folder).await? else { return Ok(false) };
    let mut archive = tar::Archive::new(tar.as_slice());
    let Ok(mut entries) = archive.entries() else { return Ok(true) };
    Ok(entries.any(|entry| entry.map_or(true, |entry| entry.header().entry_type().is_file())))
}

/// A file in the volumes of gateway and agent; none where there is no such file, or neither of them.
///
/// # Errors
/// Whatever the engine answers; an answer that is cut off.
pub async fn read_file(engine: &Engine, path: &Path) -> Result<Option<Vec<u8>>> {
    let pair = Pair::observe(engine.as_ref()).await?;
    let Some(holder) = pair.gateway.as_ref().or(pair.agent.as_ref()) else { return Ok(None) };
    let Some(tar) = archive(engine, &holder.id, &path.to_string_lossy()).await? else { return Ok(None) };
    let cut_off = |error: std::io::Error| CommandError::new(format!("cannot read `{}`: {error}", path.display()));
    let mut content = Vec::new();
    let mut files = tar::Archive::new(tar.as_slice());
    match files.entries().map_err(cut_off)?.next() {
        None => Ok(None),
        Some(entry) => {
            entry.map_err(cut_off)?.read_to_end(&mut content).map_err(cut_off)?;
            Ok(Some(content))
        }
    }
}

/// A folder in the volumes of gateway and agent as a tar archive; none where there is no such folder, or neither of them.
///
/// # Errors
/// Whatever the engine answers; an answer that is cut off.
pub async fn read_folder(engine: &Engine, path: &str) -> Result<Option<Vec<u8>>> {
    let pair = Pair::observe(engine.as_ref()).await?;
    match pair.gateway.as_ref().or(pair.agent.as_ref()) {
        Some(holder) => archive(engine, &holder.id, path).await,
        None => Ok(None),
    }
}

/// A folder of a container as a tar archive; none where there is no such folder, or no such container any more.
pub(super) async fn archive(engine: &Engine, container: &str, folder: &str) -> Result<Option<Vec<u8>>> {
    let mut stream = match engine.get_archive(container, folder).await {
        Ok(stream) => stream,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut tar = Vec::new();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => tar.extend_from_slice(&chunk),
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(tar))
}

/// Starts what somebody stopped; whether there was anything.
async fn start_stopped(engine: &Engine, pair: &Pair) -> Result<bool, Setback> {
    let stopped = [&pair.gateway, &pair.agent].into_iter().flatten().filter(|found| found.state != State::Running);
    let mut changed = false;
    for container in stopped {
        engine.start_container(&container.id).await?;
        changed = true;
    }
    Ok(changed)
}

/// Work that reads big files, away from the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| CommandError::new(format!("making the gateway's image was cut off: {error}")))?
}

/// Ends the old one before the new one begins.
async fn replace(engine: &Engine, old: Option<&Container>, spec: &ContainerSpec) -> Result<(), Setback> {
    if let Some(old) = old {
        engine.stop_container(&old.id, None).await?;
        engine.remove_container(&old.id, false).await?;
    }
    let (id, _) = engine.create_container(spec).await?;
    engine.start_container(&id).await?;
    Ok(())
}

/// Faces the internet: the host's network, no engine socket, nothing writable but its certificates, one capability.
fn gateway_spec(executable: &Executable, digest: &str, predecessor: Option<&str>) -> ContainerSpec {
    // Another gateway may still be about to end: each has names of its own.
    let socket = format!("stack-gateway-{}", super::new_revision(None));
    let handover = format!("{socket}-handover");
    let mut command = vec!["edge", "serve", "--state", state::MOUNT, "--socket", &socket, "--handover", &handover];
    if let Some(predecessor) = predecessor {
        command.extend(["--predecessor", predecessor]);
    }
    let service = Service {
        command: Some(command.into_iter().map(str::to_owned).collect()),
        cap_add: vec!["NET_BIND_SERVICE".to_owned()],
        network_mode: "host".to_owned(),
        healthcheck: Some(Box::new(Healthcheck { disable: true, ..Healthcheck::default() })),
        stop_grace_period: Some(Duration(15_000_000_000)),
        ..confined()
    };
    let mut spec = container(
        GATEWAY,
        "gateway",
        (executable, digest),
        service,
        vec![volume(VOLUME, state::MOUNT, true), volume(CERTIFICATES, state::CERTIFICATES, false)],
    );
    spec.labels.insert(SOCKET.to_owned(), socket);
    spec.labels.insert(HANDOVER.to_owned(), handover);
    spec
}

/// Holds the engine's socket: no network at all.
fn agent_spec(executable: &Executable, digest: &str, info: &EngineInfo, mounts: &ProjectMounts) -> ContainerSpec {
    // Certificates of other owners are for their owner's eyes only.
    let mut capabilities = vec!["DAC_READ_SEARCH".to_owned()];
    if mounts.values().flatten().any(|mount| mount.writable) {
        // Where certificates are kept may be another owner's folder too, and its files stay its owner's.
        capabilities.extend(["CHOWN", "DAC_OVERRIDE", "FOWNER"].map(str::to_owned));
    }
    let service = Service {
        command: Some(["edge", "agent", "--state", state::MOUNT].map(str::to_owned).to_vec()),
        cap_add: capabilities,
        network_mode: "none".to_owned(),
        // A restart of somebody's container that is under way comes to its end.
        stop_grace_period: Some(Duration(30_000_000_000)),
        ..confined()
    };
    let socket = engine_socket(&info.address);
    let mut all = project_mounts().to_vec();
    all.extend([
        volume(CERTIFICATES, state::CERTIFICATES, true),
        bind(Path::new(socket), Path::new(ENGINE_SOCKET), false),
    ]);
    for (project, mounts) in mounts {
        all.extend(mounts.iter().map(|mount| {
            let target = agent_path(project, &mount.container);
            if mount.host.is_absolute() {
                bind(&mount.host, &target, !mount.writable)
            } else {
                volume(&mount.host.to_string_lossy(), &target.to_string_lossy(), !mount.writable)
            }
        }));
    }
    let mut spec = container(AGENT, "agent", (executable, digest), service, all);
    spec.labels.insert(MOUNTS.to_owned(), print_mounts(mounts));
    spec.labels.insert(ENGINE.to_owned(), socket.to_owned());
    spec
}

/// Engines make a folder of what is to be mounted and is not there.
fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Where on its host the socket of an engine at an address is.
fn engine_socket(address: &str) -> &str {
    address.strip_prefix("unix://").unwrap_or(ENGINE_SOCKET)
}

/// The volumes in which the projects' files lie, or lay for a `stack` of before.
fn project_mounts() -> [Mount; 3] {
    [
        // Writable also for whoever only reads: the engine makes the folder that the second one is mounted on.
        volume(VOLUME, state::MOUNT, false),
        volume(PROJECTS, &format!("{}/{}", state::MOUNT, projects::FOLDER), false),
        volume(VOLUME, state::BEFORE, false),
    ]
}

/// A container that holds the volume with the projects' files, to read it where there is no agent; its id. It does not run,
/// and whoever made it removes it.
///
/// # Errors
/// Whatever the engine answers.
pub(super) async fn make_reader(engine: &Engine, image: &str) -> Result<String> {
    let spec = ContainerSpec {
        name: format!("stack-reader-{}", super::new_revision(None)),
        image: image.to_owned(),
        service: Service { network_mode: "none".to_owned(), ..confined() },
        labels: Labels::from([(ROLE.to_owned(), READER.to_owned())]),
        mounts: project_mounts().to_vec(),
        ..ContainerSpec::default()
    };
    Ok(engine.create_container(&spec).await?.0)
}

/// Where the agent sees what an adopted service would see at `container`.
#[must_use]
pub fn agent_path(project: &str, container: &Path) -> PathBuf {
    Path::new("/host").join(project).join(container.strip_prefix("/").unwrap_or(container))
}

fn confined() -> Service {
    Service {
        cap_drop: vec!["ALL".to_owned()],
        // Strangers decide how much the gateway logs: this driver throws old logs away.
        logging: Some(Box::new(Logging { driver: "local".to_owned(), ..Logging::default() })),
        read_only: true,
        // Engines before 23.0 take containers that outlived a killed engine for stopped by hand: `unless-stopped` would
        // leave them down.
        restart: "always".to_owned(),
        security_opt: vec!["no-new-privileges:true".to_owned()],
        tmpfs: vec!["/run".to_owned(), "/tmp".to_owned()],
        ..Service::default()
    }
}

fn container(
    name: &str,
    role: &str,
    (executable, digest): (&Executable, &str),
    service: Service,
    mounts: Vec<Mount>,
) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        image: Executable::image_name(digest),
        service,
        labels: Labels::from([
            (ROLE.to_owned(), role.to_owned()),
            (STAMP.to_owned(), executable.stamp.clone()),
            (DIGEST.to_owned(), digest.to_owned()),
            ("stack.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]),
        mounts,
        ..ContainerSpec::default()
    }
}

fn volume(name: &str, target: &str, read_only: bool) -> Mount {
    Mount {
        kind: "volume".to_owned(),
        source: name.to_owned(),
        target: target.to_owned(),
        read_only,
        ..Mount::default()
    }
}

fn bind(source: &Path, target: &Path, read_only: bool) -> Mount {
    Mount {
        kind: "bind".to_owned(),
        source: source.to_string_lossy().into_owned(),
        target: target.to_string_lossy().into_owned(),
        read_only,
        bind: Some(BindOptions { create_host_path: true, ..BindOptions::default() }),
        ..Mount::default()
    }
}

fn print_mounts(mounts: &ProjectMounts) -> String {
    // What is text and numbers can be written.
    serde_json::to_string(mounts).unwrap_or_default()
}

fn parse_mounts(text: &str) -> ProjectMounts {
    serde_json::from_str(text).unwrap_or_else(|_| parse_lines(text))
}

/// As agents of an older `stack` say it: `PROJECT\tHOST\tCONTAINER` lines, with `\trw` where they write.
fn parse_lines(text: &str) -> ProjectMounts {
    let mut mounts = ProjectMounts::new();
    for line in text.lines() {
        let mut parts = line.split('\t');
        if let (Some(project), Some(host), Some(container)) = (parts.next(), parts.next(), parts.next()) {
            let writable = parts.next() == Some("rw");
            let mount = HostMount { host: PathBuf::from(host), container: PathBuf::from(container), writable };
            mounts.entry(project.to_owned()).or_default().insert(mount);
        }
    }
    mounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_survive_the_label() {
        let mount = |host: &str, container: &str| HostMount {
            host: host.into(),
            container: container.into(),
            writable: host.starts_with("/srv/b"),
        };
        let mounts = ProjectMounts::from([
            ("a".to_owned(), BTreeSet::from([mount("/srv/a", "/certs"), mount("/srv/with space", "/x")])),
            ("b".to_owned(), BTreeSet::from([mount("/srv/b", "/certs"), mount("/srv/odd\n\tc\t/etc\t/etc", "/y")])),
        ]);
        assert_eq!(parse_mounts(&print_mounts(&mounts)), mounts);
        assert_eq!(parse_mounts(&print_mounts(&ProjectMounts::new())), ProjectMounts::new());
        let lines = "a\t/srv/a\t/certs\na\t/srv/with space\t/x\nb\t/srv/b\t/certs\trw\n";
        let known = |project: &str, mount| parse_mounts(lines).get(project).is_some_and(|all| all.contains(&mount));
        assert!(known("a", mount("/srv/with space", "/x")) && known("b", mount("/srv/b", "/certs")));
    }

    #[test]
    fn an_agent_whose_socket_is_gone_is_replaced_for_another_one() -> std::io::Result<()> {
        let engine: Engine = backend::memory::Memory::new();
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("engine.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&socket)?;
        let path = |path: &Path| Some(path.to_string_lossy().into_owned());
        for (has, cut_off) in [
            (None, false),
            (path(Path::new("/nowhere/engine.sock")), true),
            (path(folder.path()), true),
            (path(&socket), false),
            (path(Path::new(ENGINE_SOCKET)), false),
        ] {
            let labels = has.iter().map(|socket| (ENGINE.to_owned(), socket.clone())).collect();
            let pair = Pair { agent: Some(Container { labels, ..Container::default() }), ..Pair::default() };
            assert_eq!(pair.agent_is_cut_off(&engine), cut_off, "{has:?}");
        }
        Ok(())
    }

    #[test]
    fn the_gateway_sees_nothing_of_what_projects_want() -> Result<()> {
        let volumes = |spec: &ContainerSpec| -> Vec<(String, String, bool)> {
            let mounts = spec.mounts.iter().filter(|mount| mount.kind == "volume");
            mounts.map(|mount| (mount.source.clone(), mount.target.clone(), mount.read_only)).collect()
        };
        let own = |name: &str, target: &str, read_only| (name.to_owned(), target.to_owned(), read_only);
        let executable = Executable::current()?;
        assert_eq!(
            volumes(&gateway_spec(&executable, "x", None)),
            [own(VOLUME, "/state", true), own(CERTIFICATES, "/certificates", false)]
        );
        let agent = agent_spec(&executable, "x", &EngineInfo::default(), &ProjectMounts::new());
        assert!(volumes(&agent).contains(&own(PROJECTS, "/state/projects", false)), "{agent:?}");
        Ok(())
    }
}
