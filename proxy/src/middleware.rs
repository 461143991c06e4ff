//! What happens to a request between its router and its service, and to the answer on the way back.
//!
//! A middleware is built when the configuration is compiled; one that cannot be built disables every router that names
//! it, so that nothing is ever served without it. Middlewares run in their order; those that look at the answer, too, run
//! the rest of the way themselves.

mod add_prefix;
mod auth;
mod buffering;
mod build;
mod circuit_breaker;
mod client_cert;
mod compress;
pub(crate) mod content_type;
mod error_pages;
mod expression;
mod forward_auth;
mod grpc_web;
mod headers;
mod in_flight;
mod ip_allow_list;
mod rate_limit;
mod redirect_regex;
mod redirect_scheme;
mod replace_path;
mod retry;
pub(crate) mod source;
mod status;
mod strip_prefix;
mod strip_prefix_regex;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use http::Response;

use crate::entry_point::DeniedEncodings;
use crate::http::body::Body;
use crate::http::error_response::Reason;
use crate::http::exchange::Exchange;
use crate::http::tries::Tries;
use crate::response_guard::BoxedGuard;
use crate::snapshot::{Route, Service, View};

pub(crate) use build::{Builder, Kept};
pub(crate) use retry::MOST_BODY as RETRIED_BODY;
pub(crate) use status::Statuses;

/// A middleware, ready to run.
#[derive(Debug, Clone)]
pub(crate) enum Middleware {
    AddPrefix(add_prefix::AddPrefix),
    BasicAuth(Arc<auth::basic::BasicAuth>),
    Buffering(Arc<buffering::Buffering>),
    CircuitBreaker(Arc<circuit_breaker::CircuitBreaker>),
    ClientCert(Arc<client_cert::ClientCert>),
    Compress(Arc<compress::Compress>),
    ContentType,
    DigestAuth(Arc<auth::digest::DigestAuth>),
    EncodedCharacters(DeniedEncodings),
    ErrorPages(Arc<error_pages::ErrorPages>),
    ForwardAuth(forward_auth::Shared),
    GrpcWeb(Arc<grpc_web::GrpcWeb>),
    Headers(Arc<headers::Headers>),
    InFlight(Arc<in_flight::InFlight>),
    IpAllowList(Arc<ip_allow_list::IpAllowList>),
    RateLimit(Arc<rate_limit::RateLimit>),
    RedirectRegex(Arc<redirect_regex::RedirectRegex>),
    RedirectScheme(redirect_scheme::RedirectScheme),
    ReplacePath(replace_path::ReplacePath),
    ReplacePathRegex(Arc<replace_path::ReplacePathRegex>),
    Retry(Arc<retry::Retry>),
    StripPrefix(strip_prefix::StripPrefix),
    StripPrefixRegex(strip_prefix_regex::StripPrefixRegex),
}

/// What middlewares leave behind for the rest of the exchange.
#[derive(Debug, Default)]
pub(crate) struct After {
    /// How often the service may be tried.
    pub(crate) tries: Option<Tries>,
    /// Let go when the answer is complete.
    pub(crate) held: Vec<BoxedGuard>,
}

/// The rest of a request's way: middlewares, then the service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Next<'a> {
    middlewares: &'a [Middleware],
    end: End<'a>,
    view: &'a Arc<View>,
}

