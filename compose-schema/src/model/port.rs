use std::borrow::Cow;

use serde::Serialize;

use super::{Extensions, is_empty};

/// One published port, in the long form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Port {
    /// A name for people.
    #[serde(skip_serializing_if = "is_empty")]
    pub name: String,
    /// `ingress` or `host`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub mode: Cow<'static, str>,
    /// Address of the host to listen on; empty for all.
    #[serde(skip_serializing_if = "is_empty")]
    pub host_ip: String,
    /// Port in the container.
    #[serde(skip_serializing_if = "is_empty")]
    pub target: u32,
    /// Port or range (`8080-8090`) of the host; empty: the engine chooses.
    #[serde(skip_serializing_if = "is_empty")]
    pub published: String,
    /// `tcp`, `udp` or `sctp`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub protocol: Cow<'static, str>,
    /// What is spoken on it (`http`), for people and tools.
    #[serde(skip_serializing_if = "is_empty")]
    pub app_protocol: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}
