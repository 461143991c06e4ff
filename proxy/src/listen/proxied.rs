//! The PROXY protocol from balancers before us: who the client really is, said before anything else.
//!
//! Specification: HAProxy, "The PROXY protocol, versions 1 & 2", sections 2.1 and 2.2.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;

#[cfg(test)]
mod tests;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const LINE: &[u8] = b"PROXY ";
/// The longest line of version 1.
const LONGEST_LINE: usize = 107;
/// Signature, command, family and length.
const FIXED: usize = 16;
/// Most bytes of version 2 after those: addresses take 216 at most, the rest is for balancers' remarks.
const MOST: usize = 2048;
/// Peeking does not wait for more than is there.
const PAUSE: Duration = Duration::from_millis(5);

/// Takes the header off `stream`. Returns the client that it names; `None` where there is no header, or it names nobody (health checks
/// of the balancer itself).
///
/// # Errors
/// The connection fails or ends before its first bytes, or the header is malformed.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut seen = [0; LONGEST_LINE];
    let mut before = 0;
    loop {
        let count = stream.peek(&mut seen).await?;
        let bytes = seen.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match look(bytes).ok_or_else(malformed)? {
            Seen::Nothing => return Ok(None),
            Seen::More if count == before => tokio::time::sleep(PAUSE).await,
            Seen::More => {}
            Seen::Line(length) => {
                let mut line = vec![0; length];
                stream.read_exact(&mut line).await?;
                return parse_line(&line).ok_or_else(malformed);
            }
            Seen::Binary(length) => {
                let mut header = vec![0; length];
                stream.read_exact(&mut header).await?;
                return parse_binary(&header).ok_or_else(malformed);
            }
        }
        before = count;
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the PROXY header is malformed")
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// No header.
    Nothing,
    /// What may become one.
    More,
    /// One of version 1, with its length.
    Line(usize),
    /// One of version 2, with its length.
    Binary(usize),
}

/// What a connection begins with; `None` for a header that breaks the protocol.
fn look(bytes: &[u8]) -> Option<Seen> {
    let begins = |pattern: &[u8]| bytes.iter().zip(pattern).all(|(found, expected)| found == expected);
    if begins(LINE) {
        return match bytes.windows(2).position(|pair| pair == b"\r\n") {
            Some(end) => Some(Seen::Line(end + 2)),
            None => (bytes.len() < LONGEST_LINE).then_some(Seen::More),
        };
    }
    if !begins(SIGNATURE) {
        return Some(Seen::Nothing);
    }
    let Some(&[high, low]) = bytes.get(14..FIXED) else { return Some(Seen::More) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    (length <= MOST).then_some(Seen::Binary(FIXED + length))
}

/// The client in a line such as `PROXY TCP4 192.0.2.1 192.0.2.2 4711 443`; `None` for a line that is none.
fn parse_line(line: &[u8]) -> Option<Option<SocketAddr>> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("PROXY ")?.strip_suffix("\r\n")?;
    let fields: Vec<&str> = text.split(' ').collect();
    let client = match *fields.as_slice() {
        ["UNKNOWN", ..] => return Some(None),
        ["TCP4", client, server, port, _] => {
            let _: Ipv4Addr = server.parse().ok()?;
            SocketAddr::new(IpAddr::V4(client.parse().ok()?), port.parse().ok()?)
        }
        ["TCP6", client, server, port, _] => {
            let _: Ipv6Addr = server.parse().ok()?;
            SocketAddr::new(IpAddr::V6(client.parse().ok()?), port.parse().ok()?)
        }
        _ => return None,
    };
    Some(Some(client))
}

/// The client in a header of version 2; `None` for one that is none.
fn parse_binary(header: &[u8]) -> Option<Option<SocketAddr>> {
    let (fixed, rest) = header.split_at_checked(FIXED)?;
    let &[command, family] = fixed.get(12..14)? else { return None };
    match (command, family >> 4) {
        // The balancer itself.
        (0x20, _) => Some(None),
        (0x21, 1) => {
            let ip = <[u8; 4]>::try_from(rest.get(..4)?).ok()?;
            let port = <[u8; 2]>::try_from(rest.get(8..10)?).ok()?;
            rest.get(..12)?;
            Some(Some(SocketAddr::new(ip.into(), u16::from_be_bytes(port))))
        }
        (0x21, 2) => {
            let ip = <[u8; 16]>::try_from(rest.get(..16)?).ok()?;
            let port = <[u8; 2]>::try_from(rest.get(32..34)?).ok()?;
            rest.get(..36)?;
            Some(Some(SocketAddr::new(ip.into(), u16::from_be_bytes(port))))
        }
        // Sockets of one machine, or a family that is none of ours.
        (0x21, _) => Some(None),
        _ => None,
    }
}
