//! Listening sockets: bound so that a taken port is noticed, shared by the workers, accepting without spinning.

pub(crate) mod proxied;
pub(crate) mod succession;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

/// Connections that the system holds until they are accepted.
const BACKLOG: i32 = 4096;
/// Bytes of datagrams that the system holds for a socket.
const DATAGRAM_BUFFER: usize = 2 * 1024 * 1024;
/// After how long a silent client is probed.
const KEEP_ALIVE: Duration = Duration::from_secs(180);
/// Pauses after an accept that failed for want of descriptors or memory.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    /// Not `[host]:port`.
    #[error("`{0}` is not an address: expected `host:port` or `:port`")]
    Address(String),
    /// The system refuses.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The socket address that `[host]:port` means; without host all addresses, IPv6 and IPv4.
///
/// # Errors
/// Not an address, or a host that is not an IP address and cannot be looked up.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, BindError> {
    let bad = || BindError::Address(text.to_owned());
    let plain = match text.rsplit_once('/') {
        Some((plain, protocol)) if ["tcp", "udp"].iter().any(|known| protocol.eq_ignore_ascii_case(known)) => plain,
        _ => text,
    };
    let (host, port) = plain.rsplit_once(':').ok_or_else(bad)?;
    let port: u16 = port.parse().map_err(|_| bad())?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Ok(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port));
    }
    if let Ok(ip) = host.parse() {
        return Ok(SocketAddr::new(ip, port));
    }
    #[expect(clippy::disallowed_methods, reason = "when it starts, before anything is served")]
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(host, port));
    found.ok().and_then(|mut found| found.next()).ok_or_else(bad)
}

/// Binds `address` once for each of `workers`. All get the same port, also when port 0 asks for any.
///
/// # Errors
/// The address is taken or may not be bound.
pub(crate) fn bind(address: SocketAddr, workers: usize) -> Result<Vec<TcpListener>, BindError> {
    match bind_all(address, workers) {
        // A machine without IPv6 still listens on all of its addresses.
        Err(error) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && no_ipv6(&error) => {
            let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            bind_all(v4, workers).map_err(|source| BindError::Bind { address: v4, source })
        }
        result => result.map_err(|source| BindError::Bind { address, source }),
    }
}

/// Binds `address` for datagrams, with the system's largest buffers up to what a burst needs. Returns where it is bound.
///
/// # Errors
/// The address is taken or may not be bound.
pub(crate) fn bind_udp(address: SocketAddr) -> Result<(SocketAddr, UdpSocket), BindError> {
    match udp_socket(address) {
        Err(error) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && no_ipv6(&error) => {
            let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            udp_socket(v4).map_err(|source| BindError::Bind { address: v4, source })
        }
        result => result.map_err(|source| BindError::Bind { address, source }),
    }
}

fn udp_socket(address: SocketAddr) -> io::Result<(SocketAddr, UdpSocket)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
    }
    // The system gives what it allows; less loses datagrams in a burst, which is what datagrams do.
    let _ = socket.set_recv_buffer_size(DATAGRAM_BUFFER);
    let _ = socket.set_send_buffer_size(DATAGRAM_BUFFER);
    socket.bind(&address.into())?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((bound, socket.into()))
}

fn no_ipv6(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(97)
}

fn bind_all(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    // Listeners of workers share the port; a first socket without sharing finds out whether somebody else has it.
    let probe = socket(address, false)?;
    let address = probe.local_addr()?.as_socket().unwrap_or(address);
    drop(probe);
    share(address, workers.max(1))
}

/// Listens at an address `count` times, beside others of this user who listen there in the same way.
///
/// # Errors
/// The address is taken by somebody who does not share it, or may not be bound.
pub(crate) fn share(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    (0..count)
        .map(|_| {
            let socket = socket(address, true)?;
            socket.listen(BACKLOG)?;
            Ok(socket.into())
        })
        .collect()
}

/// Whether a socket that listens at `bound` is what [`bind`] gives for `wanted`.
pub(crate) fn same_place(bound: SocketAddr, wanted: SocketAddr) -> bool {
    // A machine without IPv6 listens on all its IPv4 addresses instead.
    let instead = wanted.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && bound.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    bound == wanted || (instead && bound.port() == wanted.port())
}

fn socket(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
    }
    if share {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Says what holds for each connection that a listening socket will accept: they get its options (Linux, as the BSDs).
pub(crate) fn prepare(listener: &tokio::net::TcpListener) {
    let socket = SockRef::from(listener);
    // Without these connections work all the same.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE));
}

/// Accepts the next connection, as [`accept_from`].
pub(crate) async fn accept(listener: &tokio::net::TcpListener) -> (TcpStream, SocketAddr) {
    accept_from(|| listener.accept()).await
}

/// Accepts the next connection of a listener of any kind. Failures of single connections are passed over; when descriptors or
/// memory run out it waits longer and longer instead of spinning.
pub async fn accept_from<T, F: Future<Output = io::Result<T>>>(accept: impl Fn() -> F) -> T {
    let mut pause = SHORTEST_PAUSE;
    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            Err(error) if one_connection_failed(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections for the moment");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn one_connection_failed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn accepted_connections_have_the_options_of_the_listening_socket() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        prepare(&listener);
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = accept(&listener).await;
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEP_ALIVE);
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_after_descriptors_have_run_out() {
        // "Too many open files", and a connection that failed by itself.
        let failures = [io::Error::from_raw_os_error(24), io::ErrorKind::ConnectionAborted.into()];
        let answers = std::cell::RefCell::new(failures.map(Err).into_iter().chain([Ok(7)]));
        let began = tokio::time::Instant::now();
        let accepted = accept_from(async || answers.borrow_mut().next().unwrap_or(Ok(0))).await;
        assert_eq!(accepted, 7);
        assert_eq!(began.elapsed(), SHORTEST_PAUSE, "it waits for descriptors, and for nothing else");
    }

    #[test]
    fn addresses() {
        assert_eq!(parse_address(":443").unwrap().to_string(), "[::]:443");
        assert_eq!(parse_address("127.0.0.1:80/tcp").unwrap().to_string(), "127.0.0.1:80");
        assert_eq!(parse_address("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert_eq!(
            parse_address("nonsense").unwrap_err().to_string(),
            "`nonsense` is not an address: expected `host:port` or `:port`"
        );
        assert!(parse_address(":99999").is_err());
    }

    #[test]
    fn workers_share_a_port_that_nobody_else_gets() {
        let listeners = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == address));
        let error = bind(address, 1).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {address}"));
    }

    #[test]
    fn without_host_both_families_are_served() {
        let listeners = bind(parse_address(":0").unwrap(), 1).unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
}
