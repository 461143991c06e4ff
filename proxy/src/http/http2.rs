//! A client's HTTP/2 connection (RFC 9113). hyper's server cannot send informational answers, so streams are served here: frames and
//! flow control are `h2`'s.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, Handshake, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Interval, MissedTickBehavior};

use crate::entry_point::EntryPoint;
use crate::wire::stream::{Sent, send};

use super::body::{Body, RequestBody};
use super::cork::{Corked, Hold};
use super::date;
use super::error_response::Aborted;
use super::exchange::Client;
use super::frame_guard::{Guarded, Verdict};
use super::handle::{Handling, closes};
use super::meter::Meter;
use super::outbox::Outbox;
use super::websocket::{self, Asked};

/// Most bytes of a header list: header compression makes larger ones cheap to send.
const MAX_HEADERS: u32 = 64 * 1024;
/// A connection that is silent for this long is probed, and closed when it stays silent as long again.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes of answers buffered for one stream.
const SEND_BUFFER: usize = 128 * 1024;
/// Windows for request bodies.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams that the client's own mistakes may end before the connection does.
const MOST_MISTAKES: usize = 1024;
/// What belongs to a connection has no place in HTTP/2 (RFC 9113 section 8.2.2).
const CONNECTION_HEADERS: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A connection; it is done when it has ended.
pub(super) struct Http2<S> {
    state: State<Corked<Guarded<S>>>,
    /// Over what the connection writes.
    hold: Hold,
    client: Arc<Client>,
    verdict: Arc<Verdict>,
    probe: Probe,
    graceful: bool,
}

