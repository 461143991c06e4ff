//! Labels of one container as a tree and as typed configuration.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::config::dynamic::{Configuration, Named};
use crate::config::near::nearest;
use crate::config::node::{DecodeError, Node, parse_bool};

/// The provider's own labels of a container.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) enable: Option<bool>,
    pub(super) network: Option<String>,
    pub(super) allow_non_running: bool,
}

/// What the labels of servers say that is not part of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerLabels {
    pub(super) scheme: Option<String>,
    pub(super) port: Option<String>,
}

/// The decoded labels of a container.
#[derive(Clone, Debug, Default)]
pub(super) struct Decoded {
    pub(super) configuration: Configuration,
    pub(super) http: BTreeMap<String, ServerLabels>,
    pub(super) tcp: BTreeMap<String, ServerLabels>,
    pub(super) udp: BTreeMap<String, ServerLabels>,
    /// Labels that Traefik knows but gives no effect.
    pub(super) ignored: Vec<String>,
    /// What cannot be read, and is left out.
    pub(super) lost: Vec<Lost>,
}

/// A label, or all labels of an object, that cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    /// `traefik.http.routers.app`, or a whole label.
    pub(super) place: String,
    /// What of it is left out: `router`, `service`; empty for a single label.
    pub(super) kind: &'static str,
    pub(super) error: DecodeError,
}

impl Decoded {
    /// Whether an object of this kind (`http.routers`) and name was left out.
    pub(super) fn has_lost(&self, kind: &str, name: &str) -> bool {
        self.lost.iter().any(|lost| {
            lost.place.strip_prefix("traefik.").and_then(|place| place.strip_prefix(kind)?.strip_prefix('.'))
                == Some(name)
        })
    }

    fn lose(&mut self, place: String, kind: &'static str, error: DecodeError) {
        self.lost.push(Lost { place, kind, error });
    }
}

fn wrong(message: String) -> DecodeError {
    DecodeError { message, hint: None }
}

/// Reads `traefik.enable` and `traefik.docker.*`.
pub(super) fn settings(labels: &BTreeMap<String, String>) -> Result<Settings, DecodeError> {
    let mut settings = Settings::default();
    for (label, value) in labels {
        let lower = label.to_ascii_lowercase();
        let boolean = || parse_bool(value).map_err(|error| wrong(format!("`{label}`: {error}")));
        match lower.as_str() {
            "traefik.enable" => settings.enable = Some(boolean()?),
            "traefik.docker.network" => settings.network = Some(value.clone()),
            "traefik.docker.allownonrunning" => settings.allow_non_running = boolean()?,
            "traefik.docker.lbswarm" => drop(boolean()?),
            other => {
                if other.starts_with("traefik.enable.") {
                    return Err(wrong(format!("`{label}`: `traefik.enable` has no options")));
                }
                if let Some(name) = other.strip_prefix("traefik.docker.") {
                    let near = nearest(name, ["network", "lbswarm", "allownonrunning"]);
                    return Err(DecodeError {
                        message: format!("`{label}`: field not found, node: {name}"),
                        hint: near.map(|near| format!("did you mean `traefik.docker.{near}`?")),
                    });
                }
            }
        }
    }
    Ok(settings)
}

