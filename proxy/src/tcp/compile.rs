//! From the TCP section of a configuration to a [`TcpTable`]. A router that cannot work is left out, with the reason.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config::dynamic::{self, Configuration, TcpLoadBalancer, TcpRouter, TcpServer, TcpServersTransport};
use crate::route::compile::{default_entry_points, unknown_syntax};
use crate::route::{EntryPointModel, RoutingTable};
use crate::rule::TcpRule;
use crate::rule::priority::of_tcp;
use crate::snapshot::compile::Problem;
use crate::snapshot::{security, services};
use crate::tls::resolver::Terms;
use crate::upstream::balance::Turns;
use crate::upstream::failure::chain;
use crate::upstream::transport::{Credentials, Transport, TransportOptions};

use super::health::{Check, Health};
use super::middleware::TcpMiddleware;
use super::proxy_protocol::Version;
use super::service::{Servers, Target, TcpService};
use super::{EntryRoutes, TcpRoute, TcpTable, TcpTls};

/// Services in services in services: deeper than anybody writes.
const DEEPEST: usize = 16;

/// Middlewares by router and name, with what they were built from.
pub(super) type Kept = HashMap<(String, String), (dynamic::TcpMiddleware, TcpMiddleware)>;

/// What is known of servers, by service and address.
pub(super) type Known = HashMap<(String, String), Arc<Health>>;

/// Compiles the TCP routers; `table` holds the HTTP ones, which share entry points with them.
pub(crate) fn compile(
    config: &Configuration,
    models: &[EntryPointModel],
    table: &RoutingTable,
    options: &security::Options,
    before: Option<&TcpTable>,
) -> (TcpTable, Vec<Problem>) {
    let mut problems = Vec::new();
    if config.tcp.routers.is_empty() {
        return (TcpTable::default(), problems);
    }
    let mut builder = Builder {
        config,
        options,
        before,
        kept: Kept::new(),
        known: Known::new(),
        checks: BTreeMap::new(),
        unchecked: Vec::new(),
        problems: Vec::new(),
        served: HashSet::new(),
        broken: BTreeMap::new(),
    };
    let mut using = HashMap::new();
    let mut entries: HashMap<String, EntryRoutes> = HashMap::new();
    for route in table.routes().iter().filter(|route| route.is_enabled() && route.tls.is_some()) {
        for name in &route.using {
            let entry = entries.entry(name.clone()).or_default();
            let hosts = route.hosts();
            entry.https_any |= hosts.is_empty();
            for host in hosts {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                match host.strip_prefix("*.") {
                    Some(parent) => entry.https_wildcards.insert(parent.to_owned()),
                    None => entry.https_names.insert(host),
                };
            }
        }
    }
    let mut routes: Vec<(i64, Vec<String>, Arc<TcpRoute>)> = Vec::new();
    for (name, router) in &config.tcp.routers {
        let object = || format!("TCP router `{name}`");
        let (mut known, unknown) = entry_points(router, models);
        known.sort();
        using.insert(name.clone(), known.clone());
        problems.extend(
            unknown
                .into_iter()
                .map(|entry| Problem { object: object(), reason: format!("entryPoint {entry:?} doesn't exist") }),
        );
        if known.is_empty() {
            problems.push(Problem { object: object(), reason: "no valid entryPoint for this router".to_owned() });
            continue;
        }
        match builder.route(name, router) {
            Ok(route) => routes.push((of_tcp(router.priority, &router.rule), known, Arc::new(route))),
            Err(reason) => problems.push(Problem { object: object(), reason }),
        }
    }
    // Equal priorities go by name, so that the answer does not change from start to start.
    routes.sort_by(|(a, _, one), (b, _, other)| b.cmp(a).then_with(|| one.name.cmp(&other.name)));
    for (_, names, route) in routes {
        for name in names {
            let entry = entries.entry(name).or_default();
            if route.tls.is_some() { &mut entry.tls } else { &mut entry.plain }.push(Arc::clone(&route));
        }
    }
    entries.retain(|_, entry| !entry.tls.is_empty() || !entry.plain.is_empty());
    let entries = entries.into_iter().map(|(name, entry)| (name, Arc::new(entry))).collect();
    let checks = builder.checks.into_values().collect();
    problems.append(&mut builder.problems);
    let (served, broken_middlewares) = (builder.served, builder.broken);
    let table = TcpTable {
        entries,
        kept: builder.kept,
        health: builder.known,
        checks,
        unchecked: builder.unchecked,
        using,
        served,
        broken_middlewares,
    };
    (table, problems)
}

