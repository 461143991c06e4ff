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
    /// Whether nothing is left as `/`.
    force_slash: bool,
}

impl StripPrefix {
    /// Prefixes as configured.
    pub(crate) fn new(prefixes: &[String], force_slash: bool) -> Self {
        Self { prefixes: prefixes.iter().map(|prefix| prefix.trim().to_owned()).collect(), force_slash }
    }

    pub(crate) fn request(&self, exchange: &mut Exchange) -> Option<Response<Body>> {
        let path = exchange.target.inner_path();
        let (prefix, rest) = self.prefixes.iter().find_map(|prefix| Some((prefix, after(path, prefix)?)))?;
        let (prefix, rest) = (prefix.clone(), rest.to_owned());
        let rest = if rest.is_empty() && self.force_slash { "/".to_owned() } else { rest };
        strip(exchange, &prefix, &rest)
    }
}

/// What follows `prefix` in an encoded path; the prefix is compared with what the path means.
fn after<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let mut rest = path;
    for wanted in prefix.bytes() {
        let (found, length) = match rest.as_bytes() {
            [b'%', high, low, ..] => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                (u8::try_from(digit(high)? << 4 | digit(low)?).ok()?, 3)
            }
            [byte, ..] => (*byte, 1),
            [] => return None,
        };
        if found != wanted {
            return None;
        }
        rest = rest.get(length..)?;
    }
    Some(rest)
}

/// Goes on with `rest` as path. What is left must be canonical again: `/api` must not turn `/api/../x` into a way out.
pub(crate) fn strip(exchange: &mut Exchange, prefix: &str, rest: &str) -> Option<Response<Body>> {
    let path = match rest {
        "" => String::new(),
        rest => format!("/{}", rest.strip_prefix("%2F").unwrap_or(rest).trim_start_matches('/')),
    };
    match canonical_path(&path, true) {
        Ok(canonical) if path.is_empty() || canonical.path == path => {
            exchange.target.set_path(path);
            if let Ok(value) = HeaderValue::from_str(prefix) {
                exchange.parts.headers.append(X_FORWARDED_PREFIX, value);
            }
            None
        }
        _ => Some(exchange.client.worker.refusal(Reason::DeniedPath)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_what_a_path_means() {
        assert_eq!(after("/api/x", "/api"), Some("/x"));
        assert_eq!(after("/a%20b/c%20d", "/a b"), Some("/c%20d"));
        assert_eq!(after("/%C3%A9/x", "/é"), Some("/x"));
        assert_eq!(after("/a%20b", "/a%20b"), None);
        assert_eq!(after("/a%2Fb", "/a/b"), Some(""));
        assert_eq!(after("/a", "/ab"), None);
    }
}