/// Decodes everything that describes routes, each object on its own: a mistake costs the object it is made in.
pub(super) fn configuration(labels: &BTreeMap<String, String>) -> Decoded {
    let mut root = Node::default();
    let mut decoded = Decoded::default();
    for (label, value) in labels {
        let lower = label.to_ascii_lowercase();
        if ["traefik.http", "traefik.tcp", "traefik.udp"].contains(&lower.as_str()) {
            decoded.lose(label.clone(), "", wrong(format!("{label} cannot be a standalone element")));
            continue;
        }
        let ours = ["traefik.http.", "traefik.tcp.", "traefik.udp.", "traefik.tls.stores.default."];
        if !ours.iter().any(|prefix| lower.starts_with(prefix)) {
            continue;
        }
        if !label.starts_with("traefik.") {
            decoded.lose(label.clone(), "", wrong("invalid label root, write `traefik` in lower case".to_owned()));
            continue;
        }
        match elements(label) {
            Ok(elements) => {
                let node = elements.iter().fold(&mut root, |node, element| node.child_mut(element));
                node.value = Some(value.clone());
            }
            Err(error) => decoded.lose(label.clone(), "", error),
        }
    }
    for mut protocol in root.children {
        match protocol.name.to_ascii_lowercase().as_str() {
            "http" => {
                decoded.http = servers(&mut protocol, "http", &["serverstransports"], &mut decoded);
                sections(&protocol, &["routers", "services", "middlewares"], &mut decoded, |section, decoded, name| {
                    let http = &mut decoded.configuration.http;
                    Some(match name {
                        "routers" => objects(section, "http.routers", "router", &mut http.routers),
                        "services" => objects(section, "http.services", "service", &mut http.services),
                        "middlewares" => objects(section, "http.middlewares", "middleware", &mut http.middlewares),
                        _ => return None,
                    })
                });
            }
            "tcp" => {
                decoded.tcp = servers(&mut protocol, "tcp", &["serverstransports"], &mut decoded);
                sections(&protocol, &["routers", "services", "middlewares"], &mut decoded, |section, decoded, name| {
                    let tcp = &mut decoded.configuration.tcp;
                    Some(match name {
                        "routers" => objects(section, "tcp.routers", "router", &mut tcp.routers),
                        "services" => objects(section, "tcp.services", "service", &mut tcp.services),
                        "middlewares" => objects(section, "tcp.middlewares", "middleware", &mut tcp.middlewares),
                        _ => return None,
                    })
                });
            }
            "udp" => {
                decoded.udp = servers(&mut protocol, "udp", &[], &mut decoded);
                sections(&protocol, &["routers", "services"], &mut decoded, |section, decoded, name| {
                    let udp = &mut decoded.configuration.udp;
                    Some(match name {
                        "routers" => objects(section, "udp.routers", "router", &mut udp.routers),
                        "services" => objects(section, "udp.services", "service", &mut udp.services),
                        _ => return None,
                    })
                });
            }
            _ => sections(&protocol, &["stores"], &mut decoded, |section, decoded, name| {
                (name == "stores")
                    .then(|| objects(section, "tls.stores", "store", &mut decoded.configuration.tls.stores))
            }),
        }
    }
    decoded
}

/// Reads the sections of a protocol with `read`, which knows them by their name in lower case.
fn sections(
    protocol: &Node,
    known: &[&str],
    decoded: &mut Decoded,
    read: impl Fn(&Node, &mut Decoded, &str) -> Option<Vec<Lost>>,
) {
    for section in &protocol.children {
        if section.children.is_empty() && section.value.is_some() {
            let place = format!("traefik.{}.{}", protocol.name.to_ascii_lowercase(), section.name);
            let error = wrong(format!("{} cannot be a standalone element", section.name));
            decoded.lose(place, "", error);
            continue;
        }
        if let Some(lost) = read(section, decoded, &section.name.to_ascii_lowercase()) {
            decoded.lost.extend(lost);
        } else {
            let near = nearest(&section.name, known.iter().copied());
            let error = DecodeError {
                message: format!("field not found, node: {}", section.name),
                hint: near.map(|near| format!("did you mean `{near}`?")),
            };
            let protocol = protocol.name.to_ascii_lowercase();
            decoded.lose(format!("traefik.{protocol}.{}", section.name), "", error);
        }
    }
}

/// Decodes the objects of a section into `all`; returns those that cannot be.
fn objects<T: DeserializeOwned>(section: &Node, place: &str, kind: &'static str, all: &mut Named<T>) -> Vec<Lost> {
    let mut lost = Vec::new();
    for object in &section.children {
        match object.decode() {
            Ok(found) => drop(all.insert(object.name.clone(), found)),
            Err(error) => lost.push(Lost { place: format!("traefik.{place}.{}", object.name), kind, error }),
        }
    }
    lost
}

