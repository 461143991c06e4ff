//! Connections to servers over HTTP/2 (RFC 9113), each shared by many requests. hyper's client does not tell of informational
//! answers, so streams are opened here: frames and flow control are `h2`'s.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, Reason, SendStream};
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;

use crate::http::body::{BodyError, RequestBody};
use crate::http::meter::{Meter, Metered};
use crate::timeout::with_timeout;
use crate::wire::stream::{Incoming, Sent, send};

use super::call::Call;
use super::dial::UpstreamStream;
use super::failure::Failure;
use super::head_timeout::HeadTimeout;
use super::http1::head::BadHead;
use super::http1::{Interim, MOST_INTERIM, Unanswered};
use super::transport::TransportOptions;

/// Most bytes of the header fields of an answer.
const MAX_HEAD: u32 = 1 << 20;
/// Windows for answers.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;
/// Streams that a server is taken to have room for before its SETTINGS tell: the one that the connection is made for. More
/// would wait at a server that takes one at a time (RFC 9113 section 5.1.2), though another connection would serve them.
const STREAMS_BEFORE_SETTINGS: usize = 1;
/// Bytes of a request's body buffered for one stream.
const SEND_BUFFER: usize = 256 * 1024;

/// A connection; clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    /// One for each who has the connection or an exchange over it.
    uses: Arc<()>,
    /// When a request was last sent over it.
    since: Instant,
}

impl Connection {
    /// Begins to speak HTTP/2 over `stream`.
    ///
    /// # Errors
    /// The server does not.
    pub(crate) async fn open(stream: UpstreamStream, options: &TransportOptions) -> Result<Self, Failure> {
        let meter = Meter::new();
        let (requests, connection) = h2::client::Builder::new()
            .enable_push(false)
            .initial_max_send_streams(STREAMS_BEFORE_SETTINGS)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEAD)
            .max_send_buffer_size(SEND_BUFFER)
            .handshake(Metered::new(stream, Arc::clone(&meter)))
            .await
            .map_err(Failure::from_h2)?;
        tokio::spawn(drive(connection, meter, options.read_idle_timeout, options.ping_timeout));
        Ok(Self { requests, uses: Arc::new(()), since: Instant::now() })
    }

    /// Whether the server takes requests over it.
    pub(crate) fn is_open(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        matches!(self.requests.poll_ready(&mut cx), Poll::Ready(Ok(())))
    }

    /// Whether the server takes another stream besides those under way.
    pub(crate) fn has_room(&self) -> bool {
        self.under_way() < self.requests.current_max_send_streams()
    }

    /// For how long nobody but the caller has had it.
    pub(crate) fn idle(&self) -> Duration {
        if self.under_way() > 0 { Duration::ZERO } else { self.since.elapsed() }
    }

    fn under_way(&self) -> usize {
        Arc::strong_count(&self.uses).saturating_sub(1)
    }

    /// The same connection, for a request that is sent now.
    pub(crate) fn lease(&mut self) -> Self {
        self.since = Instant::now();
        self.clone()
    }

    /// Sends `call` over `scheme` and waits for the head of its answer; `inform` is told what the server says before. On
    /// failure a `call` that has no body is as it was; otherwise its body and header fields are gone.
    pub(crate) async fn exchange(
        mut self,
        scheme: &'static str,
        call: &mut Call,
        inform: &mut (dyn FnMut(Interim) + Send),
        head_timeout: HeadTimeout,
    ) -> Result<Response<Download>, Unanswered> {
        if let Err(error) = poll_fn(|cx| self.requests.poll_ready(cx)).await {
            return Err(Unanswered { untouched: true, failure: Failure::from_h2(error) });
        }
        let bare = call.body.is_empty();
        let kept = bare.then(|| call.headers.clone());
        let answered = self.send(scheme, call, inform, head_timeout).await;
        let (response, stop) = answered.map_err(|failed| {
            let untouched = kept.is_some() && failed.untouched;
            call.headers = kept.unwrap_or_default();
            Unanswered { untouched, ..failed }
        })?;
        Ok(response.map(|incoming| Download { incoming, _stop: stop, _uses: self.uses }))
    }

    async fn send(
        &mut self,
        scheme: &'static str,
        call: &mut Call,
        inform: &mut (dyn FnMut(Interim) + Send),
        mut head_timeout: HeadTimeout,
    ) -> Result<(Response<Incoming>, Option<oneshot::Sender<Infallible>>), Unanswered> {
        let body = std::mem::take(&mut call.body);
        let request = head(scheme, call, &body);
        let (mut answer, stream) = self.requests.send_request(request, body.is_empty()).map_err(unanswered)?;
        let mut sent = body.is_empty();
        let (stop, mut cut) = if body.is_empty() {
            (None, None)
        } else {
            let (stop, stopped) = oneshot::channel();
            let (tell, cut) = oneshot::channel();
            tokio::spawn(upload(body, stream, stopped, tell));
            (Some(stop), Some(cut))
        };
        let (mut interims, mut broken) = (0, None);
        let response = poll_fn(|cx| {
            while let Poll::Ready(Some(interim)) = answer.poll_informational(cx) {
                interims += 1;
                match interim {
                    Ok(interim) => inform(told(interim, interims)?),
                    Err(error) => return Poll::Ready(Err(unanswered(error))),
                }
            }
            if let polled @ Poll::Ready(_) = poll_head(&mut answer, cx) {
                return polled;
            }
            if !sent
                && let Some(cut) = &mut cut
                && let Poll::Ready(end) = Pin::new(cut).poll(cx)
            {
                (sent, broken) = (true, end.ok());
            }
            if sent { head_timeout.poll_elapsed(cx).map(|failure| Err(failure.into())) } else { Poll::Pending }
        })
        .await
        .map_err(|failed| match broken.or_else(|| cut.as_mut()?.try_recv().ok()) {
            Some(error) => Failure::from_body(&error).into(),
            None => failed,
        })?;
        let (parts, stream) = response.into_parts();
        let incoming = Incoming::new(stream, &parts.headers);
        Ok((Response::from_parts(parts, incoming), stop))
    }
}