/// Where it leads.
#[derive(Debug, Clone, Copy)]
enum End<'a> {
    /// To the service of a router.
    Route(&'a Route),
    /// To a service behind middlewares of its own.
    Service(&'a Service),
}

impl<'a> Next<'a> {
    /// The whole way of a route.
    pub(crate) fn new(route: &'a Route, view: &'a Arc<View>) -> Self {
        Self { middlewares: &route.middlewares, end: End::Route(route), view }
    }

    /// The way to a service through its own middlewares.
    pub(crate) fn to_service(middlewares: &'a [Middleware], service: &'a Service, view: &'a Arc<View>) -> Self {
        Self { middlewares, end: End::Service(service), view }
    }

    /// Goes that way, inside of another middleware.
    pub(crate) fn run<'b>(
        self,
        exchange: &'b mut Exchange,
        after: &'b mut After,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + 'b>>
    where
        'a: 'b,
    {
        Box::pin(self.pass(exchange, after))
    }

    /// Goes that way.
    pub(crate) async fn pass(self, exchange: &mut Exchange, after: &mut After) -> Response<Body> {
        let mut rest = self.middlewares;
        while let Some((first, others)) = rest.split_first() {
            rest = others;
            let next = Self { middlewares: rest, ..self };
            let answer = match first {
                Middleware::AddPrefix(prefix) => {
                    prefix.request(exchange);
                    None
                }
                Middleware::BasicAuth(auth) => auth.request(exchange).await,
                Middleware::ClientCert(cert) => {
                    cert.request(exchange);
                    None
                }
                Middleware::DigestAuth(auth) => auth.request(exchange),
                Middleware::EncodedCharacters(denied) => {
                    denied.found_in(exchange.target.path()).then(|| exchange.client.worker.refusal(Reason::DeniedPath))
                }
                Middleware::InFlight(limit) => match limit.request(exchange) {
                    Ok(place) => {
                        after.held.push(place);
                        None
                    }
                    Err(answer) => Some(*answer),
                },
                Middleware::IpAllowList(list) => list.request(exchange),
                Middleware::RateLimit(limit) => limit.request(exchange).await,
                Middleware::RedirectRegex(redirect) => redirect.request(exchange),
                Middleware::RedirectScheme(redirect) => redirect.request(exchange),
                Middleware::ReplacePath(replace) => replace.request(exchange),
                Middleware::ReplacePathRegex(replace) => replace.request(exchange),
                Middleware::StripPrefix(strip) => strip.request(exchange),
                Middleware::StripPrefixRegex(strip) => strip.request(exchange),
                around => Some(Box::pin(around.around(exchange, next, after)).await),
            };
            if let Some(answer) = answer {
                return answer;
            }
        }
        match self.end {
            End::Route(route) => crate::http::handle::serve(exchange, self.view, route, after).await,
            End::Service(service) => service.respond(exchange, self.view, after).await,
        }
    }
}

impl Middleware {
    /// Whether it counts or remembers something from request to request.
    fn remembers(&self) -> bool {
        matches!(
            self,
            Self::BasicAuth(_) | Self::CircuitBreaker(_) | Self::DigestAuth(_) | Self::InFlight(_) | Self::RateLimit(_)
        )
    }

    /// Those that see the answer, too.
    async fn around(&self, exchange: &mut Exchange, next: Next<'_>, after: &mut After) -> Response<Body> {
        match self {
            Self::Buffering(buffering) => buffering.run(exchange, next, after).await,
            Self::CircuitBreaker(breaker) => {
                let began = Instant::now();
                if let Some(answer) = breaker.request(began) {
                    return answer;
                }
                let response = next.run(exchange, after).await;
                breaker.response(response.status(), began, Instant::now());
                response
            }
            Self::Compress(compress) => {
                let wanted = compress.request(exchange);
                let response = next.run(exchange, after).await;
                match wanted {
                    Some(wanted) => compress.response(response, wanted).await,
                    None => response,
                }
            }
            Self::ContentType => content_type::response(next.run(exchange, after).await).await,
            Self::ErrorPages(pages) => {
                let head = exchange.head();
                let response = next.run(exchange, after).await;
                pages.response(response, head, exchange, next.view).await
            }
            Self::ForwardAuth(auth) => match auth.request(exchange, next.view).await {
                Ok(cookies) => {
                    let mut response = next.run(exchange, after).await;
                    auth.response(response.headers_mut(), &cookies);
                    response
                }
                Err(answer) => answer,
            },
            Self::GrpcWeb(web) => match web.request(exchange).await {
                Ok(Some(spoken)) => grpc_web::response(next.run(exchange, after).await, &spoken),
                Ok(None) => next.run(exchange, after).await,
                Err(answer) => answer,
            },
            Self::Headers(headers) => match headers.request(exchange) {
                Ok(asked) => {
                    let mut response = next.run(exchange, after).await;
                    headers.response(response.headers_mut(), &asked);
                    response
                }
                Err(answer) => *answer,
            },
            Self::Retry(retry) => retry.run(exchange, next, after).await,
            _ => next.run(exchange, after).await,
        }
    }
}
