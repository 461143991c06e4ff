//! Services of the gateway itself: `ping@internal`, `noop@internal`, `prometheus@internal`, and what its owner plugs in (`api@internal`).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode};

use crate::http::body::Body;
use crate::http::error_response::{status_text, text};
use crate::http::exchange::Exchange;
use crate::observe::metrics::Metrics;

/// The format in which metrics are told.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// An answer of a service that is part of the gateway.
pub type InternalAnswer = Response<Bytes>;

/// Method, path and query in, answer out. It must not block.
type Answer = dyn Fn(&Method, &str, Option<&str>) -> InternalAnswer + Send + Sync;

/// A service that is plugged in.
#[derive(Clone)]
pub struct Handler(Arc<Answer>);

impl Handler {
    /// A service that answers with what `answer` returns for method, path and query. It must not block.
    pub fn new(answer: impl Fn(&Method, &str, Option<&str>) -> InternalAnswer + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

/// A service of the gateway itself.
#[derive(Debug, Clone)]
pub(crate) enum Internal {
    /// 200 while requests are served, another status while the gateway is going away.
    Ping(Arc<AtomicBool>, StatusCode),
    /// For routers whose middlewares always answer.
    Noop,
    /// What is counted, for Prometheus.
    Metrics(Arc<Metrics>),
    /// Plugged in.
    Handler(Handler),
}

/// The services that a gateway has.
#[derive(Debug)]
pub(crate) struct InternalServices {
    /// Those that are plugged in, by qualified name.
    pub(crate) handlers: HashMap<String, Handler>,
    /// Whether the gateway is going away.
    pub(crate) terminating: Arc<AtomicBool>,
    /// What `ping@internal` answers then; none for no such service.
    pub(crate) ping: Option<StatusCode>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}

impl InternalServices {
    /// The service of a qualified name.
    pub(crate) fn find(&self, name: &str) -> Option<Internal> {
        match name {
            "ping@internal" => self.ping.map(|status| Internal::Ping(Arc::clone(&self.terminating), status)),
            "noop@internal" => Some(Internal::Noop),
            "prometheus@internal" => self.metrics.registry().map(|_| Internal::Metrics(Arc::clone(&self.metrics))),
            other => self.handlers.get(other).cloned().map(Internal::Handler),
        }
    }
}

impl Internal {
    /// Answers a request.
    pub(crate) async fn answer(&self, exchange: &Exchange) -> Response<Body> {
        match self {
            Self::Ping(terminating, status) if terminating.load(Relaxed) => status_text(*status),
            Self::Ping(..) => text(StatusCode::OK, "OK"),
            Self::Noop => text(StatusCode::IM_A_TEAPOT, ""),
            Self::Metrics(metrics) => {
                // Adding up and looking into `/proc` takes a while, in which other requests go on.
                let metrics = Arc::clone(metrics);
                let Ok(printed) = tokio::task::spawn_blocking(move || metrics.print()).await else {
                    return status_text(StatusCode::INTERNAL_SERVER_ERROR);
                };
                let mut response = Response::new(Body::from_bytes(printed.into()));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EXPOSITION));
                response
            }
            Self::Handler(handler) => {
                (handler.0)(&exchange.parts.method, exchange.target.path(), exchange.target.query())
                    .map(Body::from_bytes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_ping_where_it_is_asked_for() {
        let services = |ping| InternalServices {
            handlers: HashMap::new(),
            terminating: Arc::default(),
            ping,
            metrics: Arc::default(),
        };
        assert!(services(Some(StatusCode::SERVICE_UNAVAILABLE)).find("ping@internal").is_some());
        assert!(services(None).find("ping@internal").is_none());
    }
}