fn head(scheme: &'static str, call: &mut Call, body: &RequestBody) -> Request<()> {
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.method_mut() = call.method.clone();
    *request.headers_mut() = std::mem::take(&mut call.headers);
    request.headers_mut().remove(HOST);
    if let Some(length) = body.size_hint().exact().filter(|_| !body.is_empty()) {
        request.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    let mut uri = http::uri::Parts::default();
    uri.scheme = scheme.parse().ok();
    uri.authority = call.host.to_str().ok().and_then(|host| host.parse().ok());
    uri.path_and_query = Some(call.target.clone());
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    request
}

fn poll_head(answer: &mut ResponseFuture, cx: &mut Context<'_>) -> Poll<Result<Response<h2::RecvStream>, Unanswered>> {
    Pin::new(answer).poll(cx).map_err(unanswered)
}

/// An informational answer, the `number`th to a request.
fn told(interim: Response<()>, number: usize) -> Result<Interim, Unanswered> {
    let (parts, ()) = interim.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Failure::BadUpgrade.into());
    }
    if number > MOST_INTERIM {
        return Err(Failure::BadHead(BadHead::Interim).into());
    }
    Ok(Interim { status: parts.status, headers: parts.headers })
}

/// What became of a request that was sent: the server may have said that it did nothing about it (RFC 9113 section 8.7).
fn unanswered(error: h2::Error) -> Unanswered {
    let untouched = error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM));
    Unanswered { untouched, failure: Failure::from_h2(error) }
}

/// Sends a request's body until it ends or nobody wants it any more; `tell` hears why it ended early.
async fn upload(
    mut body: RequestBody,
    mut stream: SendStream<Bytes>,
    stopped: oneshot::Receiver<Infallible>,
    tell: oneshot::Sender<BodyError>,
) {
    tokio::select! {
        biased;
        _ = stopped => stream.send_reset(Reason::CANCEL),
        sent = send(&mut body, &mut stream, Duration::ZERO) => if let Sent::Broken(error) = sent {
            // Who has the answer already finds it cut off.
            let _ = tell.send(error);
            stream.send_reset(Reason::CANCEL);
        }
    }
}

/// Moves frames until the connection ends. One that is silent for `silence` is probed, and given up when the server does not
/// answer within `limit`; zero stands for never.
async fn drive(
    mut connection: h2::client::Connection<Metered<UpstreamStream>>,
    meter: Arc<Meter>,
    silence: Duration,
    limit: Duration,
) {
    let ping = connection.ping_pong().filter(|_| !silence.is_zero());
    let mut connection = pin!(connection);
    let Some(mut ping) = ping else {
        return ended(connection.await);
    };
    loop {
        let before = meter.reads();
        tokio::select! {
            end = &mut connection => return ended(end),
            () = tokio::time::sleep(silence) => {}
        }
        if meter.reads() != before {
            continue;
        }
        tokio::select! {
            end = &mut connection => return ended(end),
            pong = with_timeout(limit, ping.ping(Ping::opaque())) => if !matches!(pong, Some(Ok(_))) {
                return tracing::debug!("a connection to a server over HTTP/2 is given up: it does not answer a ping");
            }
        }
    }
}

fn ended(end: Result<(), h2::Error>) {
    if let Err(error) = end {
        tracing::debug!(%error, "a connection to a server over HTTP/2 has ended");
    }
}

/// An answer's body.
#[derive(Debug)]
pub(crate) struct Download {
    incoming: Incoming,
    /// The request's body is not sent any further once this is gone.
    _stop: Option<oneshot::Sender<Infallible>>,
    _uses: Arc<()>,
}

impl Download {
    /// The next frame; `None` at the end.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.incoming.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(BodyError::Reset)))
    }

    /// Whether all of it has been read.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    /// What is known of the bytes that are to come.
    pub(crate) fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
