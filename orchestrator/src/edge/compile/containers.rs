//! Containers with labels, as the label reader wants them.

use std::collections::BTreeMap;

use proxy::config::dynamic::Configuration;
use proxy::config::labels::{self, Endpoint};
use proxy::config::statics::DockerProvider;

use super::Adopted;
use crate::backend::{Container, Health, State};
use crate::edge::state::ProjectFile;
use crate::labels::{PROJECT, SERVICE};

/// A container that exists, with the compose project and service it belongs to.
#[derive(Debug, Clone, Default)]
pub struct ObservedContainer {
    /// Compose project; empty for none.
    pub project: String,
    /// Compose service; empty for none.
    pub service: String,
    /// The container.
    pub container: labels::Container,
}

/// Those of a listing. `modes` holds the network modes of containers without networks of their own, by id.
pub(super) fn observe(containers: &[Container], modes: &BTreeMap<String, String>) -> Vec<ObservedContainer> {
    containers.iter().map(|container| one(container, containers, modes)).collect()
}

fn one(container: &Container, all: &[Container], modes: &BTreeMap<String, String>) -> ObservedContainer {
    let label = |name: &str| container.labels.get(name).cloned().unwrap_or_default();
    let project = label(PROJECT);
    let holder = holder(container, all, modes);
    let networks: BTreeMap<String, Endpoint> = holder
        .networks
        .iter()
        .map(|(name, endpoint)| {
            let place = Endpoint { address: endpoint.ipv4.clone(), address6: endpoint.ipv6.clone() };
            (name.clone(), place)
        })
        .collect();
    let mut bindings: BTreeMap<String, Vec<labels::Binding>> = BTreeMap::new();
    let mut ports = Vec::new();
    for port in &container.ports {
        let exposed = format!("{}/{}", port.target, port.protocol);
        if port.published != 0 {
            let binding = labels::Binding { host_ip: port.host_ip.clone(), host_port: port.published.to_string() };
            bindings.entry(exposed.clone()).or_default().push(binding);
        }
        if !ports.contains(&exposed) {
            ports.push(exposed);
        }
    }
    ObservedContainer {
        service: label(SERVICE),
        container: labels::Container {
            name: container.name.clone(),
            labels: with_network(&container.labels, &project, &networks),
            ports,
            network_mode: if networks.contains_key("host") { "host" } else { mode(holder, modes) }.to_owned(),
            networks,
            state: if container.state == State::Running { "running" } else { "exited" }.to_owned(),
            health: container.health().map_or("", Health::word).to_owned(),
            port_bindings: bindings,
        },
        project,
    }
}

/// Containers that share a network one through another, at most.
const SHARERS: usize = 8;

/// The container whose network it is in: its own, or that of `network_mode: service:...`. That one may be of no project,
/// and without labels.
fn holder<'a>(container: &'a Container, all: &'a [Container], modes: &BTreeMap<String, String>) -> &'a Container {
    let mut holder = container;
    for _ in 0..SHARERS {
        let shared = mode(holder, modes).strip_prefix("container:");
        let Some(other) = shared.and_then(|id| all.iter().find(|other| other.id == id)) else { break };
        holder = other;
    }
    holder
}

fn mode<'a>(container: &Container, modes: &'a BTreeMap<String, String>) -> &'a str {
    modes.get(&container.id).map_or("", String::as_str)
}

/// People write the network's name of the compose file where Traefik wants the engine's; either is understood.
fn with_network(
    labels: &BTreeMap<String, String>,
    project: &str,
    networks: &BTreeMap<String, Endpoint>,
) -> BTreeMap<String, String> {
    let mut labels = labels.clone();
    for (name, value) in &mut labels {
        let whole = format!("{project}_{value}");
        if name.eq_ignore_ascii_case("traefik.docker.network")
            && !networks.contains_key(value)
            && networks.contains_key(&whole)
        {
            *value = whole;
        }
    }
    labels
}

fn is_labelled(labels: &BTreeMap<String, String>) -> bool {
    labels.keys().any(|label| label.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("traefik.")))
}