/// The elements of a label after `traefik`; `domains[0]` is two.
fn elements(label: &str) -> Result<Vec<String>, DecodeError> {
    let mut elements = Vec::new();
    for part in label.split('.').skip(1) {
        if part.is_empty() || part.starts_with('[') {
            return Err(wrong(format!("invalid element: {label}")));
        }
        match part.split_once('[') {
            Some((name, index)) => {
                elements.push(name.to_owned());
                elements.push(format!("[{index}"));
            }
            None => elements.push(part.to_owned()),
        }
    }
    Ok(elements)
}

/// Takes out of a protocol's tree what labels spell differently: `server` (one, in the place of a list) with its port and scheme, and
/// the options that labels do not have.
fn servers(
    protocol: &mut Node,
    name: &str,
    unlabelled: &[&str],
    decoded: &mut Decoded,
) -> BTreeMap<String, ServerLabels> {
    let mut found = BTreeMap::new();
    let protocol_name = name;
    strip(protocol, unlabelled, "", &mut decoded.ignored);
    for section in &mut protocol.children {
        if section.name.eq_ignore_ascii_case("routers") {
            for router in &mut section.children {
                strip(router, &["parentrefs"], &router.name.clone(), &mut decoded.ignored);
            }
        }
        if !section.name.eq_ignore_ascii_case("services") {
            continue;
        }
        section.children.retain_mut(|service| {
            let name = service.name.clone();
            strip(service, &["weighted", "mirroring", "failover", "highestrandomweight"], &name, &mut decoded.ignored);
            let is_balancer = |child: &&mut Node| child.name.eq_ignore_ascii_case("loadbalancer");
            let Some(balancer) = service.children.iter_mut().find(is_balancer) else { return true };
            if balancer.child("servers").is_some() {
                let error = DecodeError {
                    message: "field not found, node: servers".to_owned(),
                    hint: Some("labels describe one server: `loadbalancer.server.port`".to_owned()),
                };
                decoded.lose(format!("traefik.{protocol_name}.services.{name}"), "service", error);
                return false;
            }
            let Some(position) = balancer.children.iter().position(|child| child.name.eq_ignore_ascii_case("server"))
            else {
                return true;
            };
            let mut server = balancer.children.remove(position);
            if server.children.is_empty() {
                let error = wrong("server cannot be a standalone element: set one of its options".to_owned());
                decoded.lose(format!("traefik.{protocol_name}.services.{name}"), "service", error);
                return false;
            }
            strip(&mut server, &["fenced"], &name, &mut decoded.ignored);
            let mut labels = ServerLabels::default();
            server.children.retain(|child| match child.name.to_ascii_lowercase().as_str() {
                "scheme" => {
                    labels.scheme.clone_from(&child.value);
                    false
                }
                "port" => {
                    labels.port.clone_from(&child.value);
                    false
                }
                "address" => false,
                _ => true,
            });
            found.insert(name, labels);
            // A server of which nothing is left is made when the address is known.
            if !server.children.is_empty() {
                server.name = "[0]".to_owned();
                balancer.children.push(Node { name: "servers".to_owned(), children: vec![server], ..Node::default() });
            } else if balancer.children.is_empty() {
                balancer.children.push(Node { name: "servers".to_owned(), ..Node::default() });
            }
            true
        });
    }
    found
}

fn strip(node: &mut Node, names: &[&str], place: &str, ignored: &mut Vec<String>) {
    node.children.retain(|child| {
        let known = names.iter().any(|name| child.name.eq_ignore_ascii_case(name));
        if known {
            ignored.push(format!("{place} {}", child.name).trim().to_owned());
        }
        !known
    });
}
