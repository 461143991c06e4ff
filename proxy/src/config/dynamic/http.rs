//! HTTP routers and services.

use serde::{Deserialize, Serialize};

use super::{HttpServersTransport, Middleware, Named, is_default, is_false};
use crate::config::duration::GoDuration;

/// The section `http`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HttpConfiguration {
    /// Which requests go to which service.
    #[serde(skip_serializing_if = "is_default")]
    pub routers: Named<Router>,
    /// Where requests can go.
    #[serde(skip_serializing_if = "is_default")]
    pub services: Named<Service>,
    /// What happens to requests on the way.
    #[serde(skip_serializing_if = "is_default")]
    pub middlewares: Named<Middleware>,
    /// How connections to servers are made.
    #[serde(skip_serializing_if = "is_default")]
    pub servers_transports: Named<HttpServersTransport>,
}

/// An HTTP router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Router {
    /// Names of entry points; empty means the default ones.
    #[serde(skip_serializing_if = "is_default")]
    pub entry_points: Vec<String>,
    /// Middlewares in the order in which a request passes them.
    #[serde(skip_serializing_if = "is_default")]
    pub middlewares: Vec<String>,
    /// Name of the service.
    #[serde(skip_serializing_if = "is_default")]
    pub service: String,
    /// The rule expression.
    #[serde(skip_serializing_if = "is_default")]
    pub rule: String,
    /// Parent routers (multi-layer routing).
    #[serde(skip_serializing_if = "is_default")]
    pub parent_refs: Vec<String>,
    /// `v3` or the deprecated `v2`; empty means `v3`.
    #[serde(skip_serializing_if = "is_default")]
    pub rule_syntax: String,
    /// Higher wins; 0 means the length of the rule in bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i64,
    /// Present: the router answers only over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<RouterTls>,
    /// Whether requests of this router are logged, counted and traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observability: Option<RouterObservability>,
}

/// TLS settings of an HTTP router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouterTls {
    /// Name of the TLS options.
    #[serde(skip_serializing_if = "is_default")]
    pub options: String,
    /// Name of the certificate resolver.
    #[serde(skip_serializing_if = "is_default")]
    pub cert_resolver: String,
    /// Names for which a certificate is asked, instead of those in the rule.
    #[serde(skip_serializing_if = "is_default")]
    pub domains: Vec<Domain>,
}

/// The names of one certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Domain {
    /// The main name.
    #[serde(skip_serializing_if = "is_default")]
    pub main: String,
    /// Further names (subject alternative names).
    #[serde(skip_serializing_if = "is_default")]
    pub sans: Vec<String>,
}

/// What is observed about the requests of one router; absent means as the entry point says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouterObservability {
    /// Lines in the access log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_logs: Option<bool>,
    /// Metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<bool>,
    /// Traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<bool>,
    /// `minimal` or `detailed`.
    #[serde(skip_serializing_if = "is_default")]
    pub trace_verbosity: String,
}

impl RouterObservability {
    /// What a router says for itself, and where it says nothing what its entry point says.
    #[must_use]
    pub fn of(router: Option<&Self>, entry_point: Option<&Self>) -> Option<Self> {
        let (Some(router), Some(entry_point)) = (router, entry_point) else { return router.or(entry_point).cloned() };
        Some(Self {
            access_logs: router.access_logs.or(entry_point.access_logs),
            metrics: router.metrics.or(entry_point.metrics),
            tracing: router.tracing.or(entry_point.tracing),
            trace_verbosity: router.trace_verbosity.clone(),
        })
    }
}

/// An HTTP service: exactly one of its kinds is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Service {
    /// Servers behind one name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
    /// Other services, chosen by the hash of the client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highest_random_weight: Option<HighestRandomWeight>,
    /// Other services, chosen in proportion to weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighted: Option<WeightedRoundRobin>,
    /// One service that answers and others that get a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirroring: Option<Mirroring>,
    /// One service, and another when that one is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<Failover>,
    /// Middlewares applied after the router's.
    #[serde(skip_serializing_if = "is_default")]
    pub middlewares: Vec<String>,
}

/// A load balancer over servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LoadBalancer {
    /// Present: a client stays with its server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// The servers.
    #[serde(skip_serializing_if = "is_default")]
    pub servers: Vec<Server>,
    /// `wrr` (weighted round robin), `p2c`, `hrw` or `leasttime`.
    pub strategy: String,
    /// Active health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<ServerHealthCheck>,
    /// Passive health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passive_health_check: Option<PassiveHealthCheck>,
    /// Whether the server gets the client's `Host`.
    pub pass_host_header: bool,
    /// When answers are flushed to the client.
    pub response_forwarding: ResponseForwarding,
    /// Name of the transport.
    #[serde(skip_serializing_if = "is_default")]
    pub servers_transport: String,
}

impl Default for LoadBalancer {
    fn default() -> Self {
        Self {
            sticky: None,
            servers: Vec::new(),
            strategy: "wrr".to_owned(),
            health_check: None,
            passive_health_check: None,
            pass_host_header: true,
            response_forwarding: ResponseForwarding::default(),
            servers_transport: String::new(),
        }
    }
}

/// When answers are flushed to the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ResponseForwarding {
    /// Time between flushes; negative: at every write.
    pub flush_interval: GoDuration,
}

impl Default for ResponseForwarding {
    fn default() -> Self {
        Self { flush_interval: GoDuration::from_millis(100) }
    }
}

/// One server of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Server {
    /// `http://`, `https://` or `h2c://`, host and port.
    #[serde(skip_serializing_if = "is_default")]
    pub url: String,
    /// Share of requests; absent means 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    /// Whether the path of `url` goes before the request's.
    #[serde(skip_serializing_if = "is_false")]
    pub preserve_path: bool,
    /// Whether the server serves only clients that stick to it.
    #[serde(skip_serializing_if = "is_false")]
    pub fenced: bool,
}

