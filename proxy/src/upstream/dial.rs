//! Opens connections to servers.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::Failure;
use super::reach;
use super::server::{Scheme, Server};
use super::transport::Transport;

/// After how long a silent connection to a server is probed, and how often then.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_AGAIN: Duration = Duration::from_secs(15);

/// A connection to a server.
#[derive(Debug)]
pub(crate) enum UpstreamStream {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl UpstreamStream {
    /// True when the server chose HTTP/2 by ALPN.
    pub(crate) fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

/// Versions of HTTP that a connection may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    /// All that the server speaks.
    All,
    /// HTTP/1, which alone can switch to another protocol: HTTP/2 is not offered in TLS.
    Http1,
}

/// Connects to `server`.
///
/// # Errors
/// [`Failure::Scheme`], [`Failure::Connect`], [`Failure::ConnectTimeout`] or [`Failure::Tls`].
pub(crate) async fn dial(
    server: &Server,
    transport: &Transport,
    versions: Versions,
) -> Result<UpstreamStream, Failure> {
    if server.scheme == Scheme::Unknown {
        return Err(Failure::Scheme(server.url.clone()));
    }
    let limit = transport.options.dial_timeout;
    let connecting = async {
        let tcp = connect(server).await.map_err(|source| Failure::Connect { address: server.address(), source })?;
        match server.scheme {
            Scheme::Http | Scheme::H2c | Scheme::Unknown => Ok(UpstreamStream::Plain(tcp)),
            Scheme::Https => {
                let config = match versions {
                    Versions::All => &transport.tls,
                    Versions::Http1 => &transport.tls_http1,
                };
                handshake(server, transport, Arc::clone(config), tcp).await
            }
        }
    };
    if limit.is_zero() {
        return connecting.await;
    }
    match tokio::time::timeout(limit, connecting).await {
        Ok(done) => done,
        Err(_) => Err(Failure::ConnectTimeout { address: server.address(), after: limit }),
    }
}

async fn connect(server: &Server) -> io::Result<TcpStream> {
    let stream = reach::connect((server.host.as_str(), server.port)).await?;
    stream.set_nodelay(true)?;
    let probes = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE_AGAIN);
    SockRef::from(&stream).set_tcp_keepalive(&probes)?;
    Ok(stream)
}

async fn handshake(
    server: &Server,
    transport: &Transport,
    config: Arc<ClientConfig>,
    tcp: TcpStream,
) -> Result<UpstreamStream, Failure> {
    let failed = |source| Failure::Tls { address: server.address(), source };
    let name = transport.options.server_name.as_deref().unwrap_or(&server.host).to_owned();
    let name =
        ServerName::try_from(name).map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let stream = TlsConnector::from(config).connect(name, tcp).await.map_err(failed)?;
    Ok(UpstreamStream::Tls(Box::new(stream)))
}

impl AsyncRead for UpstreamStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
