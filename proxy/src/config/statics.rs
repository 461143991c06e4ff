//! Traefik's static configuration: what is fixed when a gateway starts, from flags, environment or a file.
//!
//! The three sources exclude each other, as in Traefik: a file wins over flags, flags over `TRAEFIK_*` variables
//! (Traefik v3 documentation, "Configuration introduction"). Every option Traefik has is known by name: those that are
//! not in force here are warned about, those whose loss would open something are refused, anything else is a mistake.

mod acme;
mod options;
mod read;
mod tracing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::duration::GoDuration;
use super::dynamic::{RouterObservability, RouterTls, is_false};

pub use acme::{Acme, CertificatesResolver, DnsChallenge, Eab, HttpChallenge, KeyType, TlsChallenge};
pub use read::{Problem, Severity, Sources};
pub use tracing::{Otlp, OtlpHttp, OtlpTls, Tracing};

/// The static configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StaticConfig {
    /// Where it listens, by name.
    pub entry_points: BTreeMap<String, EntryPoint>,
    /// Where routes come from.
    pub providers: Providers,
    /// The API and the dashboard, if on.
    pub api: Option<Api>,
    /// `/ping`, if on.
    pub ping: Option<Ping>,
    /// The access log, if on.
    pub access_log: Option<AccessLog>,
    /// What is counted, if anything.
    pub metrics: Metrics,
    /// Traces of requests, if on.
    pub tracing: Option<Tracing>,
    /// The program's own log.
    pub log: Log,
    /// How servers are spoken to by default.
    pub servers_transport: ServersTransport,
    /// Where certificates come from, by name.
    pub certificates_resolvers: BTreeMap<String, CertificatesResolver>,
    /// What is the same on every entry point.
    pub global: Global,
    /// How routers are read.
    pub core: Core,
}

/// What is the same on every entry point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Global {
    /// Leaves `X-Forwarded-For` without the peer's address.
    pub not_append_x_forwarded_for: bool,
}

/// How routers are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Core {
    /// Routers of a host that ask for different TLS options take no requests, rather than get the default options.
    #[serde(rename = "strictTLSOptions")]
    pub strict_tls_options: bool,
}

/// One address that is listened on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EntryPoint {
    /// `[host]:port[/tcp|/udp]`.
    pub address: String,
    /// Routers that name no entry point use it.
    pub as_default: bool,
    /// See [`Core::strict_tls_options`], from which it is taken.
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
    /// Largest head of a request, in bytes.
    pub max_header_bytes: u64,
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

/// Where routes come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Providers {
    /// Labels of containers.
    pub docker: Option<DockerProvider>,
    /// Dynamic files.
    pub file: Option<FileProvider>,
}

/// The docker provider's options that concern labels; which engine is asked is not the gateway's business here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DockerProvider {
    /// Containers are routed unless they say no.
    pub exposed_by_default: bool,
    /// Rule of routers that have none: a Go template.
    pub default_rule: String,
    /// Which containers count: an expression over labels.
    pub constraints: String,
    /// Network whose addresses are used.
    pub network: String,
    /// Use the address on the host that a port is published at.
    #[serde(rename = "useBindPortIP")]
    pub use_bind_port_ip: bool,
    /// Keep services whose containers are not healthy.
    pub allow_empty_services: bool,
    /// Address of the engine.
    pub endpoint: String,
}

impl Default for DockerProvider {
    fn default() -> Self {
        Self {
            exposed_by_default: true,
            default_rule: "Host(`{{ normalize .Name }}`)".to_owned(),
            constraints: String::new(),
            network: String::new(),
            use_bind_port_ip: false,
            allow_empty_services: false,
            endpoint: String::new(),
        }
    }
}

/// Dynamic files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FileProvider {
    /// One file.
    pub filename: String,
    /// A folder of files.
    pub directory: String,
    /// Read them again when they change.
    pub watch: bool,
}

impl Default for FileProvider {
    fn default() -> Self {
        Self { filename: String::new(), directory: String::new(), watch: true }
    }
}

impl FileProvider {
    /// The file or folder; none where neither is named.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        [&self.filename, &self.directory].into_iter().find(|path| !path.is_empty()).map(Path::new)
    }
}

