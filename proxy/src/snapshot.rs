//! A configuration, compiled: everything a request needs to find, immutable, behind one pointer.

pub(crate) mod compile;
pub(crate) mod internal;
pub(crate) mod security;
pub(crate) mod services;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::acme::wanted::Wanted;
use crate::http::exchange::Exchange;
use crate::middleware::{Kept, Middleware};
use crate::observe::traffic::Traffic;
use crate::route::RoutingTable;
use crate::tcp::TcpTable;
use crate::tls::resolver::Policy;
use crate::udp::UdpTable;
use crate::upstream::health::Check;
use crate::upstream::pool::Pool;
use crate::upstream::server::Server;
use crate::upstream::transport::{Transport, TransportOptions};

pub(crate) use services::{LoadBalancer, Service};

/// A compiled configuration, the same for all workers.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Which router takes a request.
    pub(crate) table: Arc<RoutingTable>,
    /// What runs for each router of the table; `None` for disabled ones.
    pub(crate) routes: Vec<Option<Route>>,
    /// Which TLS options a host has.
    pub(crate) policy: Policy,
    /// The certificates by where they came from, so that the next configuration can fall back on them.
    pub(crate) certificates: security::Sources,
    /// The TCP routers.
    pub(crate) tcp: TcpTable,
    /// The UDP routers.
    pub(crate) udp: UdpTable,
    /// The certificates that are asked for.
    pub(crate) wanted: Wanted,
    /// Hosts that the authority of our own gives certificates for.
    pub(crate) local: BTreeSet<String>,
    /// Every server to which connections are kept, with its transport.
    pub(crate) slots: Vec<Slot>,
    /// The servers of load balancers, so that the next configuration finds what is known about them.
    pub(crate) servers: Servers,
    /// Middlewares that remember something.
    pub(crate) middlewares: Kept,
    /// HTTP middlewares that cannot be used, by name, with the reason.
    pub(crate) broken_middlewares: BTreeMap<String, String>,
    /// HTTP services that some router has.
    pub(crate) served_services: BTreeSet<String>,
    /// HTTP services that cannot be used, by name, with the reason.
    pub(crate) broken_services: BTreeMap<String, String>,
    /// The active health checks.
    pub(crate) checks: Vec<Check>,
    /// Servers that none of them looks at.
    pub(crate) unchecked: Vec<Arc<Server>>,
    /// The entry points, in the order in which the table numbers them.
    pub(crate) entry_points: Vec<String>,
}

/// Servers by service, URL, and whether the URL's path comes before the request's.
pub(crate) type Servers = HashMap<(String, String, bool), Arc<Server>>;

/// A server and how it is connected to.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// The server.
    pub(crate) server: Arc<Server>,
    /// How connections are made.
    pub(crate) transport: Arc<Transport>,
}

/// What runs for a router.
#[derive(Debug)]
pub(crate) struct Route {
    /// The router's qualified name.
    pub(crate) name: Arc<str>,
    /// Its service's qualified name.
    pub(crate) service_name: Arc<str>,
    /// Its middlewares, its service's behind them.
    pub(crate) middlewares: Vec<Middleware>,
    /// Its service.
    pub(crate) service: Arc<Service>,
    /// Whether the access log has a line for its requests.
    pub(crate) logged: bool,
    /// Whether its requests are counted.
    pub(crate) measured: bool,
    /// Whether its requests have traces.
    pub(crate) traced: bool,
    /// Whether it shows the gateway's inside to whoever reaches the port, without a rule of the user's.
    pub(crate) unasked: bool,
}

impl Snapshot {
    /// The route that takes a request, and its position.
    pub(crate) fn find(&self, exchange: &Exchange) -> Option<(usize, &Route)> {
        let entry = self.entry_points.iter().position(|name| *name == exchange.client.entry.name)?;
        let index = self.table.find(entry, exchange.client.tls.is_some(), &exchange.candidate())?;
        Some((index, self.routes.get(index)?.as_ref()?))
    }
}

/// A compiled configuration with one worker's connections.
#[derive(Debug)]
pub(crate) struct View {
    /// What all workers share.
    pub(crate) snapshot: Arc<Snapshot>,
    /// This worker's connections, by slot.
    pub(crate) pools: Vec<Arc<Pool>>,
    /// What this worker has answered for each route, by its position.
    pub(crate) traffic: Vec<Arc<Traffic>>,
    /// What it has answered where no route takes the request.
    pub(crate) unrouted: Arc<Traffic>,
}

impl View {
    /// A worker's view of `snapshot`. Connections of `before` are kept where server and transport are the same.
    pub(crate) fn new(snapshot: Arc<Snapshot>, before: Option<&Self>, workers: usize) -> Self {
        let known: HashMap<(&str, bool, &TransportOptions), &Arc<Pool>> = before
            .into_iter()
            .flat_map(|view| &view.pools)
            .map(|pool| (is_of(&pool.server, &pool.transport), pool))
            .collect();
        let pools = snapshot
            .slots
            .iter()
            .map(|slot| match known.get(&is_of(&slot.server, &slot.transport)) {
                Some(pool) => Arc::clone(pool),
                None => {
                    let idle = slot.transport.options.max_idle.div_ceil(workers.max(1));
                    Arc::new(Pool::new(Arc::clone(&slot.server), Arc::clone(&slot.transport), idle))
                }
            })
            .collect();
        let counted: HashMap<&str, &Arc<Traffic>> = before
            .into_iter()
            .flat_map(|view| view.snapshot.table.routes().iter().zip(&view.traffic))
            .map(|(route, traffic)| (route.name.as_str(), traffic))
            .collect();
        let routes = snapshot.table.routes().iter();
        let traffic =
            routes.map(|route| counted.get(route.name.as_str()).copied().cloned().unwrap_or_default()).collect();
        let unrouted = before.map(|view| Arc::clone(&view.unrouted)).unwrap_or_default();
        Self { snapshot, pools, traffic, unrouted }
    }
}

/// What connections are the same for: the server's URL, whether its path is kept, how they are made.
fn is_of<'a>(server: &'a Server, transport: &'a Transport) -> (&'a str, bool, &'a TransportOptions) {
    (server.url.as_str(), server.preserves_path(), &transport.options)
}
