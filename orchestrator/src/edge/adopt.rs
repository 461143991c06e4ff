//! Which service of a project is Traefik itself, and what its container would have been told.
//!
//! Such a service is not started: its flags, ports, files and labels configure the built-in gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use compose_schema::model::{FileObject, FileReference, Project, Service};
use proxy::Resolver;
use serde::{Deserialize, Serialize};

use crate::edge::compile;
use crate::error::{CommandError, Result};

/// What an adopted Traefik service says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traefik {
    /// Name of the service.
    pub service: String,
    /// Its static flags.
    pub flags: Vec<String>,
    /// Its environment: `TRAEFIK_*` options, what its certificate resolvers are configured by, what its templates name.
    pub environment: BTreeMap<String, String>,
    /// Its static configuration file: path in the container, and text.
    pub static_file: Option<(PathBuf, String)>,
    /// Ports of the host that lead into the container.
    pub published: Vec<Published>,
    /// It would run in the host's network: every entry point is public as it is.
    pub host_network: bool,
    /// Host files and folders it would see, the engine's socket left out.
    pub mounts: Vec<HostMount>,
    /// Its own labels: they route too (dashboard, redirections).
    pub labels: BTreeMap<String, String>,
}

/// One port of the host that leads into the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Address of the host; empty for all.
    pub host_ip: String,
    /// Port of the host.
    pub published: u16,
    /// Port in the container.
    pub target: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// One host path or volume that the container would see.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostMount {
    /// On the host; a relative one is the name of a volume.
    pub host: PathBuf,
    /// In the container.
    pub container: PathBuf,
    /// Certificates that the gateway obtains are copied there.
    #[serde(default)]
    pub writable: bool,
}

/// Whether an image is Traefik: its repository is called `traefik`, whatever registry it comes from.
#[must_use]
pub fn is_traefik(image: &str) -> bool {
    let without_digest = image.split('@').next().unwrap_or_default();
    let last = without_digest.rsplit('/').next().unwrap_or_default();
    last.split(':').next() == Some("traefik")
}

/// The Traefik service of a project. Where several services are Traefik, the first by name is taken.
/// One with an entry point of its own making is left alone: nobody knows what it would run.
///
/// # Errors
/// A static file that cannot be read.
pub fn find(project: &Project) -> Result<Option<Traefik>> {
    let found = project
        .services
        .iter()
        .find(|(_, service)| is_traefik(&service.image) && service.build.is_none() && runs_traefik(service));
    let Some((name, service)) = found else { return Ok(None) };
    let mut mounts = host_mounts(service);
    mounts.extend(file_mounts(project, service));
    let flags = flags(service);
    let mut traefik = Traefik {
        service: name.clone(),
        static_file: static_file(&flags, &mounts)?,
        flags,
        environment: service
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().unwrap_or_default()))
            .collect(),
        published: published(service),
        host_network: service.network_mode == "host",
        mounts,
        labels: service.labels.clone(),
    };
    traefik.environment = needed(&traefik);
    add_storages(&mut traefik, project, service);
    Ok(Some(traefik))
}

/// The part of its environment that anything is made of: options of its own, what certificate resolvers are configured by, and
/// all of it where templates may name any variable. The rest is nobody's business here.
fn needed(traefik: &Traefik) -> BTreeMap<String, String> {
    // Mistakes are told by whoever reads the configuration for its own sake.
    let Ok((config, _)) = compile::static_config(traefik) else { return traefik.environment.clone() };
    let by_rule = config.providers.docker.as_ref().is_some_and(|docker| docker.default_rule.contains("env"));
    if by_rule || config.providers.file.is_some() {
        return traefik.environment.clone();
    }
    let resolvers = config.certificates_resolvers.values().filter_map(|resolver| resolver.acme.as_ref());
    let mut needed: BTreeMap<String, String> =
        resolvers.flat_map(|acme| Resolver::environment_of(acme, &traefik.environment)).collect();
    let options = traefik.environment.iter().filter(|(name, _)| name.to_ascii_uppercase().starts_with("TRAEFIK_"));
    needed.extend(options.map(|(name, value)| (name.clone(), value.clone())));
    needed
}

/// Files, as the container would see them, in which its certificate resolvers keep what they obtain.
pub fn storages(traefik: &Traefik) -> BTreeSet<PathBuf> {
    // Mistakes are told by whoever reads the configuration for its own sake.
    let Ok((config, _)) = compile::static_config(traefik) else { return BTreeSet::new() };
    let resolvers = config.certificates_resolvers.values().filter_map(|resolver| resolver.acme.as_ref());
    resolvers.map(|acme| normal(&Path::new("/").join(&acme.storage))).collect()
}

/// Finds the mounts in which certificates are kept: volumes too.
fn add_storages(traefik: &mut Traefik, project: &Project, service: &Service) {
    let storages = storages(traefik);
    for mount in &service.volumes {
        let container = normal(Path::new(&mount.target));
        if !storages.iter().any(|storage| storage.starts_with(&container)) {
            continue;
        }
        if let Some(found) = traefik.mounts.iter_mut().find(|found| found.container == container) {
            found.writable = !mount.read_only;
        } else if mount.kind == "volume"
            && let Some(volume) = project.volumes.get(&mount.source)
        {
            let host = PathBuf::from(&volume.name);
            traefik.mounts.push(HostMount { host, container, writable: !mount.read_only });
        }
    }
}

