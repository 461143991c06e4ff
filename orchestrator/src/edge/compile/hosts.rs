//! Names of services in addresses.
//!
//! Traefik runs on the networks of its project, where the engine resolves names of services and containers. The gateway
//! runs on the host, which does not know them: they become addresses of running containers.

use proxy::config::dynamic::{Configuration, Server, TcpServer, UdpServer};

use super::ObservedContainer;

/// Replaces the names of services and containers in URLs and addresses of servers, a server for each running container, and in addresses of
/// `forwardAuth`, which takes the first. What is no such name stays.
pub(super) fn resolve(project: &str, seen: &[ObservedContainer], configuration: &mut Configuration) {
    let names = Names { project, seen };
    for service in configuration.http.services.values_mut() {
        let Some(balancer) = &mut service.load_balancer else { continue };
        let servers = std::mem::take(&mut balancer.servers);
        balancer.servers = servers.into_iter().flat_map(|server| names.servers(server)).collect();
    }
    for service in configuration.tcp.services.values_mut() {
        let Some(balancer) = &mut service.load_balancer else { continue };
        let servers = std::mem::take(&mut balancer.servers);
        balancer.servers = servers.into_iter().flat_map(|server| names.tcp_servers(server)).collect();
    }
    for service in configuration.udp.services.values_mut() {
        let Some(balancer) = &mut service.load_balancer else { continue };
        let servers = std::mem::take(&mut balancer.servers);
        balancer.servers = servers.into_iter().flat_map(|server| names.udp_servers(server)).collect();
    }
    for middleware in configuration.http.middlewares.values_mut() {
        if let Some(auth) = &mut middleware.forward_auth
            && let Some(address) = names.urls(&auth.address).into_iter().next()
        {
            auth.address = address;
        }
    }
}

/// Replaces the name of a service or container in a URL by the first address that it has.
pub(super) fn resolve_url(project: &str, seen: &[ObservedContainer], url: &mut String) {
    if let Some(address) = (Names { project, seen }).urls(url).into_iter().next() {
        *url = address;
    }
}

struct Names<'a> {
    project: &'a str,
    seen: &'a [ObservedContainer],
}

impl Names<'_> {
    fn servers(&self, server: Server) -> Vec<Server> {
        let urls = self.urls(&server.url);
        if urls.is_empty() {
            return vec![server];
        }
        urls.into_iter().map(|url| Server { url, ..server.clone() }).collect()
    }

    fn tcp_servers(&self, server: TcpServer) -> Vec<TcpServer> {
        let found = self.sockets(&server.address);
        if found.is_empty() {
            return vec![server];
        }
        found.into_iter().map(|address| TcpServer { address, ..server.clone() }).collect()
    }

    fn udp_servers(&self, server: UdpServer) -> Vec<UdpServer> {
        let found = self.sockets(&server.address);
        if found.is_empty() { vec![server] } else { found.into_iter().map(|address| UdpServer { address }).collect() }
    }

    /// `host:port` for each running container that the host names; none where it names none.
    fn sockets(&self, address: &str) -> Vec<String> {
        let Some((host, port)) = address.rsplit_once(':') else { return Vec::new() };
        self.addresses(host).into_iter().map(|address| format!("{address}:{port}")).collect()
    }

    /// A URL for each running container that its host names; none where it names none.
    fn urls(&self, url: &str) -> Vec<String> {
        let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // Before an `@` stands a user, who is not a name of ours.
        if authority.contains('@') {
            return Vec::new();
        }
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        let separator = if port.is_empty() { "" } else { ":" };
        let addresses = self.addresses(host).into_iter();
        addresses.map(|address| format!("{scheme}://{address}{separator}{port}{path}")).collect()
    }

    /// Services of the project come first, then containers: their names are the engine's own, whatever their project.
    fn addresses(&self, name: &str) -> Vec<String> {
        let running = || self.seen.iter().filter(|seen| seen.container.state == "running");
        let services: Vec<String> = running()
            .filter(|seen| seen.project == self.project && seen.service.eq_ignore_ascii_case(name))
            .filter_map(address)
            .collect();
        if !services.is_empty() {
            return services;
        }
        running().filter(|seen| seen.container.name.eq_ignore_ascii_case(name)).filter_map(address).collect()
    }
}

/// Where the host reaches a container.
fn address(seen: &ObservedContainer) -> Option<String> {
    if seen.container.network_mode == "host" {
        return Some("127.0.0.1".to_owned());
    }
    let networks = seen.container.networks.values();
    networks.map(|endpoint| &endpoint.address).find(|address| !address.is_empty()).cloned()
}
