//! Kept connections to one server, owned by one worker.
//!
//! An HTTP/1.1 connection is driven by the task that uses it: no task of its own, no wake-up from one task to another.
//! While idle nobody polls it; before it is used again it is polled once, which finds out whether the server closed it.
//! A connection goes back only when hyper says that it is ready for a request, so that neither an unread answer nor an
//! unsent request can leak into the next exchange.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;

use crate::http::body::{BodyError, RequestBody};

use super::answer_head::{AnswerStream, Awaited, Interim};
use super::dial::{UpstreamStream, dial};
use super::failure::Failure;
use super::server::{Scheme, Server};
use super::transport::Transport;

/// Most header fields that a server's answer may have.
const MAX_HEADERS: usize = 1600;
/// Most bytes of a server's answer head.
const MAX_HEAD: usize = 1 << 20;
/// HTTP/2 windows for answers.
const H2_WINDOW: u32 = 1 << 20;
/// A silent HTTP/2 connection is probed after this.
const H2_PING: Duration = Duration::from_secs(30);

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
    http2: Option<http2::SendRequest<RequestBody>>,
}

#[derive(Debug)]
struct Idle {
    link: Box<Link>,
    since: Instant,
}

/// An HTTP/1.1 connection and its driver.
#[derive(Debug)]
pub(crate) struct Link {
    sender: http1::SendRequest<RequestBody>,
    driver: http1::Connection<TokioIo<AnswerStream>, RequestBody>,
    awaited: Arc<Awaited>,
}

/// A connection to send one request over.
#[derive(Debug)]
pub(crate) enum Lease {
    /// HTTP/1.1; `reused` when it has carried requests before.
    Http1 { link: Box<Link>, reused: bool },
    /// HTTP/2, shared with other requests.
    Http2(http2::SendRequest<RequestBody>),
}

/// A request that got no answer; the request itself when not a byte of it was sent.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// The request, if it was not touched.
    pub(crate) request: Option<Request<RequestBody>>,
    /// Why.
    pub(crate) failure: Failure,
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

    async fn connect(&self, http1_only: bool) -> Result<UpstreamStream, Failure> {
        tokio::select! {
            biased;
            () = self.left.cancelled() => Err(Failure::Left { address: self.server.address() }),
            stream = dial(&self.server, &self.transport, http1_only) => stream,
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

    /// A kept connection, or a new one; `fresh` ignores the kept ones, `http1_only` is for upgrades.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub(crate) async fn lease(&self, fresh: bool, http1_only: bool) -> Result<Lease, Failure> {
        if !fresh && let Some(lease) = self.reuse(http1_only) {
            return Ok(lease);
        }
        // Rare, and large: it has a place of its own in memory.
        Box::pin(self.open(http1_only)).await
    }

    async fn open(&self, http1_only: bool) -> Result<Lease, Failure> {
        let stream = self.connect(http1_only).await?;
        let prior_knowledge = self.server.scheme == Scheme::H2c && !http1_only;
        if prior_knowledge || stream.is_http2() {
            let (sender, driver) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .initial_stream_window_size(H2_WINDOW)
                .initial_connection_window_size(4 * H2_WINDOW)
                .keep_alive_interval(H2_PING)
                .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
                .handshake(TokioIo::new(stream))
                .await
                .map_err(Failure::from_hyper)?;
            tokio::spawn(driver);
            self.kept().http2 = Some(sender.clone());
            return Ok(Lease::Http2(sender));
        }
        let awaited = Arc::new(Awaited::default());
        let (sender, driver) = http1::Builder::new()
            .title_case_headers(true)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(AnswerStream::new(stream, Arc::clone(&awaited))))
            .await
            .map_err(Failure::from_hyper)?;
        Ok(Lease::Http1 { link: Box::new(Link { sender, driver, awaited }), reused: false })
    }

    fn reuse(&self, http1_only: bool) -> Option<Lease> {
        let mut kept = self.kept();
        if !http1_only && let Some(sender) = &kept.http2 {
            if sender.is_ready() {
                return Some(Lease::Http2(sender.clone()));
            }
            kept.http2 = None;
        }
        let limit = self.transport.options.idle_timeout;
        while let Some(Idle { mut link, since }) = kept.idle.pop() {
            if (limit.is_zero() || since.elapsed() < limit) && link.settle() {
                return Some(Lease::Http1 { link, reused: true });
            }
        }
        None
    }

    /// Takes a connection back if it is ready for another request.
    fn keep(&self, mut link: Box<Link>) {
        if self.max_idle > 0 && link.settle() {
            self.kept().idle.push(Idle { link, since: Instant::now() });
        }
    }

    /// Drops connections that have been idle for too long, that the server closed, or that are too many to be kept: those in
    /// use a moment ago may be needed again at once, so it is here that they are counted.
    pub(crate) fn sweep(&self) {
        let limit = self.transport.options.idle_timeout;
        let mut kept = self.kept();
        kept.idle.retain_mut(|idle| (limit.is_zero() || idle.since.elapsed() < limit) && idle.link.settle());
        let surplus = kept.idle.len().saturating_sub(self.max_idle);
        kept.idle.drain(..surplus);
    }
}

