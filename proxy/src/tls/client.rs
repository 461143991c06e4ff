//! TLS towards servers.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::provider;
use crate::upstream::transport::TransportOptions;

/// Where distributions keep the certificates of the authorities they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why the TLS side of a transport cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadClientTls {
    /// No certificate, or a broken one, where an authority should be.
    #[error("`rootCAs` holds no usable certificate")]
    Authority,
    /// A client certificate and key that cannot be used.
    #[error("the client certificate cannot be used: {0}")]
    Client(String),
    /// rustls refuses the settings.
    #[error("the TLS settings cannot be used")]
    Settings(#[from] rustls::Error),
}

/// The configuration for HTTP/1.1 towards servers.
///
/// # Errors
/// Unreadable or unusable certificates.
pub(crate) fn config(options: &TransportOptions) -> Result<ClientConfig, BadClientTls> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = if options.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate))
    } else {
        builder.with_webpki_verifier(verifier(options)?)
    };
    match &options.certificate {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let chain = super::pem::chain(certificate, "client certificate")
                .map_err(|error| BadClientTls::Client(error.reason))?;
            let key = super::pem::private_key(key)
                .ok_or_else(|| BadClientTls::Client("there is no private key".to_owned()))?;
            Ok(builder.with_client_auth_cert(chain, key)?)
        }
    }
}

/// The configuration of a client that is no part of the gateway: `authorities` are PEM texts, none means the system's;
/// `certificate` is the client's own, certificate and key as PEM texts; without `verify` the server may be anyone.
///
/// # Errors
/// Unreadable or unusable certificates, in words.
pub fn outgoing(
    authorities: Vec<Vec<u8>>,
    certificate: Option<(Vec<u8>, Vec<u8>)>,
    verify: bool,
) -> Result<Arc<ClientConfig>, String> {
    let options = TransportOptions {
        root_cas: authorities,
        certificate,
        insecure_skip_verify: !verify,
        ..TransportOptions::default()
    };
    config(&options).map(Arc::new).map_err(|error| match error {
        BadClientTls::Authority => "there is no usable certificate of an authority".to_owned(),
        other => other.to_string(),
    })
}

/// The authorities that are trusted where nothing else is said: the system's, else those of Mozilla's list as it was
/// when this program was built.
pub(crate) fn usual_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let bundle = SYSTEM_BUNDLES.iter().map(Path::new).find_map(|path| std::fs::read(path).ok()).unwrap_or_default();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&bundle).flatten());
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn verifier(options: &TransportOptions) -> Result<Arc<WebPkiServerVerifier>, BadClientTls> {
    let mut roots = if options.root_cas.is_empty() { usual_roots() } else { RootCertStore::empty() };
    for text in &options.root_cas {
        let before = roots.len();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(text).flatten());
        if roots.len() == before {
            return Err(BadClientTls::Authority);
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| BadClientTls::Client(error.to_string()))
}

/// What `insecureSkipVerify` asks for: the connection is encrypted, the server unknown.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
