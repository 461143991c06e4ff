//! Labels of one container as a tree and as typed configuration.

use std::collections::BTreeMap;

use crate::config::dynamic::Configuration;
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
                if let Some(name) = other.strip_prefix("traefik.docker.") {
                    let near = crate::config::near::nearest(name, ["network", "lbswarm", "allownonrunning"]);
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

/// Decodes everything that describes routes.
pub(super) fn configuration(labels: &BTreeMap<String, String>) -> Result<Decoded, DecodeError> {
    let mut root = Node::default();
    for (label, value) in labels {
        let lower = label.to_ascii_lowercase();
        let ours = ["traefik.http.", "traefik.tcp.", "traefik.udp.", "traefik.tls.stores.default."];
        if !ours.iter().any(|prefix| lower.starts_with(prefix)) {
            continue;
        }
        if !label.starts_with("traefik.") {
            return Err(wrong(format!("`{label}`: invalid label root, write `traefik` in lower case")));
        }
        let mut node = &mut root;
        for element in elements(label)? {
            node = node.child_mut(&element);
        }
        node.value = Some(value.clone());
    }
    let mut decoded = Decoded::default();
    for child in &mut root.children {
        match child.name.to_ascii_lowercase().as_str() {
            "http" => decoded.http = servers(child, "loadbalancer", &["serverstransports"], &mut decoded.ignored)?,
            "tcp" => decoded.tcp = servers(child, "loadbalancer", &["serverstransports"], &mut decoded.ignored)?,
            "udp" => decoded.udp = servers(child, "loadbalancer", &[], &mut decoded.ignored)?,
            _ => {}
        }
    }
    // A protocol of which only labels without effect are left is as good as not named.
    root.children.retain(|child| child.value.is_some() || !child.children.is_empty());
    decoded.configuration = root.decode()?;
    Ok(decoded)
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
    balancer: &str,
    unlabelled: &[&str],
    ignored: &mut Vec<String>,
) -> Result<BTreeMap<String, ServerLabels>, DecodeError> {
    let mut found = BTreeMap::new();
    strip(protocol, unlabelled, "", ignored);
    for section in &mut protocol.children {
        if section.name.eq_ignore_ascii_case("routers") {
            for router in &mut section.children {
                strip(router, &["parentrefs"], &router.name.clone(), ignored);
            }
        }
        if !section.name.eq_ignore_ascii_case("services") {
            continue;
        }
        for service in &mut section.children {
            let name = service.name.clone();
            strip(service, &["weighted", "mirroring", "failover", "highestrandomweight"], &name, ignored);
            let Some(balancer) = service.children.iter_mut().find(|child| child.name.eq_ignore_ascii_case(balancer))
            else {
                continue;
            };
            if balancer.child("servers").is_some() {
                return Err(DecodeError {
                    message: "field not found, node: servers".to_owned(),
                    hint: Some("labels describe one server: `loadbalancer.server.port`".to_owned()),
                });
            }
            let Some(position) = balancer.children.iter().position(|child| child.name.eq_ignore_ascii_case("server"))
            else {
                continue;
            };
            let mut server = balancer.children.remove(position);
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
        }
    }
    Ok(found)
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