/// The entry points of a router that exist, and the names of those that do not.
fn entry_points(router: &TcpRouter, models: &[EntryPointModel]) -> (Vec<String>, Vec<String>) {
    if router.entry_points.is_empty() {
        return (default_entry_points(models), Vec::new());
    }
    let names: HashSet<&str> = models.iter().map(|model| model.name.as_str()).collect();
    router.entry_points.iter().cloned().partition(|name| names.contains(name.as_str()))
}

struct Builder<'a> {
    config: &'a Configuration,
    options: &'a security::Options,
    before: Option<&'a TcpTable>,
    kept: Kept,
    known: Known,
    /// By service: several routers may use it.
    checks: BTreeMap<String, Check>,
    /// What is known of servers that none of them looks at.
    unchecked: Vec<Arc<Health>>,
    /// Of routers that are in force all the same.
    problems: Vec<Problem>,
    /// Services that routers have.
    served: HashSet<String>,
    /// Middlewares that cannot be made, with the reason.
    broken: BTreeMap<String, String>,
}

impl Builder<'_> {
    fn route(&mut self, name: &str, router: &TcpRouter) -> Result<TcpRoute, String> {
        if router.rule.is_empty() {
            return Err("router has no rule".to_owned());
        }
        let rule = match router.rule_syntax.as_str() {
            "v2" => TcpRule::parse_v2(&router.rule),
            _ => TcpRule::parse(&router.rule),
        };
        self.problems.extend(
            unknown_syntax(&router.rule_syntax)
                .map(|reason| Problem { object: format!("TCP router `{name}`"), reason }),
        );
        let rule = rule.map_err(|error| error.to_string())?;
        // As in Traefik, which looks at the first name alone.
        if router.tls.is_none() && rule.hosts().first().is_some_and(|host| host != "*") {
            return Err(format!("invalid rule: \"{}\" , has HostSNI matcher, but no TLS on router", router.rule));
        }
        let tls = match &router.tls {
            None => None,
            Some(tls) if tls.passthrough => Some(TcpTls::Passthrough),
            Some(tls) => {
                let wanted = match tls.options.as_str() {
                    "" | "default" => "default".to_owned(),
                    other => services::qualified(other, name),
                };
                let wrong = match self.options.get(&wanted) {
                    Some(Ok(_)) => None,
                    Some(Err(error)) => Some(format!("building router handler: building TLS config: {error}")),
                    None => Some(format!("unknown TLS options: {wanted}")),
                };
                // Its connections are closed rather than served with less than was asked for, here or by HTTPS routers.
                self.problems.extend(wrong.map(|reason| Problem { object: format!("TCP router `{name}`"), reason }));
                let terms = self.options.get(&wanted).and_then(|found| found.as_ref().ok()).cloned();
                Some(TcpTls::Terminated(terms.unwrap_or_else(|| Terms::closed(&wanted))))
            }
        };
        let middlewares =
            router.middlewares.iter().map(|used| self.middleware(name, used)).collect::<Result<Vec<_>, _>>()?;
        if router.service.is_empty() {
            return Err("the service is missing on the router".to_owned());
        }
        let service = self.service(&services::qualified(&router.service, name), 0)?;
        Ok(TcpRoute { name: name.to_owned(), rule, tls, middlewares, service })
    }

    fn middleware(&mut self, router: &str, name: &str) -> Result<TcpMiddleware, String> {
        let name = services::qualified(name, router);
        let config = self.config.tcp.middlewares.get(&name);
        let config = config.ok_or_else(|| format!("middleware {name:?} does not exist"))?;
        let key = (router.to_owned(), name);
        let known = self.before.and_then(|before| before.kept.get(&key)).filter(|(before, _)| before == config);
        let built = match known {
            Some((_, known)) => known.clone(),
            None => TcpMiddleware::new(config).inspect_err(|reason| {
                self.broken.insert(key.1.clone(), reason.clone());
            })?,
        };
        self.kept.insert(key, (config.clone(), built.clone()));
        Ok(built)
    }

    fn service(&mut self, name: &str, depth: usize) -> Result<Arc<TcpService>, String> {
        if depth > DEEPEST {
            return Err(format!("the service \"{name}\" contains itself"));
        }
        let config = self.config.tcp.services.get(name);
        let config = config.ok_or_else(|| format!("the service \"{name}\" does not exist"))?;
        self.served.insert(name.to_owned());
        if let Some(weighted) = &config.weighted {
            let mut members = Vec::new();
            let mut weights = Vec::new();
            for member in &weighted.services {
                members.push(self.service(&services::qualified(&member.name, name), depth + 1)?);
                weights.push(u64::try_from(member.weight).unwrap_or(0));
            }
            let told = weighted.health_check.is_some();
            return Ok(Arc::new(TcpService::Weighted { turns: Turns::new(&weights), members, told }));
        }
        let balancer = config.load_balancer.as_ref();
        let balancer = balancer.ok_or_else(|| format!("the service \"{name}\" does not have any type defined"))?;
        Ok(Arc::new(TcpService::Servers(self.servers(name, balancer)?)))
    }

    fn servers(&mut self, name: &str, config: &TcpLoadBalancer) -> Result<Servers, String> {
        let own = TcpServersTransport::default();
        let named = services::qualified(&config.servers_transport, name);
        let transport = match config.servers_transport.as_str() {
            "" => &own,
            _ => {
                let found = self.config.tcp.servers_transports.get(&named);
                found.ok_or_else(|| format!("TCP dialer not found {named}"))?
            }
        };
        // What stands at the service is older and wins.
        let proxy = config.proxy_protocol.as_ref().or(transport.proxy_protocol.as_ref());
        let proxy_protocol = match proxy {
            None => None,
            Some(proxy) => Some(
                Version::new(proxy.version)
                    .ok_or_else(|| format!("unknown proxyProtocol version: {}", proxy.version))?,
            ),
        };
        let milliseconds = |delay: i64| u64::try_from(delay).ok().map(Duration::from_millis);
        let prepared = Arc::new(prepare(&named, transport)?);
        let targets: Vec<Target> = config.servers.iter().map(|server| self.target(name, server)).collect();
        match &config.health_check {
            Some(check) => {
                let check = Check::new(name, check, targets.clone(), Arc::clone(&prepared));
                self.checks.insert(name.to_owned(), check);
            }
            None => self.unchecked.extend(targets.iter().map(|target| Arc::clone(&target.health))),
        }
        Ok(Servers {
            turns: Turns::new(&vec![1; config.servers.len()]),
            targets,
            transport: prepared,
            keep_alive: Some(transport.dial_keep_alive.to_std()).filter(|silence| !silence.is_zero()),
            proxy_protocol,
            termination_delay: match config.termination_delay {
                Some(delay) => milliseconds(delay),
                None if transport.termination_delay.is_negative() => None,
                None => Some(transport.termination_delay.to_std()),
            },
        })
    }
}

