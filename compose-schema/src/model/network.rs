use serde::Serialize;

use super::{Extensions, StringMap, is_empty};

/// A top-level network.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Network {
    /// Name at the engine (`project_key` unless given).
    #[serde(skip_serializing_if = "is_empty")]
    pub name: String,
    /// Network driver; empty for the engine's default.
    #[serde(skip_serializing_if = "is_empty")]
    pub driver: String,
    /// Driver options.
    #[serde(skip_serializing_if = "is_empty")]
    pub driver_opts: StringMap,
    /// Address management; always written.
    pub ipam: Ipam,
    /// It exists already and is not ours.
    #[serde(skip_serializing_if = "is_empty")]
    pub external: bool,
    /// No way out.
    #[serde(skip_serializing_if = "is_empty")]
    pub internal: bool,
    /// Containers outside the project may attach.
    #[serde(skip_serializing_if = "is_empty")]
    pub attachable: bool,
    /// Labels.
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: StringMap,
    /// IPv4 switched on or off.
    #[serde(skip_serializing_if = "is_empty")]
    pub enable_ipv4: Option<bool>,
    /// IPv6 switched on or off.
    #[serde(skip_serializing_if = "is_empty")]
    pub enable_ipv6: Option<bool>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// `ipam`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ipam {
    /// Driver; empty for the default.
    #[serde(skip_serializing_if = "is_empty")]
    pub driver: String,
    /// Address pools.
    #[serde(skip_serializing_if = "is_empty")]
    pub config: Vec<IpamPool>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// One address pool.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct IpamPool {
    /// Subnet in CIDR form.
    #[serde(skip_serializing_if = "is_empty")]
    pub subnet: String,
    /// Gateway address.
    #[serde(skip_serializing_if = "is_empty")]
    pub gateway: String,
    /// Range for containers, in CIDR form.
    #[serde(skip_serializing_if = "is_empty")]
    pub ip_range: String,
    /// Addresses by host name that containers must not get.
    #[serde(skip_serializing_if = "is_empty")]
    pub aux_addresses: StringMap,
}

/// How a service joins a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServiceNetwork {
    /// Further names of the service on this network.
    #[serde(skip_serializing_if = "is_empty")]
    pub aliases: Vec<String>,
    /// Driver options of the endpoint.
    #[serde(skip_serializing_if = "is_empty")]
    pub driver_opts: StringMap,
    /// Which network gives the default route.
    #[serde(skip_serializing_if = "is_empty")]
    pub gw_priority: i64,
    /// Name of the interface in the container.
    #[serde(skip_serializing_if = "is_empty")]
    pub interface_name: String,
    /// Fixed IPv4 address.
    #[serde(skip_serializing_if = "is_empty")]
    pub ipv4_address: String,
    /// Fixed IPv6 address.
    #[serde(skip_serializing_if = "is_empty")]
    pub ipv6_address: String,
    /// Link-local addresses.
    #[serde(skip_serializing_if = "is_empty")]
    pub link_local_ips: Vec<String>,
    /// Hardware address.
    #[serde(skip_serializing_if = "is_empty")]
    pub mac_address: String,
    /// Order of joining, highest first.
    #[serde(skip_serializing_if = "is_empty")]
    pub priority: i64,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}
