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
///
/// Ciphers are in Go's order, which is Traefik's: AES with keys of 128 bits first, whose handshakes hash with what processors
/// have instructions for, ChaCha20 last.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        options::sort(&mut provider.cipher_suites);
        Arc::new(provider)
    });
    Arc::clone(&PROVIDER)
}
