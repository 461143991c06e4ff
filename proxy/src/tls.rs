//! Everything that knows rustls: certificates and their choice, options by server name, both sides' configurations.

pub(crate) mod client;
pub(crate) mod local;
pub(crate) mod options;
mod peer;
pub(crate) mod pem;
pub(crate) mod quic;
pub(crate) mod resolver;
mod signatures;
pub(crate) mod store;

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;

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

/// Why a certificate of our own cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OwnCertificateError {
    /// It, or its key, cannot be made.
    #[error(transparent)]
    Make(#[from] rcgen::Error),
    /// Its key cannot be used for handshakes.
    #[error(transparent)]
    Use(#[from] rustls::Error),
}

/// A certificate that was made here with its key, ready for handshakes.
///
/// # Errors
/// The key is of a kind that is not used for handshakes.
pub(crate) fn certified(
    certificate: &rcgen::Certificate,
    key: &rcgen::KeyPair,
) -> Result<Arc<CertifiedKey>, OwnCertificateError> {
    let der = rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let signer = provider().key_provider.load_private_key(der)?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signer)))
}
