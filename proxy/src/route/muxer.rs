//! Routes of one entry point, found by host.

use std::collections::HashMap;

use crate::rule::HostKey;

/// Positions of routes, each list in the order in which the routes win: a smaller position wins.
#[derive(Debug, Default)]
pub(super) struct Muxer {
    /// By host, without one final dot.
    exact: HashMap<Box<str>, Vec<usize>>,
    /// By all of the host but its first label, leading dot included.
    suffix: HashMap<Box<str>, Vec<usize>>,
    /// Those that name no host.
    any: Vec<usize>,
}

impl Muxer {
    /// Adds a route. To be called in the order of the positions.
    pub(super) fn add(&mut self, position: usize, hosts: Option<Vec<HostKey<'_>>>) {
        let Some(hosts) = hosts else {
            return self.any.push(position);
        };
        for host in hosts {
            let (map, name) = match host {
                HostKey::Exact(name) => (&mut self.exact, name),
                HostKey::Suffix(name) => (&mut self.suffix, name),
            };
            insert(map, name, position);
            // A rule that ends in a dot also fits a host that ends in one more.
            if let Some(shorter) = name.strip_suffix('.') {
                insert(map, shorter, position);
            }
        }
    }

    /// The first of the routes that can fit the host for which `fits` says so.
    pub(super) fn find(&self, host: &str, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let named = self.exact.get(host).map(Vec::as_slice).unwrap_or_default();
        let wild = if self.suffix.is_empty() {
            &[]
        } else {
            let suffix = host.find('.').and_then(|dot| host.get(dot..)).unwrap_or_default();
            self.suffix.get(suffix).map(Vec::as_slice).unwrap_or_default()
        };
        let mut lists = [named, wild, self.any.as_slice()];
        loop {
            let next = lists.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list.first().copied())?;
            let (position, rest) = next.split_first()?;
            if fits(*position) {
                return Some(*position);
            }
            *next = rest;
        }
    }
}

fn insert(map: &mut HashMap<Box<str>, Vec<usize>>, name: &str, position: usize) {
    match map.get_mut(name) {
        Some(list) if list.last() == Some(&position) => {}
        Some(list) => list.push(position),
        None => {
            map.insert(name.into(), vec![position]);
        }
    }
}
