//! How connections to servers are made.

use serde::{Deserialize, Serialize};

use super::{Certificate, is_default, is_false};
use crate::config::duration::GoDuration;

/// Transport of HTTP services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HttpServersTransport {
    /// Name that is sent as SNI and checked in the server's certificate.
    #[serde(skip_serializing_if = "is_default")]
    pub server_name: String,
    /// Whether any certificate of the server is accepted.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure_skip_verify: bool,
    /// Trusted authorities: file names or PEM text.
    #[serde(rename = "rootCAs", skip_serializing_if = "is_default")]
    pub root_cas: Vec<String>,
    /// Ciphers for TLS 1.2 and below, by their IANA names.
    #[serde(skip_serializing_if = "is_default")]
    pub cipher_suites: Vec<String>,
    /// Lowest TLS version, such as `VersionTLS12`.
    #[serde(skip_serializing_if = "is_default")]
    pub min_version: String,
    /// Highest TLS version.
    #[serde(skip_serializing_if = "is_default")]
    pub max_version: String,
    /// Certificates shown to servers that ask for one.
    #[serde(skip_serializing_if = "is_default")]
    pub certificates: Vec<Certificate>,
    /// Idle connections kept per server; 0 means the default, 200.
    #[serde(skip_serializing_if = "is_default")]
    pub max_idle_conns_per_host: i64,
    /// Time limits; absent means their defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarding_timeouts: Option<ForwardingTimeouts>,
    /// Whether HTTP/2 is kept off TLS connections.
    #[serde(rename = "disableHTTP2", skip_serializing_if = "is_false")]
    pub disable_http2: bool,
    /// URI that the server's certificate must name.
    #[serde(rename = "peerCertURI", skip_serializing_if = "is_default")]
    pub peer_cert_uri: String,
    /// SPIFFE identities that are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spiffe: Option<Spiffe>,
}

/// Time limits towards servers; zero means no limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ForwardingTimeouts {
    /// To establish a connection.
    pub dial_timeout: GoDuration,
    /// From the end of the request to the head of the answer.
    pub response_header_timeout: GoDuration,
    /// For which an idle connection is kept.
    pub idle_conn_timeout: GoDuration,
    /// Silence on an HTTP/2 connection after which it is probed.
    pub read_idle_timeout: GoDuration,
    /// Time for the answer to such a probe.
    pub ping_timeout: GoDuration,
}

impl Default for ForwardingTimeouts {
    fn default() -> Self {
        Self {
            dial_timeout: GoDuration::from_secs(30),
            response_header_timeout: GoDuration::ZERO,
            idle_conn_timeout: GoDuration::from_secs(90),
            read_idle_timeout: GoDuration::ZERO,
            ping_timeout: GoDuration::from_secs(15),
        }
    }
}

/// SPIFFE settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spiffe {
    /// Identities that are accepted.
    #[serde(skip_serializing_if = "is_default")]
    pub ids: Vec<String>,
    /// Trust domain that is accepted.
    #[serde(skip_serializing_if = "is_default")]
    pub trust_domain: String,
}

/// Transport of TCP services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpServersTransport {
    /// Interval of TCP keep-alive probes; negative turns them off.
    pub dial_keep_alive: GoDuration,
    /// To establish a connection.
    pub dial_timeout: GoDuration,
    /// PROXY protocol towards the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// How long one direction may stay open after the other has ended.
    pub termination_delay: GoDuration,
    /// Present: connections to servers are TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TcpClientTls>,
}

impl Default for TcpServersTransport {
    fn default() -> Self {
        Self {
            dial_keep_alive: GoDuration::from_secs(15),
            dial_timeout: GoDuration::from_secs(30),
            proxy_protocol: None,
            termination_delay: GoDuration::from_millis(100),
            tls: None,
        }
    }
}

/// TLS towards TCP servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpClientTls {
    /// Name that is sent as SNI and checked in the server's certificate.
    #[serde(skip_serializing_if = "is_default")]
    pub server_name: String,
    /// Whether any certificate of the server is accepted.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure_skip_verify: bool,
    /// Trusted authorities: file names or PEM text.
    #[serde(rename = "rootCAs", skip_serializing_if = "is_default")]
    pub root_cas: Vec<String>,
    /// Certificates shown to servers that ask for one.
    #[serde(skip_serializing_if = "is_default")]
    pub certificates: Vec<Certificate>,
    /// URI that the server's certificate must name.
    #[serde(rename = "peerCertURI", skip_serializing_if = "is_default")]
    pub peer_cert_uri: String,
    /// SPIFFE identities that are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spiffe: Option<Spiffe>,
}

/// PROXY protocol towards a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProxyProtocol {
    /// 1 or 2.
    pub version: i64,
}

impl Default for ProxyProtocol {
    fn default() -> Self {
        Self { version: 2 }
    }
}
