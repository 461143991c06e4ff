//! One client connection: which protocol it speaks, and watching over it until it ends.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Either;
use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};
use tokio_util::sync::CancellationToken;

use crate::entry_point::EntryPoint;
use crate::listen;
use crate::rule::TcpCandidate;
use crate::tcp::hello::Replay;
use crate::tcp::{Beginning, Ends, EntryRoutes, TcpRoute, TcpTls, hello, postgres};
use crate::worker::{Open, Worker};

use super::exchange::{Client, TlsSession};
use super::http1::{self, Channel};
use super::http2::Http2;
use super::meter::{Exceeded, Meter, Metered};

/// What an HTTP/2 client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;
/// Pauses between looks at a beginning that comes in pieces.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(80);
/// Longest time for such a beginning, whatever else has no limit.
const LONGEST_BEGINNING: Duration = Duration::from_secs(10);
/// How long a connection without a request under way goes on after it is asked to end.
const LINGER: Duration = Duration::from_secs(1);
/// After this time without a request an HTTP/1.1 connection is put aside.
const IDLE: Duration = Duration::from_secs(1);

/// Serves a connection until it ends, is too slow, or `drain` asks for its end.
///
/// Most connections are idle most of the time: each step has a place of its own in memory, which goes when the step is over.
pub(crate) async fn serve(
    mut stream: TcpStream,
    mut peer: std::net::SocketAddr,
    entry: Arc<EntryPoint>,
    worker: Arc<Worker>,
    drain: CancellationToken,
    open: Open,
) {
    if let Some(proxied) = &entry.proxied {
        match within(entry.limits.header, listen::proxied::read(&mut stream)).await {
            Some(Ok(Some(client))) if proxied.trusts(peer.ip()) => peer = client,
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(client = %peer, %error, "connection closed");
                return;
            }
            None => {
                tracing::debug!(client = %peer, "connection closed: its first bytes took too long");
                return;
            }
        }
    }
    let tcp = worker.view.load().snapshot.tcp.entry(&entry.name).cloned();
    let client = peer.ip().to_canonical();
    if let Some(route) = tcp.as_ref().and_then(|tcp| tcp.early(client)) {
        return Box::pin(carry(route, stream, peer)).await;
    }
    let asks = tcp.as_ref().is_some_and(|tcp| tcp.has_tls());
    let Some(first) = first_bytes(&stream, &entry, &drain, asks).await else { return };
    if !matches!(first, First::Tls | First::Postgres)
        && let Some(route) = tcp.as_ref().and_then(|tcp| tcp.plain(client))
    {
        return Box::pin(carry(route, stream, peer)).await;
    }
    let connection = Connection { peer, entry, worker, drain, open };
    match first {
        First::Tls => match tcp.filter(|tcp| tcp.has_tls()) {
            Some(tcp) => Box::pin(connection.tls_or_tcp(stream, &tcp)).await,
            None => match stream.local_addr() {
                Ok(local) => connection.tls(stream, local).await,
                Err(error) => tracing::debug!(client = %connection.peer, %error, "connection closed"),
            },
        },
        First::Postgres => {
            if let Some(tcp) = tcp {
                Box::pin(connection.postgres(stream, &tcp)).await;
            }
        }
        First::Http2 => connection.http2(stream, None, Meter::new()).await,
        First::Http1 => connection.http1(stream, None, Meter::new()).await,
    }
}

/// Carries a connection without TLS to where its TCP router says.
async fn carry(route: &TcpRoute, stream: TcpStream, peer: std::net::SocketAddr) {
    // A client that is gone already has no address any more.
    if let Ok(local) = stream.local_addr() {
        route.serve(stream, Ends { peer, local }, Beginning::Client).await;
    }
}

enum First {
    Tls,
    /// A PostgreSQL client's question for TLS.
    Postgres,
    Http2,
    Http1,
}