/// The API and the dashboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Api {
    /// On the entry point `traefik` without a router of one's own.
    pub insecure: bool,
    /// Whether there is a dashboard beside the API.
    pub dashboard: bool,
    /// Path that everything is below.
    pub base_path: String,
}

impl Default for Api {
    fn default() -> Self {
        Self { insecure: false, dashboard: true, base_path: "/".to_owned() }
    }
}

/// `/ping`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Ping {
    /// Where.
    pub entry_point: String,
    /// Only by a router of one's own.
    pub manual_routing: bool,
    /// Status while shutting down.
    pub terminating_status_code: u16,
}

impl Default for Ping {
    fn default() -> Self {
        Self { entry_point: "traefik".to_owned(), manual_routing: false, terminating_status_code: 503 }
    }
}

/// The access log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AccessLog {
    /// File; empty for standard output.
    pub file_path: String,
    /// `common`, `genericCLF` or `json`.
    pub format: String,
    /// Which requests.
    pub filters: AccessLogFilters,
    /// What of them.
    pub fields: AccessLogFields,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self {
            file_path: String::new(),
            format: "common".to_owned(),
            filters: AccessLogFilters::default(),
            fields: AccessLogFields::default(),
        }
    }
}

/// What the access log says of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AccessLogFields {
    /// `keep` or `drop`, for fields that are not named.
    pub default_mode: String,
    /// `keep` or `drop`, by field.
    pub names: BTreeMap<String, String>,
    /// Headers of request and answer.
    pub headers: AccessLogHeaders,
    /// Queries of paths.
    pub query_parameters: AccessLogQueries,
}

impl Default for AccessLogFields {
    fn default() -> Self {
        Self {
            default_mode: "keep".to_owned(),
            names: BTreeMap::new(),
            headers: AccessLogHeaders::default(),
            query_parameters: AccessLogQueries::default(),
        }
    }
}

/// Queries in the access log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AccessLogQueries {
    /// `keep` or `drop`.
    pub default_mode: String,
}

impl Default for AccessLogQueries {
    fn default() -> Self {
        Self { default_mode: "keep".to_owned() }
    }
}

/// Headers in the access log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AccessLogHeaders {
    /// `keep`, `drop` or `redact`, for headers that are not named.
    pub default_mode: String,
    /// `keep`, `drop` or `redact`, by header.
    pub names: BTreeMap<String, String>,
}

impl Default for AccessLogHeaders {
    fn default() -> Self {
        Self { default_mode: "drop".to_owned(), names: BTreeMap::new() }
    }
}

/// Which requests the access log shows: those that any filter takes; all without filters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AccessLogFilters {
    /// Status codes and ranges (`200`, `400-499`).
    pub status_codes: Vec<String>,
    /// Those that were tried again.
    pub retry_attempts: bool,
    /// Those that took at least this long.
    pub min_duration: GoDuration,
}

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metrics {
    /// What the gateway does for itself counts, too.
    pub add_internals: bool,
    /// Metrics for Prometheus to fetch, if on.
    pub prometheus: Option<Prometheus>,
}

/// Metrics for Prometheus to fetch at `/metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Prometheus {
    /// Upper bounds of the buckets of durations, in seconds.
    pub buckets: Vec<String>,
    /// By entry point.
    pub add_entry_points_labels: bool,
    /// By router.
    pub add_routers_labels: bool,
    /// By service.
    pub add_services_labels: bool,
    /// Where.
    pub entry_point: String,
    /// Only by a router of one's own.
    pub manual_routing: bool,
    /// Labels of `requests_total` and the request headers that they are taken from.
    pub header_labels: BTreeMap<String, String>,
}

impl Default for Prometheus {
    fn default() -> Self {
        Self {
            buckets: ["0.1", "0.3", "1.2", "5"].map(str::to_owned).to_vec(),
            add_entry_points_labels: true,
            add_routers_labels: false,
            add_services_labels: true,
            entry_point: "traefik".to_owned(),
            manual_routing: false,
            header_labels: BTreeMap::new(),
        }
    }
}

