//! Where a container's server is: address and port.

use super::{Container, Problem};
use crate::config::statics::DockerProvider;

/// What a server's address is chosen from.
pub(super) struct Place<'a> {
    pub(super) container: &'a Container,
    pub(super) all: &'a [Container],
    pub(super) options: &'a DockerProvider,
    /// Network that a label names.
    pub(super) network: Option<&'a str>,
}

impl Place<'_> {
    /// Host and port for a service; `port` is what its labels say. `Err` holds the reason.
    pub(super) fn find(&self, port: Option<&str>, problems: &mut Vec<Problem>) -> Result<(String, String), String> {
        let port = port.filter(|port| !port.is_empty()).map(str::to_owned);
        let port = port.or_else(|| lowest_port(self.container));
        if self.options.use_bind_port_ip {
            let bound = self
                .container
                .port_bindings
                .iter()
                .find(|(exposed, _)| port.as_deref().is_none_or(|port| exposed.split('/').next() == Some(port)));
            if let Some(binding) = bound.and_then(|(_, bindings)| bindings.first())
                && !matches!(binding.host_ip.as_str(), "" | "0.0.0.0" | "::")
            {
                return Ok((binding.host_ip.clone(), binding.host_port.clone()));
            }
        }
        let port = port.ok_or("port is missing")?;
        let host = self.host(self.container, 0, problems);
        if host.is_empty() {
            return Err(format!(
                "unable to find the IP address for the container \"/{}\": the server is ignored",
                self.container.name
            ));
        }
        Ok((host, port))
    }

    fn host(&self, container: &Container, depth: usize, problems: &mut Vec<Problem>) -> String {
        if container.network_mode == "host" {
            return "127.0.0.1".to_owned();
        }
        if let Some(other) = container
            .network_mode
            .strip_prefix("container:")
            .or_else(|| container.network_mode.strip_prefix("service:"))
        {
            let other = self.all.iter().find(|one| one.name == other);
            return other.filter(|_| depth < 8).map_or_else(String::new, |other| self.host(other, depth + 1, problems));
        }
        let wanted = self.network.or(Some(self.options.network.as_str())).filter(|name| !name.is_empty());
        let mut chosen = None;
        if let Some(name) = wanted {
            chosen = container.networks.get(name);
            if chosen.is_none() {
                problems.push(Problem {
                    container: container.name.clone(),
                    label: "traefik.docker.network".to_owned(),
                    reason: format!("the container is in no network `{name}`; the first of its networks is taken"),
                    hint: Some("the engine's name of a network begins with the project's name".to_owned()),
                });
            }
        }
        let endpoint = chosen.or_else(|| container.networks.values().next());
        endpoint.map_or_else(String::new, |endpoint| {
            if endpoint.address.is_empty() { endpoint.address6.clone() } else { endpoint.address.clone() }
        })
    }
}

fn lowest_port(container: &Container) -> Option<String> {
    let ports = container.ports.iter().filter_map(|port| port.split('/').next()?.parse::<u16>().ok());
    ports.min().map(|port| port.to_string())
}

/// Host and port as in a URL: an IPv6 address gets brackets.
pub(super) fn join(host: &str, port: &str) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
