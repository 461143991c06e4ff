//! UDP routers and services.

use serde::{Deserialize, Serialize};

use super::{Named, WeightedService, is_default};

/// The section `udp`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UdpConfiguration {
    /// Which datagrams go to which service.
    #[serde(skip_serializing_if = "is_default")]
    pub routers: Named<UdpRouter>,
    /// Where datagrams can go.
    #[serde(skip_serializing_if = "is_default")]
    pub services: Named<UdpService>,
}

/// A UDP router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UdpRouter {
    /// Names of entry points; empty means the default ones.
    #[serde(skip_serializing_if = "is_default")]
    pub entry_points: Vec<String>,
    /// Name of the service.
    #[serde(skip_serializing_if = "is_default")]
    pub service: String,
}

/// A UDP service: exactly one of its kinds is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UdpService {
    /// Servers behind one name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<UdpLoadBalancer>,
    /// Other services, chosen in proportion to weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighted: Option<UdpWeightedRoundRobin>,
}

/// UDP services chosen in proportion to weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UdpWeightedRoundRobin {
    /// The services.
    #[serde(skip_serializing_if = "is_default")]
    pub services: Vec<WeightedService>,
}

/// A load balancer over UDP servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UdpLoadBalancer {
    /// The servers.
    #[serde(skip_serializing_if = "is_default")]
    pub servers: Vec<UdpServer>,
}

/// One server of a UDP load balancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UdpServer {
    /// Host and port.
    #[serde(skip_serializing_if = "is_default")]
    pub address: String,
}
