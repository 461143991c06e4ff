//! HTTP to the engine, over the connections of `dial.rs`.
//!
//! bollard's client runs on it (`client.rs`), since its own transports open a connection per call and have one time limit
//! for everything. Logs, streams and listings go around it: it gives log times in whole seconds only, guesses whether a
//! stream is multiplexed from its first byte (a terminal may send that byte too), and refuses answers that are not exactly
//! what Docker sends.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

use super::address::Address;
use super::dial::{Dialer, closed};
use crate::backend::{Error, ErrorKind, Result};

/// Body of a request: whole, or streamed.
pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Longest answer that is read as a whole.
const MAX_ANSWER: usize = 256 * 1024 * 1024;
/// Connections kept open between calls.
const MAX_IDLE: usize = 16;
/// Time to get a connection; `ssh` may have to ask for a key.
const CONNECT: Duration = Duration::from_secs(60);
/// Time between two looks at whether an engine that works on something long is still there, and the limit of each.
const ATTENTION: Duration = Duration::from_secs(60);

/// What a call is, for messages and for its time limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// In words (`create container`).
    pub name: &'static str,
    /// What it is about.
    pub object: &'a str,
    /// How long the answer may take, unless the user has set another limit; none for streams.
    pub limit: Option<Duration>,
}

impl Call<'_> {
    pub(super) fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, call: self.name, object: self.object.to_owned(), message: message.into() }
    }

    pub(super) fn broken(&self, error: &(dyn std::error::Error + 'static)) -> Error {
        self.error(ErrorKind::Engine, format!("the engine's answer broke off: {}", chain(error)))
    }
}

/// An error with all its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// A request to be sent.
#[derive(Debug)]
pub(super) struct Message {
    pub method: Method,
    /// Path and query, version included.
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

impl Message {
    pub(super) fn new(method: Method, path: String) -> Self {
        Self { method, path, headers: Vec::new(), body: full(Bytes::new()) }
    }
}

pub(super) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
}

/// Connections to one engine.
#[derive(Debug)]
pub(super) struct Transport {
    dialer: Dialer,
    /// Time limit of every call, where the user has set one.
    patience: Option<Duration>,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

impl Transport {
    /// Reads the files that a connection needs; nothing is sent.
    ///
    /// # Errors
    /// Files that cannot be read or used.
    pub(super) fn new(address: Address, patience: Option<Duration>) -> Result<Self> {
        Ok(Self { dialer: Dialer::new(address)?, patience, idle: Mutex::default() })
    }

    /// Where the engine is.
    pub(super) fn address(&self) -> &Address {
        &self.dialer.address
    }

    /// How long an answer is waited for: `usual`, unless the user has said.
    pub(super) fn patience(&self, usual: Duration) -> Duration {
        self.patience.unwrap_or(usual)
    }

    /// A call whose answer is read as a whole; the connection is used again.
    pub(super) async fn whole(&self, call: Call<'_>, message: Message) -> Result<Bytes> {
        self.with_head(call, message).await.map(Response::into_body)
    }

    /// The same, with the head of the answer.
    pub(super) async fn with_head(&self, call: Call<'_>, message: Message) -> Result<Response<Bytes>> {
        self.limited(call, async {
            let (sender, response) = self.send(call, message).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER);
            let bytes = body.collect().await.map_err(|error| call.broken(&*error))?.to_bytes();
            self.keep(sender);
            Ok(Response::from_parts(head, bytes))
        })
        .await
    }

    /// A call whose answer goes on: a stream, or a connection to be taken over.
    pub(super) async fn open(&self, call: Call<'_>, message: Message) -> Result<Response<Incoming>> {
        self.limited(call, async { Ok(self.send(call, message).await?.1) }).await
    }

    pub(super) async fn limited<T>(&self, call: Call<'_>, work: impl Future<Output = Result<T>>) -> Result<T> {
        match call.limit {
            None => work.await,
            Some(limit) => self.within(call, self.patience(limit), work).await,
        }
    }

    /// Work that has just so much time.
    async fn within<T>(&self, call: Call<'_>, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(self.late(call, limit)))
    }

    /// The answer did not come in time.
    pub(super) fn late(&self, call: Call<'_>, limit: Duration) -> Error {
        let message = format!("the engine at {} did not answer within {} seconds", self.address(), limit.as_secs());
        call.error(ErrorKind::Timeout, message)
    }

