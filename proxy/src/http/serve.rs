//! One client connection: which protocol it speaks, and watching over it until it ends.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::entry_point::EntryPoint;
use crate::worker::{Place, Worker};

use super::exchange::{Client, TlsSession};
use super::handle::handle;
use super::meter::{Exceeded, Meter, Metered};
use super::wire::Wire;

/// What an HTTP/2 client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;
/// Most header fields of a request.
const MAX_HEADERS: usize = 1600;
/// Most bytes of an HTTP/2 header list: header compression makes larger ones cheap to send.
const MAX_H2_HEADERS: u32 = 64 * 1024;
/// A silent HTTP/2 connection is probed after this, and closed when it does not answer.
const H2_PING: Duration = Duration::from_secs(30);
/// Bytes of answers buffered for one HTTP/2 stream.
const H2_SEND_BUFFER: usize = 128 * 1024;
/// Windows for request bodies.
const H2_STREAM_WINDOW: u32 = 256 * 1024;
const H2_CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Serves a connection until it ends, is too slow, or `drain` asks for its end.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: std::net::SocketAddr,
    entry: Arc<EntryPoint>,
    worker: Arc<Worker>,
    drain: CancellationToken,
    place: Place,
) {
    let _place = place;
    let Some(first) = first_bytes(&stream, &entry, &drain).await else { return };
    let connection = Connection { peer, entry, worker, drain };
    match first {
        First::Tls => connection.tls(stream).await,
        First::Http2 => connection.http2(stream, None, Meter::new()).await,
        First::Http1 => connection.http1(stream, None, Meter::new()).await,
    }
}

enum First {
    Tls,
    Http2,
    Http1,
}

/// Looks at the first bytes without taking them.
async fn first_bytes(stream: &TcpStream, entry: &EntryPoint, drain: &CancellationToken) -> Option<First> {
    let look = async {
        let mut seen = [0_u8; PREFACE.len()];
        let mut before = 0;
        loop {
            let count = stream.peek(&mut seen).await.ok()?;
            let bytes = seen.get(..count)?;
            match bytes.first()? {
                &TLS_HANDSHAKE => return Some(First::Tls),
                _ if bytes == PREFACE => return Some(First::Http2),
                _ if PREFACE.starts_with(bytes) && count > before => {
                    // Peeking does not wait for more than is there; a preface in pieces is rare and short.
                    before = count;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                _ => return Some(First::Http1),
            }
        }
    };
    tokio::select! {
        first = within(entry.limits.header, look) => first?,
        () = drain.cancelled() => None,
    }
}

/// `future`, unless it takes longer than `limit` (zero: no limit).
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() { Some(future.await) } else { tokio::time::timeout(limit, future).await.ok() }
}

struct Connection {
    peer: std::net::SocketAddr,
    entry: Arc<EntryPoint>,
    worker: Arc<Worker>,
    drain: CancellationToken,
}

