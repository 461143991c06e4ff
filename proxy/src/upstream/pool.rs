//! Kept connections to one server, owned by one worker.
//!
//! An HTTP/1.1 connection is looked at once before it is used again, which finds out whether the server closed it. It goes back
//! only when it is ready for a request.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::CancellationToken;

use crate::http::body::BodyError;

use super::call::Call;
use super::dial::{UpstreamStream, Versions, dial};
use super::failure::Failure;
use super::head_timeout::HeadTimeout;
use super::http1::{Connection, Interim, Unanswered};
use super::http2;
use super::server::{Scheme, Server};
use super::transport::Transport;

/// Whether a connection may be one that has carried requests before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// It may.
    Allowed,
    /// It is to be a new one: a kept one has turned out to be closed.
    Forbidden,
}

/// Connections of one worker to one server.
#[derive(Debug)]
pub(crate) struct Pool {
    /// The server.
    pub(crate) server: Arc<Server>,
    /// How connections are made.
    pub(crate) transport: Arc<Transport>,
    max_idle: usize,
    kept: Mutex<Kept>,
    /// Requests and tunnels under way; counted by one worker, read by others.
    under_way: AtomicUsize,
    left: CancellationToken,
}

/// A request, or a tunnel, on its way to a server or back: counted as long as this exists.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Pool>);

impl UnderWay {
    /// Counts one more for the pool's server.
    pub(crate) fn new(pool: &Arc<Pool>) -> Self {
        pool.under_way.fetch_add(1, Relaxed);
        Self(Arc::clone(pool))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

#[derive(Debug, Default)]
struct Kept {
    idle: Vec<Idle>,
    /// Over HTTP/2, idle or not.
    http2: Vec<http2::Connection>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

/// A connection to send one request over.
#[derive(Debug)]
pub(crate) enum Lease {
    /// HTTP/1.1; `reused` when it has carried requests before.
    Http1 { connection: Box<Connection>, reused: bool },
    /// HTTP/2, shared with other requests; `reused` as above.
    Http2 { connection: http2::Connection, reused: bool },
}

impl Pool {
    /// An empty pool that keeps at most `max_idle` connections from one [`Pool::sweep`] to the next.
    pub(crate) fn new(server: Arc<Server>, transport: Arc<Transport>, max_idle: usize) -> Self {
        Self {
            server,
            transport,
            max_idle,
            kept: Mutex::default(),
            under_way: AtomicUsize::new(0),
            left: CancellationToken::new(),
        }
    }

    /// The server is no longer in the configuration: no connection is made to it any more, those that are being made are
    /// given up (it may be gone without a word, as a killed container is), so that their requests go elsewhere.
    pub(crate) fn leave(&self) {
        self.left.cancel();
    }

    async fn connect(&self, versions: Versions) -> Result<UpstreamStream, Failure> {
        tokio::select! {
            biased;
            () = self.left.cancelled() => Err(Failure::Left { address: self.server.address() }),
            stream = dial(&self.server, &self.transport, versions) => stream,
        }
    }

    /// Whether requests or tunnels are under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.under_way.load(Relaxed) > 0
    }

    /// One worker's pool: held for a few instructions, by another thread only when the configuration changes.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kept connection where that will do, or a new one.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub(crate) async fn lease(&self, reuse: Reuse, versions: Versions) -> Result<Lease, Failure> {
        if reuse == Reuse::Allowed
            && let Some(lease) = self.reuse(versions)
        {
            return Ok(lease);
        }
        // Rare, and large: it has a place of its own in memory.
        Box::pin(self.open(versions)).await
    }

    async fn open(&self, versions: Versions) -> Result<Lease, Failure> {
        let stream = self.connect(versions).await?;
        let prior_knowledge = self.server.scheme == Scheme::H2c && versions == Versions::All;
        if prior_knowledge || stream.is_http2() {
            let mut connection = http2::Connection::open(stream, &self.transport.options).await?;
            let lease = connection.lease();
            self.kept().http2.push(connection);
            return Ok(Lease::Http2 { connection: lease, reused: false });
        }
        Ok(Lease::Http1 { connection: Box::new(Connection::new(stream)), reused: false })
    }

    fn reuse(&self, versions: Versions) -> Option<Lease> {
        let mut kept = self.kept();
        if versions == Versions::All && !kept.http2.is_empty() {
            kept.http2.retain_mut(http2::Connection::is_open);
            if let Some(connection) = kept.http2.iter_mut().find(|connection| connection.has_room()) {
                return Some(Lease::Http2 { connection: connection.lease(), reused: true });
            }
        }
        let limit = self.transport.options.idle_timeout;
        while let Some(Idle { mut connection, since }) = kept.idle.pop() {
            if (limit.is_zero() || since.elapsed() < limit) && connection.is_open() {
                return Some(Lease::Http1 { connection, reused: true });
            }
        }
        None
    }

    /// Takes a connection back if it is ready for another request.
    fn keep(&self, mut connection: Box<Connection>) {
        if self.max_idle > 0 && connection.rest() {
            self.kept().idle.push(Idle { connection, since: Instant::now() });
        }
    }

    /// Drops connections that have been idle for too long, that the server closed, or that are too many to be kept: those in
    /// use a moment ago may be needed again at once, so it is here that they are counted.
    pub(crate) fn sweep(&self) {
        let limit = self.transport.options.idle_timeout;
        let mut kept = self.kept();
        kept.idle.retain_mut(|idle| (limit.is_zero() || idle.since.elapsed() < limit) && idle.connection.is_open());
        let surplus = kept.idle.len().saturating_sub(self.max_idle);
        kept.idle.drain(..surplus);
        kept.http2.retain_mut(|connection| connection.is_open() && (limit.is_zero() || connection.idle() < limit));
    }
}

/// An answer to a forwarded request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// An ordinary answer.
    Response(Response<UpstreamBody>),
    /// `101 Switching Protocols`, the connection, and what the server already sent over it.
    Switched(Response<()>, UpstreamStream, Bytes, UnderWay),
}