/// The image's entry point runs `traefik` unless the file names another program.
fn runs_traefik(service: &Service) -> bool {
    let program = |line: &Vec<String>| line.first().map(|word| word.rsplit('/').next() == Some("traefik"));
    service.entrypoint.as_ref().and_then(program).unwrap_or(true)
}

/// The words after the program: entry point and command together, `traefik` itself taken off.
fn flags(service: &Service) -> Vec<String> {
    let words = service.entrypoint.iter().chain(service.command.iter()).flatten();
    words.skip_while(|word| word.rsplit('/').next() == Some("traefik")).cloned().collect()
}

fn published(service: &Service) -> Vec<Published> {
    service
        .ports
        .iter()
        .filter_map(|port| {
            // A range of host ports lets the engine choose; the gateway takes its first.
            let first = port.published.split('-').next().unwrap_or_default();
            Some(Published {
                host_ip: port.host_ip.clone(),
                published: first.parse().ok()?,
                target: u16::try_from(port.target).ok()?,
                protocol: if port.protocol.is_empty() { "tcp".to_owned() } else { port.protocol.clone().into_owned() },
            })
        })
        .collect()
}

fn host_mounts(service: &Service) -> Vec<HostMount> {
    service
        .volumes
        .iter()
        .filter(|mount| mount.kind == "bind" && !is_engine_socket(&mount.source))
        .map(|mount| HostMount {
            host: normal(Path::new(&mount.source)),
            container: normal(Path::new(&mount.target)),
            writable: false,
        })
        .collect()
}

/// Its secrets and configs that are files of the host.
fn file_mounts(project: &Project, service: &Service) -> Vec<HostMount> {
    let secrets = service.secrets.iter().map(|one| (one, &project.secrets, "/run/secrets"));
    let configs = service.configs.iter().map(|one| (one, &project.configs, "/"));
    let mount = |(reference, objects, folder): (&FileReference, &BTreeMap<String, FileObject>, &str)| {
        let file = objects.get(&reference.source).map(|object| object.file.as_str()).filter(|file| !file.is_empty())?;
        let target = if reference.target.is_empty() { &reference.source } else { &reference.target };
        let container = normal(&Path::new(folder).join(target));
        Some(HostMount { host: normal(Path::new(file)), container, writable: false })
    };
    secrets.chain(configs).filter_map(mount).collect()
}

/// Gateway and agent never hand the engine's socket on.
fn is_engine_socket(source: &str) -> bool {
    source.ends_with("docker.sock") || source.ends_with("podman.sock")
}

/// The static file that Traefik would read: the one a flag names, else the first at its usual places. Its path in the
/// container, and its text.
fn static_file(flags: &[String], mounts: &[HostMount]) -> Result<Option<(PathBuf, String)>> {
    let named = flags.iter().enumerate().find_map(|(index, flag)| {
        let flag = flag.trim_start_matches('-');
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value.to_owned())));
        name.eq_ignore_ascii_case("configfile").then(|| value.or_else(|| flags.get(index + 1).cloned()))?
    });
    let candidates: Vec<PathBuf> = named.map_or_else(
        || ["toml", "yaml", "yml"].iter().map(|end| PathBuf::from(format!("/etc/traefik/traefik.{end}"))).collect(),
        |path| vec![PathBuf::from(path)],
    );
    let found = candidates.into_iter().find_map(|container| {
        let host = host_path(mounts, &container)?;
        host.is_file().then_some((container, host))
    });
    let Some((container, host)) = found else { return Ok(None) };
    let text = fs::read_to_string(&host).map_err(|error| {
        CommandError::new(format!("cannot read Traefik's static file `{}`: {error}", host.display()))
    })?;
    Ok(Some((container, text)))
}

/// The host path behind a path in the container, by the longest mount that covers it.
#[must_use]
pub fn host_path(mounts: &[HostMount], container: &Path) -> Option<PathBuf> {
    let path = normal(container);
    mounts
        .iter()
        .filter_map(|mount| Some((mount, path.strip_prefix(&mount.container).ok()?)))
        .max_by_key(|(mount, _)| mount.container.components().count())
        .map(|(mount, rest)| if rest.as_os_str().is_empty() { mount.host.clone() } else { mount.host.join(rest) })
}

/// Without `.`, `..` and doubled slashes; links are not followed.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
        normal
    })
}

#[cfg(test)]
mod tests {
    use compose_schema::model::{Mount, Port, Volume};

    use super::*;

    #[test]
    fn an_image_is_traefik_by_its_repository() {
        for image in
            ["traefik", "traefik:v3", "docker.io/library/traefik:v3.1", "ghcr.io/x/traefik@sha256:00", "r:5000/traefik"]
        {
            assert!(is_traefik(image), "{image}");
        }
        for image in ["traefik/whoami", "mytraefik:v3", "traefik-forward-auth", "nginx", ""] {
            assert!(!is_traefik(image), "{image}");
        }
    }

