//! Options of entry points (Traefik documentation, "EntryPoints").

use serde::{Deserialize, Serialize};

use crate::config::duration::GoDuration;
use crate::config::dynamic::{RouterObservability, RouterTls, is_false};

/// One address that is listened on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EntryPoint {
    /// `[host]:port[/tcp|/udp]`.
    pub address: String,
    /// Routers that name no entry point use it.
    pub as_default: bool,
    /// See [`super::Core::strict_tls_options`], from which it is taken.
    #[serde(rename = "strictTLSOptions", skip_serializing_if = "is_false")]
    pub strict_tls_options: bool,
    /// Requests of HTTP challenges that are not ours reach the routers.
    #[serde(rename = "allowACMEByPass")]
    pub allow_acme_by_pass: bool,
    /// Time limits.
    pub transport: Transport,
    /// Which peers' forwarded headers are believed.
    pub forwarded_headers: ForwardedHeaders,
    /// Which peers may say by the PROXY protocol who the client is; none where it is not spoken.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Defaults of the HTTP routers on it.
    pub http: HttpDefaults,
    /// What is observed of its requests where routers do not say.
    pub observability: Option<RouterObservability>,
    /// Options of HTTP/2.
    pub http2: Http2,
    /// HTTP/3, if on.
    pub http3: Option<Http3>,
    /// Options of UDP.
    pub udp: UdpOptions,
}

/// Time limits of an entry point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Transport {
    /// What happens at shutdown.
    pub life_cycle: LifeCycle,
    /// Limits on connections from clients.
    pub responding_timeouts: RespondingTimeouts,
    /// Longest life of a keep-alive connection; zero is for ever.
    pub keep_alive_max_time: GoDuration,
    /// Most requests of a keep-alive connection; zero is any number.
    pub keep_alive_max_requests: u64,
}

/// What happens at shutdown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LifeCycle {
    /// How long new requests are still taken after the signal.
    pub request_accept_grace_timeout: GoDuration,
    /// How long requests under way may take after that.
    pub grace_time_out: GoDuration,
}

impl Default for LifeCycle {
    fn default() -> Self {
        Self { request_accept_grace_timeout: GoDuration::ZERO, grace_time_out: GoDuration::from_secs(10) }
    }
}

/// Limits on connections from clients; zero is no limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RespondingTimeouts {
    /// Reading one request's head, and the longest silence inside its body.
    pub read_timeout: GoDuration,
    /// The longest time an answer may make no progress.
    pub write_timeout: GoDuration,
    /// A connection without a request.
    pub idle_timeout: GoDuration,
}

impl Default for RespondingTimeouts {
    fn default() -> Self {
        Self {
            read_timeout: GoDuration::from_secs(60),
            write_timeout: GoDuration::ZERO,
            idle_timeout: GoDuration::from_secs(180),
        }
    }
}

/// Which peers' `X-Forwarded-*` headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ForwardedHeaders {
    /// Everybody's.
    pub insecure: bool,
    /// Those of peers in these networks.
    #[serde(rename = "trustedIPs")]
    pub trusted_ips: Vec<String>,
    /// Headers that a client may name in `Connection` and that are kept all the same.
    pub connection: Vec<String>,
    /// Leave `X-Forwarded-For` as it came.
    #[serde(rename = "notAppendXForwardedFor")]
    pub not_append_x_forwarded_for: bool,
}

/// Which peers may say by the PROXY protocol who the client is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProxyProtocol {
    /// All.
    pub insecure: bool,
    /// Those in these networks.
    #[serde(rename = "trustedIPs")]
    pub trusted_ips: Vec<String>,
}

