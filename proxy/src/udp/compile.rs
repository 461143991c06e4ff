//! The UDP routers of a configuration.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::config::dynamic::Configuration;
use crate::snapshot::compile::Problem;
use crate::snapshot::services;
use crate::upstream::balance::Turns;

use super::{UdpRoute, UdpService, UdpTable};

/// How deep services may contain others.
const DEEPEST: usize = 16;

/// The table of the UDP routers of `config` on the entry points for datagrams, with what is wrong.
pub(crate) fn compile(config: &Configuration, entry_points: &[String]) -> (UdpTable, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut entries: HashMap<String, Arc<UdpRoute>> = HashMap::new();
    let mut using: HashMap<String, Vec<String>> = HashMap::new();
    // By name, so that the answer does not change from start to start.
    let routers: BTreeMap<_, _> = config.udp.routers.iter().collect();
    // Of several on one entry point Traefik takes the last by name.
    for (name, router) in routers.into_iter().rev() {
        let mut tell = |reason: String| problems.push(Problem { object: format!("UDP router `{name}`"), reason });
        let wanted = if router.entry_points.is_empty() { entry_points } else { &router.entry_points };
        let (known, unknown): (Vec<_>, Vec<_>) = wanted.iter().partition(|entry| entry_points.contains(entry));
        unknown.into_iter().for_each(|entry| tell(format!("entryPoint {entry:?} doesn't exist")));
        using.insert(name.clone(), known.iter().copied().cloned().collect());
        if known.is_empty() {
            tell("no valid entryPoint for this router".to_owned());
            continue;
        }
        if router.service.is_empty() {
            tell("the service is missing on the udp router".to_owned());
            continue;
        }
        let service = match service(config, &services::qualified(&router.service, name), 0) {
            Ok(service) => service,
            Err(reason) => {
                tell(reason);
                continue;
            }
        };
        let route = Arc::new(UdpRoute { name: name.clone(), service });
        for entry in known {
            match entries.get(entry) {
                Some(first) => {
                    tell(format!("on the entry point {entry} the router `{}` gets every datagram", first.name));
                }
                None => drop(entries.insert(entry.clone(), Arc::clone(&route))),
            }
        }
    }
    (UdpTable { entries, using }, problems)
}

fn service(config: &Configuration, name: &str, depth: usize) -> Result<Arc<UdpService>, String> {
    if depth > DEEPEST {
        return Err(format!("the UDP service \"{name}\" contains itself"));
    }
    let found = config.udp.services.get(name).ok_or_else(|| format!("the UDP service \"{name}\" does not exist"))?;
    if let Some(weighted) = &found.weighted {
        let mut members = Vec::new();
        for member in &weighted.services {
            members.push(service(config, &services::qualified(&member.name, name), depth + 1)?);
        }
        let weights: Vec<_> =
            weighted.services.iter().map(|member| u64::try_from(member.weight).unwrap_or(0)).collect();
        return Ok(Arc::new(UdpService::Weighted { turns: Turns::new(&weights), members }));
    }
    let Some(balancer) = &found.load_balancer else {
        return Err(format!("the UDP service \"{name}\" does not have any type defined"));
    };
    let addresses: Vec<Arc<str>> = balancer.servers.iter().map(|server| Arc::from(server.address.as_str())).collect();
    Ok(Arc::new(UdpService::Servers { turns: Turns::new(&vec![1; addresses.len()]), addresses }))
}
