//! What a gateway tells of itself: API, `/ping`, access log, metrics, its own log (Traefik documentation, "Observe").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::duration::GoDuration;

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
    /// What the gateway does for itself is logged, too.
    pub add_internals: bool,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self {
            file_path: String::new(),
            format: "common".to_owned(),
            filters: AccessLogFilters::default(),
            fields: AccessLogFields::default(),
            add_internals: false,
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
