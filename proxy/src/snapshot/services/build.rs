//! From the configuration of services to services that answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::config::dynamic::{self, Configuration, HttpServersTransport};
use crate::middleware;
use crate::upstream::balance::{Balance, Kind, Member};
use crate::upstream::failure::Failure;
use crate::upstream::health::Check;
use crate::upstream::server::{BadServer, Scheme, Server};
use crate::upstream::sticky::Sticky;
use crate::upstream::transport::{Credentials, Transport, TransportOptions, pem_or_path};

use super::super::internal::Internal;
use super::super::{Servers, Slot};
use super::failover::Failover;
use super::mirroring::Mirroring;
use super::weighted::{self, Weighted};
use super::{LoadBalancer, Service, Untold};

/// Why a service cannot be built. The texts are Traefik's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unbuildable {
    #[error("the service \"{0}\" does not exist")]
    Missing(String),
    #[error("unknown internal service {0}")]
    UnknownInternal(String),
    #[error("{0} is not enabled")]
    Off(String),
    #[error("the service \"{0}\" does not have any type defined")]
    NoKind(String),
    #[error(
        "cannot create service: multi-types service not supported, consider declaring two different pieces of service \
         instead"
    )]
    Kinds,
    #[error("could not instantiate service {name}: recursion detected in service:{}", .path.join("->service:"))]
    Recursion { name: String, path: Vec<String> },
    #[error("building HTTP service \"{name}\": {error}")]
    Member { name: String, error: Box<Unbuildable> },
    #[error("unsupported load-balancer strategy \"{0}\"")]
    Strategy(String),
    #[error("error building proxy for server URL {url}: getting RoundTripper: servers transport not found {transport}")]
    NoTransport { url: String, transport: String },
    #[error("the servers transport \"{name}\" cannot be used: {reason}")]
    Transport { name: String, reason: String },
    #[error("error parsing server URL {0}")]
    Server(#[from] BadServer),
    #[error("child service {member} of {service} {untold}")]
    NeverTold { service: String, member: String, untold: String },
    #[error("cannot register {member} as updater for {service}: {untold}")]
    NotTold { service: String, member: String, untold: String },
    #[error("percent must be between 0 and 100")]
    Percent,
    #[error("error creating failover service {service}: creating HTTP code ranges: {reason}")]
    Statuses { service: String, reason: String },
    #[error("{0}")]
    Middleware(String),
}

/// Why there is no service of a name.
fn missing(name: &str) -> Unbuildable {
    match name.strip_suffix("@internal") {
        Some(part @ ("api" | "dashboard" | "ping" | "prometheus")) => Unbuildable::Off(part.to_owned()),
        Some(_) => Unbuildable::UnknownInternal(name.to_owned()),
        None => Unbuildable::Missing(name.to_owned()),
    }
}

/// Builds services by name, each once.
pub(crate) struct Builder<'a> {
    config: &'a Configuration,
    known: &'a Servers,
    known_slots: &'a [Slot],
    internal: &'a dyn Fn(&str) -> Option<Internal>,
    built: HashMap<String, Result<Arc<Service>, Unbuildable>>,
    transports: HashMap<String, Arc<Transport>>,
    /// Services that are being built, each part of the one before.
    path: Vec<String>,
    /// Slots by URL, whether its path is kept, and transport.
    slot_of: HashMap<(String, bool, TransportOptions), usize>,
    /// Servers to keep connections to.
    pub(crate) slots: Vec<Slot>,
    /// The servers of load balancers.
    pub(crate) servers: Servers,
    /// Health checks to run.
    pub(crate) checks: Vec<Check>,
    /// Servers without one: what an earlier check found of them says nothing any more.
    pub(crate) unchecked: Vec<Arc<Server>>,
    /// Services with a server that cannot be reached as its URL is, and why.
    pub(crate) unreachable: Vec<(String, String)>,
}

impl<'a> Builder<'a> {
    /// A builder that knows the servers and slots of the configuration before.
    pub(crate) fn new(
        config: &'a Configuration,
        known: &'a Servers,
        known_slots: &'a [Slot],
        internal: &'a dyn Fn(&str) -> Option<Internal>,
    ) -> Self {
        Self {
            config,
            known,
            known_slots,
            internal,
            built: HashMap::new(),
            transports: HashMap::new(),
            path: Vec::new(),
            slot_of: HashMap::new(),
            slots: Vec::new(),
            servers: HashMap::new(),
            checks: Vec::new(),
            unchecked: Vec::new(),
            unreachable: Vec::new(),
        }
    }

    /// The services that some router has, in the end.
    pub(crate) fn served(&self) -> BTreeSet<String> {
        self.built.iter().filter(|(_, built)| built.is_ok()).map(|(name, _)| name.clone()).collect()
    }

