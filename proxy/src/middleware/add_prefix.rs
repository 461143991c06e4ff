//! `addPrefix`: puts a prefix before the path.

use crate::http::exchange::Exchange;
use crate::http::raw_path::{RawPath, rooted, rooted_bytes};

/// The prefix, as configured.
#[derive(Debug, Clone)]
pub(crate) struct AddPrefix {
    prefix: String,
}

impl AddPrefix {
    /// `None` when there is no prefix.
    pub(crate) fn new(prefix: &str) -> Option<Self> {
        (!prefix.is_empty()).then(|| Self { prefix: prefix.to_owned() })
    }

    pub(crate) fn request(&self, exchange: &mut Exchange) {
        let mut path = RawPath::new(exchange.target.inner_path());
        path.decoded = rooted_bytes(&[self.prefix.as_bytes(), &path.decoded].concat());
        if !path.raw.is_empty() {
            path.raw = rooted(&format!("{}{}", self.prefix, path.raw));
        }
        exchange.target.set_path(path.escaped());
    }
}
