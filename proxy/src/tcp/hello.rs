//! What a client's TLS hello says (RFC 8446 section 4.1.2), read without losing it: whoever serves the connection reads it again.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::pass_through::pass_through;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;

/// Most bytes of a hello; those with post-quantum keys have two thousand.
const MOST: usize = 64 * 1024;

/// What a hello says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The name asked for, in lower case; empty if there is none.
    pub(crate) server_name: String,
    /// Protocols offered.
    pub(crate) alpn: Vec<Vec<u8>>,
}

impl Hello {
    /// The protocols offered.
    pub(crate) fn protocols(&self) -> Vec<&[u8]> {
        self.alpn.iter().map(Vec::as_slice).collect()
    }
}

/// Reads a hello; what is none is taken for one that says nothing, so that whoever serves it can refuse it.
///
/// # Errors
/// The connection fails or ends before, or the hello is longer than anybody's.
pub(crate) async fn read<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(Hello, Replay<S>)> {
    let mut acceptor = Acceptor::default();
    let mut seen = Vec::new();
    let hello = loop {
        let before = seen.len();
        if before > MOST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the TLS hello is too long"));
        }
        if stream.read_buf(&mut seen).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut new = seen.get(before..).unwrap_or_default();
        while !new.is_empty() {
            acceptor.read_tls(&mut new)?;
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                break Hello {
                    server_name: hello.server_name().map(str::to_ascii_lowercase).unwrap_or_default(),
                    alpn: hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect(),
                };
            }
            Err(_) => break Hello::default(),
        }
    };
    Ok((hello, Replay { seen, given: 0, stream }))
}

/// A stream that gives again what was read of it.
#[derive(Debug)]
pub(crate) struct Replay<S> {
    seen: Vec<u8>,
    given: usize,
    stream: S,
}

impl<S> Replay<S> {
    /// Whether there is something to be given again.
    pub(crate) fn is_replaying(&self) -> bool {
        self.given < self.seen.len()
    }

    /// The stream itself.
    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let rest = this.seen.get(this.given..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let count = rest.len().min(buf.remaining());
        buf.put_slice(rest.get(..count).unwrap_or_default());
        this.given += count;
        if this.given == this.seen.len() {
            this.seen = Vec::new();
            this.given = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
    pass_through!(poll_write, poll_write_vectored, is_write_vectored, poll_flush, poll_shutdown);
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_no_hello_is_given_on() {
        let mut sent: &[u8] = b"\x16\x03\x01\x00\x05hello, and more";
        let (hello, mut replay) = read(&mut sent).await.unwrap();
        assert_eq!(hello, Hello::default());
        let mut again = Vec::new();
        replay.read_to_end(&mut again).await.unwrap();
        assert_eq!(again, b"\x16\x03\x01\x00\x05hello, and more");
        assert!(read(&mut &b""[..]).await.is_err());
    }
}
