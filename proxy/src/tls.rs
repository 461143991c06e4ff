//! Everything that knows rustls: certificates and their choice, options by server name, both sides' configurations.

pub(crate) mod client;
pub(crate) mod local;
pub(crate) mod options;
mod peer;
pub(crate) mod pem;
pub(crate) mod quic;
pub(crate) mod resolver;
pub(crate) mod store;

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;

/// The one cryptography of the process. Never the installable default: it would depend on what else is linked.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}
