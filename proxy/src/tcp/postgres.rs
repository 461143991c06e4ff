//! PostgreSQL's way into TLS: a client asks for it in the clear, and says its TLS hello when the answer is yes.
//!
//! Specification: PostgreSQL documentation, "Frontend/Backend Protocol", sections "SSL Session Encryption" and "GSSAPI Session
//! Encryption".

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The protocol by which clients name it in their TLS hello.
pub(crate) const PROTOCOL: &[u8] = b"postgresql";
/// Length of each request.
pub(crate) const LENGTH: usize = 8;
/// `SSLRequest`: its length, and 80877103.
const TLS: [u8; LENGTH] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// `GSSENCRequest`: its length, and 80877104. Clients with a Kerberos ticket send it first.
const GSSAPI: [u8; LENGTH] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];
const YES: u8 = b'S';
const NO: u8 = b'N';
/// How long a server may think about it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a connection begins with one of the requests; `None` where that cannot be told yet.
pub(crate) fn begins(bytes: &[u8]) -> Option<bool> {
    if bytes.len() >= LENGTH {
        return Some(bytes.starts_with(&TLS) || bytes.starts_with(&GSSAPI));
    }
    if TLS.starts_with(bytes) || GSSAPI.starts_with(bytes) { None } else { Some(false) }
}

/// Takes what a client asks for, and agrees to TLS: its hello is next. Returns false for a client that wants something else.
///
/// # Errors
/// The connection fails or ends.
pub(crate) async fn agree<S: AsyncRead + AsyncWrite + Unpin>(client: &mut S) -> io::Result<bool> {
    let mut asked = [0; LENGTH];
    client.read_exact(&mut asked).await?;
    if asked == GSSAPI {
        client.write_all(&[NO]).await?;
        client.read_exact(&mut asked).await?;
    }
    if asked != TLS {
        return Ok(false);
    }
    client.write_all(&[YES]).await?;
    Ok(true)
}

/// Asks a server for TLS, as its client did.
///
/// # Errors
/// The connection fails, the server does not want to or does not answer.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(server: &mut S) -> io::Result<()> {
    let asking = async {
        server.write_all(&TLS).await?;
        server.flush().await?;
        server.read_u8().await
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(YES)) => Ok(()),
        Ok(Ok(_)) => Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the PostgreSQL server does not offer TLS")),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn requests_are_told_from_the_rest_by_their_first_bytes() {
        assert_eq!(begins(&TLS), Some(true));
        assert_eq!(begins(&[&GSSAPI[..], b"more"].concat()), Some(true));
        assert_eq!(begins(&[0, 0, 0, 8]), None);
        assert_eq!(begins(b"GET "), Some(false));
        assert_eq!(begins(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2e]), Some(false), "a cancel request");
        assert_eq!(begins(&[0, 0, 0, 9]), Some(false));
    }

    #[tokio::test]
    async fn a_client_is_answered_and_a_server_asked() {
        let (mut client, mut here) = tokio::io::duplex(64);
        client.write_all(&[&GSSAPI[..], &TLS[..], b"hello"].concat()).await.unwrap();
        assert!(agree(&mut here).await.unwrap());
        let mut answers = [0; 2];
        client.read_exact(&mut answers).await.unwrap();
        assert_eq!(&answers, b"NS");

        client.write_all(&[0; 3]).await.unwrap();
        drop(client);
        assert!(!agree(&mut here).await.unwrap(), "a client that goes on in the clear");

        for (answer, agrees) in [(YES, true), (NO, false)] {
            let (mut here, mut server) = tokio::io::duplex(64);
            server.write_u8(answer).await.unwrap();
            assert_eq!(ask(&mut here).await.is_ok(), agrees);
            let mut asked = [0; LENGTH];
            server.read_exact(&mut asked).await.unwrap();
            assert_eq!(asked, TLS);
        }
    }
}
