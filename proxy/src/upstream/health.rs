//! Active health checks: every server is asked at once and then at an interval; the first failure takes it out, the
//! first success puts it back.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_body_util::BodyExt;
use tokio::task::JoinSet;

use crate::config::dynamic::ServerHealthCheck;
use crate::http::body::RequestBody;

use super::failure::{Failure, chain};
use super::pool::{Answer, Pool};
use super::server::Server;
use super::transport::Transport;

/// Bytes of an answer that are read so that the connection can end well.
const MOST_BODY: usize = 64 * 1024;

/// A health check of one service.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    service: String,
    config: ServerHealthCheck,
    servers: Vec<Arc<Server>>,
    transport: Arc<Transport>,
}

impl Check {
    /// A check of `servers` of `service`.
    pub(crate) fn new(
        service: &str,
        config: &ServerHealthCheck,
        servers: Vec<Arc<Server>>,
        transport: Arc<Transport>,
    ) -> Self {
        Self { service: service.to_owned(), config: config.clone(), servers, transport }
    }

    /// The service's qualified name.
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    /// Whom it asks.
    pub(crate) fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// Starts asking in the current runtime. Ends when the returned set is dropped.
    pub(crate) fn start(&self, tasks: &mut JoinSet<()>) {
        for server in &self.servers {
            tasks.spawn(watch(
                self.service.clone(),
                self.config.clone(),
                Arc::clone(server),
                Arc::clone(&self.transport),
            ));
        }
    }
}

async fn watch(service: String, config: ServerHealthCheck, server: Arc<Server>, transport: Arc<Transport>) {
    let interval = positive(config.interval.to_std(), Duration::from_secs(30));
    let unhealthy_interval = config.unhealthy_interval.map_or(interval, |given| positive(given.to_std(), interval));
    let limit = positive(config.timeout.to_std(), Duration::from_secs(5));
    let Some(probe) = Probe::new(&config, &server, transport) else {
        tracing::warn!(service, server = %server.url, "the health check cannot be made: its path, method or scheme is not valid");
        return;
    };
    loop {
        let result = match tokio::time::timeout(limit, probe.ask()).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer for {} ms", limit.as_millis())),
        };
        let healthy = result.is_ok();
        if server.set_healthy(healthy) != healthy {
            match result {
                Ok(()) => tracing::info!(service, server = %server.url, "server is healthy again"),
                Err(reason) => {
                    tracing::warn!(service, server = %server.url, reason, "server is not healthy: it gets no more requests");
                }
            }
        }
        tokio::time::sleep(if healthy { interval } else { unhealthy_interval }).await;
    }
}

fn positive(given: Duration, otherwise: Duration) -> Duration {
    if given.is_zero() { otherwise } else { given }
}

struct Probe {
    pool: Arc<Pool>,
    method: Method,
    path: http::uri::PathAndQuery,
    host: HeaderValue,
    headers: HeaderMap,
    status: Option<StatusCode>,
}

impl Probe {
    fn new(config: &ServerHealthCheck, server: &Server, transport: Arc<Transport>) -> Option<Self> {
        let scheme = match config.scheme.as_str() {
            "" => server.url.split_once("://").map_or("http", |(scheme, _)| scheme),
            given => given,
        };
        let port = u16::try_from(config.port).ok().filter(|port| *port > 0).unwrap_or(server.port);
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let target = Server::new(&format!("{scheme}://{host}:{port}"), false).ok()?;
        let mut headers = HeaderMap::new();
        let mut named_host = None;
        for (name, value) in &config.headers {
            let (name, value) =
                (HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?);
            if name == HOST {
                named_host = Some(value);
            } else {
                headers.insert(name, value);
            }
        }
        if !config.hostname.is_empty() {
            named_host = Some(HeaderValue::try_from(config.hostname.as_str()).ok()?);
        }
        let path = if config.path.starts_with('/') { config.path.clone() } else { format!("/{}", config.path) };
        Some(Self {
            host: named_host.unwrap_or_else(|| target.host_header.clone()),
            pool: Arc::new(Pool::new(Arc::new(target), transport, 1)),
            method: if config.method.is_empty() { Method::GET } else { config.method.parse().ok()? },
            path: path.parse().ok()?,
            headers,
            status: u16::try_from(config.status)
                .ok()
                .filter(|status| *status > 0)
                .and_then(|status| StatusCode::from_u16(status).ok()),
        })
    }

    async fn ask(&self) -> Result<(), String> {
        let said = |failure: Failure| chain(&failure);
        let lease = self.pool.lease(false, false).await.map_err(said)?;
        let mut request = Request::new(RequestBody::empty());
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        if lease.is_http2() {
            *request.version_mut() = Version::HTTP_2;
            let authority = self.host.to_str().unwrap_or_default();
            *request.uri_mut() = Uri::builder()
                .scheme("http")
                .authority(authority)
                .path_and_query(self.path.clone())
                .build()
                .unwrap_or_default();
        } else {
            *request.uri_mut() = Uri::from(self.path.clone());
            request.headers_mut().insert(HOST, self.host.clone());
        }
        match lease.send(&self.pool, request, &mut |_| ()).await {
            Err(unanswered) => Err(said(unanswered.failure)),
            Ok(Answer::Switched(..)) => Err("the server switched protocols".to_owned()),
            Ok(Answer::Response(response)) => {
                let status = response.status();
                // Read so that the connection can be used for the next probe; how it ends does not matter.
                let _ = http_body_util::Limited::new(response.into_body(), MOST_BODY).collect().await;
                self.judge(status)
            }
        }
    }

    fn judge(&self, status: StatusCode) -> Result<(), String> {
        let fine = match self.status {
            Some(expected) => status == expected,
            None => status.is_success() || status.is_redirection(),
        };
        if fine { Ok(()) } else { Err(format!("it answered {}", status.as_u16())) }
    }
}