impl Answer {
    /// The answer's status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Response(response) => response.status(),
            Self::Switched(head, ..) => head.status(),
        }
    }
}

impl Lease {
    /// True when the connection had been idle, so that the server may close it just now.
    pub(crate) fn is_reused(&self) -> bool {
        matches!(self, Self::Http1 { reused: true, .. } | Self::Http2 { reused: true, .. })
    }

    /// True for HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2 { .. })
    }

    /// Sends `call` and waits for the answer's head; `inform` is told what the server says before. A `call` that is
    /// untouched is as it was; otherwise its body is gone, over HTTP/2 its header fields, too, if it had one.
    pub(crate) async fn send(
        self,
        under_way: UnderWay,
        call: &mut Call,
        inform: &mut (dyn FnMut(Interim) + Send),
    ) -> Result<Answer, Unanswered> {
        let head_timeout = HeadTimeout::new(under_way.0.transport.options.response_header_timeout);
        match self {
            Self::Http1 { mut connection, .. } => {
                let head = connection.exchange(call, inform, head_timeout).await?;
                let mut response = Response::new(());
                *response.status_mut() = head.status;
                *response.version_mut() = head.version;
                *response.headers_mut() = head.headers;
                if head.status == StatusCode::SWITCHING_PROTOCOLS {
                    let (stream, early) = connection.into_switched();
                    return Ok(Answer::Switched(response, stream, early, under_way));
                }
                let source = Source::Http1(Some(connection));
                Ok(Answer::Response(response.map(|()| UpstreamBody { source, under_way }.settled())))
            }
            Self::Http2 { connection, .. } => {
                let scheme = if under_way.0.server.scheme == Scheme::Https { "https" } else { "http" };
                // Rare, and large: it has a place of its own in memory.
                let answer = Box::pin(connection.exchange(scheme, call, inform, head_timeout)).await?;
                Ok(Answer::Response(answer.map(|body| UpstreamBody { source: Source::Http2(body), under_way })))
            }
        }
    }
}

/// An answer's body; reading it drives the connection, reading it to the end gives the connection back.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    source: Source,
    under_way: UnderWay,
}

#[derive(Debug)]
enum Source {
    /// `None` once it was given back.
    Http1(Option<Box<Connection>>),
    Http2(http2::Download),
    /// Nothing comes of it any more, and it is not known how much was to come.
    Broken,
}

impl UpstreamBody {
    /// Gives the connection back if the body is complete.
    fn settled(mut self) -> Self {
        self.settle();
        self
    }

    fn settle(&mut self) {
        if let Source::Http1(connection) = &mut self.source
            && let Some(connection) = connection.take_if(|connection| connection.is_over())
        {
            self.under_way.0.keep(connection);
        }
    }
}

impl HttpBody for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match &mut self.source {
            Source::Http1(None) | Source::Broken => None,
            Source::Http1(Some(connection)) => ready!(connection.poll_frame(cx)),
            Source::Http2(download) => ready!(download.poll_frame(cx)),
        };
        match &frame {
            Some(Err(_)) => self.source = Source::Broken,
            _ => self.settle(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Http1(connection) => connection.as_ref().is_none_or(|connection| connection.is_over()),
            Source::Http2(download) => download.is_end_stream(),
            Source::Broken => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Http1(None) => SizeHint::with_exact(0),
            Source::Http1(Some(connection)) => connection.left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Source::Http2(download) => download.size_hint(),
            Source::Broken => SizeHint::default(),
        }
    }
}
