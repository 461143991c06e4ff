//! Traces of requests, sent to a collector by OTLP over HTTP.
//!
//! Specification: W3C Trace Context; OpenTelemetry protocol 1.x; Traefik v3 documentation, "Tracing". A request keeps a
//! `Trace`, which is given to a thread of its own when its answer is complete: that one encodes and sends. When it cannot
//! follow, traces are dropped and counted rather than requests delayed. Without a configuration nothing is done.

mod context;
mod encode;
mod export;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use tokio::sync::{mpsc, oneshot};

use crate::config::statics::Tracing;
use crate::http::exchange::{Client, Exchange};
use crate::upstream::server::Server;

use context::{Context, Parent};

/// Traces that may wait to be sent.
const BACKLOG: usize = 2048;
/// How long a gateway that ends waits for its last traces to be sent.
const LAST: Duration = Duration::from_secs(3);
/// Requests of one trace that are kept: what is tried again and again says nothing new.
const MOST_CALLS: usize = 64;

/// Where traces go.
#[derive(Debug)]
pub struct Tracer {
    queue: mpsc::Sender<Message>,
    settings: Settings,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Trace(Box<Trace>),
    /// Everything before it is to be sent now.
    Flush(oneshot::Sender<()>),
}

/// What traces show.
#[derive(Debug, Default)]
struct Settings {
    internals: bool,
    /// Of 2⁶⁴ traces so many are kept.
    threshold: u64,
    request_headers: Vec<HeaderName>,
    response_headers: Vec<HeaderName>,
    safe_parameters: Vec<String>,
}

impl Tracer {
    /// Starts the thread that sends traces as `options` say, from the host `hostname`. It ends with the tracer. Reads files.
    ///
    /// # Errors
    /// A URL, header or certificate that makes no sense; the thread cannot be started.
    pub fn start(options: &Tracing, hostname: &str) -> Result<Self, String> {
        let names = |option: &str, names: &[String]| -> Result<Vec<HeaderName>, String> {
            let name = |name: &String| name.parse().map_err(|_| format!("`{option}`: `{name}` is no name of a header"));
            names.iter().map(name).collect()
        };
        let rate = options
            .rate()
            .ok_or_else(|| format!("`tracing.sampleRate` takes a number from 0 to 1, not `{}`", options.sample_rate))?;
        let settings = Settings {
            internals: options.add_internals,
            threshold: threshold(rate),
            request_headers: names("tracing.capturedRequestHeaders", &options.captured_request_headers)?,
            response_headers: names("tracing.capturedResponseHeaders", &options.captured_response_headers)?,
            safe_parameters: options.safe_query_params.clone(),
        };
        let (queue, received) = mpsc::channel(BACKLOG);
        let dropped = Arc::new(AtomicU64::new(0));
        let resource = encode::resource(options, hostname);
        export::start(&options.otlp.http, resource, received, Arc::clone(&dropped))?;
        Ok(Self { queue, settings, dropped })
    }

    /// Waits until what is there has been sent, for a few seconds at most.
    pub(crate) async fn flush(&self) {
        let (sender, flushed) = oneshot::channel();
        let wait = async {
            if self.queue.send(Message::Flush(sender)).await.is_ok() {
                let _ = flushed.await;
            }
        };
        // What a collector does not take in this time is lost.
        let _ = tokio::time::timeout(LAST, wait).await;
    }

    fn take(&self, trace: Box<Trace>) {
        if self.queue.try_send(Message::Trace(trace)).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }
}

/// The part of 2⁶⁴ that a rate is.
fn threshold(rate: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rate is between 0 and 1; what is lost is far below what anybody can count"
    )]
    let part = (rate * u64::MAX as f64) as u64;
    part
}

/// A request under way: the span of its entry point, and those of the requests that it causes.
#[derive(Debug)]
pub(crate) struct Trace {
    tracer: Arc<Tracer>,
    client: Arc<Client>,
    context: Context,
    began: SystemTime,
    ended: SystemTime,
    method: Method,
    version: Version,
    host: HeaderValue,
    user_agent: Option<HeaderValue>,
    path: String,
    query: String,
    body_size: u64,
    request_headers: Vec<(HeaderName, HeaderValue)>,
    response_headers: Vec<(HeaderName, HeaderValue)>,
    status: StatusCode,
    calls: Vec<Call>,
}

/// A request that the gateway makes for one of a client.
#[derive(Debug)]
struct Call {
    /// Traefik's name for its kind.
    name: &'static str,
    span: [u8; 8],
    began: SystemTime,
    ended: SystemTime,
    method: Method,
    /// Without values of the query.
    url: String,
    host: String,
    port: u16,
    user_agent: Option<HeaderValue>,
    /// None where there was no answer.
    status: Option<StatusCode>,
}

