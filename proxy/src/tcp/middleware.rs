//! Middlewares of TCP routers: who may connect, and how often at a time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::config::dynamic::{TcpIpAllowList, TcpMiddleware as Config};
use crate::networks::networks;

/// A middleware.
#[derive(Debug, Clone)]
pub(super) enum TcpMiddleware {
    /// Only clients in these networks.
    Allow(Arc<[IpNet]>),
    /// So many connections of each client.
    InFlight(Arc<InFlight>),
}

/// Connections by client.
#[derive(Debug)]
pub(super) struct InFlight {
    most: i64,
    counts: Mutex<HashMap<IpAddr, i64>>,
}

/// A connection's place, given up when dropped; nothing where nothing is counted.
#[derive(Debug)]
pub(super) struct Place(Option<(Arc<InFlight>, IpAddr)>);

impl TcpMiddleware {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let allow = |list: &TcpIpAllowList| {
            if list.source_range.is_empty() {
                return Err("sourceRange is empty, IPAllowLister not created".to_owned());
            }
            let networks = networks(&list.source_range)
                .map_err(|reason| format!("cannot parse CIDRs [{}]: {reason}", list.source_range.join(" ")))?;
            Ok(Self::Allow(networks.into()))
        };
        match (&config.ip_allow_list, &config.ip_white_list, &config.in_flight_conn) {
            (Some(list), None, None) | (None, Some(list), None) => allow(list),
            (None, None, Some(limit)) => {
                Ok(Self::InFlight(Arc::new(InFlight { most: limit.amount, counts: Mutex::default() })))
            }
            _ => Err("exactly one of `ipAllowList` and `inFlightConn` is expected".to_owned()),
        }
    }

    /// Lets a client in; `None` where it may not.
    pub(super) fn admit(&self, client: IpAddr) -> Option<Place> {
        match self {
            Self::Allow(networks) => networks.iter().any(|network| network.contains(&client)).then_some(Place(None)),
            Self::InFlight(limit) => {
                let mut counts = limit.counts.lock().unwrap_or_else(PoisonError::into_inner);
                let count = counts.get(&client).copied().unwrap_or(0);
                if count >= limit.most {
                    return None;
                }
                counts.insert(client, count + 1);
                Some(Place(Some((Arc::clone(limit), client))))
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((limit, client)) = &self.0 else { return };
        let mut counts = limit.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(client) {
            *count -= 1;
            if *count <= 0 {
                counts.remove(client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;
    use crate::config::dynamic::InFlightConn;

    #[test]
    fn who_may_connect_and_how_often() {
        let (one, other): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.1.0.1".parse().unwrap());
        let list = TcpIpAllowList { source_range: vec!["10.0.0.0/16".to_owned()] };
        let allow = TcpMiddleware::new(&Config { ip_allow_list: Some(list), ..Config::default() }).unwrap();
        assert!(allow.admit(one).is_some() && allow.admit(other).is_none());
        let limit = Config { in_flight_conn: Some(InFlightConn { amount: 1 }), ..Config::default() };
        let limit = TcpMiddleware::new(&limit).unwrap();
        let place = limit.admit(one).unwrap();
        assert!(limit.admit(one).is_none() && limit.admit(other).is_some());
        drop(place);
        assert!(limit.admit(one).is_some());
        let none = Config { in_flight_conn: Some(InFlightConn { amount: 0 }), ..Config::default() };
        let TcpMiddleware::InFlight(none) = TcpMiddleware::new(&none).unwrap() else { panic!("another kind") };
        assert!(TcpMiddleware::InFlight(Arc::clone(&none)).admit(one).is_none());
        assert!(none.counts.lock().unwrap().is_empty(), "who is refused is not kept");
        assert!(TcpMiddleware::new(&Config::default()).is_err());
    }
}
