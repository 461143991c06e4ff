//! TLS towards servers.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::options::BadTlsOptions;
use super::peer::Peer;
use super::provider;
use crate::config::dynamic::TlsOptions;
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
    /// Versions or suites that do not exist.
    #[error(transparent)]
    Terms(#[from] BadTlsOptions),
    /// rustls refuses the settings.
    #[error("the TLS settings cannot be used")]
    Settings(#[from] rustls::Error),
}

/// The configuration for HTTP/1.1 towards servers.
///
/// # Errors
/// Unreadable or unusable certificates.
pub(crate) fn config(options: &TransportOptions) -> Result<ClientConfig, BadClientTls> {
    let terms = TlsOptions {
        cipher_suites: options.cipher_suites.clone(),
        min_version: options.min_version.clone(),
        max_version: options.max_version.clone(),
        ..TlsOptions::default()
    };
    let crypto = CryptoProvider { cipher_suites: super::options::ciphers(&terms)?, ..(*provider()).clone() };
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto))
        .with_protocol_versions(&super::options::known_versions(&terms)?)?;
    let builder = if options.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate))
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier(options)?))
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

fn verifier(options: &TransportOptions) -> Result<Peer, BadClientTls> {
    let mut roots = if options.root_cas.is_empty() { usual_roots() } else { RootCertStore::empty() };
    let mut trusted = Vec::new();
    for text in &options.root_cas {
        let before = trusted.len();
        for certificate in CertificateDer::pem_slice_iter(text).flatten() {
            if roots.add(certificate.clone()).is_ok() {
                trusted.push(certificate);
            }
        }
        if trusted.len() == before {
            return Err(BadClientTls::Authority);
        }
    }
    let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| BadClientTls::Client(error.to_string()))?;
    Ok(Peer { usual, trusted, uri: options.peer_uri.clone() })
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use rustls::{ProtocolVersion, ServerConfig};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// The version and suite that a server of TLS 1.2 or 1.3 agrees on with a client.
    async fn agreed(options: &TransportOptions) -> Option<(ProtocolVersion, String)> {
        let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI("spiffe://example/app".try_into().unwrap()));
        let signing_key = rcgen::KeyPair::generate().unwrap();
        let cert = params.self_signed(&signing_key).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let options = TransportOptions { root_cas: vec![cert.pem().into_bytes()], ..options.clone() };
        let (ours, theirs) = tokio::io::duplex(16_384);
        let accepted = tokio::spawn(TlsAcceptor::from(Arc::new(server)).accept(theirs));
        let name = ServerName::try_from("a.example").unwrap();
        let connected = TlsConnector::from(Arc::new(config(&options).ok()?)).connect(name, ours).await;
        drop(accepted);
        let (_, session) = connected.as_ref().ok()?.get_ref();
        Some((session.protocol_version()?, format!("{:?}", session.negotiated_cipher_suite()?.suite())))
    }

    #[test]
    fn a_certificate_that_is_trusted_itself_needs_no_authority() {
        use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa};

        let made = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
            let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
            // As `openssl req -x509` makes it.
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            change(&mut params);
            params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap()
        };
        let (own, other) = (made(&|_| {}), made(&|_| {}));
        let expired = made(&|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
        let for_clients = made(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
        for (certificate, trusted, name, fits) in [
            (&own, &own, "a.example", true),
            (&own, &own, "b.example", false),
            (&own, &other, "a.example", false),
            (&expired, &expired, "a.example", false),
            (&for_clients, &for_clients, "a.example", false),
        ] {
            let options =
                TransportOptions { root_cas: vec![trusted.pem().into_bytes()], ..TransportOptions::default() };
            let name = ServerName::try_from(name).unwrap();
            let verified =
                verifier(&options).unwrap().verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now());
            assert_eq!(verified.is_ok(), fits, "{name:?}: {verified:?}");
        }
    }

    #[tokio::test]
    async fn versions_and_suites_are_those_of_the_transport() {
        let usual = TransportOptions::default();
        assert_eq!(agreed(&usual).await.unwrap().0, ProtocolVersion::TLSv1_3);
        let old = TransportOptions { max_version: "VersionTLS12".to_owned(), ..usual.clone() };
        assert_eq!(agreed(&old).await.unwrap().0, ProtocolVersion::TLSv1_2);
        let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
        let chosen = TransportOptions { cipher_suites: vec![suite.to_owned()], ..old };
        assert_eq!(agreed(&chosen).await.unwrap().1, suite);
        for (uri, fits) in [("spiffe://example/app", true), ("spiffe://example/other", false)] {
            let bound = TransportOptions { peer_uri: uri.to_owned(), ..usual.clone() };
            assert_eq!(agreed(&bound).await.is_some(), fits, "{uri}");
        }
        for (min, max, suites) in [
            ("VersionTLS13", "VersionTLS12", vec![]),
            ("TLS13", "", vec![]),
            ("", "1.3", vec![]),
            ("", "", vec!["TLS_NONE".to_owned()]),
        ] {
            let wrong = TransportOptions {
                min_version: min.to_owned(),
                max_version: max.to_owned(),
                cipher_suites: suites,
                ..usual.clone()
            };
            assert!(config(&wrong).is_err(), "{wrong:?}");
        }
    }
}
