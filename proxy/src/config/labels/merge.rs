//! Configurations of many containers into one: replicas are joined, contradictions are left out by name.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use crate::config::dynamic::{Configuration, Named, Service, TcpService, UdpService};

/// Merges the configurations of containers, each with the container's name.
pub(super) fn merge(parts: Vec<(String, Configuration)>, problems: &mut Vec<Problem>) -> Configuration {
    let mut out = Configuration::default();
    let mut http = Vec::new();
    let (mut routers, mut services, mut middlewares) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tcp_routers, mut tcp_services, mut tcp_middlewares) = (Vec::new(), Vec::new(), Vec::new());
    let (mut udp_routers, mut udp_services, mut stores) = (Vec::new(), Vec::new(), Vec::new());
    for (container, part) in parts {
        http.push(container.clone());
        routers.push((container.clone(), part.http.routers));
        services.push((container.clone(), part.http.services));
        middlewares.push((container.clone(), part.http.middlewares));
        tcp_routers.push((container.clone(), part.tcp.routers));
        tcp_services.push((container.clone(), part.tcp.services));
        tcp_middlewares.push((container.clone(), part.tcp.middlewares));
        udp_routers.push((container.clone(), part.udp.routers));
        udp_services.push((container.clone(), part.udp.services));
        stores.push((container, part.tls.stores));
    }
    out.http.routers = joined("HTTP router", routers, same, problems);
    out.http.services = joined("HTTP service", services, join_http, problems);
    out.http.middlewares = joined("HTTP middleware", middlewares, same, problems);
    out.tcp.routers = joined("TCP router", tcp_routers, same, problems);
    out.tcp.services = joined("TCP service", tcp_services, join_tcp, problems);
    out.tcp.middlewares = joined("TCP middleware", tcp_middlewares, same, problems);
    out.udp.routers = joined("UDP router", udp_routers, same, problems);
    out.udp.services = joined("UDP service", udp_services, join_udp, problems);
    out.tls.stores = joined("TLS store", stores, same, problems);
    out
}

/// Puts objects of one kind together; `join` adds the second to the first, or says that they contradict each other.
fn joined<T>(
    kind: &str,
    parts: Vec<(String, Named<T>)>,
    join: fn(&mut T, T) -> bool,
    problems: &mut Vec<Problem>,
) -> Named<T> {
    let mut out: BTreeMap<String, (T, Vec<String>)> = BTreeMap::new();
    let mut lost = BTreeSet::new();
    for (container, objects) in parts {
        for (name, object) in objects {
            match out.get_mut(&name) {
                Some((first, definers)) => {
                    definers.push(container.clone());
                    if !join(first, object) {
                        lost.insert(name);
                    }
                }
                None => {
                    out.insert(name, (object, vec![container.clone()]));
                }
            }
        }
    }
    for name in &lost {
        if let Some((_, definers)) = out.remove(name) {
            problems.push(Problem {
                container: definers.join(", "),
                label: name.clone(),
                reason: format!("{kind} defined multiple times with different configurations; none of them is used"),
                hint: Some("give each its own name, or write the same labels on all of them".to_owned()),
            });
        }
    }
    out.into_iter().map(|(name, (object, _))| (name, object)).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of all that join")]
fn same<T: PartialEq>(first: &mut T, second: T) -> bool {
    *first == second
}

fn append<T: PartialEq>(first: &mut Vec<T>, second: Vec<T>) {
    for server in second {
        if !first.contains(&server) {
            first.push(server);
        }
    }
}

fn join_http(first: &mut Service, mut second: Service) -> bool {
    let (Some(ours), Some(theirs)) = (&mut first.load_balancer, &mut second.load_balancer) else {
        return *first == second;
    };
    let (mut servers, more) = (std::mem::take(&mut ours.servers), std::mem::take(&mut theirs.servers));
    append(&mut servers, more);
    let same = ours == theirs;
    ours.servers = servers;
    same && first.middlewares == second.middlewares
}

fn join_tcp(first: &mut TcpService, mut second: TcpService) -> bool {
    let (Some(ours), Some(theirs)) = (&mut first.load_balancer, &mut second.load_balancer) else {
        return *first == second;
    };
    let (mut servers, more) = (std::mem::take(&mut ours.servers), std::mem::take(&mut theirs.servers));
    append(&mut servers, more);
    let same = ours == theirs;
    ours.servers = servers;
    same
}

fn join_udp(first: &mut UdpService, mut second: UdpService) -> bool {
    let (Some(ours), Some(theirs)) = (&mut first.load_balancer, &mut second.load_balancer) else {
        return *first == second;
    };
    append(&mut ours.servers, std::mem::take(&mut theirs.servers));
    true
}