    /// The services that could not be built, by name, with the reason.
    pub(crate) fn failed(&self) -> BTreeMap<String, String> {
        let errors = self.built.iter().filter_map(|(name, built)| Some((name, built.as_ref().err()?)));
        let configured = errors.filter(|(name, _)| self.config.http.services.contains_key(*name));
        configured.map(|(name, error)| (name.clone(), error.to_string())).collect()
    }

    /// The service of a qualified name; `middlewares` are what services may have before them.
    ///
    /// # Errors
    /// It, or one that it consists of, cannot be built.
    pub(crate) fn service(
        &mut self,
        name: &str,
        middlewares: &mut middleware::Builder<'_>,
    ) -> Result<Arc<Service>, Unbuildable> {
        if let Some(built) = self.built.get(name) {
            return built.clone();
        }
        let recurs = self.path.iter().any(|known| known == name);
        self.path.push(name.to_owned());
        if recurs {
            let path = self.path.clone();
            self.path.pop();
            return Err(Unbuildable::Recursion { name: name.to_owned(), path });
        }
        let built = self.build(name, middlewares).map(Arc::new);
        self.path.pop();
        self.built.insert(name.to_owned(), built.clone());
        built
    }

    fn build(&mut self, name: &str, middlewares: &mut middleware::Builder<'_>) -> Result<Service, Unbuildable> {
        if let Some(internal) = (self.internal)(name) {
            return Ok(Service::Internal(internal));
        }
        let config = self.config.http.services.get(name).ok_or_else(|| missing(name))?;
        let kinds = [
            config.load_balancer.is_some(),
            config.weighted.is_some(),
            config.highest_random_weight.is_some(),
            config.mirroring.is_some(),
            config.failover.is_some(),
        ];
        if kinds.into_iter().filter(|set| *set).count() > 1 {
            return Err(Unbuildable::Kinds);
        }
        let service = if let Some(balancer) = &config.load_balancer {
            Service::LoadBalancer(self.load_balancer(name, balancer)?)
        } else if let Some(weighted) = &config.weighted {
            let cookie = weighted.sticky.as_ref().and_then(|sticky| sticky.cookie.as_ref());
            let sticky = cookie.map(|cookie| Sticky::new(name, cookie));
            let tells = weighted.health_check.is_some();
            let mut members = Vec::new();
            for member in &weighted.services {
                let built = self
                    .service(&qualified(&member.name, name), middlewares)
                    .map_err(|error| Unbuildable::Member { name: member.name.clone(), error: Box::new(error) })?;
                members.push(told(name, member, built, tells)?);
            }
            Service::Weighted(Weighted::in_turns(members, sticky, tells))
        } else if let Some(weighted) = &config.highest_random_weight {
            let tells = weighted.health_check.is_some();
            let mut members = Vec::new();
            for member in &weighted.services {
                let built = self.service(&qualified(&member.name, name), middlewares)?;
                members.push(told(name, member, built, tells)?);
            }
            Service::Weighted(Weighted::by_client(members, tells))
        } else if let Some(mirroring) = &config.mirroring {
            Service::Mirroring(self.mirroring(name, mirroring, middlewares)?)
        } else if let Some(failover) = &config.failover {
            Service::Failover(self.failover(name, failover, middlewares)?)
        } else {
            return Err(Unbuildable::NoKind(name.to_owned()));
        };
        if config.middlewares.is_empty() {
            return Ok(service);
        }
        let names: Vec<String> = config.middlewares.iter().map(|guard| qualified(guard, name)).collect();
        let middlewares = middlewares
            .build(&format!("service {name}"), &names, self)
            .map_err(|error| Unbuildable::Middleware(error.to_string()))?;
        Ok(Service::Guarded { middlewares, service: Arc::new(service) })
    }

    fn mirroring(
        &mut self,
        name: &str,
        config: &dynamic::Mirroring,
        middlewares: &mut middleware::Builder<'_>,
    ) -> Result<Mirroring, Unbuildable> {
        let main = self.service(&qualified(&config.service, name), middlewares)?;
        let mut mirrors = Vec::new();
        for mirror in &config.mirrors {
            let service = self.service(&qualified(&mirror.name, name), middlewares)?;
            let per_cent = u64::try_from(mirror.percent).ok().filter(|per_cent| *per_cent <= 100);
            mirrors.push((service, per_cent.ok_or(Unbuildable::Percent)?));
        }
        let most = usize::try_from(config.max_body_size).ok();
        Ok(Mirroring::new(main, mirrors, config.mirror_body, most, config.health_check.is_some()))
    }

