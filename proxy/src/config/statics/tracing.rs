//! Options of traces (Traefik documentation, "Tracing: OpenTelemetry").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Traces of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Tracing {
    /// What the gateway does for itself has traces, too.
    pub add_internals: bool,
    /// Name of this service in traces.
    pub service_name: String,
    /// Further attributes of this service.
    pub resource_attributes: BTreeMap<String, String>,
    /// Which part of the requests has traces, from `0` to `1`; what came with a decision keeps it.
    pub sample_rate: String,
    /// Request headers that traces show.
    pub captured_request_headers: Vec<String>,
    /// Response headers that traces show.
    pub captured_response_headers: Vec<String>,
    /// Query parameters whose values traces show; those of all others are left out.
    pub safe_query_params: Vec<String>,
    /// Where traces are sent to.
    pub otlp: Otlp,
}

impl Default for Tracing {
    fn default() -> Self {
        Self {
            add_internals: false,
            service_name: "traefik".to_owned(),
            resource_attributes: BTreeMap::new(),
            sample_rate: "1.0".to_owned(),
            captured_request_headers: Vec::new(),
            captured_response_headers: Vec::new(),
            safe_query_params: Vec::new(),
            otlp: Otlp::default(),
        }
    }
}

impl Tracing {
    /// The part of the requests that has traces; none for what is no such number.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        self.sample_rate.trim().parse().ok().filter(|rate| (0.0..=1.0).contains(rate))
    }
}

/// A collector that speaks OTLP.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Otlp {
    /// Over HTTP.
    pub http: OtlpHttp,
}

/// A collector that speaks OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OtlpHttp {
    /// URL; without a path it is `/v1/traces`.
    pub endpoint: String,
    /// Headers that are sent with traces.
    pub headers: BTreeMap<String, String>,
    /// TLS towards it.
    pub tls: OtlpTls,
}

impl Default for OtlpHttp {
    fn default() -> Self {
        Self { endpoint: "https://localhost:4318".to_owned(), headers: BTreeMap::new(), tls: OtlpTls::default() }
    }
}

/// TLS towards a collector: files or PEM text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OtlpTls {
    /// Authority that it must have its certificate from; empty for the usual ones.
    pub ca: String,
    /// Our certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
    /// It may be anyone.
    pub insecure_skip_verify: bool,
}
