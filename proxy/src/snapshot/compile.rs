//! From a configuration to a snapshot. What cannot be built disables the routers that need it, with the reason.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use crate::acme::Resolver;
use crate::acme::wanted::{self, Wanted};
use crate::config::dynamic::Configuration;
use crate::middleware;
use crate::route::{self, EntryPointModel, RoutingTable};
use crate::tcp;
use crate::tls::local;
use crate::tls::options::{Tickets, unavailable};
use crate::tls::resolver::{Certificates, Obtained, Policy};
use crate::tls::store::Store;
use crate::udp;

use super::internal::Internal;
use super::security::{self, RouterTls};
use super::services;
use super::{Route, Service, Snapshot};

/// Traefik's words for routers that `strictTLSOptions` keeps from requests.
const CONFLICT: &str =
    "router's TLSOptions configuration is conflicting with other routers on the same entrypoint and host";

/// Something in a configuration that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The object: `router app@docker`, `certificate`, …
    pub object: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.reason)
    }
}

/// What a configuration is compiled with.
pub(crate) struct Inputs<'a> {
    /// The configuration of all providers, with qualified names.
    pub(crate) config: &'a Configuration,
    /// The entry points.
    pub(crate) entry_points: &'a [EntryPointModel],
    /// The entry points for datagrams.
    pub(crate) udp_entry_points: &'a [String],
    /// Folders of certificates.
    pub(crate) folders: &'a [PathBuf],
    /// The certificate of our own.
    pub(crate) own: &'a Arc<CertifiedKey>,
    /// Certificates that are obtained.
    pub(crate) obtained: &'a Arc<Obtained>,
    /// The certificate resolvers.
    pub(crate) resolvers: &'a BTreeMap<String, Resolver>,
    /// Session ticket keys.
    pub(crate) tickets: &'a Tickets,
    /// Services of the gateway itself.
    pub(crate) internal: &'a dyn Fn(&str) -> Option<Internal>,
}

/// Compiles a configuration; servers, connections and health known from `before` are kept.
pub(crate) fn compile(inputs: &Inputs<'_>, before: Option<&Snapshot>) -> (Snapshot, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut table = RoutingTable::compile(inputs.config, inputs.entry_points);
    let tls = Tls::compile(inputs, &table, before, &mut problems);
    let (wants, impossible) = wanted::wants(inputs.config, &table, inputs.resolvers);
    problems.extend(impossible);

    let nothing = HashMap::new();
    let (known, slots) = before.map_or((&nothing, &[][..]), |before| (&before.servers, before.slots.as_slice()));
    problems.extend(misread(&table));
    let mut services = services::Builder::new(inputs.config, known, slots, inputs.internal);
    let mut middlewares =
        middleware::Builder::new(&inputs.config.http.middlewares, before.map(|before| &before.middlewares));
    let built = table.routes().iter().map(|router| {
        router.is_enabled().then(|| {
            tls.check(router)?;
            build(router, &mut services, &mut middlewares)
        })
    });
    let routes = enabled(built.collect(), &tls, &mut table, &mut problems);
    problems.extend(services.unreachable.drain(..).map(|(service, reason)| {
        let object = format!("service `{service}`");
        Problem { object, reason }
    }));
    problems.extend(table.ties().iter().map(|(first, other)| Problem {
        object: format!("router `{other}`"),
        reason: format!("it has the rule and the priority of `{first}`, which gets every request"),
    }));
    problems.extend(tls.conflicts());

    let tcp_before = before.map(|before| &before.tcp);
    let (tcp, wrong) = tcp::compile::compile(inputs.config, inputs.entry_points, &table, &tls.options, tcp_before);
    problems.extend(wrong);
    let (udp, wrong) = udp::compile::compile(inputs.config, inputs.udp_entry_points);
    problems.extend(wrong);
    let snapshot = Snapshot {
        broken_services: services.failed(),
        served_services: services.served(),
        broken_middlewares: middlewares.failed,
        tcp,
        udp,
        routes,
        policy: tls.policy,
        certificates: tls.certificates,
        local: local_hosts(&table, &tls.store, inputs.resolvers),
        table: Arc::new(table),
        wanted: Wanted { resolvers: inputs.resolvers.clone(), wants, store: tls.store },
        slots: services.slots,
        servers: services.servers,
        middlewares: middlewares.kept,
        checks: services.checks,
        unchecked: services.unchecked,
        entry_points: inputs.entry_points.iter().map(|entry| entry.name.clone()).collect(),
    };
    (snapshot, problems)
}