    fn failover(
        &mut self,
        name: &str,
        config: &dynamic::Failover,
        middlewares: &mut middleware::Builder<'_>,
    ) -> Result<Failover, Unbuildable> {
        let main = self.service(&qualified(&config.service, name), middlewares)?;
        let errors = match config.errors.as_ref().filter(|errors| !errors.status.is_empty()) {
            Some(errors) => {
                let statuses = middleware::Statuses::new(&errors.status)
                    .map_err(|reason| Unbuildable::Statuses { service: name.to_owned(), reason })?;
                Some((statuses, u64::try_from(errors.max_request_body_bytes).unwrap_or(u64::MAX)))
            }
            None => None,
        };
        let told = main.tells();
        if errors.is_none()
            && let Err(untold) = &told
        {
            return Err(not_told(name, &config.service, untold));
        }
        let fallback = self.service(&qualified(&config.fallback, name), middlewares)?;
        let tells = config.health_check.is_some();
        if tells && let Err(untold) = fallback.tells() {
            return Err(not_told(name, &config.fallback, &untold));
        }
        Ok(Failover { main, fallback, main_tells: told.is_ok(), tells, errors })
    }

    fn load_balancer(&mut self, name: &str, config: &dynamic::LoadBalancer) -> Result<LoadBalancer, Unbuildable> {
        let kind = Kind::named(&config.strategy).ok_or_else(|| Unbuildable::Strategy(config.strategy.clone()))?;
        let mut members = Vec::new();
        let mut slots = Vec::new();
        for server in &config.servers {
            let url = server.url.clone();
            let transport = self.transport(&config.servers_transport, name, &url)?;
            let key = (name.to_owned(), url.clone(), server.preserve_path);
            let known = match self.servers.get(&key).or_else(|| self.known.get(&key)) {
                Some(known) => Arc::clone(known),
                None => Arc::new(Server::as_configured(&url, server.preserve_path)?),
            };
            if known.scheme == Scheme::Unknown {
                self.unreachable.push((name.to_owned(), Failure::Scheme(server.url.clone()).to_string()));
            }
            self.servers.insert(key, Arc::clone(&known));
            let weight = server.weight.map_or(1, |weight| u64::try_from(weight).unwrap_or(0));
            let slot =
                *self.slot_of.entry((url, server.preserve_path, transport.options.clone())).or_insert_with(|| {
                    self.slots.push(Slot { server: Arc::clone(&known), transport });
                    self.slots.len() - 1
                });
            slots.push(slot);
            members.push(Member { server: known, weight, fenced: server.fenced });
        }
        if let Some(check) = &config.health_check {
            let targets: Vec<Arc<Server>> = members.iter().map(|member| Arc::clone(&member.server)).collect();
            let transport = self.transport(&config.servers_transport, name, "")?;
            self.checks.push(Check::new(name, check, targets, transport));
        } else {
            self.unchecked.extend(members.iter().map(|member| Arc::clone(&member.server)));
        }
        // Who is chosen by address needs no cookie.
        let cookie = config.sticky.as_ref().and_then(|sticky| sticky.cookie.as_ref());
        let sticky = cookie.filter(|_| kind != Kind::Rendezvous).map(|cookie| Sticky::new(name, cookie));
        let checked = config.health_check.is_some();
        Ok(LoadBalancer {
            name: Arc::from(name),
            balance: Balance::new(kind, members).watched(config.passive_health_check.as_ref(), checked),
            slots,
            pass_host_header: config.pass_host_header,
            sticky,
            kind,
            checked,
        })
    }

    fn transport(&mut self, name: &str, service: &str, url: &str) -> Result<Arc<Transport>, Unbuildable> {
        let qualified = if name.is_empty() { "default@internal".to_owned() } else { qualified(name, service) };
        if let Some(known) = self.transports.get(&qualified) {
            return Ok(Arc::clone(known));
        }
        let options = match self.config.http.servers_transports.get(&qualified) {
            Some(config) => transport_options(&qualified, config)?,
            None if qualified == "default@internal" => TransportOptions::default(),
            None => return Err(Unbuildable::NoTransport { url: url.to_owned(), transport: qualified }),
        };
        // Preparing a transport reads certificates; an equal one of the last configuration has done so already.
        let known = self
            .known_slots
            .iter()
            .find(|slot| slot.transport.options == options)
            .map(|slot| Arc::clone(&slot.transport));
        let transport = match known {
            Some(transport) => transport,
            None => Arc::new(Transport::new(options).map_err(|error| Unbuildable::Transport {
                name: qualified.clone(),
                reason: crate::upstream::failure::chain(&error),
            })?),
        };
        self.transports.insert(qualified, Arc::clone(&transport));
        Ok(transport)
    }

