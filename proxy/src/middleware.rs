//! What happens to a request between its router and its service, and to the answer on the way back.
//!
//! A middleware is built when the configuration is compiled; one that cannot be built disables every router that names
//! it, so that nothing is ever served without it.

mod add_prefix;
mod build;
mod redirect_scheme;
mod strip_prefix;

use http::Response;

use crate::http::body::Body;
use crate::http::exchange::{Exchange, Held};
use crate::http::forward::Retry;

pub(crate) use build::Builder;

/// A middleware, ready to run.
#[derive(Debug, Clone)]
pub(crate) enum Middleware {
    AddPrefix(add_prefix::AddPrefix),
    RedirectScheme(redirect_scheme::RedirectScheme),
    StripPrefix(strip_prefix::StripPrefix),
    Retry(Retry),
}

/// What middlewares leave behind for the rest of the exchange.
#[derive(Debug, Default)]
pub(crate) struct After {
    /// How often the service may be tried.
    pub(crate) retry: Option<Retry>,
    /// Let go when the answer is complete.
    pub(crate) held: Vec<Held>,
}

impl Middleware {
    /// Changes the request, or answers it.
    pub(crate) async fn request(&self, exchange: &mut Exchange, after: &mut After) -> Option<Response<Body>> {
        match self {
            Self::AddPrefix(prefix) => {
                prefix.request(exchange);
                None
            }
            Self::RedirectScheme(redirect) => redirect.request(exchange),
            Self::StripPrefix(strip) => strip.request(exchange),
            Self::Retry(retry) => {
                after.retry = Some(*retry);
                None
            }
        }
    }

    /// Changes the answer. Called in reverse order for the middlewares whose request side has run.
    pub(crate) fn response(&self, _response: &mut Response<Body>, _after: &After) {
        match self {
            Self::AddPrefix(_) | Self::RedirectScheme(_) | Self::StripPrefix(_) | Self::Retry(_) => {}
        }
    }
}