enum State<S> {
    Greeting(Handshake<S, Bytes>),
    Serving {
        connection: Connection<S, Bytes>,
        /// No stream comes any more; what is to be sent is sent.
        ending: bool,
    },
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http2<S> {
    /// The connection of `client` over `stream`.
    pub(super) fn new(stream: S, client: Arc<Client>, entry: &EntryPoint) -> Self {
        let most_headers = u32::try_from(entry.max_header_bytes).unwrap_or(u32::MAX);
        let (stream, verdict) = Guarded::new(stream);
        let (stream, hold) = Corked::new(stream);
        let greeting = h2::server::Builder::new()
            .max_concurrent_streams(entry.max_concurrent_streams)
            .header_table_size(entry.header_table_size)
            .max_header_list_size(MAX_HEADERS.min(most_headers))
            .max_send_buffer_size(SEND_BUFFER)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_local_error_reset_streams(Some(MOST_MISTAKES))
            .enable_connect_protocol()
            .handshake(stream);
        let probe = Probe::new(Arc::clone(&client.meter));
        Self { state: State::Greeting(greeting), hold, client, verdict, probe, graceful: false }
    }

    /// Finishes the streams under way, takes no more, then ends.
    pub(super) fn end_gracefully(&mut self) {
        self.graceful = true;
        if let State::Serving { connection, .. } = &mut self.state {
            connection.graceful_shutdown();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Http2<S> {
    type Output = Result<(), h2::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // What is written goes out once all that is due is done.
        let mut holding = true;
        loop {
            match &mut this.state {
                State::Greeting(greeting) => {
                    let mut connection = ready!(Pin::new(greeting).poll(cx))?;
                    this.probe.ping = connection.ping_pong();
                    if this.graceful {
                        connection.graceful_shutdown();
                    }
                    this.state = State::Serving { connection, ending: false };
                }
                State::Serving { connection, ending: true } => return connection.poll_closed(cx),
                State::Serving { connection, ending } => {
                    if this.probe.poll_silent(cx)?.is_ready() {
                        return Poll::Ready(Ok(()));
                    }
                    if holding {
                        this.hold.begin();
                    }
                    let accepted = connection.poll_accept(cx);
                    this.hold.end();
                    if let Some(reason) = this.verdict.reason() {
                        connection.abrupt_shutdown(reason);
                        *ending = true;
                        continue;
                    }
                    match accepted {
                        Poll::Ready(Some(accepted)) => {
                            let (request, answer) = accepted?;
                            if let Some(serving) = serve(&this.client, request, answer) {
                                tokio::spawn(serving);
                            }
                            // It has had its share of requests, or of time.
                            if !this.graceful && closes(&this.client, this.client.meter.begun()) {
                                this.graceful = true;
                                connection.graceful_shutdown();
                            }
                        }
                        Poll::Ready(None) => *ending = true,
                        Poll::Pending if holding => holding = false,
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
        }
    }
}

/// Finds out whether a silent client is still there.
struct Probe {
    ping: Option<PingPong>,
    alarm: Interval,
    meter: Arc<Meter>,
    /// Reads that the meter had counted at the last alarm.
    reads: u32,
    asked: bool,
}

impl Probe {
    fn new(meter: Arc<Meter>) -> Self {
        let mut alarm = tokio::time::interval(SILENCE);
        alarm.set_missed_tick_behavior(MissedTickBehavior::Delay);
        alarm.reset();
        Self { ping: None, alarm, meter, reads: 0, asked: false }
    }

    /// Ready when the client has not even answered a ping.
    fn poll_silent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let Some(ping) = &mut self.ping else { return Poll::Pending };
        if self.asked && ping.poll_pong(cx)?.is_ready() {
            self.asked = false;
        }
        while self.alarm.poll_tick(cx).is_ready() {
            let reads = self.meter.reads();
            if std::mem::replace(&mut self.reads, reads) != reads {
                continue;
            }
            if self.asked {
                return Poll::Ready(Ok(()));
            }
            ping.send_ping(Ping::opaque())?;
            self.asked = true;
        }
        Poll::Pending
    }
}

/// Serves one stream. What needs no waiting is done at once: see [`Handling`].
fn serve(
    client: &Arc<Client>,
    request: Request<RecvStream>,
    mut answer: SendResponse<Bytes>,
) -> Option<impl Future<Output = ()> + use<>> {
    let (mut parts, stream) = request.into_parts();
    let (mut websocket, mut tunnel) = (None, None);
    let body = if websocket::is_asked(&parts) {
        let Some((asked, opened)) = websocket::translate(&mut parts, stream) else {
            answer.send_reset(Reason::INTERNAL_ERROR);
            return None;
        };
        (websocket, tunnel) = (Some(asked), Some(opened));
        RequestBody::empty()
    } else {
        RequestBody::stream(stream, &parts.headers, client.entry.limits.body_idle)
    };
    let stall = client.entry.limits.write_stall;
    let outbox = Arc::new(Outbox::default());
    let handling = Handling::new(client, parts, body, tunnel, Some(Arc::clone(&outbox)));
    Some(async move {
        let begun = {
            let mut handling = std::pin::pin!(handling.answer());
            poll_fn(|cx| {
                let polled = handling.as_mut().poll(cx);
                inform(&outbox, &mut answer);
                match polled {
                    Poll::Ready(response) => Poll::Ready(begin(response, &mut answer, websocket.take())),
                    Poll::Pending => answer.poll_reset(cx).map(|_| None),
                }
            })
            .await
        };
        if let Some((mut body, mut stream)) = begun {
            match send(&mut body, &mut stream, stall).await {
                Sent::Whole | Sent::Unwanted => {}
                Sent::Stalled => {
                    tracing::debug!("stream reset: its client takes nothing");
                    stream.send_reset(Reason::CANCEL);
                }
                Sent::Broken(_) => stream.send_reset(Reason::INTERNAL_ERROR),
            }
        }
    })
}

/// Passes informational answers on.
fn inform(outbox: &Outbox, answer: &mut SendResponse<Bytes>) {
    for interim in outbox.take_interim() {
        let mut head = Response::new(());
        *head.status_mut() = interim.status;
        *head.headers_mut() = interim.headers;
        strip(head.headers_mut());
        head.headers_mut().remove(CONTENT_LENGTH);
        // A stream that takes none takes no answer either, which is found out there.
        let _ = answer.send_informational(head);
    }
}

/// Sends the head of an answer; returns what is left to be sent.
fn begin(
    response: Response<Body>,
    answer: &mut SendResponse<Bytes>,
    websocket: Option<Asked>,
) -> Option<(Body, SendStream<Bytes>)> {
    let Ok(response) = Aborted::check(response) else {
        answer.send_reset(Reason::INTERNAL_ERROR);
        return None;
    };
    if let Some(asked) = websocket.filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS) {
        asked.open(response, answer);
        return None;
    }
    let (mut parts, body) = response.into_parts();
    strip(&mut parts.headers);
    parts.headers.entry(DATE).or_insert_with(date::now);
    let size = body.size_hint().exact();
    let empty = body.is_end_stream();
    if let Some(size) = size.filter(|_| !empty) {
        parts.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(size));
    }
    match answer.send_response(Response::from_parts(parts, ()), empty) {
        // The finish that is in an empty body is due now.
        Ok(_) if empty => None,
        Ok(stream) => Some((body, stream)),
        Err(error) => {
            tracing::debug!(%error, "an answer cannot be sent");
            answer.send_reset(Reason::INTERNAL_ERROR);
            None
        }
    }
}

/// Takes out what has no place in HTTP/2 and HTTP/3.
pub(super) fn strip(headers: &mut HeaderMap) {
    for name in &CONNECTION_HEADERS {
        headers.remove(name);
    }
}
