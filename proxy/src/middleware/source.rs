//! Whom a request comes from: for lists of addresses, and for limits that hold for each source.

use std::net::IpAddr;

use http::HeaderName;
use ipnet::{IpNet, Ipv6Net};

use crate::config::dynamic::{IpStrategy, SourceCriterion};
use crate::http::exchange::Exchange;
use crate::http::headers::X_FORWARDED_FOR;
use crate::networks::{networks, parse};

/// How a client's address is found.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// The peer's.
    Peer(Option<u8>),
    /// So many from the right of `X-Forwarded-For`.
    Depth(usize, Option<u8>),
    /// The first from the right of `X-Forwarded-For` that is not one of these.
    Excluding(Vec<IpNet>, Option<u8>),
}

impl Address {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(strategy: Option<&IpStrategy>) -> Result<Self, String> {
        let Some(strategy) = strategy else { return Ok(Self::Peer(None)) };
        let excludes = strategy.depth <= 0 && !strategy.excluded_ips.is_empty();
        let subnet = match strategy.ipv6_subnet {
            None => None,
            // As in Traefik, which does not look at it then.
            Some(bits) if excludes && !(1..=128).contains(&bits) => None,
            Some(bits) => Some(u8::try_from(bits).ok().filter(|bits| (1..=128).contains(bits)).ok_or_else(|| {
                format!("invalid IPv6 subnet {bits} value, should be greater to 0 and lower or equal to 128")
            })?),
        };
        if strategy.depth > 0 {
            return Ok(Self::Depth(usize::try_from(strategy.depth).unwrap_or(usize::MAX), subnet));
        }
        if excludes {
            return Ok(Self::Excluding(networks(&strategy.excluded_ips)?, subnet));
        }
        Ok(Self::Peer(subnet))
    }

    /// The address, as text; empty where there is none.
    pub(crate) fn of(&self, exchange: &Exchange) -> String {
        match self {
            Self::Peer(subnet) => masked(&exchange.client.ip().to_string(), *subnet),
            Self::Depth(depth, subnet) => {
                let forwarded = forwarded(exchange);
                let found = forwarded.len().checked_sub(*depth).and_then(|at| forwarded.get(at));
                found.map(|text| masked(text, *subnet)).unwrap_or_default()
            }
            Self::Excluding(excluded, subnet) => {
                let listed =
                    |text: &&String| parse(text).is_some_and(|ip| excluded.iter().any(|net| net.contains(&ip)));
                let forwarded = forwarded(exchange);
                forwarded.iter().rev().find(|text| !listed(text)).map(|text| masked(text, *subnet)).unwrap_or_default()
            }
        }
    }
}

/// The elements of all `X-Forwarded-For` lines.
fn forwarded(exchange: &Exchange) -> Vec<String> {
    let lines = exchange.parts.headers.get_all(X_FORWARDED_FOR).iter();
    lines
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .map(|element| element.trim().to_owned())
        .collect()
}

fn masked(text: &str, subnet: Option<u8>) -> String {
    match (text.parse::<IpAddr>(), subnet) {
        (Ok(IpAddr::V6(ip)), Some(bits)) => {
            Ipv6Net::new(ip, bits).map_or_else(|_| text.to_owned(), |net| net.network().to_string())
        }
        _ => text.to_owned(),
    }
}

/// What tells one source from another.
#[derive(Debug, Clone)]
pub(crate) enum Criterion {
    /// The client's address.
    Address(Address),
    /// The value of a header.
    Header(HeaderName),
    /// The host asked for.
    Host,
}

impl Criterion {
    /// From the configuration, or `default` where it says nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: Option<&SourceCriterion>, default: Self) -> Result<Self, String> {
        let Some(config) = config else { return Ok(default) };
        let excluding = match (&config.ip_strategy, config.request_header_name.as_str(), config.request_host) {
            (Some(_), _, true) => Some("iPStrategy and RequestHost"),
            (Some(_), name, false) if !name.is_empty() => Some("iPStrategy and RequestHeaderName"),
            (None, name, true) if !name.is_empty() => Some("requestHost and RequestHeaderName"),
            _ => None,
        };
        if let Some(both) = excluding {
            return Err(format!("{both} are mutually exclusive"));
        }
        if !config.request_header_name.is_empty() {
            let name = HeaderName::from_bytes(config.request_header_name.as_bytes());
            return name.map(Self::Header).map_err(|_| format!("`{}` is no header name", config.request_header_name));
        }
        match &config.ip_strategy {
            Some(strategy) => Ok(Self::Address(Address::new(Some(strategy))?)),
            None if config.request_host => Ok(Self::Host),
            None => Ok(default),
        }
    }

    /// The source of a request.
    pub(crate) fn of(&self, exchange: &Exchange) -> String {
        match self {
            Self::Address(address) => address.of(exchange),
            Self::Header(name) => {
                let value = exchange.parts.headers.get(name);
                value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
            }
            // As in Traefik, with the port.
            Self::Host => exchange.host.value.to_str().unwrap_or_default().to_ascii_lowercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_looked_at_where_it_counts() {
        let wrong = IpStrategy { ipv6_subnet: Some(129), ..IpStrategy::default() };
        assert!(Address::new(Some(&wrong)).is_err());
        assert!(Address::new(Some(&IpStrategy { depth: 1, ..wrong.clone() })).is_err());
        let excluding = IpStrategy { excluded_ips: vec!["10.0.0.0/8".to_owned()], ..wrong };
        assert!(Address::new(Some(&excluding)).is_ok());
    }
}
