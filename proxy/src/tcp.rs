//! TCP routers: connections that go to a server as they are, or with their TLS ended here.
//!
//! Specification: Traefik v3 documentation, "Routing: TCP". On an entry point that has both kinds of routers a connection goes to the first
//! of: an HTTPS router for its name, a TCP router for its name, the HTTPS routers for any name, the TCP routers for any name.

pub(crate) mod compile;
pub(crate) mod health;
pub(crate) mod hello;
mod middleware;
pub(crate) mod postgres;
mod proxy_protocol;
mod relay;
mod service;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::rule::{TcpCandidate, TcpRule};
use crate::tls::resolver::Terms;

use middleware::TcpMiddleware;
use service::TcpService;

/// The TCP routers of all entry points.
#[derive(Debug, Default)]
pub(crate) struct TcpTable {
    entries: HashMap<String, Arc<EntryRoutes>>,
    /// Middlewares that count, so that they go on counting.
    kept: compile::Kept,
    /// What is known of servers, by service and address.
    health: compile::Known,
    /// The active health checks.
    pub(crate) checks: Vec<health::Check>,
    /// What is known of servers that none of them looks at.
    unchecked: Vec<Arc<health::Health>>,
    /// The entry points of all routers, in force or not, that exist.
    using: HashMap<String, Vec<String>>,
    /// Services that some router has.
    served: HashSet<String>,
    /// Middlewares that cannot be used, with the reason.
    pub(crate) broken_middlewares: BTreeMap<String, String>,
}

impl TcpTable {
    /// Forgets what earlier checks found of servers that have none any more.
    pub(crate) fn forget_old_checks(&self) {
        self.unchecked.iter().for_each(|health| health.forget());
    }

    /// Whether a router serves connections, and does not only close them, by its qualified name.
    pub(crate) fn serves(&self, name: &str) -> bool {
        let is_closed =
            |route: &TcpRoute| matches!(&route.tls, Some(TcpTls::Terminated(terms)) if terms.config.is_none());
        let mut routes = self.entries.values().flat_map(|entry| entry.plain.iter().chain(&entry.tls));
        routes.any(|route| route.name == name && !is_closed(route))
    }

    /// The entry points of a router that exist.
    pub(crate) fn using(&self, router: &str) -> &[String] {
        self.using.get(router).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether some router has a service.
    pub(crate) fn is_served(&self, service: &str) -> bool {
        self.served.contains(service)
    }

    /// Whether the health check of a service has found a server not to work.
    pub(crate) fn is_down(&self, service: &str, address: &str) -> bool {
        self.health.get(&(service.to_owned(), address.to_owned())).is_some_and(|health| !health.is_good())
    }

    /// The routers of an entry point; `None` where there are none.
    pub(crate) fn entry(&self, name: &str) -> Option<&Arc<EntryRoutes>> {
        self.entries.get(name)
    }
}

/// The TCP routers of an entry point, those that win first; and what HTTPS routers take before them.
#[derive(Debug, Default)]
pub(crate) struct EntryRoutes {
    plain: Vec<Arc<TcpRoute>>,
    tls: Vec<Arc<TcpRoute>>,
    https_names: HashSet<String>,
    /// By what follows `*.`.
    https_wildcards: HashSet<String>,
    https_any: bool,
}

/// A TCP router.
#[derive(Debug)]
pub(crate) struct TcpRoute {
    name: String,
    rule: TcpRule,
    /// How TLS is treated, where the router is for TLS.
    pub(crate) tls: Option<TcpTls>,
    middlewares: Vec<TcpMiddleware>,
    service: Arc<TcpService>,
}

/// How a connection to a server begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// With what the client sends.
    Client,
    /// With PostgreSQL's question for TLS, which the client has put already.
    Postgres,
}

/// What becomes of the TLS of a connection.
#[derive(Debug, Clone)]
pub(crate) enum TcpTls {
    /// The server ends it.
    Passthrough,
    /// It ends here.
    Terminated(Terms),
}

/// The two ends of a client's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    /// Where it came in.
    pub(crate) local: SocketAddr,
}

impl EntryRoutes {
    /// The router of a connection of which nothing has to be read first: no router here is for TLS. A client that waits for the server
    /// to speak first gets through.
    pub(crate) fn early(&self, client: IpAddr) -> Option<&Arc<TcpRoute>> {
        let encrypted = !self.tls.is_empty() || self.https_any || !self.https_names.is_empty();
        if encrypted || !self.https_wildcards.is_empty() { None } else { self.plain(client) }
    }

    /// The router of a connection without TLS.
    pub(crate) fn plain(&self, client: IpAddr) -> Option<&Arc<TcpRoute>> {
        let candidate = TcpCandidate { server_name: "", client, alpn: &[] };
        self.plain.iter().find(|route| route.rule.matches(&candidate))
    }

    /// Whether some router is for TLS.
    pub(crate) fn has_tls(&self) -> bool {
        !self.tls.is_empty()
    }

    /// The router of a connection with TLS; `None` where it is for HTTPS, or for nobody.
    pub(crate) fn encrypted(&self, candidate: &TcpCandidate<'_>) -> Option<&Arc<TcpRoute>> {
        let name = candidate.server_name.trim_end_matches('.');
        let https = self.https_names.contains(name)
            || name.split_once('.').is_some_and(|(_, parent)| self.https_wildcards.contains(parent));
        if https {
            return None;
        }
        let found = self.for_tls(candidate)?;
        (!found.rule.is_catch_all() || !self.https_any).then_some(found)
    }

    /// The TCP router of a connection with TLS that is certainly not for HTTPS.
    pub(crate) fn for_tls(&self, candidate: &TcpCandidate<'_>) -> Option<&Arc<TcpRoute>> {
        self.tls.iter().find(|route| route.rule.matches(candidate))
    }
}

impl TcpRoute {
    /// The router's qualified name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Carries a connection to a server until it ends.
    pub(crate) async fn serve<C>(&self, client: C, ends: Ends, beginning: Beginning)
    where
        C: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let address = ends.peer.ip().to_canonical();
        let Some(_places) =
            self.middlewares.iter().map(|middleware| middleware.admit(address)).collect::<Option<Vec<_>>>()
        else {
            tracing::debug!(client = %ends.peer, router = self.name, "connection closed: a middleware does not let it pass");
            return;
        };
        match self.service.connect(ends, beginning).await {
            Ok((server, termination_delay)) => relay::relay(client, server, termination_delay).await,
            Err(error) => {
                let error = crate::upstream::failure::chain(&error);
                tracing::warn!(client = %ends.peer, router = self.name, error, "no server takes the connection");
            }
        }
    }
}
