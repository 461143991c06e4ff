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
use crate::tls::resolver::{Certificates, Obtained};
use crate::tls::store::Store;
use crate::udp;

use super::internal::Internal;
use super::security::{self, Wish};
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

    let (store, certificates, wrong) =
        security::store(&inputs.config.tls, inputs.folders, Arc::clone(inputs.own), before);
    problems.extend(
        wrong
            .into_iter()
            .map(|problem| Problem { object: format!("certificate {}", problem.place), reason: problem.reason }),
    );
    let store = Arc::new(store);
    let shown = Certificates { store: Arc::clone(&store), obtained: Arc::clone(inputs.obtained) };
    let options = security::options(&inputs.config.tls, &shown, inputs.tickets);
    for (name, result) in &options {
        if let Err(error) = result {
            problems.push(Problem { object: format!("TLS options `{name}`"), reason: error.to_string() });
        }
    }

    for (name, configured) in &inputs.config.tls.options {
        problems.extend(unavailable(configured).into_iter().map(|missing| Problem {
            object: format!("TLS options `{name}`"),
            reason: format!("`{missing}` is not offered by this gateway, which goes on with what else is listed"),
        }));
    }

    let (wants, impossible) = wanted::wants(inputs.config, &table, inputs.resolvers);
    problems.extend(impossible);

    let nothing = HashMap::new();
    let (known, slots) = before.map_or((&nothing, &[][..]), |before| (&before.servers, before.slots.as_slice()));
    let mut builder = services::Builder::new(inputs.config, known, slots, inputs.internal);
    let mut middlewares =
        middleware::Builder::new(&inputs.config.http.middlewares, before.map(|before| &before.middlewares));

    let wish = |router: &route::Route| {
        router.tls.as_ref().map(|tls| Wish { hosts: router.hosts(), options: tls.options.clone() })
    };
    let wishes: Vec<Wish> = table.routes().iter().filter_map(wish).collect();
    let (policy, conflicts) = security::policy(&wishes, &options);
    let is_strict = inputs.entry_points.iter().any(|entry| entry.strict_tls_options);
    let mut routes = Vec::new();
    let mut disabled = Vec::new();
    for (index, router) in table.routes().iter().enumerate() {
        if !router.is_enabled() {
            routes.push(None);
            continue;
        }
        let checked = router.tls.as_ref().map_or(Ok(()), |tls| {
            check_options(&tls.options, &options)?;
            let in_conflict = |host: &String| conflicts.contains(&host.to_ascii_lowercase());
            if is_strict && router.hosts().iter().any(in_conflict) { Err(CONFLICT.to_owned()) } else { Ok(()) }
        });
        let route = checked.and_then(|()| {
            let service = builder.service(&router.service, &mut middlewares).map_err(|error| error.to_string())?;
            let mut built = middlewares
                .build(&router.name, &router.middlewares, &mut builder)
                .map_err(|error| error.to_string())?;
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
        });
        routes.push(match route {
            Ok(route) => Some(route),
            Err(reason) => {
                disabled.push((index, reason));
                None
            }
        });
    }
    for (index, reason) in unheard(&table, &conflicts) {
        table.warn(index, reason);
    }
    for (index, reason) in disabled {
        if let Some(router) = table.routes().get(index) {
            problems.push(Problem { object: format!("router `{}`", router.name), reason: reason.clone() });
        }
        table.disable(index, reason);
    }
    problems.extend(builder.unreachable.drain(..).map(|(service, reason)| {
        let object = format!("service `{service}`");
        Problem { object, reason }
    }));
    problems.extend(table.ties().iter().map(|(first, other)| Problem {
        object: format!("router `{other}`"),
        reason: format!("it has the rule and the priority of `{first}`, which gets every request"),
    }));
    let fate = if is_strict { "they take no requests" } else { "it gets the default ones" };
    problems.extend(conflicts.into_iter().map(|host| Problem {
        object: format!("host `{host}`"),
        reason: format!("routers ask for different TLS options; {fate}"),
    }));
    let (tcp, wrong) =
        tcp::compile::compile(inputs.config, inputs.entry_points, &table, &options, before.map(|before| &before.tcp));
    problems.extend(wrong);
    let (udp, wrong) = udp::compile::compile(inputs.config, inputs.udp_entry_points);
    problems.extend(wrong);
    let broken_services = builder.failed();
    let snapshot = Snapshot {
        broken_services,
        served_services: builder.served(),
        broken_middlewares: middlewares.failed,
        tcp,
        udp,
        routes,
        policy,
        certificates,
        local: local_hosts(&table, &store, inputs.resolvers),
        table: Arc::new(table),
        wanted: Wanted { resolvers: inputs.resolvers.clone(), wants, store },
        slots: builder.slots,
        servers: builder.servers,
        middlewares: middlewares.kept,
        checks: builder.checks,
        entry_points: inputs.entry_points.iter().map(|entry| entry.name.clone()).collect(),
    };
    (snapshot, problems)
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