/// What the labels of a project's containers, and of services without one, ask for; names are bare.
pub(super) fn configuration(
    project: &str,
    file: Option<&ProjectFile>,
    adopted: Option<&Adopted<'_>>,
    seen: &[ObservedContainer],
    problems: &mut Vec<String>,
) -> Configuration {
    let options = options(adopted);
    let routes_all = options.exposed_by_default && options.default_rule != DockerProvider::default().default_rule;
    let own = adopted.map(|adopted| adopted.traefik.service.as_str());
    let mut containers: Vec<labels::Container> = seen
        .iter()
        .filter(|seen| seen.project == project && (own.is_none() || own != Some(seen.service.as_str())))
        // A rule that the user made for containers without labels is meant for them; Traefik's own is not worth the
        // database on the internet.
        .filter(|seen| is_labelled(&seen.container.labels) || (routes_all && !project.is_empty()))
        .map(|seen| seen.container.clone())
        .collect();
    for (service, labels) in file.iter().flat_map(|file| &file.services) {
        let runs = seen
            .iter()
            .any(|seen| seen.project == project && seen.service == *service && seen.container.state == "running");
        if !runs {
            containers.push(absent(project, service, labels));
        }
    }
    let itself = adopted.filter(|adopted| is_labelled(&adopted.traefik.labels)).map(|adopted| itself(project, adopted));
    let automatic = itself.as_ref().map(|_| automatic_name(project, own.unwrap_or_default()));
    containers.extend(itself);
    let (mut configuration, wrong) = labels::build(&containers, &options);
    problems.extend(wrong.iter().map(ToString::to_string));
    // Traefik gives a container that is not healthy yet a server without an address when its labels name a port. Here its
    // service is known and waits for one.
    for service in configuration.http.services.values_mut() {
        if let Some(balancer) = &mut service.load_balancer {
            balancer.servers.retain(|server| !server.url.is_empty());
        }
    }
    if let Some(automatic) = automatic {
        // What Traefik makes of its own container, if nothing else: a route to itself.
        configuration.http.services.remove(&automatic);
        configuration.http.routers.retain(|_, router| router.service != automatic);
    }
    configuration
}

fn options(adopted: Option<&Adopted<'_>>) -> DockerProvider {
    let own = adopted.and_then(|adopted| adopted.config.providers.docker.clone()).unwrap_or_default();
    // A service whose containers are not healthy answers 503, not 404: it is known, and about to come back.
    DockerProvider { allow_empty_services: true, ..own }
}

/// A service none of whose containers runs: known, without a server.
fn absent(project: &str, service: &str, labels: &BTreeMap<String, String>) -> labels::Container {
    let mut labels = labels.clone();
    labels.insert(PROJECT.to_owned(), project.to_owned());
    labels.insert(SERVICE.to_owned(), service.to_owned());
    labels.insert("traefik.docker.allownonrunning".to_owned(), "true".to_owned());
    labels::Container {
        name: format!("{project}-{service}"),
        labels,
        state: "exited".to_owned(),
        ..labels::Container::default()
    }
}

/// The adopted service as a container: its labels route as well (dashboard, middlewares for others).
fn itself(project: &str, adopted: &Adopted<'_>) -> labels::Container {
    let service = &adopted.traefik.service;
    let mut labels = adopted.traefik.labels.clone();
    labels.insert(PROJECT.to_owned(), project.to_owned());
    labels.insert(SERVICE.to_owned(), service.clone());
    let place = Endpoint { address: "127.0.0.1".to_owned(), address6: String::new() };
    labels::Container {
        name: format!("{project}-{service}"),
        labels,
        ports: vec!["80/tcp".to_owned()],
        networks: BTreeMap::from([("gateway".to_owned(), place)]),
        state: "running".to_owned(),
        ..labels::Container::default()
    }
}

/// The name of services that labels leave unnamed (Traefik documentation, "Docker: service definition").
fn automatic_name(project: &str, service: &str) -> String {
    format!("{service}-{project}")
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}
