//! Gateway and agent as they shall be: what each of the two containers is given, and what it is not.

use std::path::{Path, PathBuf};

use compose_schema::model::{BindOptions, Duration, Healthcheck, Logging, Mount, Service};

use super::containers::{
    AGENT, CERTIFICATES, DIGEST, ENGINE_SOCKET, GATEWAY, HANDOVER, MOUNTS, PROJECTS, ProjectMounts, ROLE, SOCKET,
    STAMP, VOLUME, print_mounts,
};
use super::image::Executable;
use super::{projects, state};
use crate::backend::{ContainerSpec, EngineInfo, Labels};

/// Faces the internet: the host's network, no engine socket, nothing writable but its certificates, one capability.
pub(super) fn gateway_spec(executable: &Executable, digest: &str, predecessor: Option<&str>) -> ContainerSpec {
    // Another gateway may still be about to end: each has names of its own.
    let socket = format!("stack-gateway-{}", super::revision::new_revision(None));
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
pub(super) fn agent_spec(
    executable: &Executable,
    digest: &str,
    info: &EngineInfo,
    mounts: &ProjectMounts,
) -> ContainerSpec {
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
    let socket = info.address.strip_prefix("unix://").unwrap_or(ENGINE_SOCKET);
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
    spec
}

/// The volumes in which the projects' files lie, or lay for a `stack` of before.
pub(super) fn project_mounts() -> [Mount; 3] {
    [
        // Writable also for whoever only reads: the engine makes the folder that the second one is mounted on.
        volume(VOLUME, state::MOUNT, false),
        volume(PROJECTS, &format!("{}/{}", state::MOUNT, projects::FOLDER), false),
        volume(VOLUME, state::BEFORE, false),
    ]
}

/// Where the agent sees what an adopted service would see at `container`.
#[must_use]
pub fn agent_path(project: &str, container: &Path) -> PathBuf {
    Path::new("/host").join(project).join(container.strip_prefix("/").unwrap_or(container))
}

pub(super) fn confined() -> Service {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Result;

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
