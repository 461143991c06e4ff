//! HTTP/1.1 to clients (RFC 9112), the server's side: requests of a connection one after the other, each answered before the next
//! is read.
//!
//! The task of the connection reads, serves and writes: no task for a request, no channel between them. While a request is under
//! way the connection is looked at, so that a client that has gone away ends what is done for it.

mod answer;
mod channel;
pub(crate) mod request;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use crate::wire::output::Framing;
use crate::worker::Open;

use super::body::{Body, RequestBody};
use super::error_response::Aborted;
use super::exchange::Client;
use super::handle::Handling;
use super::outbox::{self, Outbox};
use super::tunnel::ClientTunnel;
use answer::{Asked, Plan};
use request::Head;

pub(crate) use channel::{Channel, Tunnel, Upload};

/// How long a client may still say what nobody wants to hear: it might not see the answer if it were cut off.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes that a head may have more than is said: Go reads as much ahead, and limits were found by trying with Traefik.
const SLACK: usize = 4096;

/// Marks a request whose path goes on with a `#`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fragment;

/// Serves the requests of a connection until it ends. It is `open` in whatever protocol it goes on.
///
/// # Errors
/// It breaks, or an answer cannot be brought to its end.
pub(crate) async fn serve<S>(channel: Arc<Channel<S>>, client: Arc<Client>, open: Open) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let source: Arc<dyn channel::Source> = Arc::clone(&channel) as _;
    let outbox = Arc::new(Outbox::default());
    let limit = client.entry.max_header_bytes.saturating_add(SLACK);
    loop {
        let head = match poll_fn(|cx| channel.lock().poll_head(cx, limit)).await? {
            None => return channel.shutdown().await,
            Some(Ok(head)) => head,
            Some(Err(refused)) => {
                tracing::debug!(client = %client.peer, error = %refused, "request refused");
                let bytes = answer::refusal(refused.status());
                channel.lock().output.begin().extend_from_slice(&bytes);
                return linger(&channel).await;
            }
        };
        let modern = head.version == Version::HTTP_11;
        let asked = Asked { head: head.method == Method::HEAD, version: head.version, keeps_alive: head.keeps_alive };
        let (switch, tunnel) = head.upgrades.then(oneshot::channel).unzip();
        let upload = channel.lock().body(&source);
        let body = RequestBody::client(upload, client.entry.limits.body_idle);
        // Clients of HTTP/1.0 know no informational answers.
        let informed = modern.then(|| Arc::clone(&outbox));
        let handling = Handling::new(&client, parts(head), body, tunnel.map(ClientTunnel::Http1), informed);
        let response = {
            let mut handling = pin!(handling.answer());
            poll_fn(|cx| {
                let polled = handling.as_mut().poll(cx);
                let mut state = channel.lock();
                outbox::encode(state.output.begin(), &outbox.take_interim());
                match polled {
                    Poll::Ready(response) => Poll::Ready(Ok(response)),
                    Poll::Pending => state.poll_gone(cx).map(Err),
                }
            })
            .await?
        };
        let mut response = Aborted::check(response).map_err(io::Error::other)?;
        let switch = switch.filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS);
        // The exchange is not over before the tunnel is.
        let finish = switch.is_some().then(|| response.body_mut().finish.take()).flatten();
        // A client that is still sending what nobody may want is told that nothing can follow.
        let keeps_alive = asked.keeps_alive
            && !client.meter.is_stopped()
            && poll_fn(|cx| Poll::Ready(channel.lock().is_body_at_hand(cx))).await;
        let last = send(&channel, response, Asked { keeps_alive, ..asked }).await?;
        if let Some(switch) = switch {
            // Whoever waits for it may be gone.
            let _ = switch.send(Tunnel::new(Arc::clone(&channel) as _, finish, open));
            return Ok(());
        }
        let drained = poll_fn(|cx| Poll::Ready(channel.lock().drain(cx))).await;
        if !drained {
            return linger(&channel).await;
        }
        if last {
            return channel.shutdown().await;
        }
    }
}

