//! gRPC over HTTP/2 ("gRPC over HTTP2" of the gRPC project), as far as BuildKit needs it: messages without compression,
//! each behind five bytes of prefix, and a status in the trailers.

#[cfg(test)]
mod tests;

use std::io;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http2::SendRequest;
use prost::Message;
use tokio::sync::mpsc;

use crate::backend::docker::transport::{self, Body};

/// Compression flag and length.
const PREFIX: usize = 5;
/// Longest message that is taken. BuildKit's own limit is 16 MiB.
const LONGEST: usize = 32 * 1024 * 1024;
/// Messages that wait to be sent before their producer has to.
pub(super) const WAITING: usize = 8;

/// Codes of the gRPC project's list.
pub(super) const OK: u32 = 0;
pub(super) const UNKNOWN: u32 = 2;
pub(super) const INVALID: u32 = 3;
pub(super) const NOT_FOUND: u32 = 5;
pub(super) const ALREADY_EXISTS: u32 = 6;
pub(super) const UNIMPLEMENTED: u32 = 12;
pub(super) const UNAVAILABLE: u32 = 14;

/// The end of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// One of the codes above, or another.
    pub code: u32,
    /// In words.
    pub message: String,
    /// `google.rpc.Status` with more about it, encoded; may be empty.
    pub details: Vec<u8>,
}

impl Status {
    pub(super) fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    fn broken(error: &dyn std::error::Error) -> Self {
        Self::new(UNAVAILABLE, format!("the connection to the builder broke off: {error}"))
    }

    /// The status in headers; none where they have none.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let code = text("grpc-status")?.parse().unwrap_or(UNKNOWN);
        let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let details = text("grpc-status-details-bin")
            .and_then(|text| GeneralPurpose::new(&STANDARD, padding).decode(text).ok())
            .unwrap_or_default();
        Some(Self { code, message: decoded(text("grpc-message").unwrap_or_default()), details })
    }

    pub(super) fn trailers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", HeaderValue::from(self.code));
        if !self.message.is_empty()
            && let Ok(value) = HeaderValue::from_str(&encoded(&self.message))
        {
            headers.insert("grpc-message", value);
        }
        headers
    }
}

/// Percent-encodes all that is not printable ASCII, and the percent sign.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | 0..=0x1f | 0x7f.. => encoded.push_str(&format!("%{byte:02X}")),
            _ => encoded.push(char::from(byte)),
        }
    }
    encoded
}

/// The reverse; what is not encoded stays as it is.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A message with its prefix.
pub(super) fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // The buffer grows: there is always room.
    let _ = message.encode(&mut bytes);
    bytes.freeze()
}

/// Takes the first message out of what has arrived; none while it is not complete.
fn unframe(buffer: &mut BytesMut) -> Result<Option<Bytes>, Status> {
    let Some((prefix, _)) = buffer.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(Status::new(UNIMPLEMENTED, "compressed messages are not supported"));
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(Status::new(INVALID, format!("a message of {length} bytes is too long")));
    }
    if buffer.len() < PREFIX + length {
        return Ok(None);
    }
    buffer.advance(PREFIX);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Messages as they arrive.
#[derive(Debug)]
pub(super) struct Messages {
    body: Incoming,
    buffer: BytesMut,
    end: Option<Status>,
}

impl Messages {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, buffer: BytesMut::new(), end: None }
    }

    /// The next one; none at the end.
    ///
    /// # Errors
    /// What the other side says went wrong, a connection that broke off, a message that makes no sense.
    pub(super) async fn next<T: Message + Default>(&mut self) -> Result<Option<T>, Status> {
        loop {
            if let Some(bytes) = unframe(&mut self.buffer)? {
                return T::decode(bytes)
                    .map(Some)
                    .map_err(|error| Status::new(INVALID, format!("the builder's message is invalid: {error}")));
            }
            let Some(part) = self.body.frame().await else {
                return match self.end.take() {
                    Some(status) if status.code != OK => Err(status),
                    _ => Ok(None),
                };
            };
            match part.map_err(|error| Status::broken(&error))?.into_data() {
                Ok(data) => self.buffer.extend_from_slice(&data),
                Err(other) => self.end = other.trailers_ref().and_then(Status::of),
            }
        }
    }
}

/// Where an answer's messages go; closed, the answer ends.
pub(super) type Answers = mpsc::Sender<Result<Bytes, Status>>;

/// An answer of many messages, and where they go. A failure ends it.
pub(super) fn answers() -> (Answers, Response<Body>) {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Status>>(WAITING);
    let frames = futures_util::stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        let (frame, next) = match receiver.recv().await {
            Some(Ok(bytes)) => (Frame::data(bytes), Some(receiver)),
            Some(Err(status)) => (Frame::trailers(status.trailers()), None),
            None => (Frame::trailers(Status::default().trailers()), None),
        };
        Some((Ok::<_, io::Error>(frame), next))
    });
    (sender, response(StreamBody::new(frames).boxed_unsync()))
}

/// An answer of one message.
pub(super) fn answer(outcome: Result<impl Message, Status>) -> Response<Body> {
    let (data, status) = match outcome {
        Ok(message) => (Some(frame(&message)), Status::default()),
        Err(status) => (None, status),
    };
    let frames = data.map(Frame::data).into_iter().chain([Frame::trailers(status.trailers())]);
    let frames = futures_util::stream::iter(frames).map(Ok::<_, io::Error>);
    response(StreamBody::new(frames).boxed_unsync())
}

fn response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Calls of one service's methods on a connection.
#[derive(Debug, Clone)]
pub(super) struct Client {
    sender: SendRequest<Body>,
    /// Sent with each call.
    metadata: Option<(&'static str, String)>,
}

impl Client {
    pub(super) fn new(sender: SendRequest<Body>) -> Self {
        Self { sender, metadata: None }
    }

    /// The same, with a value that goes with each call.
    pub(super) fn with(&self, name: &'static str, value: &str) -> Self {
        Self { sender: self.sender.clone(), metadata: Some((name, value.to_owned())) }
    }

    /// A call with one message, answered by one.
    ///
    /// # Errors
    /// See [`Messages::next`].
    pub(super) async fn call<T: Message + Default>(&self, path: &str, message: &impl Message) -> Result<T, Status> {
        let mut messages = self.open(path, message).await?;
        let answer = messages.next().await?;
        // The status comes behind the message.
        while messages.next::<T>().await?.is_some() {}
        answer.ok_or_else(|| Status::new(UNKNOWN, "the builder ended the call without an answer"))
    }

    /// A call with one message, answered by many.
    ///
    /// # Errors
    /// See [`Messages::next`].
    pub(super) async fn open(&self, path: &str, message: &impl Message) -> Result<Messages, Status> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://buildkit{path}"))
            .header(http::header::CONTENT_TYPE, "application/grpc")
            .header(http::header::TE, "trailers");
        if let Some((name, value)) = &self.metadata {
            request = request.header(*name, value);
        }
        let request =
            request.body(transport::full(frame(message))).map_err(|error| Status::new(INVALID, error.to_string()))?;
        let mut sender = self.sender.clone();
        sender.ready().await.map_err(|error| Status::broken(&error))?;
        let response = sender.send_request(request).await.map_err(|error| Status::broken(&error))?;
        if response.status() != StatusCode::OK {
            return Err(Status::new(UNKNOWN, format!("the builder answered {}", response.status())));
        }
        // A failure may come without any message: its status is in the head.
        match Status::of(response.headers()) {
            Some(status) if status.code != OK || response.body().is_end_stream() => Err(status),
            _ => Ok(Messages::new(response.into_body())),
        }
    }
}