/// Looks at the first bytes without taking them; `asks` where clients may ask for TLS.
async fn first_bytes(stream: &TcpStream, entry: &EntryPoint, drain: &CancellationToken, asks: bool) -> Option<First> {
    let look = async {
        let mut seen = [0_u8; PREFACE.len()];
        let mut before = 0;
        let mut pause = SHORTEST_PAUSE;
        let began = tokio::time::Instant::now();
        loop {
            let count = stream.peek(&mut seen).await.ok()?;
            let bytes = seen.get(..count)?;
            let asked = if asks { postgres::begins(bytes) } else { Some(false) };
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
        first = within(entry.limits.header, look) => first?,
        () = lingered(drain) => None,
    }
}

/// Waits until a connection without a request under way has to end: a client may just have sent one, and should not find
/// the connection closed.
async fn lingered(drain: &CancellationToken) {
    drain.cancelled().await;
    tokio::time::sleep(LINGER).await;
}

/// `future`, unless it takes longer than `limit` (zero: no limit).
pub(crate) fn within<F: Future>(limit: Duration, future: F) -> impl Future<Output = Option<F::Output>> {
    if limit.is_zero() {
        Either::Left(future.map(Some))
    } else {
        Either::Right(tokio::time::timeout(limit, future).map(Result::ok))
    }
}

struct Connection {
    peer: std::net::SocketAddr,
    entry: Arc<EntryPoint>,
    worker: Arc<Worker>,
    drain: CancellationToken,
    /// A tunnel that it becomes outlives this.
    open: Open,
}

impl Connection {
    /// A TLS connection on an entry point that has TCP routers for such.
    async fn tls_or_tcp(self, stream: TcpStream, tcp: &EntryRoutes) {
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
    async fn postgres(self, mut stream: TcpStream, tcp: &EntryRoutes) {
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
        match within(self.entry.limits.handshake, reading).await {
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
        local: std::net::SocketAddr,
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
        match within(self.entry.limits.handshake, TlsAcceptor::from(config).accept(stream)).await {
            // What is carried on is no longer encrypted: its server is not asked for TLS.
            Some(Ok(stream)) => route.serve(stream, ends, Beginning::Client).await,
            Some(Err(error)) => tracing::debug!(client = %self.peer, %error, "TLS handshake failed"),
            None => tracing::debug!(client = %self.peer, "TLS handshake took too long"),
        }
    }

    async fn tls<S: Quiet + Unpin + Send + 'static>(self, stream: S, local: std::net::SocketAddr) {
        // What the handshake took is let go before the connection is served.
        let serving = match within(self.entry.limits.handshake, Box::pin(self.handshake(stream, local))).await {
            Some(Ok(Some((stream, session)))) => self.encrypted(stream, session),
            Some(Ok(None)) => return tracing::debug!(client = %self.peer, "connection closed after the TLS hello"),
            Some(Err(error)) => return tracing::debug!(client = %self.peer, %error, "TLS handshake failed"),
            None => return tracing::debug!(client = %self.peer, "TLS handshake took too long"),
        };
        serving.await;
    }

    /// Serves HTTP of the version that the handshake agreed on.
    fn encrypted<S: Quiet + Unpin + Send + 'static>(
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
        local: std::net::SocketAddr,
    ) -> io::Result<Option<(TlsStream<S>, TlsSession)>> {
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        if let Some(config) = self.worker.shared.challenges.tls(&hello.client_hello()) {
            // The certificate is the answer; nothing else is said (RFC 8737 section 3).
            let mut stream = hello.into_stream(config).await?;
            stream.shutdown().await?;
            return Ok(None);
        }
        let name = hello.client_hello().server_name().map(super::host::compared);
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

    fn client(&self, tls: Option<TlsSession>, meter: &Arc<Meter>) -> Arc<Client> {
        let ip = self.peer.ip().to_canonical();
        Arc::new(Client {
            peer: self.peer,
            ip_value: HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("")),
            trusted: self.entry.forwarded.trusts(ip),
            tls: tls.map(Arc::new),
            entry: Arc::clone(&self.entry),
            worker: Arc::clone(&self.worker),
            meter: Arc::clone(meter),
        })
    }

    fn http1<S: Quiet + Unpin + Send + 'static>(
        self,
        stream: S,
        tls: Option<TlsSession>,
        meter: Arc<Meter>,
    ) -> impl Future<Output = ()> {
        let client = self.client(tls, &meter);
        let channel = Arc::new(Channel::new(stream, Arc::clone(&meter)));
        async move {
            loop {
                // Without a request it needs none of what there is for one.
                let served = Box::pin(http1::serve(Arc::clone(&channel), Arc::clone(&client), self.open.clone()));
                let mut served = Http1 { served, meter: Arc::clone(&meter) };
                if let Watched::Over = self.watch(Pin::new(&mut served), &meter, false).await {
                    return;
                }
                drop(served);
                if channel.rest() && !self.is_said_more(&channel, &meter).await {
                    // Its client has gone, or is no longer waited for.
                    let _ = within(LINGER, channel.shutdown()).await;
                    return;
                }
            }
        }
    }

    /// Waits until the client of an idle connection says something; false when it has had its time.
    async fn is_said_more<S: Quiet>(&self, channel: &Channel<S>, meter: &Meter) -> bool {
        let mut ended = std::pin::pin!(lingered(&self.drain));
        let mut alarm = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            tokio::select! {
                biased;
                () = poll_fn(|cx| channel.with_stream(|stream| stream.poll_said(cx))) => return true,
                () = alarm.as_mut() => match meter.check(&self.entry.limits, false) {
                    Ok(next) => alarm.as_mut().reset(next),
                    Err(_) => return false,
                },
                () = ended.as_mut() => return false,
            }
        }
    }

    fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        tls: Option<TlsSession>,
        meter: Arc<Meter>,
    ) -> impl Future<Output = ()> {
        let client = self.client(tls, &meter);
        let mut served = Box::pin(Http2::new(Metered::new(stream, Arc::clone(&meter)), client, &self.entry));
        async move {
            self.watch(served.as_mut(), &meter, true).await;
        }
    }

    /// Drives a connection to its end, or until it has been idle for a while, within its limits; on `drain` it finishes what
    /// is under way and closes.
    async fn watch<C: Graceful>(&self, mut served: Pin<&mut C>, meter: &Meter, multiplexed: bool) -> Watched {
        let limits = &self.entry.limits;
        let look = || {
            let next = meter.check(limits, multiplexed)?;
            Ok(if multiplexed { next } else { next.min(tokio::time::Instant::now() + IDLE) })
        };
        let first = look().unwrap_or_else(|_: Exceeded| tokio::time::Instant::now());
        let mut alarm = std::pin::pin!(tokio::time::sleep_until(first));
        let mut drained = std::pin::pin!(self.drain.cancelled());
        let (mut leaving, mut draining) = (false, false);
        loop {
            tokio::select! {
                biased;
                result = served.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(client = %self.peer, error = %crate::upstream::failure::chain(&error), "client connection failed");
                    }
                    return Watched::Over;
                }
                () = alarm.as_mut() => match look() {
                    _ if leaving && !draining => {
                        draining = true;
                        served.as_mut().graceful();
                        alarm.as_mut().reset(tokio::time::Instant::now());
                    }
                    Ok(_) if !multiplexed && !leaving && !draining && meter.is_idle_for(IDLE) => return Watched::Idle,
                    Ok(next) => alarm.as_mut().reset(next),
                    Err(Exceeded::KeepAlive) if !draining => {
                        draining = true;
                        served.as_mut().graceful();
                        alarm.as_mut().reset(tokio::time::Instant::now() + Duration::from_secs(1));
                    }
                    Err(exceeded) => {
                        tracing::debug!(client = %self.peer, ?exceeded, "client connection closed: too slow");
                        return Watched::Over;
                    }
                },
                () = drained.as_mut(), if !leaving => {
                    leaving = true;
                    if multiplexed {
                        // GOAWAY, after which requests that were on their way are still taken.
                        draining = true;
                        served.as_mut().graceful();
                    } else {
                        // HTTP/1.1 has no such word: it goes with the next answer.
                        meter.leave();
                        alarm.as_mut().reset(tokio::time::Instant::now() + LINGER);
                    }
                }
            }
        }
    }
}

