//! The routing table: from routers to the one that takes a request.
//!
//! [`RoutingTable::compile`] takes the configuration of all providers (names qualified, `app@docker`) and the models of the entry points. It
//! applies the models, parses the rules and builds an index by host, so that a request is compared only with routers of its host and with
//! those that name none.
//!
//! The table knows names, not running objects. Whoever serves builds, for each enabled [`Route`] of [`RoutingTable::routes`], what its
//! `middlewares` and `service` name (both qualified), keeps it under the route's position, and calls [`RoutingTable::disable`] with the
//! reason where that fails. A request's route is the position that [`RoutingTable::find`] gives.

pub(crate) mod compile;
mod muxer;
mod shadow;

use crate::config::dynamic::{Configuration, Router, RouterObservability, RouterTls};
use crate::rule::{Candidate, Rule};
use muxer::Muxer;

/// What an entry point adds to its routers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryPointModel {
    /// Its name.
    pub name: String,
    /// Whether routers that name no entry point are on it. If no entry point says so, they are on all but `traefik`.
    pub as_default: bool,
    /// Routers of a host that ask for different TLS options take no requests, rather than get the default options.
    pub strict_tls_options: bool,
    /// Middlewares before those of each router.
    pub middlewares: Vec<String>,
    /// TLS settings of routers that have none.
    pub tls: Option<RouterTls>,
    /// What is observed where routers do not say.
    pub observability: Option<RouterObservability>,
}

/// Whether a router, service or middleware works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It works.
    Enabled,
    /// It works, in part.
    Warning,
    /// It takes no requests.
    Disabled,
}

/// A router, ready to be asked.
#[derive(Debug)]
pub struct Route {
    /// Qualified name. A router on several entry points of which some have models is one route per such entry point, `web-app@docker`.
    pub name: String,
    /// Qualified name of the service.
    pub service: String,
    /// Qualified names of the middlewares, those of the entry point first.
    pub middlewares: Vec<String>,
    /// Present: it answers only over TLS. `options` is a qualified name, `default`, or empty for the default ones.
    pub tls: Option<RouterTls>,
    /// The router as configured, with the entry point's model applied and the entry points filled in.
    pub router: Router,
    /// Names of its entry points that exist.
    pub using: Vec<String>,
    /// Higher wins.
    pub priority: i64,
    status: Status,
    errors: Vec<String>,
    rule: Option<Rule>,
}

impl Route {
    /// The names in its rule for which certificates are asked and TLS options hold.
    pub fn hosts(&self) -> Vec<String> {
        self.rule.as_ref().map(Rule::hosts).unwrap_or_default()
    }

    /// Its rule; `None` for one that cannot be read.
    pub const fn rule(&self) -> Option<&Rule> {
        self.rule.as_ref()
    }

    /// Whether it takes requests.
    pub fn is_enabled(&self) -> bool {
        self.status != Status::Disabled
    }

    /// Whether it takes requests, and all that it should.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// What is wrong with it.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Whether its requests are in the access log.
    pub fn is_logged(&self) -> bool {
        self.router.observability.as_ref().and_then(|observability| observability.access_logs).unwrap_or(true)
    }

    /// Whether its requests are counted.
    pub fn is_measured(&self) -> bool {
        self.router.observability.as_ref().and_then(|observability| observability.metrics).unwrap_or(true)
    }

    /// Whether its requests have traces.
    pub fn is_traced(&self) -> bool {
        self.router.observability.as_ref().and_then(|observability| observability.tracing).unwrap_or(true)
    }

    /// The provider in its name.
    pub fn provider(&self) -> &str {
        provider_of(&self.name)
    }
}

/// All routers of all entry points.
#[derive(Debug)]
pub struct RoutingTable {
    routes: Vec<Route>,
    entry_points: Vec<EntryPointRoutes>,
    ties: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct EntryPointRoutes {
    plain: Muxer,
    tls: Muxer,
}

impl RoutingTable {
    /// Compiles a configuration. A router that cannot work is a disabled route, with the reason.
    pub fn compile(configuration: &Configuration, entry_points: &[EntryPointModel]) -> Self {
        compile::compile(configuration, entry_points)
    }

    /// Every route, the ones that win first; the order is the same for the same configuration.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Takes a route out, with the reason; without effect if there is no such position.
    pub fn disable(&mut self, route: usize, reason: String) {
        if let Some(route) = self.routes.get_mut(route) {
            route.status = Status::Disabled;
            route.errors.push(reason);
        }
    }

    /// Notes that a route does not do all that is asked of it; without effect on one that takes no requests.
    pub fn warn(&mut self, route: usize, reason: String) {
        if let Some(route) = self.routes.get_mut(route).filter(|route| route.is_enabled()) {
            route.status = Status::Warning;
            route.errors.push(reason);
        }
    }

    /// Pairs of routers with the same rule, priority and entry point: the first of the pair gets every request.
    pub fn ties(&self) -> &[(String, String)] {
        &self.ties
    }

    /// The position of the route that takes a request which came in at the entry point of that number, over TLS or not.
    pub fn find(&self, entry_point: usize, tls: bool, request: &Candidate<'_>) -> Option<usize> {
        let routes = self.entry_points.get(entry_point)?;
        let muxer = if tls { &routes.tls } else { &routes.plain };
        muxer.find(request.host, |position| {
            self.routes.get(position).is_some_and(|route| {
                route.status != Status::Disabled && route.rule.as_ref().is_some_and(|rule| rule.matches(request))
            })
        })
    }
}

/// The name as seen from everywhere: unqualified names belong to the provider of whoever uses them.
pub fn qualify(name: &str, provider: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@{provider}") }
}

/// The provider in a qualified name; empty if there is none.
pub fn provider_of(name: &str) -> &str {
    name.rsplit_once('@').map_or("", |(_, provider)| provider)
}

#[cfg(test)]
mod tests;