    /// A slot for the server that a middleware asks.
    ///
    /// # Errors
    /// Its URL or its TLS options cannot be used.
    pub(crate) fn helper(
        &mut self,
        name: &str,
        url: &str,
        tls: Option<&dynamic::ClientTls>,
    ) -> Result<usize, Unbuildable> {
        let read = |value: &String| {
            pem_or_path(value).map_err(|error| Unbuildable::Transport {
                name: name.to_owned(),
                reason: format!("cannot read `{value}`: {error}"),
            })
        };
        let mut options = TransportOptions::default();
        if let Some(tls) = tls {
            options.insecure_skip_verify = tls.insecure_skip_verify;
            if !tls.ca.is_empty() {
                options.root_cas = Some(vec![read(&tls.ca)?]);
            }
            if !tls.cert.is_empty() || !tls.key.is_empty() {
                options.certificates = vec![(read(&tls.cert)?, read(&tls.key)?)];
            }
        }
        let key = (url.to_owned(), false, options.clone());
        if let Some(slot) = self.slot_of.get(&key) {
            return Ok(*slot);
        }
        let server = Arc::new(Server::new(url, false)?);
        let known = self.known_slots.iter().find(|slot| slot.transport.options == options);
        let transport = match known {
            Some(slot) => Arc::clone(&slot.transport),
            None => Arc::new(Transport::new(options).map_err(|error| Unbuildable::Transport {
                name: name.to_owned(),
                reason: crate::upstream::failure::chain(&error),
            })?),
        };
        self.slots.push(Slot { server, transport });
        self.slot_of.insert(key, self.slots.len() - 1);
        Ok(self.slots.len() - 1)
    }
}

/// A member of `service`, if it tells whether it is up where that is `asked` for.
fn told<'a>(
    service: &str,
    config: &'a dynamic::WeightedService,
    built: Arc<Service>,
    asked: bool,
) -> Result<weighted::Member<'a>, Unbuildable> {
    if asked && let Err(untold) = built.tells() {
        return Err(not_told(service, &config.name, &untold));
    }
    Ok((config.name.as_str(), u64::try_from(config.weight).unwrap_or(0), built))
}

fn not_told(service: &str, member: &str, untold: &Untold) -> Unbuildable {
    let (service, member, text) = (service.to_owned(), member.to_owned(), untold.to_string());
    match untold {
        Untold::Never => Unbuildable::NeverTold { service, member, untold: text },
        _ => Unbuildable::NotTold { service, member, untold: text },
    }
}

/// `name` as seen from the object `from`: unqualified names belong to the same provider.
pub(crate) fn qualified(name: &str, from: &str) -> String {
    match from.rsplit_once('@') {
        Some((_, provider)) if !name.contains('@') => format!("{name}@{provider}"),
        _ => name.to_owned(),
    }
}

fn transport_options(name: &str, config: &HttpServersTransport) -> Result<TransportOptions, Unbuildable> {
    // Each of these makes the connection stricter: going on without would be less than was asked for.
    let refused = [
        ("spiffe", config.spiffe.is_some()),
        ("peerCertURI` beside `insecureSkipVerify", !config.peer_cert_uri.is_empty() && config.insecure_skip_verify),
    ];
    if let Some((option, _)) = refused.into_iter().find(|(_, set)| *set) {
        return Err(Unbuildable::Transport {
            name: name.to_owned(),
            reason: format!("`{option}` is not supported by this gateway"),
        });
    }
    let credentials = Credentials::read(name, &config.root_cas, &config.certificates);
    let timeouts = config.forwarding_timeouts.clone().unwrap_or_default();
    Ok(TransportOptions {
        server_name: (!config.server_name.is_empty()).then(|| config.server_name.clone()),
        insecure_skip_verify: config.insecure_skip_verify,
        root_cas: credentials.root_cas,
        certificates: credentials.certificates,
        cipher_suites: config.cipher_suites.clone(),
        min_version: config.min_version.clone(),
        max_version: config.max_version.clone(),
        peer_uri: config.peer_cert_uri.clone(),
        disable_http2: config.disable_http2,
        max_idle: match usize::try_from(config.max_idle_conns_per_host) {
            Ok(0) => 200,
            Ok(given) => given,
            Err(_) => 0,
        },
        dial_timeout: timeouts.dial_timeout.to_std(),
        response_header_timeout: timeouts.response_header_timeout.to_std(),
        idle_timeout: timeouts.idle_conn_timeout.to_std(),
        read_idle_timeout: timeouts.read_idle_timeout.to_std(),
        ping_timeout: timeouts.ping_timeout.to_std(),
    })
}
