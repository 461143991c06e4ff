//! One request over HTTP/3: its stream, from the head to the last byte of the answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h3::error::{Code, StreamError};
use h3::server::{RequestResolver, RequestStream};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Response, StatusCode, request};
use http_body::Body as _;

use super::link::{Link, Sending, Stopped};
use super::upload::Upload;
use crate::http::body::{Body, RequestBody};
use crate::http::exchange::Client;
use crate::http::handle::Handling;
use crate::http::http2::strip;
use crate::http::outbox::Outbox;
use crate::http::{date, error_response};
use crate::timeout::with_timeout;
use crate::wire::fields::MOST_FIELDS;

/// What belongs to a connection makes a request malformed (RFC 9114 section 4.2).
const CONNECTION_HEADERS: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Serves a request whose stream has just begun; `stopped` is when the client wants no answer any more. Returns whether there was a
/// request at all.
pub(super) async fn serve(
    client: Arc<Client>,
    resolver: RequestResolver<Link, Bytes>,
    mut stopped: Option<Stopped>,
    most_headers: usize,
) -> bool {
    let resolved = match with_timeout(client.entry.limits.header, resolver.resolve_request()).await {
        Some(Ok(resolved)) => resolved,
        Some(Err(error)) => {
            tracing::debug!(client = %client.peer, %error, "a request is malformed");
            return false;
        }
        None => {
            tracing::debug!(client = %client.peer, "a request's head took too long");
            return false;
        }
    };
    let (request, stream) = resolved;
    let (mut sending, mut receiving) = stream.split();
    let (parts, ()) = request.into_parts();
    if is_malformed(&parts.headers) {
        sending.stop_stream(Code::H3_MESSAGE_ERROR);
        receiving.stop_sending(Code::H3_MESSAGE_ERROR);
        return false;
    }
    let answer = if is_too_large(&parts, most_headers) {
        drop(receiving);
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Some(error_response::text(status, "Request Header Fields Too Large\n"))
    } else {
        let body = match Upload::begin(receiving, &parts.method, &parts.headers).await {
            Ok(body) => RequestBody::http3(body, client.entry.limits.body_idle),
            Err(error) => {
                tracing::debug!(client = %client.peer, %error, "a request is malformed");
                sending.stop_stream(Code::H3_MESSAGE_ERROR);
                return false;
            }
        };
        answer(&client, parts, body, &mut sending, &mut stopped).await
    };
    // Without an answer the client has gone, and wants none.
    if let Some(answer) = answer
        && let Err(error) = send(&client, answer, &mut sending, &mut stopped).await
    {
        tracing::debug!(client = %client.peer, %error, "an answer cannot be sent");
        sending.stop_stream(Code::H3_INTERNAL_ERROR);
    }
    true
}

fn is_malformed(headers: &HeaderMap) -> bool {
    CONNECTION_HEADERS.iter().any(|name| headers.contains_key(name))
        || headers.get_all(TE).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"trailers"))
}

fn is_too_large(parts: &request::Parts, most: usize) -> bool {
    // As RFC 9114 section 4.2.2 counts them.
    let size = |name: usize, value: usize| name + value + 32;
    let headers: usize = parts.headers.iter().map(|(name, value)| size(name.as_str().len(), value.len())).sum();
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len())
        + parts.uri.authority().map_or(0, |authority| authority.as_str().len());
    parts.headers.len() > MOST_FIELDS || headers + target > most
}

/// The answer to a request; `None` when the client wants none any more. What is to be said before the answer is sent.
async fn answer(
    client: &Arc<Client>,
    parts: request::Parts,
    body: RequestBody,
    sending: &mut RequestStream<Sending, Bytes>,
    stopped: &mut Option<Stopped>,
) -> Option<Response<Body>> {
    let outbox = Arc::new(Outbox::default());
    let handling = Handling::new(client, parts, body, None, Some(Arc::clone(&outbox)));
    let mut handling = std::pin::pin!(handling.answer());
    loop {
        let (interim, answer, gone) = poll_fn(|cx| {
            let answer = handling.as_mut().poll(cx);
            let interim: Vec<_> = outbox.take_interim().into_iter().collect();
            match answer {
                Poll::Ready(answer) => Poll::Ready((interim, Some(answer), false)),
                Poll::Pending if poll_gone(stopped, cx).is_ready() => Poll::Ready((interim, None, true)),
                Poll::Pending if interim.is_empty() => Poll::Pending,
                Poll::Pending => Poll::Ready((interim, None, false)),
            }
        })
        .await;
        if gone {
            return None;
        }
        for interim in interim {
            let mut head = Response::new(());
            *head.status_mut() = interim.status;
            *head.headers_mut() = interim.headers;
            strip(head.headers_mut());
            head.headers_mut().remove(CONTENT_LENGTH);
            // A stream that takes none takes no answer either, which is found out there.
            let _ = with_timeout(client.entry.limits.write_stall, sending.send_response(head)).await;
        }
        if answer.is_some() {
            return answer;
        }
    }
}

/// Ready when the client wants no more of the answer.
fn poll_gone(stopped: &mut Option<Stopped>, cx: &mut std::task::Context<'_>) -> Poll<()> {
    match stopped {
        Some(future) => future.as_mut().poll(cx).map(|_| *stopped = None),
        None => Poll::Pending,
    }
}

/// Why an answer is not sent to its end.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    #[error("the stream failed: {0}")]
    Stream(#[from] StreamError),
    #[error("the client takes nothing")]
    Stalled,
    #[error("the client wants no more")]
    Gone,
    #[error("the server's answer broke off")]
    Broken,
}

/// Sends an answer as fast as the client takes it, and waits until it has all of it.
async fn send(
    client: &Client,
    answer: Response<Body>,
    sending: &mut RequestStream<Sending, Bytes>,
    stopped: &mut Option<Stopped>,
) -> Result<(), Unsent> {
    let (mut parts, mut body) = answer.into_parts();
    strip(&mut parts.headers);
    parts.headers.entry(DATE).or_insert_with(date::now);
    let mut ended = body.is_end_stream();
    if let Some(size) = body.size_hint().exact().filter(|_| !ended) {
        parts.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(size));
    }
    let limit = client.entry.limits.write_stall;
    in_time(limit, sending.send_response(Response::from_parts(parts, ()))).await?;
    while !ended {
        let next = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
            Poll::Pending => poll_gone(stopped, cx).map(|()| Err(Unsent::Gone)),
            polled => polled.map(Ok),
        });
        let Some(frame) = next.await? else { break };
        let frame = frame.map_err(|_| Unsent::Broken)?;
        match frame.into_data() {
            Ok(data) => {
                ended = body.is_end_stream();
                if !data.is_empty() {
                    in_time(limit, sending.send_data(data)).await?;
                }
            }
            Err(frame) => {
                let Ok(mut trailers) = frame.into_trailers() else { continue };
                strip(&mut trailers);
                in_time(limit, sending.send_trailers(trailers)).await?;
                ended = true;
            }
        }
    }
    // The answer is complete as far as logs and counters go.
    drop(body);
    in_time(limit, sending.finish()).await
}

/// One step of sending, unless the client takes nothing for longer than `limit`.
async fn in_time(limit: Duration, step: impl Future<Output = Result<(), StreamError>>) -> Result<(), Unsent> {
    Ok(with_timeout(limit, step).await.ok_or(Unsent::Stalled)??)
}
