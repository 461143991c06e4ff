//! TLS towards servers.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::options::BadTlsOptions;
use super::peer::Peer;
use super::provider;
use super::signatures::usual_signatures;
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
    for missing in super::options::unavailable(&terms) {
        tracing::warn!("the cipher suite `{missing}` of a servers transport is not offered by this gateway");
    }
    let crypto = CryptoProvider { cipher_suites: super::options::ciphers(&terms)?, ..(*provider()).clone() };
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto))
        .with_protocol_versions(&super::options::known_versions(&terms)?)?;
    let builder = if options.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate))
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier(options)?))
    };
    if options.certificates.is_empty() {
        return Ok(builder.with_no_client_auth());
    }
    let own = options.certificates.iter().map(|(certificate, key)| {
        let chain = super::pem::chain(certificate, "client certificate").map_err(|error| error.reason)?;
        let key = super::pem::private_key(key).ok_or_else(|| "there is no private key".to_owned())?;
        super::pem::certified(chain, key)
    });
    let own = own.collect::<Result<_, _>>().map_err(BadClientTls::Client)?;
    Ok(builder.with_client_cert_resolver(Arc::new(OwnCertificates(own))))
}

/// The certificates of a client, of which a server is shown the first that it accepts, as by Go: one of an authority that
/// it names, or any if it names none, with a signature that it knows (RFC 8446 section 4.4.2.3).
#[derive(Debug)]
struct OwnCertificates(Vec<Arc<CertifiedKey>>);

impl ResolvesClientCert for OwnCertificates {
    fn resolve(&self, root_hint_subjects: &[&[u8]], sigschemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let accepted = |pair: &&Arc<CertifiedKey>| {
            pair.key.choose_scheme(sigschemes).is_some()
                && (root_hint_subjects.is_empty()
                    || issuers(&pair.cert).any(|issuer| root_hint_subjects.contains(&&*issuer)))
        };
        self.0.iter().find(accepted).cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

/// Who issued the certificates of a chain, in DER.
fn issuers(chain: &[CertificateDer<'_>]) -> impl Iterator<Item = Vec<u8>> {
    let parsed = chain.iter().filter_map(|certificate| x509_parser::parse_x509_certificate(certificate).ok());
    parsed.map(|(_, certificate)| certificate.issuer().as_raw().to_vec())
}

/// Whether a PEM text holds the certificate of an authority that can be trusted.
pub(crate) fn holds_authority(text: &[u8]) -> bool {
    let mut roots = RootCertStore::empty();
    CertificateDer::pem_slice_iter(text).flatten().any(|certificate| roots.add(certificate).is_ok())
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
        root_cas: (!authorities.is_empty()).then_some(authorities),
        certificates: certificate.into_iter().collect(),
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
    let mut roots = if options.root_cas.is_none() { usual_roots() } else { RootCertStore::empty() };
    let mut trusted = Vec::new();
    for text in options.root_cas.iter().flatten() {
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
    let usual = match roots.is_empty() {
        true => None,
        false => Some(
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
                .build()
                .map_err(|error| BadClientTls::Client(error.to_string()))?,
        ),
    };
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

    usual_signatures!();
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use rustls::{ProtocolVersion, ServerConfig};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;
    use crate::config::dynamic::Certificate;
    use crate::upstream::transport::Credentials;

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
        let options = TransportOptions { root_cas: Some(vec![cert.pem().into_bytes()]), ..options.clone() };
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
                TransportOptions { root_cas: Some(vec![trusted.pem().into_bytes()]), ..TransportOptions::default() };
            let name = ServerName::try_from(name).unwrap();
            let verified =
                verifier(&options).unwrap().verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now());
            assert_eq!(verified.is_ok(), fits, "{name:?}: {verified:?}");
        }
    }

    /// A certificate for `a.example` that the authority `name` issued, and that authority.
    fn issued(name: &str) -> (rcgen::Certificate, rcgen::KeyPair, rcgen::Certificate) {
        use rcgen::{BasicConstraints, DnType, IsCa};

        let mut params = rcgen::CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let signer = rcgen::KeyPair::generate().unwrap();
        let authority = params.self_signed(&signer).unwrap();
        let issuer = rcgen::Issuer::new(params, signer);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (certificate, key, authority)
    }

    #[test]
    fn of_several_certificates_the_first_is_shown_that_the_server_accepts() {
        let (one, two) = (issued("one"), issued("two"));
        let pem = |(certificate, key, _): &(rcgen::Certificate, rcgen::KeyPair, rcgen::Certificate)| {
            (certificate.pem().into_bytes(), key.serialize_pem().into_bytes())
        };
        let options = TransportOptions { certificates: vec![pem(&one), pem(&two)], ..TransportOptions::default() };
        let config = config(&options).unwrap();
        let shown = |hints: &[&[u8]], schemes: &[SignatureScheme]| {
            let chosen = config.client_auth_cert_resolver.resolve(hints, schemes)?;
            [&one, &two].iter().position(|pair| chosen.cert.first() == Some(pair.0.der()))
        };
        let subject = |authority: &rcgen::Certificate| {
            let (_, parsed) = x509_parser::parse_x509_certificate(authority.der()).unwrap();
            parsed.subject().as_raw().to_vec()
        };
        let any = [SignatureScheme::ECDSA_NISTP256_SHA256];
        assert_eq!(shown(&[], &any), Some(0));
        assert_eq!(shown(&[&subject(&two.2)], &any), Some(1));
        assert_eq!(shown(&[&subject(&issued("three").2)], &any), None);
        assert_eq!(shown(&[], &[SignatureScheme::RSA_PKCS1_SHA256]), None);
    }

    #[test]
    fn what_cannot_be_used_costs_nothing_else() {
        let (certificate, key, authority) = issued("one");
        let pair = |cert_file: String, key_file: String| Certificate { cert_file, key_file };
        let pairs = [
            pair("/nowhere".to_owned(), "/nowhere".to_owned()),
            pair(certificate.pem(), rcgen::KeyPair::generate().unwrap().serialize_pem()),
            pair(certificate.pem(), key.serialize_pem()),
        ];
        let read = |roots: &[&str]| {
            let roots: Vec<_> = roots.iter().map(|&root| root.to_owned()).collect();
            Credentials::read("t@file", &roots, &pairs)
        };
        let good = authority.pem();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
        let credentials = read(&["/nowhere", broken, &good]);
        assert_eq!(credentials.root_cas, Some(vec![good.into_bytes()]));
        assert_eq!(credentials.certificates.len(), 1);
        // Asked for authorities and left without any, it trusts nobody rather than everybody that the system does.
        let trusting = |root_cas| {
            let options = TransportOptions { root_cas, ..TransportOptions::default() };
            let name = ServerName::try_from("a.example").unwrap();
            verifier(&options).unwrap().verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now())
        };
        assert!(trusting(credentials.root_cas).is_ok());
        assert!(read(&[]).root_cas.is_none());
        assert!(trusting(read(&["/nowhere", broken]).root_cas).is_err());
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
