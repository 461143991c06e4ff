//! Addresses and networks as configurations and proxies write them.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// An address as proxies write it: alone, or with a port.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    let ip = text.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|addr| addr.ip()));
    ip.map(|ip| ip.to_canonical())
}

/// Networks, or single addresses.
///
/// # Errors
/// The first that is neither.
pub(crate) fn networks(texts: &[String]) -> Result<Vec<IpNet>, String> {
    texts
        .iter()
        .map(|text| {
            let text = text.trim();
            text.parse::<IpNet>()
                .ok()
                .or_else(|| parse(text).map(IpNet::from))
                .ok_or_else(|| format!("parsing CIDR trusted IPs <nil>: invalid CIDR address: {text}"))
        })
        .collect()
}