impl Prometheus {
    /// The bounds as numbers. Texts that are none, which reading refuses, are left out.
    #[must_use]
    pub fn bounds(&self) -> Vec<f64> {
        self.buckets.iter().filter_map(|bound| bound.parse().ok()).collect()
    }
}

/// The program's own log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Log {
    /// `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR`, `FATAL` or `PANIC`.
    pub level: String,
    /// `common` or `json`.
    pub format: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "ERROR".to_owned(), format: "common".to_owned() }
    }
}

/// How servers are spoken to by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServersTransport {
    /// Do not check servers' certificates.
    pub insecure_skip_verify: bool,
    /// Certificate authorities to trust.
    #[serde(rename = "rootCAs")]
    pub root_cas: Vec<String>,
    /// Idle connections kept for each server.
    pub max_idle_conns_per_host: u64,
    /// Time limits.
    pub forwarding_timeouts: ForwardingTimeouts,
}

/// Time limits towards servers; zero is no limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ForwardingTimeouts {
    /// Making a connection.
    pub dial_timeout: GoDuration,
    /// From the end of the request to the head of the answer.
    pub response_header_timeout: GoDuration,
    /// A kept connection without a request.
    pub idle_conn_timeout: GoDuration,
}

impl Default for ForwardingTimeouts {
    fn default() -> Self {
        Self {
            dial_timeout: GoDuration::from_secs(30),
            response_header_timeout: GoDuration::ZERO,
            idle_conn_timeout: GoDuration::from_secs(90),
        }
    }
}

impl StaticConfig {
    /// Reads it from the first source that says something.
    ///
    /// # Errors
    /// All mistakes; warnings come with the result.
    pub fn read(sources: &Sources<'_>) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let (mut config, problems) = read::read(sources)?;
        config.complete();
        Ok((config, problems))
    }

    /// Adds the entry points that Traefik has without being asked: `http` on :80 where there is none, `traefik` on
    /// :8080 where something internal is served on it.
    fn complete(&mut self) {
        let named = |address: &str| EntryPoint { address: address.to_owned(), ..EntryPoint::default() };
        if self.entry_points.is_empty() {
            self.entry_points.insert("http".to_owned(), named(":80"));
        }
        let internal = self.api.as_ref().is_some_and(|api| api.insecure)
            || self.ping.as_ref().is_some_and(|ping| !ping.manual_routing && ping.entry_point == "traefik")
            || self.metrics.prometheus.as_ref().is_some_and(|on| !on.manual_routing && on.entry_point == "traefik");
        if internal && !self.entry_points.contains_key("traefik") {
            self.entry_points.insert("traefik".to_owned(), named(":8080"));
        }
        for point in self.entry_points.values_mut() {
            point.strict_tls_options = self.core.strict_tls_options;
            point.forwarded_headers.not_append_x_forwarded_for |= self.global.not_append_x_forwarded_for;
        }
    }

    /// Names of the entry points for routers that name none: those marked `asDefault`, else every TCP one but
    /// `traefik`.
    #[must_use]
    pub fn default_entry_points(&self) -> Vec<&str> {
        let marked: Vec<&str> =
            self.entry_points.iter().filter(|(_, point)| point.as_default).map(|(name, _)| name.as_str()).collect();
        if !marked.is_empty() {
            return marked;
        }
        self.entry_points
            .iter()
            .filter(|(name, point)| *name != "traefik" && !point.is_udp())
            .map(|(name, _)| name.as_str())
            .collect()
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

/// The files Traefik looks for when no `--configFile` is given, best first (Traefik documentation, "The static
/// configuration: file").
#[must_use]
pub fn default_files(home: Option<&Path>, xdg: Option<&Path>) -> Vec<PathBuf> {
    let folders = [
        Some(PathBuf::from("/etc/traefik")),
        xdg.map(Path::to_owned),
        home.map(|home| home.join(".config")),
        Some(PathBuf::from(".")),
    ];
    folders
        .into_iter()
        .flatten()
        .flat_map(|folder| ["toml", "yaml", "yml"].map(|end| folder.join(format!("traefik.{end}"))))
        .collect()
}

#[cfg(test)]
mod tests;
