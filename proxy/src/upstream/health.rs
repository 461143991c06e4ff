//! Active health checks: every server is asked at once and then at an interval; the first failure takes it out, the
//! first success puts it back.

mod grpc;
mod redirect;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body_util::BodyExt;
use tokio::task::JoinSet;

use crate::config::dynamic::ServerHealthCheck;
use crate::http::body::RequestBody;

use super::ask::AGENT;
use super::call::Call;
use super::dial::Versions;
use super::failure::{Failure, chain};
use super::pool::{Answer, Pool, Reuse, UnderWay};
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
    if config.interval.to_std().is_zero() {
        tracing::warn!(service, "the interval of the health check is not above zero: it is 30 seconds");
    }
    let interval = positive(config.interval.to_std(), Duration::from_secs(30));
    let unhealthy_interval = config.unhealthy_interval.map_or(interval, |given| positive(given.to_std(), interval));
    let limit = positive(config.timeout.to_std(), Duration::from_secs(5));
    let Some(probe) = Probe::new(&config, &server, transport) else {
        // As in Traefik: who cannot be asked is not well.
        server.set_healthy(false);
        tracing::warn!(
            service,
            server = %server.url,
            "the health check cannot be made, and the server gets no requests: its path, method, headers or scheme is not valid"
        );
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
    /// Absolute.
    url: Uri,
    host: HeaderValue,
    headers: HeaderMap,
    status: Option<StatusCode>,
    follows: bool,
    is_grpc: bool,
}

/// The head of an answer, and as much of its body as was read.
struct ProbeResponse {
    status: StatusCode,
    headers: HeaderMap,
    trailers: Option<HeaderMap>,
    body: Bytes,
}

impl Probe {
    fn new(config: &ServerHealthCheck, server: &Server, transport: Arc<Transport>) -> Option<Self> {
        let is_grpc = config.mode.eq_ignore_ascii_case("grpc");
        let scheme = match config.scheme.as_str() {
            "" => server.url.split_once("://").map_or("http", |(scheme, _)| scheme),
            given => given,
        };
        // gRPC is HTTP/2, also where there is no TLS to agree on that.
        let scheme = if is_grpc && scheme == "http" { "h2c" } else { scheme };
        let port = u16::try_from(config.port).ok().filter(|port| *port > 0).unwrap_or(server.port);
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let target = Server::new(&format!("{scheme}://{host}:{port}"), false).ok()?;
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let (name, value) =
                (HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?);
            // As in Traefik, where `hostname` names the host.
            if name != HOST {
                headers.insert(name, value);
            }
        }
        if !is_grpc {
            // By which servers tell checks from people; those that do not say who they are may be turned away.
            headers.entry(USER_AGENT).or_insert(AGENT);
        }
        let named_host = match config.hostname.as_str() {
            "" => None,
            name => Some(HeaderValue::try_from(name).ok()?),
        };
        if leads_elsewhere(&config.path) {
            return None;
        }
        let path = if config.path.starts_with('/') { config.path.clone() } else { format!("/{}", config.path) };
        let path = if is_grpc { grpc::PATH.to_owned() } else { path };
        let url_scheme = if scheme == "https" { "https" } else { "http" };
        if is_grpc {
            grpc::headers(&mut headers);
        }
        Some(Self {
            host: named_host.unwrap_or_else(|| target.host_header.clone()),
            url: format!("{url_scheme}://{host}:{port}{path}").parse().ok()?,
            pool: Arc::new(Pool::new(Arc::new(target), transport, 1)),
            method: match config.method.as_str() {
                _ if is_grpc => Method::POST,
                "" => Method::GET,
                given => given.parse().ok()?,
            },
            headers,
            status: u16::try_from(config.status)
                .ok()
                .filter(|status| *status > 0)
                .and_then(|status| StatusCode::from_u16(status).ok()),
            follows: config.follow_redirects && !is_grpc,
            is_grpc,
        })
    }

    async fn ask(&self) -> Result<(), String> {
        let (mut pool, mut url, mut host, mut method) =
            (Arc::clone(&self.pool), self.url.clone(), self.host.clone(), self.method.clone());
        for _ in 0..=redirect::MOST {
            let told = self.send(&pool, &url, &host, &method).await?;
            if self.is_grpc {
                return grpc::judge(told.status, told.trailers.as_ref().unwrap_or(&told.headers), &told.body);
            }
            let next = redirect::target(&url, told.status, &told.headers).filter(|_| self.follows);
            let Some(next) = next else { return self.judge(told.status) };
            if !matches!(told.status.as_u16(), 307 | 308) && method != Method::HEAD {
                method = Method::GET;
            }
            if (next.scheme(), next.authority()) != (url.scheme(), url.authority()) {
                let shown = format!("{}://{}", next.scheme_str().unwrap_or_default(), host_of(&next));
                let server = Server::new(&shown, false).map_err(|error| format!("it leads to `{next}`: {error}"))?;
                host = server.host_header.clone();
                pool = Arc::new(Pool::new(Arc::new(server), Arc::clone(&self.pool.transport), 0));
            }
            url = next;
        }
        Err(format!("it leads on more than {} times", redirect::MOST))
    }

    async fn send(
        &self,
        pool: &Arc<Pool>,
        url: &Uri,
        host: &HeaderValue,
        method: &Method,
    ) -> Result<ProbeResponse, String> {
        let said = |failure: Failure| chain(&failure);
        let lease = pool.lease(Reuse::Allowed, Versions::All).await.map_err(said)?;
        if self.is_grpc && !lease.is_http2() {
            return Err("it does not speak HTTP/2, which gRPC needs".to_owned());
        }
        let mut call = Call {
            method: method.clone(),
            target: url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
            host: host.clone(),
            spelling: None,
            headers: self.headers.clone(),
            body: if self.is_grpc { RequestBody::held(grpc::QUESTION) } else { RequestBody::empty() },
        };
        if !self.is_grpc && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            // Servers may refuse a request of this kind that does not say that it has no body.
            call.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        match lease.send(UnderWay::new(pool), &mut call, &mut |_| ()).await {
            Err(unanswered) => Err(said(unanswered.failure)),
            Ok(Answer::Switched(..)) => Err("the server switched protocols".to_owned()),
            Ok(Answer::Response(response)) => {
                let (head, body) = response.into_parts();
                // Read so that the connection can be used for the next probe; how it ends does not matter there.
                let read = http_body_util::Limited::new(body, MOST_BODY).collect().await.ok();
                let trailers = read.as_ref().and_then(|read| read.trailers().cloned());
                let body = read.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                Ok(ProbeResponse { status: head.status, headers: head.headers, trailers, body })
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

/// Whether a path is none: it names a host, or a scheme.
fn leads_elsewhere(path: &str) -> bool {
    let first = path.split(['/', '?', '#']).next().unwrap_or_default();
    path.starts_with("//") || first.contains(':')
}

/// Host and port of a URL, as they stand there.
fn host_of(url: &Uri) -> &str {
    url.authority().map_or("", |authority| authority.as_str())
}
