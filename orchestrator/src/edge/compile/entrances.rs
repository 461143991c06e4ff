//! Entry points: what routers name, and the addresses of this host behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use proxy::config::dynamic::{Configuration, Router, RouterObservability, RouterTls};
use proxy::config::statics::{self, StaticConfig};

use super::{Adopted, hosts};

/// Where the gateway listens: a port, on one address or on all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Address of this host; none for all.
    pub ip: Option<IpAddr>,
    /// Port.
    pub port: u16,
    /// Whether it is for datagrams.
    pub udp: bool,
}

impl Listener {
    /// As Traefik writes addresses, `:443`, `127.0.0.1:8443` or `:53/udp`; it also names the gateway's own entry point.
    #[must_use]
    pub fn name(&self) -> String {
        let protocol = if self.udp { "/udp" } else { "" };
        match self.ip {
            Some(ip) => format!("{}{protocol}", SocketAddr::new(ip, self.port)),
            None => format!(":{}{protocol}", self.port),
        }
    }

    /// An address to try whether it can be listened on.
    #[must_use]
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), self.port)
    }
}

/// One entry point, as routers see it.
#[derive(Debug, Clone)]
struct Entrance {
    project: String,
    listeners: Vec<Listener>,
    /// Ports on which HTTP/3 is served, where it is on.
    http3: Vec<u16>,
    options: statics::EntryPoint,
}

/// The entry points that a project's routers can name.
#[derive(Debug, Clone, Default)]
pub(super) struct Entrances {
    named: BTreeMap<String, Entrance>,
    defaults: Vec<String>,
}

impl Entrances {
    /// Those of an adopted service: its published ports.
    pub(super) fn of(project: &str, adopted: &Adopted<'_>) -> Self {
        let named = adopted
            .config
            .entry_points
            .iter()
            .map(|(name, options)| {
                let listeners = listeners(adopted, options);
                let http3 = http3_ports(adopted, options, &listeners);
                (name.clone(), Entrance { project: project.to_owned(), listeners, http3, options: options.clone() })
            })
            .collect();
        Self { named, defaults: adopted.config.default_entry_points().into_iter().map(str::to_owned).collect() }
    }

    /// Those of projects without a Traefik service: the ones that others have, or `web` on :80 and `websecure` on :443
    /// where there are none.
    pub(super) fn shared(adopted: &BTreeMap<&str, Adopted<'_>>) -> Self {
        let mut all = Self::default();
        for (project, adopted) in adopted {
            let own = Self::of(project, adopted);
            for (name, entrance) in own.named {
                all.named.entry(name).or_insert(entrance);
            }
            all.defaults.extend(own.defaults);
        }
        if all.named.is_empty() {
            let mut config = StaticConfig::default();
            let point =
                |port: u16| statics::EntryPoint { address: format!(":{port}"), ..statics::EntryPoint::default() };
            let mut secure = point(443);
            secure.http.tls = Some(RouterTls::default());
            config.entry_points = [("web".to_owned(), point(80)), ("websecure".to_owned(), secure)].into();
            all.defaults = vec!["web".to_owned(), "websecure".to_owned()];
            for (name, options) in config.entry_points {
                let listeners =
                    options.host_port().map(|(_, port)| Listener { ip: None, port, udp: false }).into_iter().collect();
                all.named.insert(name, Entrance { project: String::new(), listeners, http3: Vec::new(), options });
            }
        }
        all.defaults.sort_unstable();
        all.defaults.dedup();
        all
    }

    /// All listeners with their options, the project that brings them, and the entry point's name.
    pub(super) fn listeners(&self) -> impl Iterator<Item = (Listener, statics::EntryPoint, String, String)> {
        self.named.iter().flat_map(|(name, entrance)| {
            entrance.listeners.iter().map(move |listener| {
                // Routers carry what the entry point adds to them: other projects on this listener have other ideas.
                let mut options = entrance.options.clone();
                options.http3 = options.http3.filter(|_| entrance.http3.contains(&listener.port));
                options.address = listener.name();
                options.as_default = false;
                options.http.redirections = None;
                options.http.middlewares = Vec::new();
                options.http.tls = None;
                options.observability = None;
                (listener.clone(), options, entrance.project.clone(), name.clone())
            })
        })
    }

    /// Listeners of one entry point; empty for one that is unknown or that nobody outside reaches.
    pub(super) fn listeners_of(&self, name: &str) -> &[Listener] {
        self.named.get(name).map_or(&[], |entrance| &entrance.listeners)
    }

    /// An entry point that a router is on, with the names of its listeners, of which there is at least one. Where there is none, that
    /// is told if the router names the entry point.
    fn reached(
        &self,
        router: &str,
        entry_point: &str,
        explicit: bool,
        problems: &mut Vec<String>,
    ) -> Option<(&Entrance, Vec<String>)> {
        let Some(entrance) = self.named.get(entry_point) else {
            problems.push(format!(
                "router `{router}`: there is no entry point `{entry_point}`; there are {}",
                self.names()
            ));
            return None;
        };
        let listeners: Vec<String> = entrance.listeners.iter().map(Listener::name).collect();
        if listeners.is_empty() {
            if explicit {
                problems.push(format!(
                    "router `{router}`: no published port leads to entry point `{entry_point}` ({})",
                    entrance.options.address
                ));
            }
            return None;
        }
        Some((entrance, listeners))
    }