impl Builder<'_> {
    /// A server, with what is known of it.
    fn target(&mut self, service: &str, server: &TcpServer) -> Target {
        let key = (service.to_owned(), server.address.clone());
        let before = self.before.and_then(|before| before.health.get(&key)).cloned();
        let health = Arc::clone(self.known.entry(key).or_insert_with(|| before.unwrap_or_default()));
        Target { address: server.address.clone(), tls: server.tls, health }
    }
}

fn prepare(name: &str, config: &TcpServersTransport) -> Result<Transport, String> {
    let tls = config.tls.clone().unwrap_or_default();
    // Each of these makes the connection stricter: going on without would be less than was asked for.
    if tls.spiffe.is_some() {
        return Err("`spiffe` of a servers transport is not supported by this gateway".to_owned());
    }
    if !tls.peer_cert_uri.is_empty() && tls.insecure_skip_verify {
        return Err("`peerCertURI` beside `insecureSkipVerify` is not supported by this gateway".to_owned());
    }
    let credentials = Credentials::read(name, &tls.root_cas, &tls.certificates);
    Transport::new(TransportOptions {
        server_name: Some(tls.server_name).filter(|name| !name.is_empty()),
        insecure_skip_verify: tls.insecure_skip_verify,
        root_cas: credentials.root_cas,
        certificates: credentials.certificates,
        peer_uri: tls.peer_cert_uri,
        disable_http2: true,
        dial_timeout: config.dial_timeout.to_std(),
        ..TransportOptions::default()
    })
    .map_err(|error| chain(&error))
}
