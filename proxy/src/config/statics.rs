//! Traefik's static configuration: what is fixed when a gateway starts, from flags, environment or a file.
//!
//! The three sources exclude each other, as in Traefik: a file wins over flags, flags over `TRAEFIK_*` variables
//! (Traefik v3 documentation, "Configuration introduction"). Every option Traefik has is known by name: those that are
//! not in force here are warned about, those whose loss would open something are refused, anything else is a mistake.

mod acme;
mod check;
mod entry_point;
mod observation;
mod options;
mod providers;
mod read;
mod tracing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::duration::GoDuration;

pub use acme::{Acme, CertificatesResolver, DnsChallenge, Eab, HttpChallenge, KeyType, TlsChallenge};
pub use entry_point::{
    EncodedCharacters, EntryPoint, ForwardedHeaders, Http2, Http3, HttpDefaults, LifeCycle, ProxyProtocol,
    RedirectEntryPoint, Redirections, RespondingTimeouts, Transport, UdpOptions,
};
pub use observation::{
    AccessLog, AccessLogFields, AccessLogFilters, AccessLogHeaders, AccessLogQueries, Api, Log, Metrics, Ping,
    Prometheus,
};
pub use providers::{DockerProvider, FileProvider, Providers};
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
    /// The syntax of rules whose router does not say (`ruleSyntax`): `v3`, which is also what nothing is, or `v2`.
    pub default_rule_syntax: String,
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
        let environment = sources.environment.cloned().unwrap_or_default();
        if let Some(docker) = &mut config.providers.docker {
            docker.environment.clone_from(&environment);
        }
        if let Some(file) = &mut config.providers.file {
            file.environment = environment;
        }
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
    /// `traefik`, which is none even if it is marked.
    #[must_use]
    pub fn default_entry_points(&self) -> Vec<&str> {
        let marked = self.entry_points.values().any(|point| point.as_default);
        self.entry_points
            .iter()
            .filter(|(name, point)| *name != "traefik" && !point.is_udp() && (point.as_default || !marked))
            .map(|(name, _)| name.as_str())
            .collect()
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
