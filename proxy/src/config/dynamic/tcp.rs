//! TCP routers, services and middlewares.

use serde::{Deserialize, Serialize};

use super::{Domain, HealthCheck, Named, ProxyProtocol, TcpServersTransport, WeightedService, is_default, is_false};
use crate::config::duration::GoDuration;

/// The section `tcp`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpConfiguration {
    /// Which connections go to which service.
    #[serde(skip_serializing_if = "is_default")]
    pub routers: Named<TcpRouter>,
    /// Where connections can go.
    #[serde(skip_serializing_if = "is_default")]
    pub services: Named<TcpService>,
    /// What is checked on the way.
    #[serde(skip_serializing_if = "is_default")]
    pub middlewares: Named<TcpMiddleware>,
    /// How connections to servers are made.
    #[serde(skip_serializing_if = "is_default")]
    pub servers_transports: Named<TcpServersTransport>,
}

/// A TCP router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpRouter {
    /// Names of entry points; empty means the default ones.
    #[serde(skip_serializing_if = "is_default")]
    pub entry_points: Vec<String>,
    /// Middlewares in their order.
    #[serde(skip_serializing_if = "is_default")]
    pub middlewares: Vec<String>,
    /// Name of the service.
    #[serde(skip_serializing_if = "is_default")]
    pub service: String,
    /// The rule expression.
    #[serde(skip_serializing_if = "is_default")]
    pub rule: String,
    /// `v3` or the deprecated `v2`; empty means `v3`.
    #[serde(skip_serializing_if = "is_default")]
    pub rule_syntax: String,
    /// Higher wins; 0 means the length of the rule in bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i64,
    /// Present: the router takes only TLS connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TcpRouterTls>,
}

/// TLS settings of a TCP router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpRouterTls {
    /// Whether the server, not the gateway, ends TLS.
    pub passthrough: bool,
    /// Name of the TLS options.
    #[serde(skip_serializing_if = "is_default")]
    pub options: String,
    /// Name of the certificate resolver.
    #[serde(skip_serializing_if = "is_default")]
    pub cert_resolver: String,
    /// Names for which a certificate is asked.
    #[serde(skip_serializing_if = "is_default")]
    pub domains: Vec<Domain>,
}

/// A TCP service: exactly one of its kinds is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpService {
    /// Servers behind one name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<TcpLoadBalancer>,
    /// Other services, chosen in proportion to weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighted: Option<TcpWeightedRoundRobin>,
}

/// TCP services chosen in proportion to weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpWeightedRoundRobin {
    /// The services.
    #[serde(skip_serializing_if = "is_default")]
    pub services: Vec<WeightedService>,
    /// Present: health is passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

/// A load balancer over TCP servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpLoadBalancer {
    /// The servers.
    #[serde(skip_serializing_if = "is_default")]
    pub servers: Vec<TcpServer>,
    /// Name of the transport.
    #[serde(skip_serializing_if = "is_default")]
    pub servers_transport: String,
    /// PROXY protocol towards the servers (deprecated in favour of the transport's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Milliseconds that one direction may stay open after the other has ended (deprecated in favour of the transport's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_delay: Option<i64>,
    /// Active health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<TcpServerHealthCheck>,
}

/// One server of a TCP load balancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpServer {
    /// Host and port.
    #[serde(skip_serializing_if = "is_default")]
    pub address: String,
    /// Whether the connection to the server is TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls: bool,
}

/// An active health check of TCP servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpServerHealthCheck {
    /// Port that replaces the server's; 0 keeps it.
    #[serde(skip_serializing_if = "is_default")]
    pub port: i64,
    /// Text that is sent.
    #[serde(skip_serializing_if = "is_default")]
    pub send: String,
    /// Text with which the answer must begin.
    #[serde(skip_serializing_if = "is_default")]
    pub expect: String,
    /// Time between two checks of a healthy server.
    pub interval: GoDuration,
    /// Time between two checks of an unhealthy server; absent means `interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_interval: Option<GoDuration>,
    /// Time within which the check must succeed.
    pub timeout: GoDuration,
}

impl Default for TcpServerHealthCheck {
    fn default() -> Self {
        Self {
            port: 0,
            send: String::new(),
            expect: String::new(),
            interval: GoDuration::from_secs(30),
            unhealthy_interval: None,
            timeout: GoDuration::from_secs(5),
        }
    }
}

/// A TCP middleware: exactly one of its kinds is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpMiddleware {
    /// Limits connections per client address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_conn: Option<InFlightConn>,
    /// Lets only some client addresses pass (deprecated name).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_white_list: Option<TcpIpAllowList>,
    /// Lets only some client addresses pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_allow_list: Option<TcpIpAllowList>,
}

/// Limit of connections per client address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InFlightConn {
    /// The limit.
    #[serde(skip_serializing_if = "is_default")]
    pub amount: i64,
}

/// Client addresses that may pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpIpAllowList {
    /// Addresses and CIDR ranges.
    #[serde(skip_serializing_if = "is_default")]
    pub source_range: Vec<String>,
}
