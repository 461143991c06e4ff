//! `addPrefix`: puts a prefix before the path.

use crate::http::exchange::Exchange;
use crate::http::target::encode_path;

/// The prefix, percent-encoded.
#[derive(Debug, Clone)]
pub(crate) struct AddPrefix {
    prefix: String,
}

impl AddPrefix {
    /// `None` when there is no prefix.
    pub(crate) fn new(prefix: &str) -> Option<Self> {
        let slash = if prefix.starts_with('/') { "" } else { "/" };
        (!prefix.is_empty()).then(|| Self { prefix: format!("{slash}{}", encode_path(prefix)) })
    }

    pub(crate) fn request(&self, exchange: &mut Exchange) {
        let path = format!("{}{}", self.prefix, exchange.target.path());
        exchange.target.set_path(path);
    }
}
