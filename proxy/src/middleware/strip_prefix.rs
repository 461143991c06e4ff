//! `stripPrefix`: takes a prefix off the path and says so in `X-Forwarded-Prefix`.

use http::header::HeaderName;
use http::{HeaderValue, Response};

use crate::http::body::Body;
use crate::http::error_response::Reason;
use crate::http::exchange::Exchange;
use crate::http::target::canonical_path;

pub(crate) const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The prefixes, of which the first that fits is taken off.
#[derive(Debug, Clone)]
pub(crate) struct StripPrefix {
    prefixes: Vec<String>,
}

impl StripPrefix {
    /// Prefixes as configured.
    pub(crate) fn new(prefixes: &[String]) -> Self {
        Self { prefixes: prefixes.iter().map(|prefix| prefix.trim().to_owned()).collect() }
    }

    pub(crate) fn request(&self, exchange: &mut Exchange) -> Option<Response<Body>> {
        let path = exchange.target.path();
        let prefix = self.prefixes.iter().find(|prefix| path.starts_with(prefix.as_str()))?.clone();
        let rest = path.get(prefix.len()..).unwrap_or_default().to_owned();
        strip(exchange, &prefix, &rest)
    }
}

/// Goes on with `rest` as path. What is left must be canonical again: `/api` must not turn `/api/../x` into a way out.
pub(crate) fn strip(exchange: &mut Exchange, prefix: &str, rest: &str) -> Option<Response<Body>> {
    let rest = rest.strip_prefix("%2F").unwrap_or(rest);
    let path = format!("/{}", rest.trim_start_matches('/'));
    match canonical_path(&path, true) {
        Ok(canonical) if canonical.path == path => {
            exchange.target.set_path(path);
            if let Ok(value) = HeaderValue::from_str(prefix) {
                exchange.parts.headers.insert(X_FORWARDED_PREFIX, value);
            }
            None
        }
        _ => Some(Reason::DeniedPath.response(exchange.client.worker.shared.mark_errors)),
    }
}
