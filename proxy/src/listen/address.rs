//! Where an entry point listens, as its configuration says it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::BindError;

/// What `[host]:port` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// This address.
    Known(SocketAddr),
    /// The address of a host, which has to be looked up.
    Named { host: String, port: u16 },
}

impl Address {
    /// Without host it means all addresses, IPv6 and IPv4.
    ///
    /// # Errors
    /// The text is no address.
    pub(crate) fn parse(text: &str) -> Result<Self, BindError> {
        let bad = || BindError::Address(text.to_owned());
        let plain = match text.rsplit_once('/') {
            Some((plain, protocol)) if ["tcp", "udp"].iter().any(|known| protocol.eq_ignore_ascii_case(known)) => plain,
            _ => text,
        };
        let (host, port) = plain.rsplit_once(':').ok_or_else(bad)?;
        let port: u16 = port.parse().map_err(|_| bad())?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Ok(Self::Known(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)));
        }
        Ok(match host.parse() {
            Ok(ip) => Self::Known(SocketAddr::new(ip, port)),
            Err(_) => Self::Named { host: host.to_owned(), port },
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn addresses_are_known_or_named() {
        let known = |text: &str| match Address::parse(text).unwrap() {
            Address::Known(address) => address.to_string(),
            Address::Named { host, port } => format!("{port} at {host}"),
        };
        assert_eq!(known(":443"), "[::]:443");
        assert_eq!(known("127.0.0.1:80/tcp"), "127.0.0.1:80");
        assert_eq!(known("[::1]:80"), "[::1]:80");
        assert_eq!(known("here.example:80/UDP"), "80 at here.example");
        assert_eq!(
            Address::parse("nonsense").unwrap_err().to_string(),
            "`nonsense` is not an address: expected `host:port` or `:port`"
        );
        assert!(Address::parse(":99999").is_err());
    }
}