fn parts(head: Head) -> http::request::Parts {
    let mut parts = Request::new(()).into_parts().0;
    parts.method = head.method;
    parts.uri = head.uri;
    parts.version = head.version;
    parts.headers = head.headers;
    if head.has_fragment {
        parts.extensions.insert(Fragment);
    }
    parts
}

/// Sends an answer; whether the connection ends with it.
async fn send<S>(channel: &Channel<S>, response: Response<Body>, asked: Asked) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (head, body) = response.into_parts();
    let plan = {
        let mut state = channel.lock();
        state.answer();
        answer::write(&mut state.output, &head, &body, asked)
    };
    let mut sending = Sending::new(body, plan, asked);
    poll_fn(|cx| sending.poll(channel, cx)).await?;
    Ok(plan.last)
}

/// The body of an answer on its way out.
struct Sending {
    /// `None` when all of it was taken.
    body: Option<Body>,
    /// How the client finds its end.
    framing: Framing,
    /// Whether the client knows trailers.
    modern: bool,
    /// It cannot be brought to its end.
    broken: Option<io::Error>,
}

impl Sending {
    fn new(body: Body, plan: Plan, asked: Asked) -> Self {
        // One that is not sent is let go of, and what hangs on it, before the head has gone.
        let body = plan.framing.and_then(|_| Some(body).filter(|body| !body.is_end_stream()));
        let framing = plan.framing.unwrap_or(Framing::Length(0));
        let mut sending = Self { body, framing, modern: asked.version == Version::HTTP_11, broken: None };
        if sending.body.is_none() && matches!(framing, Framing::Length(1..)) {
            sending.broken = Some(short());
        }
        sending
    }

    /// Ready when all of it is on its way.
    fn poll<S>(&mut self, channel: &Channel<S>, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        loop {
            if self.body.is_some() && channel.lock().output.has_room() {
                if self.poll_take(channel, cx).is_ready() {
                    continue;
                }
                return channel.lock().poll_gone(cx).map(Err);
            }
            ready!(channel.lock().poll_flush(cx))?;
            if self.body.is_none() {
                // Who was promised more, or an end, sees that it does not come.
                return Poll::Ready(self.broken.take().map_or(Ok(()), Err));
            }
        }
    }

    /// Takes the next of the body. The connection is not held meanwhile: the request's body may be read along with it.
    fn poll_take<S>(&mut self, channel: &Channel<S>, cx: &mut Context<'_>) -> Poll<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let Some(body) = &mut self.body else { return Poll::Ready(()) };
        let frame = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Err(error)) => {
                self.broken = Some(io::Error::other(error));
                self.body = None;
                return Poll::Ready(());
            }
            Some(Ok(frame)) => Some(frame),
            None => None,
        };
        let over = body.is_end_stream();
        let output = &mut channel.lock().output;
        let trailers = match frame.map(http_body::Frame::into_data) {
            Some(Ok(mut data)) => {
                if let Framing::Length(left) = &mut self.framing {
                    data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= data.len() as u64;
                }
                output.data(data, self.framing);
                if !over && self.framing != Framing::Length(0) {
                    return Poll::Ready(());
                }
                None
            }
            Some(Err(frame)) => frame.into_trailers().ok(),
            None => None,
        };
        self.body = None;
        match self.framing {
            Framing::Chunked => output.end(&lines(trailers.filter(|_| self.modern).as_ref())),
            Framing::Length(1..) => self.broken = Some(short()),
            Framing::Length(0) | Framing::UntilClose => {}
        }
        Poll::Ready(())
    }
}

/// The server's body is shorter than was announced.
fn short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the answer is shorter than was announced")
}

/// The lines of trailers.
fn lines(trailers: Option<&HeaderMap>) -> Vec<u8> {
    let mut lines = Vec::new();
    if let Some(trailers) = trailers {
        outbox::write_fields(&mut lines, trailers);
    }
    lines
}

/// Ends a connection whose client may still be sending: what it sends is thrown away for a while.
async fn linger<S>(channel: &Channel<S>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    channel.shutdown().await?;
    // One that goes on for longer has had its chance.
    let _ = tokio::time::timeout(LINGER, poll_fn(|cx| channel.lock().poll_silent(cx))).await;
    Ok(())
}
