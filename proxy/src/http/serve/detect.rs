//! Which protocol a connection begins with, told from its first bytes.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::entry_point::EntryPoint;
use crate::tcp::postgres;
use crate::timeout::with_timeout;

use super::watch::lingered;

/// What an HTTP/2 client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;
/// Pauses between looks at a beginning that comes in pieces.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(80);
/// Longest time for such a beginning, whatever else has no limit.
const LONGEST_BEGINNING: Duration = Duration::from_secs(10);
/// How a connection begins.
pub(super) enum First {
    /// With a TLS handshake.
    Tls,
    /// A PostgreSQL client's question for TLS.
    Postgres,
    /// With the preface of HTTP/2.
    Http2,
    /// With anything else, which is taken for HTTP/1.1.
    Http1,
}

/// Whether clients of PostgreSQL are told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Postgres {
    /// They are, since there are TCP routers that end TLS or pass it on.
    Detected,
    /// They are not.
    Ignored,
}

/// Looks at the first bytes without taking them.
pub(super) async fn first_bytes(
    stream: &TcpStream,
    entry: &EntryPoint,
    drain: &CancellationToken,
    detects: Postgres,
) -> Option<First> {
    let look = async {
        let mut seen = [0_u8; PREFACE.len()];
        let mut before = 0;
        let mut pause = SHORTEST_PAUSE;
        let began = tokio::time::Instant::now();
        loop {
            let count = stream.peek(&mut seen).await.ok()?;
            let bytes = seen.get(..count)?;
            let asked = if detects == Postgres::Detected { postgres::begins(bytes) } else { Some(false) };
            match bytes.first()? {
                &TLS_HANDSHAKE => return Some(First::Tls),
                _ if bytes == PREFACE => return Some(First::Http2),
                _ if asked == Some(true) => return Some(First::Postgres),
                // Nobody else begins like that, but HTTP/1.1 may begin with a `P`, and is then read as it comes.
                _ if asked.is_none() || (PREFACE.starts_with(bytes) && count > before) => {
                    // Peeking does not wait for more than is there; such a beginning in pieces is rare and short.
                    before = count;
                    // That its client has left does not show while there are bytes.
                    if began.elapsed() > LONGEST_BEGINNING {
                        return None;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                _ => return Some(First::Http1),
            }
        }
    };
    tokio::select! {
        first = with_timeout(entry.limits.header, look) => first?,
        () = lingered(drain) => None,
    }
}