/// Defaults of the HTTP routers on an entry point, and how their requests are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HttpDefaults {
    /// Where everything on it is sent.
    pub redirections: Option<Redirections>,
    /// Middlewares before the routers' own, with their provider (`auth@file`).
    pub middlewares: Vec<String>,
    /// For routers that say nothing about TLS.
    pub tls: Option<RouterTls>,
    /// `;` in a query is encoded.
    pub encode_query_semicolons: bool,
    /// `//`, `/./` and `/../` are taken out of paths.
    pub sanitize_path: bool,
    /// Largest head of a request, in bytes; one that is not above zero is the usual one.
    pub max_header_bytes: i64,
    /// `keep`, `delete` or `reject`: what becomes of header names with an underscore.
    pub underscore_headers_strategy: String,
    /// The same for header names with anything but letters, digits and hyphens.
    pub alias_headers_strategy: String,
    /// Which encoded characters paths may hold.
    pub encoded_characters: EncodedCharacters,
}

impl Default for HttpDefaults {
    fn default() -> Self {
        Self {
            redirections: None,
            middlewares: Vec::new(),
            tls: None,
            encode_query_semicolons: false,
            sanitize_path: true,
            max_header_bytes: 1024 * 1024,
            underscore_headers_strategy: String::new(),
            alias_headers_strategy: String::new(),
            encoded_characters: EncodedCharacters::default(),
        }
    }
}

/// Which percent-encoded characters paths may hold on an entry point; all by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the schema has one switch a character")]
pub struct EncodedCharacters {
    /// `%2F`.
    pub allow_encoded_slash: bool,
    /// `%5C`.
    pub allow_encoded_back_slash: bool,
    /// `%00`.
    pub allow_encoded_null_character: bool,
    /// `%3B`.
    pub allow_encoded_semicolon: bool,
    /// `%25`.
    pub allow_encoded_percent: bool,
    /// `%3F`.
    pub allow_encoded_question_mark: bool,
    /// `%23`.
    pub allow_encoded_hash: bool,
}

impl Default for EncodedCharacters {
    fn default() -> Self {
        Self {
            allow_encoded_slash: true,
            allow_encoded_back_slash: true,
            allow_encoded_null_character: true,
            allow_encoded_semicolon: true,
            allow_encoded_percent: true,
            allow_encoded_question_mark: true,
            allow_encoded_hash: true,
        }
    }
}

/// Where everything on an entry point is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Redirections {
    /// To another entry point or port.
    pub entry_point: Option<RedirectEntryPoint>,
}

/// To another entry point or port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RedirectEntryPoint {
    /// Its name, or `:443`.
    pub to: String,
    /// Scheme of the new address.
    pub scheme: String,
    /// 301/308 rather than 302/307.
    pub permanent: bool,
    /// Priority of the router that redirects; none for Traefik's, just below the highest.
    pub priority: Option<i64>,
}

impl Default for RedirectEntryPoint {
    fn default() -> Self {
        Self { to: String::new(), scheme: "https".to_owned(), permanent: true, priority: None }
    }
}

/// Options of HTTP/2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Http2 {
    /// Streams of one connection, at most.
    pub max_concurrent_streams: u32,
    /// Bytes of the table of header fields that requests may refer to (RFC 7541 section 4.2).
    pub max_decoder_header_table_size: u32,
    /// The same for answers; not in force.
    pub max_encoder_header_table_size: u32,
}

impl Default for Http2 {
    fn default() -> Self {
        let table = 4096;
        Self { max_concurrent_streams: 250, max_decoder_header_table_size: table, max_encoder_header_table_size: table }
    }
}

/// Options of HTTP/3.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Http3 {
    /// The port that clients are told of; zero is the one that is listened on.
    pub advertised_port: u16,
}

/// Options of UDP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UdpOptions {
    /// Silence after which a session ends.
    pub timeout: GoDuration,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self { timeout: GoDuration::from_secs(3) }
    }
}

impl EntryPoint {
    /// Whether it is about UDP.
    #[must_use]
    pub fn is_udp(&self) -> bool {
        self.address.to_ascii_lowercase().ends_with("/udp")
    }

    /// Host (empty for all addresses) and port; none where the address is none.
    #[must_use]
    pub fn host_port(&self) -> Option<(&str, u16)> {
        let address = self.address.rsplit_once('/').map_or(self.address.as_str(), |(address, _)| address);
        let (host, port) = address.rsplit_once(':')?;
        Some((host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?))
    }
}
