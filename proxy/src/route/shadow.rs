//! Routers that never get a request, because another one takes everything that they would.

use std::collections::HashMap;

use super::{Route, RoutingTable};
use crate::rule::HostKey;

impl RoutingTable {
    /// For each route, in the order of [`RoutingTable::routes`], the position of one that takes all of its requests on some entry
    /// point of its, where each of its entry points has one. As far as that can be told from the rules' texts.
    pub fn shadowed(&self) -> Vec<Option<usize>> {
        // Those that are limited to certain hosts can only be in the way of routes for one of these.
        let mut by_host: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut others: Vec<usize> = Vec::new();
        let mut shadowed = Vec::with_capacity(self.routes.len());
        for (position, route) in self.routes.iter().enumerate() {
            let hosts = exact_hosts(route);
            let first = hosts.as_ref().and_then(|hosts| hosts.first());
            let near = first.and_then(|host| by_host.get(host)).into_iter().flatten();
            let earlier: Vec<usize> = near.chain(&others).copied().collect();
            shadowed.push(self.shadow(route, &earlier));
            match hosts.filter(|hosts| !hosts.is_empty()) {
                Some(hosts) => hosts.iter().for_each(|host| by_host.entry(host).or_default().push(position)),
                None => others.push(position),
            }
        }
        shadowed
    }

    fn shadow(&self, route: &Route, earlier: &[usize]) -> Option<usize> {
        let rule = route.rule.as_ref().filter(|_| route.is_enabled())?;
        let in_the_way: Vec<usize> = earlier
            .iter()
            .copied()
            .filter(|position| {
                self.routes.get(*position).is_some_and(|other| {
                    other.is_enabled()
                        && other.tls.is_some() == route.tls.is_some()
                        && other.using.iter().any(|entry_point| route.using.contains(entry_point))
                        && other.rule.as_ref().is_some_and(|wide| wide.covers(rule))
                })
            })
            .collect();
        let everywhere = route.using.iter().all(|entry_point| {
            in_the_way
                .iter()
                .any(|position| self.routes.get(*position).is_some_and(|other| other.using.contains(entry_point)))
        });
        in_the_way.into_iter().min().filter(|_| everywhere)
    }
}

/// The hosts outside of which a route takes nothing, where all of them are plain names.
fn exact_hosts(route: &Route) -> Option<Vec<&str>> {
    let keys = route.rule.as_ref()?.host_keys()?;
    keys.into_iter()
        .map(|key| match key {
            HostKey::Exact(name) => Some(name),
            HostKey::Suffix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::config::dynamic::{Configuration, Router, RouterTls};
    use crate::route::{EntryPointModel, RoutingTable};

    #[test]
    fn a_router_behind_a_wider_one_is_found() {
        let mut configuration = Configuration::default();
        let mut add = |name: &str, rule: &str, entry_points: &[&str], priority: i64, tls: bool| {
            let router = Router {
                rule: rule.to_owned(),
                entry_points: entry_points.iter().map(|name| (*name).to_owned()).collect(),
                priority,
                tls: tls.then(RouterTls::default),
                service: "s".to_owned(),
                ..Router::default()
            };
            configuration.http.routers.insert(format!("{name}@file"), router);
        };
        add("wide", "PathPrefix(`/`)", &["web"], 1000, false);
        add("hidden", "Host(`a`) && Path(`/x`)", &["web"], 1, false);
        add("elsewhere", "Host(`a`)", &["web", "other"], 2, false);
        add("secure", "Host(`a`)", &["web"], 3, true);
        add("secure-path", "Host(`a`) && PathPrefix(`/x`)", &["web"], 2, true);
        add("broken", "Hst(`a`)", &["web"], 2, false);
        let models =
            ["web", "other"].map(|name| EntryPointModel { name: name.to_owned(), ..EntryPointModel::default() });
        let table = RoutingTable::compile(&configuration, &models);
        let name = |position: usize| table.routes().get(position).map_or("", |route| route.name.as_str());
        let found: Vec<_> = table
            .shadowed()
            .into_iter()
            .enumerate()
            .filter_map(|(position, by)| Some((name(position), name(by?))))
            .collect();
        assert_eq!(found, [("secure-path@file", "secure@file"), ("hidden@file", "wide@file")]);
    }
}