    #[test]
    fn the_service_is_read_as_its_container_would_be() {
        const FLAGS: [&str; 2] =
            ["--providers.docker", "--certificatesresolvers.le.acme.dnschallenge.provider=cloudflare"];
        let service = Service {
            image: "traefik:v3".to_owned(),
            command: Some(["traefik", FLAGS[0], FLAGS[1]].map(str::to_owned).to_vec()),
            ports: vec![Port { target: 443, published: "8443".to_owned(), ..Port::default() }],
            environment: ["CF_DNS_API_TOKEN", "RFC2136_TTL", "TRAEFIK_PING", "OTHER"]
                .map(|name| (name.to_owned(), None))
                .into(),
            secrets: vec![FileReference { source: "key".to_owned(), ..FileReference::default() }],
            volumes: ["/var/run/docker.sock:/var/run/docker.sock", "/srv/certs:/certs"]
                .map(|mount| {
                    mount.split_once(':').map(|(source, target)| Mount {
                        kind: "bind".to_owned(),
                        source: source.to_owned(),
                        target: target.to_owned(),
                        ..Mount::default()
                    })
                })
                .into_iter()
                .flatten()
                .collect(),
            ..Service::default()
        };
        let everything: BTreeMap<_, _> = service.environment.keys().map(|name| (name.clone(), String::new())).collect();
        let secret = FileObject { file: "/srv/secret".to_owned(), ..FileObject::default() };
        let project = Project {
            services: [("edge".to_owned(), service)].into(),
            secrets: [("key".to_owned(), secret)].into(),
            ..Project::default()
        };
        let found = find(&project).ok().flatten().unwrap_or_default();
        assert_eq!(found.service, "edge");
        assert_eq!(found.environment.keys().collect::<Vec<_>>(), ["CF_DNS_API_TOKEN", "TRAEFIK_PING"]);
        let flags = ["--providers.file.directory=/x", "--providers.docker.defaultRule=Host(`{{ env \"OTHER\" }}`)"];
        for flag in flags.map(str::to_owned) {
            let templates = Traefik { flags: vec![flag], environment: everything.clone(), ..Traefik::default() };
            assert_eq!(needed(&templates), everything);
        }
        assert_eq!(found.flags, FLAGS);
        assert_eq!(
            found.published,
            [Published { host_ip: String::new(), published: 8443, target: 443, protocol: "tcp".to_owned() }]
        );
        assert_eq!(
            found.mounts,
            [mount("/srv/certs", "/certs", false), mount("/srv/secret", "/run/secrets/key", false)]
        );
    }

    fn mount(host: &str, container: &str, writable: bool) -> HostMount {
        HostMount { host: host.into(), container: container.into(), writable }
    }

    #[test]
    fn mounts_that_certificates_are_kept_in() {
        let mounts = [("bind", "/srv/one", "/one"), ("volume", "two", "/two"), ("volume", "logs", "/logs")];
        let service = Service {
            image: "traefik:v3".to_owned(),
            command: Some(
                ["one", "two"]
                    .map(|name| format!("--certificatesresolvers.{name}.acme.storage=/{name}/acme.json"))
                    .to_vec(),
            ),
            volumes: mounts
                .map(|(kind, source, target)| Mount {
                    kind: kind.to_owned(),
                    source: source.to_owned(),
                    target: target.to_owned(),
                    ..Mount::default()
                })
                .to_vec(),
            ..Service::default()
        };
        let volume = |name: &str| (name.to_owned(), Volume { name: format!("p_{name}"), ..Volume::default() });
        let project = Project {
            services: [("edge".to_owned(), service)].into(),
            volumes: [volume("two"), volume("logs")].into(),
            ..Project::default()
        };
        let found = find(&project).ok().flatten().unwrap_or_default();
        assert_eq!(found.mounts, [mount("/srv/one", "/one", true), mount("p_two", "/two", true)]);
        assert_eq!(storages(&found), ["/one/acme.json".into(), "/two/acme.json".into()].into());
    }

    #[test]
    fn an_entry_point_of_another_program_is_left_alone() {
        let service = Service {
            image: "traefik:v3".to_owned(),
            entrypoint: Some(vec!["/bin/sh".to_owned(), "-c".to_owned()]),
            ..Service::default()
        };
        let project = Project { services: [("edge".to_owned(), service)].into(), ..Project::default() };
        assert_eq!(find(&project).ok(), Some(None));
    }

    #[test]
    fn a_path_goes_through_the_closest_mount() {
        let mounts = [mount("/a", "/etc", false), mount("/b", "/etc/traefik", false)];
        assert_eq!(host_path(&mounts, Path::new("/etc/traefik/../traefik/x.yml")), Some("/b/x.yml".into()));
        assert_eq!(host_path(&mounts, Path::new("/etc/y")), Some("/a/y".into()));
        assert_eq!(host_path(&mounts, Path::new("/srv")), None);
    }
}
