//! Connections that begin with TLS: to a TCP router, or through the handshake to HTTP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::Either;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use crate::http::exchange::TlsSession;
use crate::http::host;
use crate::http::meter::Meter;
use crate::rule::TcpCandidate;
use crate::tcp::hello::Replay;
use crate::tcp::{Beginning, Ends, EntryRoutes, TcpRoute, TcpTls, hello, postgres};
use crate::timeout::with_timeout;

use super::Connection;
use super::watch::ReadReadiness;

impl Connection {
    /// A TLS connection on an entry point that has TCP routers for such.
    pub(super) async fn tls_or_tcp(self, stream: TcpStream, tcp: &EntryRoutes) {
        let Ok(local) = stream.local_addr() else { return };
        let Some((hello, stream)) = self.hello(hello::read(stream)).await else { return };
        let challenged = self.worker.shared.challenges.is_asked_by(&hello);
        let found = (!challenged).then(|| tcp.encrypted(&self.candidate(&hello, &hello.protocols()))).flatten();
        match found {
            Some(route) => self.end_tls(route, stream, local, !hello.server_name.is_empty(), Beginning::Client).await,
            None => self.tls(stream, local).await,
        }
    }

    /// A connection of PostgreSQL, which has asked for TLS in the clear. HTTPS routers have nothing to do with it.
    pub(super) async fn postgres(self, mut stream: TcpStream, tcp: &EntryRoutes) {
        let Ok(local) = stream.local_addr() else { return };
        let agreed = async move {
            if !postgres::agree(&mut stream).await? {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the PostgreSQL client does not want TLS"));
            }
            hello::read(stream).await
        };
        let Some((hello, stream)) = self.hello(agreed).await else { return };
        match tcp.for_tls(&self.candidate(&hello, &hello.protocols())) {
            Some(route) => self.end_tls(route, stream, local, !hello.server_name.is_empty(), Beginning::Postgres).await,
            None => tracing::debug!(client = %self.peer, "connection closed: no TCP router is for this name"),
        }
    }

    /// What a client's TLS hello says, in the time that a handshake has.
    async fn hello<S>(
        &self,
        reading: impl Future<Output = io::Result<(hello::Hello, Replay<S>)>>,
    ) -> Option<(hello::Hello, Replay<S>)> {
        match with_timeout(self.entry.limits.handshake, reading).await {
            Some(Ok(read)) => return Some(read),
            Some(Err(error)) => tracing::debug!(client = %self.peer, %error, "TLS handshake failed"),
            None => tracing::debug!(client = %self.peer, "TLS handshake took too long"),
        }
        None
    }

    fn candidate<'a>(&self, hello: &'a hello::Hello, alpn: &'a [&'a [u8]]) -> TcpCandidate<'a> {
        TcpCandidate { server_name: &hello.server_name, client: self.peer.ip().to_canonical(), alpn }
    }

    /// Carries a connection to where its TCP router says, and ends its TLS where that is asked for.
    async fn end_tls(
        &self,
        route: &TcpRoute,
        stream: Replay<TcpStream>,
        local: SocketAddr,
        named: bool,
        beginning: Beginning,
    ) {
        let ends = Ends { peer: self.peer, local };
        let Some(TcpTls::Terminated(terms)) = &route.tls else { return route.serve(stream, ends, beginning).await };
        let config =
            terms.config.clone().map(|config| if named { config } else { terms.at_address(config, local.ip()) });
        let Some(mut config) = config else {
            tracing::debug!(client = %self.peer, "connection closed: its TLS options cannot be used");
            return;
        };
        if beginning == Beginning::Postgres {
            // It is known what is spoken: a client that names it should not be refused for options made for HTTP.
            Arc::make_mut(&mut config).alpn_protocols = vec![postgres::PROTOCOL.to_vec()];
        }
        match with_timeout(self.entry.limits.handshake, TlsAcceptor::from(config).accept(stream)).await {
            // What is carried on is no longer encrypted: its server is not asked for TLS.
            Some(Ok(stream)) => route.serve(stream, ends, Beginning::Client).await,
            Some(Err(error)) => tracing::debug!(client = %self.peer, %error, "TLS handshake failed"),
            None => tracing::debug!(client = %self.peer, "TLS handshake took too long"),
        }
    }

    /// A TLS connection that HTTP is spoken over.
    pub(super) async fn tls<S: ReadReadiness + Unpin + Send + 'static>(self, stream: S, local: SocketAddr) {
        // What the handshake took is let go before the connection is served.
        let serving = match with_timeout(self.entry.limits.handshake, Box::pin(self.handshake(stream, local))).await {
            Some(Ok(Some((stream, session)))) => self.encrypted(stream, session),
            Some(Ok(None)) => return tracing::debug!(client = %self.peer, "connection closed after the TLS hello"),
            Some(Err(error)) => return tracing::debug!(client = %self.peer, %error, "TLS handshake failed"),
            None => return tracing::debug!(client = %self.peer, "TLS handshake took too long"),
        };
        serving.await;
    }

    /// Serves HTTP of the version that the handshake agreed on.
    fn encrypted<S: ReadReadiness + Unpin + Send + 'static>(
        self,
        stream: TlsStream<S>,
        session: TlsSession,
    ) -> impl Future<Output = ()> {
        let stream = Box::new(stream);
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if http2 {
            Either::Left(self.http2(stream, Some(session), Meter::new()))
        } else {
            Either::Right(self.http1(stream, Some(session), Meter::new()))
        }
    }

    /// `None` when there is nothing more to say: the options for the name that the client asks for are unusable, or the
    /// connection was a certificate authority's question.
    async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        local: SocketAddr,
    ) -> io::Result<Option<(TlsStream<S>, TlsSession)>> {
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        if let Some(config) = self.worker.shared.challenges.tls(&hello.client_hello()) {
            // The certificate is the answer; nothing else is said (RFC 8737 section 3).
            let mut stream = hello.into_stream(config).await?;
            stream.shutdown().await?;
            return Ok(None);
        }
        let name = hello.client_hello().server_name().map(host::compared);
        let (identity, config) = {
            let view = self.worker.view.load();
            let terms = view.snapshot.policy.terms_of(name.as_deref());
            let Some(config) = terms.config_for(&hello.client_hello(), local.ip()) else { return Ok(None) };
            (Arc::clone(&terms.identity), config)
        };
        let stream = hello.into_stream(config).await?;
        let connection = stream.get_ref().1;
        let version = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
            _ => "1.3",
        };
        let cipher = connection
            .negotiated_cipher_suite()
            .map_or_else(String::new, |suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"));
        let certificates: Vec<_> =
            connection.peer_certificates().unwrap_or_default().iter().map(|der| der.clone().into_owned()).collect();
        if connection.alpn_protocol().is_some_and(|agreed| !matches!(agreed, b"h2" | b"http/1.1")) {
            // Who agreed on a protocol that only TCP routers speak does not go on with HTTP.
            return Ok(None);
        }
        let session = TlsSession { terms: identity, version, cipher, certificates: certificates.into() };
        Ok(Some((stream, session)))
    }
}