impl Trace {
    /// The trace of a request that begins now, or goes on with the trace that its headers name.
    pub(crate) fn begin(tracer: Arc<Tracer>, exchange: &Exchange) -> Box<Self> {
        let headers = &exchange.parts.headers;
        let context = Context::new(Parent::read(headers), tracer.settings.threshold);
        let now = SystemTime::now();
        let mut trace = Self {
            client: Arc::clone(&exchange.client),
            context,
            began: now,
            ended: now,
            method: exchange.parts.method.clone(),
            version: exchange.parts.version,
            host: exchange.host.value.clone(),
            user_agent: None,
            path: String::new(),
            query: String::new(),
            body_size: 0,
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            status: StatusCode::OK,
            calls: Vec::new(),
            tracer,
        };
        // Of the others only the decision is passed on.
        if trace.context.sampled {
            trace.user_agent = headers.get(USER_AGENT).cloned();
            exchange.target.path().clone_into(&mut trace.path);
            trace.query = redacted(exchange.target.query().unwrap_or_default(), &trace.tracer.settings.safe_parameters);
            let length = headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
            trace.body_size = length.and_then(|text| text.parse().ok()).unwrap_or_default();
            trace.request_headers = captured(headers, &trace.tracer.settings.request_headers);
        }
        Box::new(trace)
    }

    /// Whether a router's requests have traces: what the gateway does for itself has none, unless the options say so.
    pub(crate) fn is_wanted(&self, router: &str, service: &str) -> bool {
        self.tracer.settings.internals || !super::is_internal(router, service)
    }

    /// A server is asked, with these headers: they say which span the request belongs to.
    pub(crate) fn asks(
        &mut self,
        name: &'static str,
        server: &Server,
        method: &Method,
        target: &str,
        headers: &mut HeaderMap,
    ) {
        let span = context::random();
        headers.insert(context::TRACEPARENT, self.context.header(span));
        if !self.context.sampled || self.calls.len() >= MOST_CALLS {
            return;
        }
        let scheme = if server.scheme == crate::upstream::server::Scheme::Https { "https" } else { "http" };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = redacted(query, &self.tracer.settings.safe_parameters);
        let mark = if query.is_empty() { "" } else { "?" };
        let now = SystemTime::now();
        self.calls.push(Call {
            name,
            span,
            began: now,
            ended: now,
            method: method.clone(),
            url: format!("{scheme}://{}{path}{mark}{query}", server.address()),
            host: server.host.clone(),
            port: server.port,
            user_agent: headers.get(USER_AGENT).cloned(),
            status: None,
        });
    }

    /// The server that was asked last has answered, or not.
    pub(crate) fn told(&mut self, status: Option<StatusCode>) {
        if let Some(call) = self.calls.last_mut() {
            (call.ended, call.status) = (SystemTime::now(), status);
        }
    }

    /// The answer's head.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = status;
        if self.context.sampled {
            self.response_headers = captured(headers, &self.tracer.settings.response_headers);
        }
    }

    /// Its answer is complete or given up.
    pub(crate) fn end(mut self: Box<Self>) {
        if self.context.sampled {
            self.ended = SystemTime::now();
            let tracer = Arc::clone(&self.tracer);
            tracer.take(self);
        }
    }
}

fn captured(headers: &HeaderMap, names: &[HeaderName]) -> Vec<(HeaderName, HeaderValue)> {
    let one = |name: &HeaderName| {
        let values = headers.get_all(name).iter().map(|value| (name.clone(), value.clone()));
        values.collect::<Vec<_>>()
    };
    names.iter().flat_map(one).collect()
}

/// A query in which only these parameters have their values.
fn redacted(query: &str, safe: &[String]) -> String {
    let parts = query.split('&').filter(|part| !part.is_empty()).map(|part| match part.split_once('=') {
        Some((name, _)) if !safe.iter().any(|safe| safe == name) => format!("{name}=REDACTED"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_queries_are_left_out() {
        let safe = ["page".to_owned()];
        assert_eq!(redacted("token=x&page=2&flag&a=", &safe), "token=REDACTED&page=2&flag&a=REDACTED");
        assert_eq!(redacted("", &safe), "");
    }

    #[test]
    fn a_rate_is_a_part_of_all_traces() {
        assert_eq!((threshold(0.0), threshold(1.0)), (0, u64::MAX));
        assert!(threshold(0.5).abs_diff(u64::MAX / 2) < 1 << 20);
    }
}