/// Stickiness of clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Sticky {
    /// By a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Cookie>,
}

/// The cookie that names a client's server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Cookie {
    /// Its name; empty means a name derived from the service.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Attribute `Secure`.
    #[serde(skip_serializing_if = "is_false")]
    pub secure: bool,
    /// Attribute `HttpOnly`.
    #[serde(skip_serializing_if = "is_false")]
    pub http_only: bool,
    /// Attribute `SameSite`: `none`, `lax`, `strict` or empty.
    #[serde(skip_serializing_if = "is_default")]
    pub same_site: String,
    /// Attribute `Max-Age` in seconds; 0 leaves it out, negative deletes at once.
    #[serde(skip_serializing_if = "is_default")]
    pub max_age: i64,
    /// Without effect, as in Traefik.
    #[serde(skip_serializing_if = "is_default")]
    pub expires: i64,
    /// Attribute `Path`.
    pub path: String,
    /// Attribute `Domain`.
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: String::new(),
            secure: false,
            http_only: false,
            same_site: String::new(),
            max_age: 0,
            expires: 0,
            path: "/".to_owned(),
            domain: String::new(),
        }
    }
}

/// An active health check: each server is asked at intervals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServerHealthCheck {
    /// Scheme that replaces the server's.
    #[serde(skip_serializing_if = "is_default")]
    pub scheme: String,
    /// `http` or `grpc`.
    pub mode: String,
    /// Path that is asked.
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    /// Method; empty means `GET`.
    #[serde(skip_serializing_if = "is_default")]
    pub method: String,
    /// Status that counts as healthy; 0 means any of 2xx and 3xx.
    #[serde(skip_serializing_if = "is_default")]
    pub status: i64,
    /// Port that replaces the server's; 0 keeps it.
    #[serde(skip_serializing_if = "is_default")]
    pub port: i64,
    /// Time between two checks of a healthy server.
    pub interval: GoDuration,
    /// Time between two checks of an unhealthy server; absent means `interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_interval: Option<GoDuration>,
    /// Time within which the answer must come.
    pub timeout: GoDuration,
    /// `Host` that is sent.
    #[serde(skip_serializing_if = "is_default")]
    pub hostname: String,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Headers that are sent.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: Named<String>,
}

impl Default for ServerHealthCheck {
    fn default() -> Self {
        Self {
            scheme: String::new(),
            mode: "http".to_owned(),
            path: String::new(),
            method: String::new(),
            status: 0,
            port: 0,
            interval: GoDuration::from_secs(30),
            unhealthy_interval: None,
            timeout: GoDuration::from_secs(5),
            hostname: String::new(),
            follow_redirects: true,
            headers: Named::new(),
        }
    }
}

/// A passive health check: failures of real requests take a server out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PassiveHealthCheck {
    /// Time within which failures are counted, and for which the server is out.
    pub failure_window: GoDuration,
    /// Failures that take the server out.
    pub max_failed_attempts: i64,
}

impl Default for PassiveHealthCheck {
    fn default() -> Self {
        Self { failure_window: GoDuration::from_secs(10), max_failed_attempts: 1 }
    }
}

/// Health of a service made of services: present, its state is passed on to its parents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {}

/// Services chosen in proportion to weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WeightedRoundRobin {
    /// The services.
    #[serde(skip_serializing_if = "is_default")]
    pub services: Vec<WeightedService>,
    /// Present: a client stays with its service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// Present: health is passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

/// Services chosen by rendezvous hashing of the client's address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HighestRandomWeight {
    /// The services.
    #[serde(skip_serializing_if = "is_default")]
    pub services: Vec<WeightedService>,
    /// Present: health is passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

/// A service and its weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WeightedService {
    /// Name of the service.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Share of requests; 0 takes the service out.
    pub weight: i64,
}

impl Default for WeightedService {
    fn default() -> Self {
        Self { name: String::new(), weight: 1 }
    }
}

/// One service that answers and others that get copies of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Mirroring {
    /// The service that answers.
    #[serde(skip_serializing_if = "is_default")]
    pub service: String,
    /// Whether copies have the body.
    pub mirror_body: bool,
    /// Bytes of body beyond which no copy is made; -1 means no limit.
    pub max_body_size: i64,
    /// The services that get copies.
    #[serde(skip_serializing_if = "is_default")]
    pub mirrors: Vec<MirrorService>,
    /// Present: health is passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

impl Default for Mirroring {
    fn default() -> Self {
        Self { service: String::new(), mirror_body: true, max_body_size: -1, mirrors: Vec::new(), health_check: None }
    }
}

/// A service that gets copies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MirrorService {
    /// Name of the service.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Per cent of requests that are copied.
    #[serde(skip_serializing_if = "is_default")]
    pub percent: i64,
}

/// One service, and another when that one is down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Failover {
    /// The main service.
    #[serde(skip_serializing_if = "is_default")]
    pub service: String,
    /// The service that steps in.
    #[serde(skip_serializing_if = "is_default")]
    pub fallback: String,
    /// Present: health is passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Answers of the main service that make the fallback step in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<FailoverErrors>,
}

/// Answers that make a fallback step in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FailoverErrors {
    /// Status codes and ranges, such as `500` and `502-504`.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Vec<String>,
    /// Bytes of body kept for the second try; larger ones are refused, -1 means no limit.
    pub max_request_body_bytes: i64,
}

impl Default for FailoverErrors {
    fn default() -> Self {
        Self { status: Vec::new(), max_request_body_bytes: -1 }
    }
}
