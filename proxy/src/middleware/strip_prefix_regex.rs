//! `stripPrefixRegex`: takes off what a pattern finds at the beginning of the path.

use http::{HeaderValue, Response};
use regex::bytes::Regex;

use crate::http::body::Body;
use crate::http::exchange::Exchange;
use crate::http::raw_path::{RawPath, rooted, rooted_bytes};
use crate::rule::pattern::{self, PatternError};

use super::replace_path::go_on;
use super::strip_prefix::X_FORWARDED_PREFIX;

/// The patterns, of which the first that finds a prefix is used.
#[derive(Debug, Clone)]
pub(crate) struct StripPrefixRegex {
    patterns: Vec<Regex>,
}

impl StripPrefixRegex {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// The first that is none.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, PatternError> {
        let patterns = patterns.iter().map(|text| pattern::compile(text.trim())).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    pub(crate) fn request(&self, exchange: &mut Exchange) -> Option<Response<Body>> {
        let mut path = RawPath::new(exchange.target.inner_path());
        let length = self
            .patterns
            .iter()
            .filter_map(|pattern| pattern.find(&path.decoded))
            .find(|found| found.start() == 0 && found.end() > 0)
            .map(|found| found.end())?;
        let prefix = path.decoded.get(..length).unwrap_or_default().to_vec();
        path.decoded.drain(..length);
        // With nothing left the path stays empty for the middlewares that follow.
        if !path.decoded.is_empty() {
            path.decoded = rooted_bytes(&path.decoded);
            path.raw = rooted(path.raw.get(length..).unwrap_or_default());
        }
        if let Ok(value) = HeaderValue::from_bytes(&prefix) {
            exchange.parts.headers.append(X_FORWARDED_PREFIX, value);
        }
        go_on(exchange, &path)
    }
}