/// Why a connection is no longer watched.
enum Watched {
    /// It has ended.
    Over,
    /// Nothing is under way.
    Idle,
}

/// A stream of which can be known, without reading from it, that there may be something to read.
trait Quiet: AsyncRead + AsyncWrite {
    /// Ready when there may be.
    fn poll_said(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Quiet for TcpStream {
    fn poll_said(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(cx).map(drop)
    }
}

impl<S: Quiet + Unpin> Quiet for Box<TlsStream<S>> {
    fn poll_said(&self, cx: &mut Context<'_>) -> Poll<()> {
        // What was deciphered was read, too: whoever reads goes on until there is no more.
        self.get_ref().0.poll_said(cx)
    }
}

impl<S: Quiet + Unpin> Quiet for Replay<S> {
    fn poll_said(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_replaying() { Poll::Ready(()) } else { self.get_ref().poll_said(cx) }
    }
}

/// A connection that can be asked to end.
trait Graceful: Future<Output = Result<(), Self::Error>> {
    /// Why it may break.
    type Error: std::error::Error + 'static;

    /// Finishes the requests under way, takes no more, then ends.
    fn graceful(self: Pin<&mut Self>);
}

/// A connection of HTTP/1.1 that is served.
struct Http1<F> {
    served: Pin<Box<F>>,
    meter: Arc<Meter>,
}

impl<F: Future> Future for Http1<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.served.as_mut().poll(cx)
    }
}

impl<F: Future<Output = io::Result<()>>> Graceful for Http1<F> {
    type Error = io::Error;

    fn graceful(self: Pin<&mut Self>) {
        self.meter.stop();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Graceful for Http2<Metered<S>> {
    type Error = h2::Error;

    fn graceful(self: Pin<&mut Self>) {
        self.get_mut().end_gracefully();
    }
}
