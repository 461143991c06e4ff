//! Which addresses a server may be at.
//!
//! Whoever may write a label decides where the gateway connects to. On machines of clouds, link-local addresses are where
//! passwords of the machine itself are given to whoever asks from it: no server of an application is there.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};

/// The metadata service of a cloud that has no link-local address for it.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Connects to the first address of a server that takes the connection.
///
/// # Errors
/// There is none, or none that may be asked ([`check`]).
pub(crate) async fn connect(server: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let mut failed = None;
    for address in lookup_host(server).await? {
        match check(address) {
            Ok(address) => match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = Some(error),
            },
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "its name has no address")))
}

/// An address, if a server may be there.
///
/// # Errors
/// It is link-local (RFC 3927, RFC 4291 section 2.5.6), or where a cloud keeps the secrets of its machines.
pub(crate) fn check(address: SocketAddr) -> io::Result<SocketAddr> {
    let closed = match address.ip().to_canonical() {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == METADATA,
    };
    if !closed {
        return Ok(address);
    }
    let reason = format!(
        "{} is where clouds keep the secrets of their machines (a link-local address): nothing is sent there",
        address.ip()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_secrets_of_the_machine_cannot_be_asked_for() -> io::Result<()> {
        for closed in ["169.254.169.254", "169.254.0.1", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"] {
            let error = connect(format!("{closed}:80")).await.err().map(|error| error.kind());
            assert_eq!(error, Some(io::ErrorKind::PermissionDenied), "{closed}");
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        connect(("localhost", listener.local_addr()?.port())).await?;
        Ok(())
    }
}
