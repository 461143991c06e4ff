//! The client's side of a connection that leaves HTTP: a whole connection of HTTP/1.1, or a stream of HTTP/2.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio_util::either::Either;

use super::body::Body;
use super::http1::Tunnel;

/// What there will be once the client has been told that it may go on in another protocol.
#[derive(Debug)]
pub(crate) enum ClientTunnel {
    /// HTTP/1.1.
    Http1(oneshot::Receiver<Tunnel>),
    /// HTTP/2 (RFC 8441).
    Http2(oneshot::Receiver<StreamTunnel>),
}

impl ClientTunnel {
    /// The client's bytes; `None` if the client was not told, or is gone.
    pub(crate) async fn open(self) -> Option<Either<Tunnel, StreamTunnel>> {
        match self {
            Self::Http1(connection) => connection.await.ok().map(Either::Left),
            Self::Http2(stream) => stream.await.ok().map(Either::Right),
        }
    }
}

/// The two halves of a stream as one.
#[derive(Debug)]
pub(crate) struct StreamTunnel {
    to_client: SendStream<Bytes>,
    from_client: RecvStream,
    /// What was received and not yet read.
    received: Bytes,
    /// What is due when the exchange is over.
    _body: Body,
}

impl StreamTunnel {
    /// A stream whose answer's head, with `body` behind it, was sent.
    pub(super) fn new(to_client: SendStream<Bytes>, from_client: RecvStream, body: Body) -> Self {
        Self { to_client, from_client, received: Bytes::new(), _body: body }
    }
}

impl AsyncRead for StreamTunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.received.is_empty() {
            let Some(data) = ready!(self.from_client.poll_data(cx)) else { return Poll::Ready(Ok(())) };
            let data = data.map_err(io::Error::other)?;
            self.from_client.flow_control().release_capacity(data.len()).map_err(io::Error::other)?;
            self.received = data;
        }
        let count = self.received.len().min(buf.remaining());
        buf.put_slice(self.received.get(..count).unwrap_or_default());
        self.received.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for StreamTunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.to_client.reserve_capacity(buf.len());
        while self.to_client.capacity() == 0 {
            match ready!(self.to_client.poll_capacity(cx)) {
                Some(capacity) => drop(capacity.map_err(io::Error::other)?),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let part = buf.get(..self.to_client.capacity()).unwrap_or(buf);
        self.to_client.send_data(Bytes::copy_from_slice(part), false).map_err(io::Error::other)?;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.to_client.send_data(Bytes::new(), true).map_err(io::Error::other))
    }
}
