//! The thread that sends traces: several at once, every few seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Limited};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::config::statics::OtlpHttp;
use crate::upstream::ask::ask;
use crate::upstream::failure::chain;
use crate::upstream::pool::Pool;
use crate::upstream::server::Server;
use crate::upstream::transport::{Transport, TransportOptions, pem_or_path};

use super::{Message, encode};

/// Time that spans are gathered for.
const GATHER: Duration = Duration::from_secs(5);
/// So many are sent at once.
const MOST_SPANS: usize = 512;
/// For one attempt to send.
const LIMIT: Duration = Duration::from_secs(10);
/// Attempts, and the pause after the first; it doubles.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
/// A collector that is out of reach is told of once in this time.
const COMPLAIN: Duration = Duration::from_secs(60);
/// Bytes of an answer that are read.
const MOST_ANSWER: usize = 64 * 1024;

struct Exporter {
    pool: Arc<Pool>,
    target: PathAndQuery,
    headers: HeaderMap,
    resource: Vec<u8>,
    endpoint: String,
    dropped: Arc<AtomicU64>,
    complained: Option<Instant>,
}

/// Starts the thread. Reads files.
///
/// # Errors
/// Options that make no sense; the thread cannot be started.
pub(super) fn start(
    options: &OtlpHttp,
    resource: Vec<u8>,
    queue: mpsc::Receiver<Message>,
    dropped: Arc<AtomicU64>,
) -> Result<(), String> {
    let place = "tracing.otlp.http";
    let uri: Uri =
        options.endpoint.parse().map_err(|_| format!("`{place}.endpoint`: `{}` is no URL", options.endpoint))?;
    let server = Server::new(&options.endpoint, false).map_err(|error| format!("`{place}.endpoint`: {error}"))?;
    let target = match uri.path_and_query() {
        Some(target) if target.path() != "/" => target.clone(),
        _ => PathAndQuery::from_static("/v1/traces"),
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("stack/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in &options.headers {
        let wrong = || format!("`{place}.headers.{name}`: that is no header");
        let name_of = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        headers.insert(name_of, HeaderValue::try_from(value.as_str()).map_err(|_| wrong())?);
    }
    let read = |option: &str, text: &String| {
        pem_or_path(text).map_err(|error| format!("`{place}.tls.{option}`: cannot read `{text}`: {error}"))
    };
    let tls = &options.tls;
    let certificates = match (tls.cert.is_empty(), tls.key.is_empty()) {
        (true, true) => Vec::new(),
        (false, false) => vec![(read("cert", &tls.cert)?, read("key", &tls.key)?)],
        _ => return Err(format!("`{place}.tls`: `cert` and `key` belong together")),
    };
    let transport = Transport::new(TransportOptions {
        root_cas: if tls.ca.is_empty() { None } else { Some(vec![read("ca", &tls.ca)?]) },
        insecure_skip_verify: tls.insecure_skip_verify,
        certificates,
        disable_http2: true,
        ..TransportOptions::default()
    })
    .map_err(|error| format!("`{place}.tls`: {}", chain(&error)))?;
    let exporter = Exporter {
        pool: Arc::new(Pool::new(Arc::new(server), Arc::new(transport), 1)),
        target,
        headers,
        resource,
        endpoint: options.endpoint.clone(),
        dropped,
        complained: None,
    };
    let failed = |error: std::io::Error| format!("no traces are sent: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let thread = std::thread::Builder::new().name("traces".to_owned());
    thread.spawn(move || runtime.block_on(exporter.run(queue))).map_err(failed)?;
    Ok(())
}

impl Exporter {
    async fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut spans: Vec<Vec<u8>> = Vec::new();
        while let Some(first) = queue.recv().await {
            let until = Instant::now() + GATHER;
            let mut flushed = gather(first, &mut spans);
            while flushed.is_none() && spans.len() < MOST_SPANS {
                match tokio::time::timeout_at(until, queue.recv()).await {
                    Ok(Some(message)) => flushed = gather(message, &mut spans),
                    Ok(None) | Err(_) => break,
                }
            }
            if !spans.is_empty() {
                self.send(&std::mem::take(&mut spans)).await;
            }
            if let Some(flushed) = flushed {
                // Whoever waited may have gone.
                let _ = flushed.send(());
            }
        }
    }

    async fn send(&mut self, spans: &[Vec<u8>]) {
        let body = Bytes::from(encode::request(&self.resource, spans));
        let mut pause = PAUSE;
        for attempt in 1..=ATTEMPTS {
            let reason = match tokio::time::timeout(LIMIT, self.post(&body)).await {
                Ok(Ok(())) => return,
                Ok(Err(Refused::ForGood(reason))) => return self.complain(spans.len(), &reason),
                Ok(Err(Refused::ForNow(reason))) => reason,
                Err(_) => format!("no answer for {} s", LIMIT.as_secs()),
            };
            if attempt == ATTEMPTS {
                return self.complain(spans.len(), &reason);
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    }

    /// One attempt (OTLP specification, "OTLP/HTTP response").
    async fn post(&self, body: &Bytes) -> Result<(), Refused> {
        let mut head = Request::new(()).into_parts().0;
        head.method = Method::POST;
        head.headers = self.headers.clone();
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let answer = ask(&self.pool, &head, &self.target, body).await;
        let answer = answer.map_err(|failure| Refused::ForNow(chain(&failure)))?;
        let (parts, content) = answer.into_parts();
        // Read so that the connection can be used again; what it says does not matter.
        let _ = Limited::new(content, MOST_ANSWER).collect().await;
        let reason = || format!("it answers {}", parts.status.as_u16());
        match parts.status.as_u16() {
            200..300 => Ok(()),
            429 | 502..=504 => Err(Refused::ForNow(reason())),
            _ => Err(Refused::ForGood(reason())),
        }
    }

    fn complain(&mut self, spans: usize, reason: &str) {
        self.dropped.fetch_add(spans as u64, Relaxed);
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN) {
            self.complained = Some(Instant::now());
            tracing::warn!(
                collector = self.endpoint,
                reason,
                lost = self.dropped.load(Relaxed),
                "traces cannot be sent; requests are served as ever"
            );
        }
    }
}

/// Takes a message in; who is to be told when everything is sent.
fn gather(message: Message, spans: &mut Vec<Vec<u8>>) -> Option<oneshot::Sender<()>> {
    match message {
        Message::Trace(trace) => {
            spans.extend(encode::spans(&trace));
            None
        }
        Message::Flush(flushed) => Some(flushed),
    }
}

/// A collector did not take traces.
enum Refused {
    /// It may take them later.
    ForNow(String),
    /// It never will.
    ForGood(String),
}