/// Certificates, TLS options, and which hosts have which.
struct Tls {
    store: Arc<Store>,
    certificates: security::Sources,
    options: security::Options,
    policy: Policy,
    /// Hosts whose routers ask for different options.
    conflicting: Vec<String>,
    /// Whether routers of such hosts take no requests.
    is_strict: bool,
}

impl Tls {
    fn compile(
        inputs: &Inputs<'_>,
        table: &RoutingTable,
        before: Option<&Snapshot>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let tls = &inputs.config.tls;
        let (store, certificates, wrong) = security::store(tls, inputs.folders, Arc::clone(inputs.own), before);
        problems.extend(
            wrong
                .into_iter()
                .map(|problem| Problem { object: format!("certificate {}", problem.place), reason: problem.reason }),
        );
        let store = Arc::new(store);
        let shown = Certificates { store: Arc::clone(&store), obtained: Arc::clone(inputs.obtained) };
        let options = security::options(tls, &shown, inputs.tickets);
        for (name, result) in &options {
            if let Err(error) = result {
                problems.push(Problem { object: format!("TLS options `{name}`"), reason: error.to_string() });
            }
        }
        for (name, configured) in &tls.options {
            problems.extend(unavailable(configured).into_iter().map(|missing| Problem {
                object: format!("TLS options `{name}`"),
                reason: format!("`{missing}` is not offered by this gateway, which goes on with what else is listed"),
            }));
        }
        let asked_for = |router: &route::Route| {
            router.tls.as_ref().map(|tls| RouterTls { hosts: router.hosts(), options: tls.options.clone() })
        };
        let asked_for: Vec<RouterTls> = table.routes().iter().filter_map(asked_for).collect();
        let (policy, conflicting) = security::policy(&asked_for, &options);
        let is_strict = inputs.entry_points.iter().any(|entry| entry.strict_tls_options);
        Self { store, certificates, options, policy, conflicting, is_strict }
    }

    /// Whether a router can have the TLS options that it names.
    ///
    /// # Errors
    /// Traefik's words for why not.
    fn check(&self, router: &route::Route) -> Result<(), String> {
        let Some(tls) = &router.tls else { return Ok(()) };
        check_options(&tls.options, &self.options)?;
        let in_conflict = |host: &String| self.conflicting.contains(&host.to_ascii_lowercase());
        if self.is_strict && router.hosts().iter().any(in_conflict) { Err(CONFLICT.to_owned()) } else { Ok(()) }
    }

    /// What is to be said of the hosts whose routers do not agree.
    fn conflicts(&self) -> impl Iterator<Item = Problem> {
        let consequence = if self.is_strict { "they take no requests" } else { "it gets the default ones" };
        self.conflicting.iter().map(move |host| Problem {
            object: format!("host `{host}`"),
            reason: format!("routers ask for different TLS options; {consequence}"),
        })
    }
}

/// What runs for a router.
///
/// # Errors
/// Why its service or one of its middlewares cannot be built.
fn build(
    router: &route::Route,
    services: &mut services::Builder<'_>,
    middlewares: &mut middleware::Builder<'_>,
) -> Result<Route, String> {
    if router.router.service.is_empty() {
        return Err("router has no service and no child routers".to_owned());
    }
    let service = services.service(&router.service, middlewares).map_err(|error| error.to_string())?;
    let mut built =
        middlewares.build(&router.name, &router.middlewares, services).map_err(|error| error.to_string())?;
    // Its own middlewares are those of the route, too: behind them it can be waited for.
    let service = match &*service {
        Service::Guarded { middlewares, service } => {
            built.extend(middlewares.iter().cloned());
            Arc::clone(service)
        }
        _ => service,
    };
    Ok(Route {
        name: Arc::from(router.name.as_str()),
        service_name: Arc::from(router.service.as_str()),
        middlewares: built,
        service,
        measured: router.is_measured(),
        traced: router.is_traced(),
        logged: router.is_logged(),
        unasked: matches!(router.name.as_str(), "api@internal" | "dashboard@internal"),
    })
}

