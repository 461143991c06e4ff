//! The PROXY protocol towards servers: who the client is, said before anything else.
//!
//! Specification: HAProxy, "The PROXY protocol, versions 1 & 2", sections 2.1 and 2.2.

use std::net::{IpAddr, SocketAddr};

use super::Ends;

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, and that the addresses are a client's.
const PROXIED: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Which of them is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// A line of text.
    One,
    /// Binary.
    Two,
}

impl Version {
    /// By its number.
    pub(super) fn new(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }

    /// What is sent before the bytes of a connection.
    pub(super) fn header(self, ends: Ends) -> Vec<u8> {
        let (peer, local) = same_family(ends.peer, ends.local);
        match self {
            Self::One => {
                let family = if peer.is_ipv4() { "TCP4" } else { "TCP6" };
                format!("PROXY {family} {} {} {} {}\r\n", peer.ip(), local.ip(), peer.port(), local.port()).into_bytes()
            }
            Self::Two => {
                let mut bytes = SIGNATURE.to_vec();
                bytes.push(PROXIED);
                let mut addresses = Vec::with_capacity(36);
                for ip in [peer.ip(), local.ip()] {
                    match ip {
                        IpAddr::V4(ip) => addresses.extend(ip.octets()),
                        IpAddr::V6(ip) => addresses.extend(ip.octets()),
                    }
                }
                for port in [peer.port(), local.port()] {
                    addresses.extend(port.to_be_bytes());
                }
                bytes.push(if peer.is_ipv4() { TCP_OVER_IPV4 } else { TCP_OVER_IPV6 });
                bytes.extend(u16::try_from(addresses.len()).unwrap_or_default().to_be_bytes());
                bytes.append(&mut addresses);
                bytes
            }
        }
    }
}

/// Both as IPv4 if both are, else both as IPv6.
fn same_family(a: SocketAddr, b: SocketAddr) -> (SocketAddr, SocketAddr) {
    let (a4, b4) = (a.ip().to_canonical(), b.ip().to_canonical());
    if a4.is_ipv4() && b4.is_ipv4() {
        return (SocketAddr::new(a4, a.port()), SocketAddr::new(b4, b.port()));
    }
    let six = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        six @ IpAddr::V6(_) => six,
    };
    (SocketAddr::new(six(a4), a.port()), SocketAddr::new(six(b4), b.port()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn ends(peer: &str, local: &str) -> Ends {
        Ends { peer: peer.parse().unwrap(), local: local.parse().unwrap() }
    }

    #[test]
    fn headers_of_both_versions() {
        let four = ends("[::ffff:10.0.0.1]:4660", "10.0.0.2:80");
        assert_eq!(Version::One.header(four), b"PROXY TCP4 10.0.0.1 10.0.0.2 4660 80\r\n");
        assert_eq!(
            Version::Two.header(four),
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x0a\x00\x00\x01\x0a\x00\x00\x02\x12\x34\x00\x50"
        );
        let six = ends("[2001:db8::1]:1", "10.0.0.2:80");
        assert_eq!(Version::One.header(six), b"PROXY TCP6 2001:db8::1 ::ffff:10.0.0.2 1 80\r\n");
        assert_eq!(Version::Two.header(six).len(), 16 + 36);
        assert_eq!(Version::new(3), None);
    }
}
