//! From the configuration of services to services that answer.

use std::collections::HashMap;
use std::sync::Arc;

use http::Response;

use crate::config::dynamic::{self, Configuration, HttpServersTransport};
use crate::http::body::Body;
use crate::http::exchange::Exchange;
use crate::http::forward::{NoAnswer, forward};
use crate::middleware::After;
use crate::upstream::balance::{Balance, Turns};
use crate::upstream::health::Check;
use crate::upstream::server::{BadServer, Server};
use crate::upstream::sticky::Sticky;
use crate::upstream::transport::{Transport, TransportOptions, pem_or_path};

use super::internal::Internal;
use super::{Slot, View};

/// Services in services in services: deeper than anybody writes.
const DEEPEST: usize = 16;

/// What answers a router's requests.
#[derive(Debug)]
pub(crate) enum Service {
    /// Servers.
    LoadBalancer(LoadBalancer),
    /// Other services, in proportion to their weights.
    Weighted(Weighted),
    /// A service, and another while that one has no healthy server.
    Failover { main: Arc<Service>, fallback: Arc<Service> },
    /// The gateway itself.
    Internal(Internal),
}

/// Servers that take turns.
#[derive(Debug)]
pub(crate) struct LoadBalancer {
    /// The service's qualified name.
    pub(crate) name: Arc<str>,
    /// Whose turn it is.
    pub(crate) balance: Balance,
    /// The slot of each server.
    pub(crate) slots: Vec<usize>,
    /// Whether the client's `Host` is passed on.
    pub(crate) pass_host_header: bool,
    /// The cookie that keeps a client with its server.
    pub(crate) sticky: Option<Sticky>,
}

/// Services that take turns.
#[derive(Debug)]
pub(crate) struct Weighted {
    turns: Turns,
    members: Vec<Arc<Service>>,
}

/// Why a service cannot be built. The texts of the common ones are Traefik's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unbuildable {
    #[error("the service \"{0}\" does not exist")]
    Missing(String),
    #[error("the service \"{service}\": `{feature}` is not supported by this gateway")]
    Unsupported { service: String, feature: String },
    #[error("the service \"{0}\" does not have any type defined")]
    NoKind(String),
    #[error("the service \"{0}\" contains itself")]
    Recursion(String),
    #[error("error building proxy for server URL {url}: getting RoundTripper: servers transport not found {transport}")]
    NoTransport { url: String, transport: String },
    #[error("the servers transport \"{name}\" cannot be used: {reason}")]
    Transport { name: String, reason: String },
    #[error("error parsing server URL {0}")]
    Server(#[from] BadServer),
    #[error(
        "cannot register {member} as updater for {service}: healthCheck not enabled in config for this WRR service"
    )]
    NoHealth { service: String, member: String },
}

impl Service {
    /// Answers a request.
    pub(crate) async fn answer(
        &self,
        exchange: &mut Exchange,
        view: &View,
        after: &mut After,
    ) -> Result<Response<Body>, NoAnswer> {
        match self.choose().ok_or(NoAnswer::NoServer)? {
            Chosen::Servers(balancer) => forward(exchange, view, balancer, after.retry, &mut after.held).await,
            Chosen::Internal(internal) => Ok(internal.answer(exchange).await),
        }
    }

    fn choose(&self) -> Option<Chosen<'_>> {
        let mut service = self;
        for _ in 0..=DEEPEST {
            service = match service {
                Self::LoadBalancer(balancer) => return Some(Chosen::Servers(balancer)),
                Self::Internal(internal) => return Some(Chosen::Internal(internal)),
                Self::Failover { main, fallback } => {
                    if main.available() {
                        main
                    } else {
                        fallback
                    }
                }
                Self::Weighted(weighted) => {
                    let member = |index: usize| weighted.members.get(index);
                    let index =
                        weighted.turns.next(|index| member(index).is_some_and(|service| service.available()))?;
                    member(index)?
                }
            };
        }
        None
    }

    /// Whether some server of the service is healthy.
    fn available(&self) -> bool {
        match self {
            Self::LoadBalancer(balancer) => balancer.balance.servers.iter().any(|server| server.is_healthy()),
            Self::Weighted(weighted) => weighted.members.iter().any(|member| member.available()),
            Self::Failover { main, fallback } => main.available() || fallback.available(),
            Self::Internal(_) => true,
        }
    }
}