/// What is wrong with routers as they are written: rules that cannot be read, entry points that do not exist.
fn misread(table: &RoutingTable) -> Vec<Problem> {
    let of = |route: &route::Route| {
        let object = format!("router `{}`", route.name);
        route
            .errors()
            .iter()
            .map(|reason| Problem { object: object.clone(), reason: reason.clone() })
            .collect::<Vec<_>>()
    };
    table.routes().iter().flat_map(of).collect()
}

/// The routes that could be built, by position. Routers of the others are disabled, and those that are not served as they ask
/// for are warned about.
fn enabled(
    built: Vec<Option<Result<Route, String>>>,
    tls: &Tls,
    table: &mut RoutingTable,
    problems: &mut Vec<Problem>,
) -> Vec<Option<Route>> {
    for (index, reason) in unheard(table, &tls.conflicting) {
        table.warn(index, reason);
    }
    let mut routes = Vec::with_capacity(built.len());
    for (index, route) in built.into_iter().enumerate() {
        match route.transpose() {
            Ok(route) => routes.push(route),
            Err(reason) => {
                if let Some(router) = table.routes().get(index) {
                    problems.push(Problem { object: format!("router `{}`", router.name), reason: reason.clone() });
                }
                table.disable(index, reason);
                routes.push(None);
            }
        }
    }
    routes
}

/// Routes that are not served with the TLS options which they name, by position, with Traefik's words for why.
fn unheard(table: &RoutingTable, conflicts: &[String]) -> Vec<(usize, String)> {
    let reason = |route: &route::Route| {
        let options = route.tls.as_ref().map(|tls| tls.options.as_str())?;
        let hosts = route.hosts();
        if matches!(options, "" | "default") {
            None
        } else if hosts.is_empty() {
            let rule = &route.router.rule;
            Some(format!("no domain found in rule {rule}, the TLS option {options} cannot be applied"))
        } else if hosts.iter().any(|host| conflicts.contains(&host.to_ascii_lowercase())) {
            Some(format!("{CONFLICT}, default TLS options will be used instead"))
        } else {
            None
        }
    };
    table.routes().iter().enumerate().filter_map(|(index, route)| Some((index, reason(route)?))).collect()
}

/// Hosts of TLS routers that no public authority gives certificates for, that have none and get none from a resolver.
fn local_hosts(table: &RoutingTable, store: &Store, resolvers: &BTreeMap<String, Resolver>) -> BTreeSet<String> {
    let is_asked_for = |resolver: &str, host: &str| {
        resolvers.get(resolver).is_some_and(|resolver| wanted::obstacle(resolver, host).is_none())
    };
    let routes = table.routes().iter().filter(|route| route.is_enabled());
    let hosts = routes.filter_map(|route| Some((&route.tls.as_ref()?.cert_resolver, route.hosts())));
    hosts
        .flat_map(|(resolver, hosts)| hosts.into_iter().map(move |host| (resolver, host)))
        .map(|(resolver, host)| (resolver, host.trim_end_matches('.').to_ascii_lowercase()))
        .filter(|(resolver, host)| local::is_local(host) && !is_asked_for(resolver, host))
        .map(|(_, host)| host)
        .filter(|host| store.by_name.covering(host).is_none())
        .collect()
}

/// Traefik's texts for TLS options that are missing or broken.
fn check_options(name: &str, options: &security::Options) -> Result<(), String> {
    if matches!(name, "" | "default") {
        return Ok(());
    }
    match options.get(name) {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(format!("building router handler: building TLS config: {error}")),
        None => Err(format!("building router handler: unknown TLS options: {name}")),
    }
}