    /// Work that takes as long as it takes (a build, a pull): it goes on for as long as the engine answers at all, which is
    /// asked from time to time.
    pub(super) async fn attended<T>(&self, call: Call<'_>, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(ended) = tokio::time::timeout(self.patience(ATTENTION), &mut work).await {
                return ended;
            }
            let ping = Call { limit: Some(ATTENTION), ..call };
            self.whole(ping, Message::new(Method::GET, "/_ping".to_owned())).await?;
        }
    }

    async fn send(&self, call: Call<'_>, message: Message) -> Result<(SendRequest<Body>, Response<Incoming>)> {
        let (sender, response) = self.exchange(call, message).await?;
        Ok((sender, refused(call, response).await?))
    }

    /// An answer as it comes, refusals too. Its connection is used again once it has been read to its end.
    pub(super) async fn answer(&self, call: Call<'_>, message: Message) -> Result<Response<Incoming>> {
        let (sender, response) = self.exchange(call, message).await?;
        self.keep(sender);
        Ok(response)
    }

    /// Sends on an idle connection, else on a new one. A kept connection may have been closed by the engine
    /// meanwhile: the request then comes back unsent and takes the next one.
    async fn exchange(&self, call: Call<'_>, message: Message) -> Result<(SendRequest<Body>, Response<Incoming>)> {
        let mut request = request(call, message)?;
        loop {
            let (mut sender, kept) = match self.take() {
                Some(sender) => (sender, true),
                None => (self.connect(call).await?, false),
            };
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((sender, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if kept => request = unsent,
                    _ => {
                        return Err(match closed(error.error()) {
                            Some(closed) => self.unreachable(call, &std::io::Error::other(closed.to_string())),
                            None => call.broken(error.error()),
                        });
                    }
                },
            }
        }
    }

    fn take(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(sender) = idle.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, sender: SendRequest<Body>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE && !sender.is_closed() {
            idle.push(sender);
        }
    }

    async fn connect(&self, call: Call<'_>) -> Result<SendRequest<Body>> {
        let wire = tokio::time::timeout(self.patience(CONNECT), self.dialer.dial())
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            .map_err(|error| self.unreachable(call, &error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(wire)).await.map_err(|error| call.broken(&error))?;
        // It ends with its sender, or with the engine; a failure shows in the call it interrupts.
        tokio::spawn(async move {
            let _ = connection.with_upgrades().await;
        });
        Ok(sender)
    }

    fn unreachable(&self, call: Call<'_>, error: &std::io::Error) -> Error {
        let (kind, why) = match error.kind() {
            std::io::ErrorKind::PermissionDenied => (ErrorKind::Permission, "permission denied".to_owned()),
            std::io::ErrorKind::NotFound => (ErrorKind::Unreachable, "there is nothing there".to_owned()),
            std::io::ErrorKind::ConnectionRefused => (ErrorKind::Unreachable, "nobody answers".to_owned()),
            _ => (ErrorKind::Unreachable, error.to_string()),
        };
        call.error(kind, format!("cannot reach the Docker engine at {}: {why}", self.address()))
    }
}

fn request(call: Call<'_>, message: Message) -> Result<Request<Body>> {
    let mut builder = Request::builder().method(message.method).uri(message.path).header(header::HOST, "docker");
    for (name, value) in message.headers {
        builder = builder.header(name, value);
    }
    builder.body(message.body).map_err(|error| call.error(ErrorKind::Invalid, error.to_string()))
}

/// Turns the engine's refusals into errors.
async fn refused(call: Call<'_>, response: Response<Incoming>) -> Result<Response<Incoming>> {
    let status = response.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let body = Limited::new(response.into_body(), 1024 * 1024).collect().await;
    let bytes = body.map_err(|error| call.broken(&*error))?.to_bytes();
    let message = serde_json::from_slice::<Refusal>(&bytes)
        .map(|refusal| refusal.message)
        .unwrap_or_else(|_| String::from_utf8_lossy(&bytes).trim().to_owned());
    let message = if message.is_empty() { format!("the engine answered {status}") } else { message };
    Err(call.error(kind_of(status, &message), message))
}

/// The kind of a refusal. Some have no status of their own, and are told by the engine's words.
pub(super) fn kind_of(status: StatusCode, message: &str) -> ErrorKind {
    let says = |words: &str| message.contains(words);
    match status {
        _ if says("port is already allocated") || says("address already in use") => ErrorKind::PortTaken,
        StatusCode::BAD_REQUEST => ErrorKind::Invalid,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        StatusCode::NOT_IMPLEMENTED => ErrorKind::Unsupported,
        // Engines answer 403 for a network that is in use.
        StatusCode::FORBIDDEN if says("active endpoints") => ErrorKind::Conflict,
        _ => ErrorKind::Engine,
    }
}

/// Puts a query behind a path; empty values are left out.
pub(super) fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    let mut separator = '?';
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        text.push(separator);
        text.push_str(name);
        text.push('=');
        text.push_str(&encode(value));
        separator = '&';
    }
    text
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, section 2.3.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