impl Connection {
    async fn tls(self, stream: TcpStream) {
        let meter = Meter::new();
        match within(self.entry.limits.handshake, self.handshake(stream)).await {
            Some(Ok(Some((stream, session)))) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                if http2 {
                    self.http2(stream, Some(session), meter).await;
                } else {
                    self.http1(stream, Some(session), meter).await;
                }
            }
            Some(Ok(None)) => tracing::debug!(client = %self.peer, "connection closed after the TLS hello"),
            Some(Err(error)) => tracing::debug!(client = %self.peer, %error, "TLS handshake failed"),
            None => tracing::debug!(client = %self.peer, "TLS handshake took too long"),
        }
    }

    /// `None` when there is nothing more to say: the options for the name that the client asks for are unusable, or the
    /// connection was a certificate authority's question.
    async fn handshake(&self, stream: TcpStream) -> io::Result<Option<(TlsStream<TcpStream>, TlsSession)>> {
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        if let Some(config) = self.worker.shared.challenges.tls(&hello.client_hello()) {
            // The certificate is the answer; nothing else is said (RFC 8737 section 3).
            let mut stream = hello.into_stream(config).await?;
            stream.shutdown().await?;
            return Ok(None);
        }
        let name = hello.client_hello().server_name().map(super::host::compared);
        let terms = self.worker.view.load().snapshot.policy.terms_of(name.as_deref()).clone();
        let Some(config) = terms.config else { return Ok(None) };
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
        let session = TlsSession { terms: terms.identity, version, cipher, certificates: certificates.into() };
        Ok(Some((stream, session)))
    }

    fn client(&self, tls: Option<TlsSession>, meter: &Arc<Meter>) -> Arc<Client> {
        let ip = self.peer.ip().to_canonical();
        Arc::new(Client {
            peer: self.peer,
            ip_value: HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("")),
            trusted: self.entry.forwarded.trusts(ip),
            tls,
            entry: Arc::clone(&self.entry),
            worker: Arc::clone(&self.worker),
            meter: Arc::clone(meter),
        })
    }

    async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        tls: Option<TlsSession>,
        meter: Arc<Meter>,
    ) {
        let client = self.client(tls, &meter);
        let served = http1::Builder::new()
            .title_case_headers(true)
            .max_headers(MAX_HEADERS)
            .max_header_size(self.entry.max_header_bytes)
            .max_buf_size(self.entry.max_header_bytes.max(16 * 1024))
            .header_read_timeout(None)
            .serve_connection(
                TokioIo::new(Wire::new(Metered::new(stream, Arc::clone(&meter)), Arc::clone(&meter))),
                service_fn(move |request: http::Request<Incoming>| {
                    let client = Arc::clone(&client);
                    async move { Ok::<_, Infallible>(handle(client, request).await) }
                }),
            )
            .with_upgrades();
        self.watch(std::pin::pin!(served), &meter, false).await;
    }

    async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        tls: Option<TlsSession>,
        meter: Arc<Meter>,
    ) {
        let client = self.client(tls, &meter);
        let served = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.entry.max_concurrent_streams)
            .max_header_list_size(MAX_H2_HEADERS.min(u32::try_from(self.entry.max_header_bytes).unwrap_or(u32::MAX)))
            .max_send_buf_size(H2_SEND_BUFFER)
            .initial_stream_window_size(H2_STREAM_WINDOW)
            .initial_connection_window_size(H2_CONNECTION_WINDOW)
            .keep_alive_interval(H2_PING)
            .keep_alive_timeout(H2_PING)
            .serve_connection(
                TokioIo::new(Metered::new(stream, Arc::clone(&meter))),
                service_fn(move |request: http::Request<Incoming>| {
                    let client = Arc::clone(&client);
                    async move { Ok::<_, Infallible>(handle(client, request).await) }
                }),
            );
        self.watch(std::pin::pin!(served), &meter, true).await;
    }

    /// Drives a connection to its end, within its limits; on `drain` it finishes what is under way and closes.
    async fn watch<C: Graceful>(&self, mut served: Pin<&mut C>, meter: &Meter, multiplexed: bool) {
        let limits = &self.entry.limits;
        let first = meter.check(limits, multiplexed).unwrap_or_else(|_| tokio::time::Instant::now());
        let mut alarm = std::pin::pin!(tokio::time::sleep_until(first));
        let mut drained = std::pin::pin!(self.drain.cancelled());
        let mut draining = false;
        loop {
            tokio::select! {
                biased;
                result = served.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(client = %self.peer, error = %crate::upstream::failure::chain(&error), "client connection failed");
                    }
                    return;
                }
                () = alarm.as_mut() => match meter.check(limits, multiplexed) {
                    Ok(next) => alarm.as_mut().reset(next),
                    Err(Exceeded::KeepAlive) if !draining => {
                        draining = true;
                        served.as_mut().graceful();
                        alarm.as_mut().reset(tokio::time::Instant::now() + Duration::from_secs(1));
                    }
                    Err(exceeded) => {
                        tracing::debug!(client = %self.peer, ?exceeded, "client connection closed: too slow");
                        return;
                    }
                },
                () = drained.as_mut(), if !draining => {
                    draining = true;
                    served.as_mut().graceful();
                }
            }
        }
    }
}

/// A connection that can be asked to end.
trait Graceful: Future<Output = hyper::Result<()>> {
    /// Finishes the requests under way, takes no more, then ends.
    fn graceful(self: Pin<&mut Self>);
}

impl<S, F, B> Graceful for http1::UpgradeableConnection<TokioIo<Wire<Metered<S>>>, F>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: hyper::service::HttpService<Incoming, ResBody = B>,
    F::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn graceful(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S, F, B> Graceful for http2::Connection<TokioIo<Metered<S>>, F, TokioExecutor>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: hyper::service::HttpService<Incoming, ResBody = B>,
    F::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    TokioExecutor: hyper::rt::bounds::Http2ServerConnExec<F::Future, B>,
{
    fn graceful(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