impl Link {
    /// Lets the connection notice what has happened; true when it can take a request.
    fn settle(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.driver.poll_without_shutdown(&mut cx).is_pending() && self.sender.is_ready()
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
        matches!(self, Self::Http1 { reused: true, .. })
    }

    /// True for HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    /// Sends `request` and waits for the answer's head; `inform` is told what the server says before.
    pub(crate) async fn send(
        self,
        pool: &Arc<Pool>,
        request: Request<RequestBody>,
        inform: &mut (dyn FnMut(Interim) + Send),
    ) -> Result<Answer, Unanswered> {
        let limit = pool.transport.options.response_header_timeout;
        if limit.is_zero() {
            return self.exchange(pool, request, inform).await;
        }
        match tokio::time::timeout(limit, Box::pin(self.exchange(pool, request, inform))).await {
            Ok(done) => done,
            Err(_) => Err(Unanswered { request: None, failure: Failure::HeaderTimeout(limit) }),
        }
    }

    async fn exchange(
        self,
        pool: &Arc<Pool>,
        request: Request<RequestBody>,
        inform: &mut (dyn FnMut(Interim) + Send),
    ) -> Result<Answer, Unanswered> {
        let under_way = UnderWay::new(pool);
        match self {
            Self::Http1 { link, .. } => exchange_http1(link, under_way, request, inform).await,
            Self::Http2(mut sender) => {
                let response = sender.try_send_request(request).await.map_err(unanswered)?;
                Ok(Answer::Response(response.map(|incoming| UpstreamBody { incoming, link: None, under_way })))
            }
        }
    }
}

fn unanswered(mut error: TrySendError<Request<RequestBody>>) -> Unanswered {
    Unanswered { request: error.take_message(), failure: Failure::from_hyper(error.into_error()) }
}

async fn exchange_http1(
    mut link: Box<Link>,
    under_way: UnderWay,
    request: Request<RequestBody>,
    inform: &mut (dyn FnMut(Interim) + Send),
) -> Result<Answer, Unanswered> {
    link.awaited.expect();
    let mut answer = std::pin::pin!(link.sender.try_send_request(request));
    let mut over = false;
    let response = std::future::poll_fn(|cx| {
        over = over || link.driver.poll_without_shutdown(cx).is_ready();
        link.awaited.take().into_iter().for_each(&mut *inform);
        answer.as_mut().poll(cx)
    })
    .await
    .map_err(|error| match unanswered(error) {
        Unanswered { failure: Failure::BadAnswer(_), request } if link.awaited.has_low_status() => {
            Unanswered { failure: Failure::LowStatus, request }
        }
        other => other,
    })?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switched(link, &response, over, under_way).await;
    }
    Ok(Answer::Response(response.map(|incoming| {
        let link = (!over).then_some(link);
        UpstreamBody { incoming, link, under_way }.settled()
    })))
}

async fn switched(
    mut link: Box<Link>,
    response: &Response<Incoming>,
    over: bool,
    under_way: UnderWay,
) -> Result<Answer, Unanswered> {
    if !over {
        std::future::poll_fn(|cx| link.driver.poll_without_shutdown(cx))
            .await
            .map_err(|error| Unanswered { request: None, failure: Failure::from_hyper(error) })?;
    }
    let parts = link.driver.into_parts();
    let mut head = Response::new(());
    *head.status_mut() = response.status();
    *head.headers_mut() = response.headers().clone();
    let (stream, rest) = parts.io.into_inner().into_parts();
    let early = if rest.is_empty() { parts.read_buf } else { [&parts.read_buf[..], &rest].concat().into() };
    Ok(Answer::Switched(head, stream, early, under_way))
}

/// An answer's body; reading it drives the connection, reading it to the end gives the connection back.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    incoming: Incoming,
    link: Option<Box<Link>>,
    under_way: UnderWay,
}

impl UpstreamBody {
    /// Gives the connection back if the body is complete.
    fn settled(mut self) -> Self {
        self.settle();
        self
    }

    fn settle(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(link) = self.link.take()
        {
            self.under_way.0.keep(link);
        }
    }
}

impl HttpBody for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some(link) = &mut self.link
        {
            if link.driver.poll_without_shutdown(cx).is_ready() {
                self.link = None;
            }
            polled = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        match &polled {
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
            Poll::Ready(Some(Err(_))) => self.link = None,
            Poll::Ready(None) => {
                if let Some(link) = self.link.take() {
                    self.under_way.0.keep(link);
                }
            }
        }
        polled.map(|frame| frame.map(|result| result.map_err(BodyError::Cut)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        // hyper does not poll past the last byte of a body of known length.
        self.settle();
    }
}