enum Chosen<'a> {
    Servers(&'a LoadBalancer),
    Internal(&'a Internal),
}

/// Builds services by name, each once.
pub(crate) struct Builder<'a> {
    config: &'a Configuration,
    known: &'a HashMap<(String, String), Arc<Server>>,
    known_slots: &'a [Slot],
    internal: &'a dyn Fn(&str) -> Option<Internal>,
    built: HashMap<String, Result<Arc<Service>, Unbuildable>>,
    transports: HashMap<String, Arc<Transport>>,
    slot_of: HashMap<(String, TransportOptions), usize>,
    /// Servers to keep connections to.
    pub(crate) slots: Vec<Slot>,
    /// Servers by service and URL.
    pub(crate) servers: HashMap<(String, String), Arc<Server>>,
    /// Health checks to run.
    pub(crate) checks: Vec<Check>,
}

impl<'a> Builder<'a> {
    /// A builder that knows the servers and slots of the configuration before.
    pub(crate) fn new(
        config: &'a Configuration,
        known: &'a HashMap<(String, String), Arc<Server>>,
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
            slot_of: HashMap::new(),
            slots: Vec::new(),
            servers: HashMap::new(),
            checks: Vec::new(),
        }
    }

    /// The service of a qualified name.
    ///
    /// # Errors
    /// It, or one that it consists of, cannot be built.
    pub(crate) fn service(&mut self, name: &str) -> Result<Arc<Service>, Unbuildable> {
        self.nested(name, 0)
    }

    fn nested(&mut self, name: &str, depth: usize) -> Result<Arc<Service>, Unbuildable> {
        if depth > DEEPEST {
            return Err(Unbuildable::Recursion(name.to_owned()));
        }
        if let Some(built) = self.built.get(name) {
            return built.clone();
        }
        let built = self.build(name, depth).map(Arc::new);
        self.built.insert(name.to_owned(), built.clone());
        built
    }

    fn build(&mut self, name: &str, depth: usize) -> Result<Service, Unbuildable> {
        if let Some(internal) = (self.internal)(name) {
            return Ok(Service::Internal(internal));
        }
        let config = self.config.http.services.get(name).ok_or_else(|| Unbuildable::Missing(name.to_owned()))?;
        let unsupported =
            |feature: &str| Err(Unbuildable::Unsupported { service: name.to_owned(), feature: feature.to_owned() });
        if let Some(balancer) = &config.load_balancer {
            return self.load_balancer(name, balancer).map(Service::LoadBalancer);
        }
        if let Some(weighted) = &config.weighted {
            if weighted.sticky.is_some() {
                return unsupported("weighted.sticky");
            }
            let mut members = Vec::new();
            let mut weights = Vec::new();
            for member in &weighted.services {
                members.push(self.nested(&qualified(&member.name, name), depth + 1)?);
                weights.push(u64::try_from(member.weight).unwrap_or(0));
            }
            return Ok(Service::Weighted(Weighted { turns: Turns::new(&weights), members }));
        }
        if let Some(failover) = &config.failover {
            if failover.errors.is_some() {
                return unsupported("failover.errors");
            }
            let (main_name, fallback_name) = (qualified(&failover.service, name), qualified(&failover.fallback, name));
            let (main, fallback) = (self.nested(&main_name, depth + 1)?, self.nested(&fallback_name, depth + 1)?);
            if !self.reports_health(&main_name) {
                return Err(Unbuildable::NoHealth { service: name.to_owned(), member: failover.service.clone() });
            }
            return Ok(Service::Failover { main, fallback });
        }
        if config.mirroring.is_some() {
            return unsupported("mirroring");
        }
        if config.highest_random_weight.is_some() {
            return unsupported("highestRandomWeight");
        }
        Err(Unbuildable::NoKind(name.to_owned()))
    }

    fn reports_health(&self, name: &str) -> bool {
        self.config.http.services.get(name).is_some_and(|service| {
            service.load_balancer.as_ref().is_some_and(|balancer| balancer.health_check.is_some())
                || service.weighted.as_ref().is_some_and(|weighted| weighted.health_check.is_some())
                || service.failover.as_ref().is_some_and(|failover| failover.health_check.is_some())
        })
    }

    fn load_balancer(&mut self, name: &str, config: &dynamic::LoadBalancer) -> Result<LoadBalancer, Unbuildable> {
        let mut servers = Vec::new();
        let mut slots = Vec::new();
        for server in &config.servers {
            let url = if server.url.contains("://") { server.url.clone() } else { format!("http://{}", server.url) };
            let transport = self.transport(&config.servers_transport, name, &url)?;
            let key = (name.to_owned(), url.clone());
            let known = match self.servers.get(&key).or_else(|| self.known.get(&key)) {
                Some(known) if known.preserves_path() == server.preserve_path => Arc::clone(known),
                _ => Arc::new(Server::new(&url, server.preserve_path)?),
            };
            self.servers.insert(key, Arc::clone(&known));
            let weight =
                if server.fenced { 0 } else { server.weight.map_or(1, |weight| u64::try_from(weight).unwrap_or(0)) };
            let slot = *self.slot_of.entry((url, transport.options.clone())).or_insert_with(|| {
                self.slots.push(Slot { server: Arc::clone(&known), transport });
                self.slots.len() - 1
            });
            slots.push(slot);
            servers.push((known, weight));
        }
        if let Some(check) = &config.health_check {
            let targets: Vec<Arc<Server>> = servers.iter().map(|(server, _)| Arc::clone(server)).collect();
            let transport = self.transport(&config.servers_transport, name, "")?;
            self.checks.push(Check::new(name, check, targets, transport));
        } else {
            // What an earlier check found says nothing any more.
            for (server, _) in &servers {
                server.forget_health();
            }
        }
        let sticky =
            config.sticky.as_ref().and_then(|sticky| sticky.cookie.as_ref()).map(|cookie| Sticky::new(name, cookie));
        let name = Arc::from(name);
        Ok(LoadBalancer {
            name,
            balance: Balance::new(servers),
            slots,
            pass_host_header: config.pass_host_header,
            sticky,
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
        let config = tls.map(|tls| HttpServersTransport {
            insecure_skip_verify: tls.insecure_skip_verify,
            root_cas: Some(&tls.ca).filter(|ca| !ca.is_empty()).into_iter().cloned().collect(),
            certificates: match (tls.cert.as_str(), tls.key.as_str()) {
                ("", "") => Vec::new(),
                (cert, key) => vec![dynamic::Certificate { cert_file: cert.to_owned(), key_file: key.to_owned() }],
            },
            ..HttpServersTransport::default()
        });
        let options =
            config.map_or_else(|| Ok(TransportOptions::default()), |config| transport_options(name, &config))?;
        if let Some(slot) = self.slot_of.get(&(url.to_owned(), options.clone())) {
            return Ok(*slot);
        }
        let server = Arc::new(Server::new(url, false)?);
        let known = self.known_slots.iter().find(|slot| slot.transport.options == options);
        let transport = match known {
            Some(slot) => Arc::clone(&slot.transport),
            None => Arc::new(Transport::new(options.clone()).map_err(|error| Unbuildable::Transport {
                name: name.to_owned(),
                reason: crate::upstream::failure::chain(&error),
            })?),
        };
        self.slots.push(Slot { server, transport });
        self.slot_of.insert((url.to_owned(), options), self.slots.len() - 1);
        Ok(self.slots.len() - 1)
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
        ("peerCertURI", !config.peer_cert_uri.is_empty()),
        ("cipherSuites", !config.cipher_suites.is_empty()),
        ("minVersion", !matches!(config.min_version.as_str(), "" | "VersionTLS10" | "VersionTLS11" | "VersionTLS12")),
        ("maxVersion", !matches!(config.max_version.as_str(), "" | "VersionTLS13")),
    ];
    if let Some((option, _)) = refused.into_iter().find(|(_, set)| *set) {
        return Err(Unbuildable::Transport {
            name: name.to_owned(),
            reason: format!("`{option}` is not supported by this gateway"),
        });
    }
    let read = |value: &String| {
        pem_or_path(value).map_err(|error| Unbuildable::Transport {
            name: name.to_owned(),
            reason: format!("cannot read `{value}`: {error}"),
        })
    };
    let certificate = match config.certificates.first() {
        Some(pair) => Some((read(&pair.cert_file)?, read(&pair.key_file)?)),
        None => None,
    };
    let timeouts = config.forwarding_timeouts.clone().unwrap_or_default();
    Ok(TransportOptions {
        server_name: (!config.server_name.is_empty()).then(|| config.server_name.clone()),
        insecure_skip_verify: config.insecure_skip_verify,
        root_cas: config.root_cas.iter().map(read).collect::<Result<_, _>>()?,
        certificate,
        disable_http2: config.disable_http2,
        max_idle: match usize::try_from(config.max_idle_conns_per_host) {
            Ok(0) => 200,
            Ok(given) => given,
            Err(_) => 0,
        },
        dial_timeout: timeouts.dial_timeout.to_std(),
        response_header_timeout: timeouts.response_header_timeout.to_std(),
        idle_timeout: timeouts.idle_conn_timeout.to_std(),
    })
}
