//! Bodies in both directions: no copy, no box.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::upstream::pool::UpstreamBody;
use crate::wire::stream::Incoming;

use super::exchange::Finish;
use super::expectation::Expectation;
use super::spool::SpoolReader;
use super::trailers;
use super::{http1, http3};

/// Why a body ended early. The connection or stream it belongs to is aborted, so that the receiver can tell.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The client's connection failed, or what came over it is no body.
    #[error("the body was cut off")]
    Client(#[source] std::io::Error),
    /// The server's connection failed, or what came over it is no body.
    #[error("the body was cut off")]
    Server(#[source] std::io::Error),
    /// The sender reset its stream.
    #[error("the stream was reset")]
    Reset(#[from] h2::Error),
    /// It cannot be encoded.
    #[error("the body cannot be encoded")]
    Encoding(#[source] std::io::Error),
    /// It was put aside and cannot be read again.
    #[error("cannot read from a temporary file")]
    Disk(#[source] std::io::Error),
    /// The client's stream of HTTP/3 failed.
    #[error("the stream was reset")]
    Http3(#[from] h3::error::StreamError),
    /// It is not as long as was announced.
    #[error("the body is not as long as announced")]
    Length,
    /// Nothing came for the given time.
    #[error("no byte of the body came for {} s", .0.as_secs())]
    Idle(Duration),
}

/// A request's body on its way to a server; fails when the client stops sending. Most requests have none, and are the
/// smaller for it.
#[derive(Debug, Default)]
pub(crate) struct RequestBody(Option<Box<Upload>>);

#[derive(Debug)]
struct Upload {
    kind: RequestKind,
    /// What was read of it and put back.
    before: Option<Bytes>,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    expectation: Option<Arc<Expectation>>,
    received: Option<Arc<AtomicU64>>,
    /// Not asked for before the server wants it; with the time that it has.
    on_demand: Option<Option<Pin<Box<Sleep>>>>,
}

#[derive(Debug)]
enum RequestKind {
    Empty,
    Client(http1::Upload),
    Stream(Incoming),
    Http3(Box<http3::upload::Upload>),
    Held(Option<Bytes>),
    Spooled(SpoolReader),
}

impl RequestBody {
    /// The body of a client over HTTP/1.1, which must not pause for longer than `idle` (zero: no limit).
    pub(crate) fn client(body: Option<http1::Upload>, idle: Duration) -> Self {
        Self::of(body.map(RequestKind::Client), idle)
    }

    /// The body of a client's stream of HTTP/2 with these headers, as [`RequestBody::client`].
    pub(crate) fn stream(stream: RecvStream, headers: &HeaderMap, idle: Duration) -> Self {
        if stream.is_end_stream() {
            return Self::empty();
        }
        Self::of(Some(RequestKind::Stream(Incoming::new(stream, headers))), idle)
    }

    /// The body of a client's stream of HTTP/3, as [`RequestBody::client`].
    pub(crate) fn http3(body: Option<Box<http3::upload::Upload>>, idle: Duration) -> Self {
        Self::of(body.map(RequestKind::Http3), idle)
    }

    /// No body.
    pub(crate) const fn empty() -> Self {
        Self(None)
    }

    /// A body that is in memory.
    pub(crate) fn held(bytes: Bytes) -> Self {
        Self::of((!bytes.is_empty()).then_some(RequestKind::Held(Some(bytes))), Duration::ZERO)
    }

    /// A body that was put aside as a whole.
    pub(crate) fn spooled(reader: SpoolReader) -> Self {
        Self::of((!reader.is_end_stream()).then_some(RequestKind::Spooled(reader)), Duration::ZERO)
    }

    fn of(kind: Option<RequestKind>, idle: Duration) -> Self {
        Self(kind.map(|kind| Box::new(Upload::new(kind, idle))))
    }

    /// The client may send it only when it is asked for; what is known about that is shared in `expectation`.
    pub(crate) fn expect(&mut self, expectation: Arc<Expectation>) {
        match &mut self.0 {
            Some(upload) if !upload.is_empty() => upload.expectation = Some(expectation),
            _ => expectation.completed(),
        }
    }

    /// The number of bytes of it that have come from now on; `None` if it is empty.
    pub(crate) fn counted(&mut self) -> Option<Arc<AtomicU64>> {
        let upload = self.0.as_mut().filter(|upload| !upload.is_empty())?;
        Some(Arc::clone(upload.received.get_or_insert_default()))
    }

    /// From now on it is not asked for before the server wants it. Returns through what the body learns that; `None` where
    /// the client sends it unasked.
    pub(crate) fn wait_until_wanted(&mut self) -> Option<Arc<Expectation>> {
        let upload = self.0.as_mut().filter(|upload| !upload.is_empty())?;
        let expectation = upload.expectation.clone()?;
        upload.on_demand.get_or_insert_default();
        Some(expectation)
    }

    /// Puts back what was read, so that it comes once more.
    pub(crate) fn put_back(&mut self, read: Bytes) {
        let upload = self.0.get_or_insert_with(|| Box::new(Upload::new(RequestKind::Empty, Duration::ZERO)));
        upload.before = Some(read);
    }

    /// True when there is nothing to send, so that the request can be sent again.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|upload| upload.is_empty())
    }
}

impl Upload {
    fn new(kind: RequestKind, idle: Duration) -> Self {
        Self {
            kind,
            before: None,
            idle,
            timer: None,
            waiting: false,
            expectation: None,
            received: None,
            on_demand: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.before.is_none() && matches!(self.kind, RequestKind::Empty)
    }

    fn is_end_stream(&self) -> bool {
        if self.before.is_some() {
            return false;
        }
        match &self.kind {
            RequestKind::Empty => true,
            RequestKind::Held(bytes) => bytes.is_none(),
            RequestKind::Spooled(reader) => reader.is_end_stream(),
            RequestKind::Client(body) => body.left() == Some(0),
            RequestKind::Stream(stream) => stream.is_end_stream(),
            RequestKind::Http3(upload) => upload.is_end_stream(),
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(read) = self.before.take() {
            return Poll::Ready(Some(Ok(Frame::data(read))));
        }
        if let (Some(timer), Some(expectation)) = (&mut self.on_demand, &self.expectation) {
            ready!(expectation.poll_wanted(cx, timer));
            self.on_demand = None;
        }
        let polled = match &mut self.kind {
            RequestKind::Empty => return Poll::Ready(None),
            RequestKind::Held(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            RequestKind::Spooled(reader) => return Pin::new(reader).poll_frame(cx),
            RequestKind::Client(body) => {
                body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(BodyError::Client)))
            }
            RequestKind::Stream(stream) => {
                stream.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(BodyError::Reset)))
            }
            RequestKind::Http3(upload) => upload.poll_frame(cx),
        };
        if let Some(expectation) = &self.expectation
            && (matches!(polled, Poll::Ready(None)) || self.is_end_stream())
        {
            expectation.completed();
        }
        match polled {
            Poll::Ready(frame) => {
                self.waiting = false;
                if let (Some(received), Some(Ok(frame))) = (&self.received, &frame)
                    && let Some(data) = frame.data_ref()
                {
                    received.fetch_add(data.len() as u64, Relaxed);
                }
                Poll::Ready(match frame {
                    Some(Ok(frame)) => trailers::passed_on(frame).map(Ok),
                    frame => frame,
                })
            }
            Poll::Pending => self.poll_idle(cx),
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.idle.is_zero() {
            return Poll::Pending;
        }
        let deadline = Instant::now() + self.idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyError::Idle(self.idle))))
    }

    fn size_hint(&self) -> SizeHint {
        let mut rest = match &self.kind {
            RequestKind::Empty => SizeHint::with_exact(0),
            RequestKind::Held(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            RequestKind::Spooled(reader) => reader.size_hint(),
            RequestKind::Client(body) => body.left().map_or_else(SizeHint::default, SizeHint::with_exact),
            RequestKind::Http3(upload) => upload.size_hint(),
            RequestKind::Stream(stream) => stream.size_hint(),
        };
        if let Some(read) = &self.before {
            let read = read.len() as u64;
            match rest.exact() {
                Some(exact) => rest = SizeHint::with_exact(exact + read),
                None => rest.set_lower(rest.lower() + read),
            }
        }
        rest
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Some(upload) => upload.poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|upload| upload.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |upload| upload.size_hint())
    }
}

/// An answer's body on its way to the client.
#[derive(Debug)]
pub(crate) struct Body {
    kind: Kind,
    /// Told the size when the answer is complete or given up.
    pub(crate) finish: Option<Finish>,
    /// Counts its bytes, where somebody wants to know what came from the server.
    counter: Option<Arc<AtomicU64>>,
}

#[derive(Debug)]
enum Kind {
    Empty,
    Fixed(Option<Bytes>),
    Upstream(UpstreamBody),
    Changed(Pin<Box<dyn Changed>>),
}

/// A body that a middleware makes of another.
pub(crate) trait Changed: HttpBody<Data = Bytes, Error = BodyError> + std::fmt::Debug + Send {}

impl Body {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::of(Kind::Empty)
    }

    /// A text that is part of the program.
    pub(crate) fn from_static(text: &'static str) -> Self {
        Self::from_bytes(Bytes::from_static(text.as_bytes()))
    }

    /// A body in memory.
    pub(crate) fn from_bytes(bytes: Bytes) -> Self {
        let kind = if bytes.is_empty() { Kind::Empty } else { Kind::Fixed(Some(bytes)) };
        Self::of(kind)
    }

    /// A body that a middleware makes of another, streamed.
    pub(crate) fn changed(body: impl Changed + 'static) -> Self {
        Self::of(Kind::Changed(Box::pin(body)))
    }

    /// A server's answer, streamed; its bytes are added to `counter`.
    pub(crate) fn upstream(body: UpstreamBody, counter: Option<Arc<AtomicU64>>) -> Self {
        Self { counter, ..Self::of(Kind::Upstream(body)) }
    }

    const fn of(kind: Kind) -> Self {
        Self { kind, finish: None, counter: None }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match &mut self.kind {
            Kind::Empty => None,
            Kind::Fixed(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Kind::Upstream(body) => ready!(Pin::new(body).poll_frame(cx)),
            Kind::Changed(body) => ready!(body.as_mut().poll_frame(cx)),
        };
        if let (Some(counter), Some(Ok(frame))) = (&self.counter, &frame) {
            counter.fetch_add(frame.data_ref().map_or(0, |data| data.len() as u64), Relaxed);
        }
        if let (Some(finish), Some(Ok(frame))) = (&mut self.finish, &frame) {
            if let Some(data) = frame.data_ref() {
                finish.sent(data.len());
            } else if let Some(trailers) = frame.trailers_ref() {
                finish.trailers(trailers);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Fixed(bytes) => bytes.is_none(),
            Kind::Upstream(body) => body.is_end_stream(),
            Kind::Changed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Fixed(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Kind::Upstream(body) => body.size_hint(),
            Kind::Changed(body) => body.size_hint(),
        }
    }
}
