//! Which addresses a server may be at, and which of them is connected to.
//!
//! Whoever may write a label decides where the gateway connects to. On machines of clouds, link-local addresses are where
//! passwords of the machine itself are given to whoever asks from it: no server of an application is there.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};

/// The metadata service of a cloud that has no link-local address for it.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// How long an address has to take the connection before the next one is tried beside it (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the address of a server that takes the connection first. Addresses that do not answer, as those of a broken IPv6,
/// cost a moment only.
///
/// # Errors
/// There is none, or none that may be asked ([`check`]).
pub(crate) async fn connect(server: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let mut addresses = lookup_host(server).await?;
    let Some(first) = addresses.next() else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "its name has no address"));
    };
    let Some(second) = addresses.next() else { return connect_to(first).await };
    let addresses = in_turns([first, second].into_iter().chain(addresses).collect());
    Box::pin(race(addresses, connect_to)).await
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(check(address)?).await
}

/// Addresses of both families in turns, beginning with that of the first (RFC 8305 section 4).
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (these, others): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let mut turns = Vec::with_capacity(these.len() + others.len());
    let (mut these, mut others) = (these.into_iter(), others.into_iter());
    loop {
        let before = turns.len();
        turns.extend(these.next());
        turns.extend(others.next());
        if turns.len() == before {
            return turns;
        }
    }
}

/// What the first attempt gives that succeeds. The next begins when one has failed, or after [`ATTEMPT_DELAY`].
///
/// # Errors
/// All have failed; how the last of them did.
async fn race<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    loop {
        attempts.extend(addresses.next().map(&connect));
        tokio::select! {
            ended = attempts.next() => match ended {
                Some(Ok(connected)) => return Ok(connected),
                Some(Err(error)) => failed = error,
                None => return Err(failed),
            },
            () = tokio::time::sleep(ATTEMPT_DELAY), if addresses.len() > 0 => {}
        }
    }
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
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::cell::RefCell;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn the_secrets_of_the_machine_cannot_be_asked_for() {
        for closed in ["169.254.169.254", "169.254.0.1", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"] {
            let error = connect(format!("{closed}:80")).await.err().map(|error| error.kind());
            assert_eq!(error, Some(io::ErrorKind::PermissionDenied), "{closed}");
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        connect(("localhost", listener.local_addr().unwrap().port())).await.unwrap();
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let listed = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"]);
        assert_eq!(in_turns(listed), addresses(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "[::3]:1"]));
        assert_eq!(in_turns(Vec::new()), []);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_does_not_answer_costs_a_moment() {
        let began = Instant::now();
        let asked = RefCell::new(Vec::new());
        let connected = race(addresses(&["[::1]:1", "127.0.0.1:1", "127.0.0.2:1"]), async |address| {
            asked.borrow_mut().push((began.elapsed(), address.to_string()));
            match address.to_string().as_str() {
                "[::1]:1" => std::future::pending().await,
                "127.0.0.1:1" => Err(io::ErrorKind::ConnectionRefused.into()),
                _ => Ok(address),
            }
        });
        assert_eq!(connected.await.unwrap(), addresses(&["127.0.0.2:1"])[..].first().copied().unwrap());
        let at = |when, address: &str| (when, address.to_owned());
        let expected =
            [at(Duration::ZERO, "[::1]:1"), at(ATTEMPT_DELAY, "127.0.0.1:1"), at(ATTEMPT_DELAY, "127.0.0.2:1")];
        assert_eq!(*asked.borrow(), expected, "the next is tried after a moment, or at once when one has failed");
    }

    #[tokio::test]
    async fn where_all_fail_the_last_says_why() {
        let failed = race(addresses(&["[::1]:1", "127.0.0.1:1"]), async |address| {
            Err::<(), _>(
                if address.is_ipv6() { io::ErrorKind::NetworkUnreachable } else { io::ErrorKind::TimedOut }.into(),
            )
        });
        assert_eq!(failed.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