    /// What is to be said about HTTP/3 that no client would reach.
    pub(super) fn without_http3(&self) -> impl Iterator<Item = String> {
        let lacking = self.named.iter().filter(|(_, entrance)| {
            let wanted = entrance.options.http3.is_some() && !entrance.options.is_udp();
            wanted && entrance.listeners.iter().any(|listener| !entrance.http3.contains(&listener.port))
        });
        lacking.map(|(name, entrance)| {
            let port = entrance.options.host_port().map_or(0, |(_, port)| port);
            format!(
                "entry point `{name}`: no HTTP/3, since its port is not published over UDP too (`{port}:{port}/udp`)"
            )
        })
    }

    fn names(&self) -> String {
        self.named.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

/// Addresses of this host that lead to an entry point of the adopted service.
fn listeners(adopted: &Adopted<'_>, options: &statics::EntryPoint) -> Vec<Listener> {
    let Some((host, port)) = options.host_port() else { return Vec::new() };
    if adopted.traefik.host_network {
        return vec![Listener { ip: host.parse().ok(), port, udp: options.is_udp() }];
    }
    let udp = options.is_udp();
    let protocol = if udp { "udp" } else { "tcp" };
    let published = adopted.traefik.published.iter().filter(|one| one.protocol == protocol && one.target == port);
    let mut found: Vec<Listener> = published
        .map(|one| {
            let ip: Option<IpAddr> = one.host_ip.trim_matches(['[', ']']).parse().ok();
            Listener { ip: ip.filter(|ip| !ip.is_unspecified()), port: one.published, udp }
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Ports on which HTTP/3 reaches the entry point: those that are published over UDP as well.
fn http3_ports(adopted: &Adopted<'_>, options: &statics::EntryPoint, listeners: &[Listener]) -> Vec<u16> {
    let Some((_, target)) = options.host_port().filter(|_| options.http3.is_some() && !options.is_udp()) else {
        return Vec::new();
    };
    let published = |port: u16| {
        let mut ports = adopted.traefik.published.iter();
        ports.any(|one| one.protocol == "udp" && one.target == target && one.published == port)
    };
    let ports = listeners.iter().map(|listener| listener.port);
    ports.filter(|port| adopted.traefik.host_network || published(*port)).collect()
}

/// Gives routers the listeners of their entry points, and what those add (Traefik documentation, "EntryPoints: http");
/// collects what the routes are reached at.
pub(super) fn apply(
    mut configuration: Configuration,
    entrances: &Entrances,
    problems: &mut Vec<String>,
    urls: &mut BTreeSet<String>,
) -> Configuration {
    apply_beside_http(&mut configuration, entrances, problems);
    let routers = std::mem::take(&mut configuration.http.routers);
    for (name, router) in routers {
        let named = if router.entry_points.is_empty() { &entrances.defaults } else { &router.entry_points };
        let mut parts: Vec<(String, Router)> = Vec::new();
        for entry_point in named {
            let explicit = !router.entry_points.is_empty();
            let Some((entrance, listeners)) = entrances.reached(&name, entry_point, explicit, problems) else {
                continue;
            };
            let http = &entrance.options.http;
            let part = Router {
                entry_points: listeners,
                middlewares: http.middlewares.iter().chain(&router.middlewares).cloned().collect(),
                tls: router.tls.clone().or_else(|| http.tls.clone()),
                observability: RouterObservability::of(
                    router.observability.as_ref(),
                    entrance.options.observability.as_ref(),
                ),
                ..router.clone()
            };
            urls.extend(reached(&part, &entrance.listeners));
            // Entry points that add the same are one router, as in Traefik.
            let same = parts.iter_mut().find(|(_, known)| {
                known.middlewares == part.middlewares
                    && known.tls == part.tls
                    && known.observability == part.observability
            });
            match same {
                Some((_, known)) => known.entry_points.extend(part.entry_points),
                None => parts.push((entry_point.clone(), part)),
            }
        }
        let single = parts.len() == 1;
        for (entry_point, part) in parts {
            let name = if single { name.clone() } else { format!("{entry_point}-{name}") };
            configuration.http.routers.insert(name, part);
        }
    }
    configuration
}

/// TCP and UDP routers get the addresses of their entry points; nothing else is added to them.
fn apply_beside_http(configuration: &mut Configuration, entrances: &Entrances, problems: &mut Vec<String>) {
    configuration.tcp.routers.retain(|name, router| {
        let explicit = !router.entry_points.is_empty();
        let named = if explicit { std::mem::take(&mut router.entry_points) } else { entrances.defaults.clone() };
        let reached = named.iter().filter_map(|entry_point| entrances.reached(name, entry_point, explicit, problems));
        router.entry_points = reached.flat_map(|(_, listeners)| listeners).collect();
        !router.entry_points.is_empty()
    });
    configuration.udp.routers.retain(|name, router| {
        let explicit = !router.entry_points.is_empty();
        // Without a name it is on all that are for datagrams.
        let all = || entrances.named.iter().filter(|(_, entrance)| entrance.options.is_udp());
        let named = if explicit {
            std::mem::take(&mut router.entry_points)
        } else {
            all().map(|(name, _)| name.clone()).collect()
        };
        if named.is_empty() {
            problems.push(format!("router `{name}`: there is no entry point for UDP"));
        }
        let reached = named.iter().filter_map(|entry_point| entrances.reached(name, entry_point, explicit, problems));
        router.entry_points = reached.flat_map(|(_, listeners)| listeners).collect();
        !router.entry_points.is_empty()
    });
}

fn reached(router: &Router, listeners: &[Listener]) -> Vec<String> {
    let (scheme, usual) = if router.tls.is_some() { ("https", 443) } else { ("http", 80) };
    let mut found = Vec::new();
    for host in hosts(&router.rule) {
        for listener in listeners {
            let port = if listener.port == usual { String::new() } else { format!(":{}", listener.port) };
            found.push(format!("{scheme}://{host}{port}"));
        }
    }
    found
}
