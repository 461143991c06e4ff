//! Traefik's TLS options as rustls server configurations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::{
    CipherSuite, DistinguishedName, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::provider;
use super::resolver::{Certificates, SniResolver};
use super::signatures::usual_signatures;
use crate::config::dynamic::{ClientAuth, TlsOptions};
use crate::upstream::transport::pem_or_path;

/// Why TLS options cannot be used. Connections that would need them are refused: they must never be served with less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTlsOptions {
    /// A cipher that does not exist or is not offered any more.
    #[error("invalid cipher suite: {0}")]
    Cipher(String),
    /// A key exchange group that does not exist or is not offered.
    #[error("invalid curve: {0}")]
    Curve(String),
    /// A version that does not exist.
    #[error("invalid TLS version: {0}")]
    Version(String),
    /// No version lies between the lowest and the highest.
    #[error("no TLS version is left between `{0}` and `{1}`")]
    Versions(String, String),
    /// An authority's file that is missing or holds no certificate. The text is Traefik's.
    #[error("invalid certificate(s) content")]
    Authority,
    /// Verification is asked for, but nothing to verify with.
    #[error("invalid clientAuthType: {0}, CAFiles is required")]
    NoAuthority(String),
    /// An unknown kind of client authentication.
    #[error("unknown client auth type {0:?}")]
    ClientAuth(String),
    /// rustls refuses the combination.
    #[error("the TLS options cannot be used: {0}")]
    Settings(String),
}

/// Keys of session tickets: one set for each different set of options, so that a ticket is never good for other options
/// than it was given under, and the same after a reload.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    by_options: Mutex<HashMap<String, Arc<dyn ProducesTickets>>>,
}

impl Tickets {
    fn for_options(&self, options: &TlsOptions) -> Option<Arc<dyn ProducesTickets>> {
        if options.disable_session_tickets {
            return None;
        }
        let mut known = self.by_options.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{options:?}");
        if let Some(ticketer) = known.get(&key) {
            return Some(Arc::clone(ticketer));
        }
        let ticketer = aws_lc_rs::Ticketer::new().ok()?;
        known.insert(key, Arc::clone(&ticketer));
        Some(ticketer)
    }
}

/// The server configuration for `options`, showing `certificates`.
///
/// # Errors
/// Options that are not understood or not offered.
pub(crate) fn server_config(
    options: &TlsOptions,
    certificates: Certificates,
    tickets: &Tickets,
) -> Result<ServerConfig, BadTlsOptions> {
    let settings = |error: rustls::Error| BadTlsOptions::Settings(error.to_string());
    let crypto = Arc::new(CryptoProvider {
        cipher_suites: ciphers(options)?,
        kx_groups: groups(options)?,
        ..(*provider()).clone()
    });
    let mut config = ServerConfig::builder_with_provider(crypto)
        .with_protocol_versions(&versions(options)?)
        .map_err(settings)?
        .with_client_cert_verifier(client_verifier(&options.client_auth)?)
        .with_cert_resolver(Arc::new(SniResolver { certificates, strict: options.sni_strict }));
    config.alpn_protocols = protocols(options);
    config.ignore_client_order = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    match tickets.for_options(options) {
        Some(ticketer) => {
            config.ticketer = ticketer;
            config.send_tls13_tickets = 1;
        }
        None => config.send_tls13_tickets = 0,
    }
    Ok(config)
}

/// What is agreed on with clients that ask for a protocol, but for the challenges of certificate authorities: the usual ones
/// where none is named.
fn protocols(options: &TlsOptions) -> Vec<Vec<u8>> {
    let usual = TlsOptions::default().alpn_protocols;
    let named = if options.alpn_protocols.is_empty() { &usual } else { &options.alpn_protocols };
    let mut names: Vec<_> =
        named.iter().filter(|name| *name != "acme-tls/1").map(|name| name.as_bytes().to_vec()).collect();
    let has = |wanted: &[u8]| names.iter().any(|name| name == wanted);
    // As in Go, which does not turn clients of HTTP/1.1 away where HTTP/2 is spoken.
    if has(b"h2") && !has(b"http/1.1") {
        names.push(b"http/1.1".to_vec());
    }
    names
}

/// The place of a version among the versions, by its name.
fn rank(name: &str) -> Option<u8> {
    match name {
        "VersionTLS10" => Some(10),
        "VersionTLS11" => Some(11),
        "VersionTLS12" => Some(12),
        "VersionTLS13" => Some(13),
        _ => None,
    }
}

/// The versions between the lowest and the highest, both of which must exist where they are named.
///
/// # Errors
/// One does not exist, or none is left.
pub(super) fn known_versions(options: &TlsOptions) -> Result<Vec<&'static SupportedProtocolVersion>, BadTlsOptions> {
    for name in [&options.min_version, &options.max_version] {
        if !name.is_empty() && rank(name).is_none() {
            return Err(BadTlsOptions::Version(name.clone()));
        }
    }
    versions(options)
}

/// The versions between the lowest and the highest.
///
/// # Errors
/// None is left.
fn versions(options: &TlsOptions) -> Result<Vec<&'static SupportedProtocolVersion>, BadTlsOptions> {
    // Names that Traefik does not know it passes over; versions below 1.2 do not exist here.
    let (low, high) = (rank(&options.min_version).unwrap_or(12), rank(&options.max_version).unwrap_or(13));
    let versions: Vec<_> = [(13, &rustls::version::TLS13), (12, &rustls::version::TLS12)]
        .into_iter()
        .filter(|(rank, _)| (low..=high).contains(rank))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        return Err(BadTlsOptions::Versions(options.min_version.clone(), options.max_version.clone()));
    }
    Ok(versions)
}

/// Suites that Traefik offers on demand, and this gateway does not: without forward secrecy, or with CBC.
const OLD_CIPHERS: [&str; 16] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];
/// Curves of the kind.
const OLD_CURVES: [&str; 2] = ["CurveP521", "secp521r1"];

/// Names of suites and curves that exist, but not here: what is left of their lists is served.
pub(crate) fn unavailable(options: &TlsOptions) -> Vec<&str> {
    let ciphers = options.cipher_suites.iter().filter(|name| OLD_CIPHERS.contains(&name.as_str()));
    let curves = options.curve_preferences.iter().filter(|name| OLD_CURVES.contains(&name.as_str()));
    ciphers.chain(curves).map(String::as_str).collect()
}

/// The suites that are chosen, without those that are not offered; all where none is.
///
/// # Errors
/// One that is not known.
pub(super) fn ciphers(options: &TlsOptions) -> Result<Vec<SupportedCipherSuite>, BadTlsOptions> {
    let all = provider().cipher_suites.clone();
    if options.cipher_suites.is_empty() {
        return Ok(all);
    }
    // TLS 1.3 has its own suites, which cannot be chosen, as in Go.
    let mut chosen: Vec<_> = all.iter().copied().filter(|suite| suite.tls13().is_some()).collect();
    for name in &options.cipher_suites {
        if name.starts_with("TLS_AES_") || name.starts_with("TLS_CHACHA20_") {
            continue;
        }
        let wanted = if name.ends_with("_CHACHA20_POLY1305") { format!("{name}_SHA256") } else { name.clone() };
        match all.iter().find(|suite| format!("{:?}", suite.suite()) == wanted) {
            Some(suite) => chosen.push(*suite),
            None if OLD_CIPHERS.contains(&name.as_str()) => {}
            None => return Err(BadTlsOptions::Cipher(name.clone())),
        }
    }
    // As in Go, it is not their order that is chosen.
    sort(&mut chosen);
    Ok(chosen)
}

/// Puts ciphers in the order in which they are preferred.
pub(super) fn sort(suites: &mut [SupportedCipherSuite]) {
    suites.sort_by_key(|suite| {
        let aes_128 = format!("{:?}", suite.suite()).contains("AES_128");
        (suite.tls13().is_none(), is_chacha(suite.suite()), !aes_128)
    });
}

const fn is_chacha(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    )
}

/// Whether the first of a client's ciphers that are known here is AES: other clients have no instructions for it and are
/// faster with ChaCha20.
pub(super) fn is_fast_with_aes(offered: &[CipherSuite]) -> bool {
    let known = provider();
    let first = offered.iter().find(|suite| known.cipher_suites.iter().any(|known| known.suite() == **suite));
    first.is_none_or(|suite| !is_chacha(*suite))
}

fn groups(options: &TlsOptions) -> Result<Vec<&'static dyn SupportedKxGroup>, BadTlsOptions> {
    if options.curve_preferences.is_empty() {
        return Ok(provider().kx_groups.clone());
    }
    let mut groups: Vec<&'static dyn SupportedKxGroup> = Vec::new();
    for name in &options.curve_preferences {
        groups.push(match name.as_str() {
            "X25519" => aws_lc_rs::kx_group::X25519,
            "CurveP256" | "secp256r1" => aws_lc_rs::kx_group::SECP256R1,
            "CurveP384" | "secp384r1" => aws_lc_rs::kx_group::SECP384R1,
            "X25519MLKEM768" => aws_lc_rs::kx_group::X25519MLKEM768,
            old if OLD_CURVES.contains(&old) => continue,
            _ => return Err(BadTlsOptions::Curve(name.clone())),
        });
    }
    if groups.is_empty() {
        // Others than those that were asked for might be weaker.
        return Err(BadTlsOptions::Curve(options.curve_preferences.join(", ")));
    }
    Ok(groups)
}

fn client_verifier(auth: &ClientAuth) -> Result<Arc<dyn ClientCertVerifier>, BadTlsOptions> {
    let mut roots = RootCertStore::empty();
    for file in &auth.ca_files {
        let text = pem_or_path(file).map_err(|_| BadTlsOptions::Authority)?;
        let before = roots.len();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).flatten());
        if roots.len() == before {
            return Err(BadTlsOptions::Authority);
        }
    }
    let kind = match auth.client_auth_type.as_str() {
        "" if auth.ca_files.is_empty() => "NoClientCert",
        "" => "RequireAndVerifyClientCert",
        other => other,
    };
    match kind {
        "NoClientCert" => Ok(WebPkiClientVerifier::no_client_auth()),
        "RequestClientCert" => Ok(Arc::new(AnyClient { required: false })),
        "RequireAnyClientCert" => Ok(Arc::new(AnyClient { required: true })),
        "VerifyClientCertIfGiven" | "RequireAndVerifyClientCert" => {
            if roots.is_empty() {
                return Err(BadTlsOptions::NoAuthority(kind.to_owned()));
            }
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            let builder = if kind == "VerifyClientCertIfGiven" { builder.allow_unauthenticated() } else { builder };
            Ok(builder.build().map_err(|error| BadTlsOptions::Settings(error.to_string()))?)
        }
        unknown => Err(BadTlsOptions::ClientAuth(unknown.to_owned())),
    }
}

/// Asks for a client certificate and accepts any, as `RequestClientCert` and `RequireAnyClientCert` ask for.
#[derive(Debug)]
struct AnyClient {
    required: bool,
}

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    usual_signatures!();
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::store::Store;
    use super::*;

    fn build(options: &TlsOptions) -> Result<ServerConfig, BadTlsOptions> {
        let own = super::super::store::self_made().unwrap();
        let certificates = Certificates { store: Arc::new(Store::new(Vec::new(), own)), obtained: Arc::default() };
        server_config(options, certificates, &Tickets::default())
    }

    #[test]
    fn defaults_offer_h2_and_http1() {
        assert_eq!(build(&TlsOptions::default()).unwrap().alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let bad = |change: fn(&mut TlsOptions)| {
            let mut options = TlsOptions::default();
            change(&mut options);
            build(&options).unwrap_err().to_string()
        };
        assert_eq!(
            bad(|o| o.cipher_suites = vec!["TLS_NONE_WITH_AES_128_CBC_SHA".to_owned()]),
            "invalid cipher suite: TLS_NONE_WITH_AES_128_CBC_SHA"
        );
        assert_eq!(bad(|o| o.curve_preferences = vec!["CurveP521".to_owned()]), "invalid curve: CurveP521");
        assert_eq!(
            bad(|o| o.max_version = "VersionTLS11".to_owned()),
            "no TLS version is left between `` and `VersionTLS11`"
        );
        assert_eq!(bad(|o| o.client_auth.ca_files = vec!["/nowhere.crt".to_owned()]), "invalid certificate(s) content");
        assert_eq!(
            bad(|o| o.client_auth.client_auth_type = "RequireAndVerifyClientCert".to_owned()),
            "invalid clientAuthType: RequireAndVerifyClientCert, CAFiles is required"
        );
        assert_eq!(bad(|o| o.client_auth.client_auth_type = "Maybe".to_owned()), "unknown client auth type \"Maybe\"");
    }

    #[test]
    fn what_is_not_offered_does_not_cost_the_rest() {
        let options = TlsOptions {
            cipher_suites: ["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"]
                .map(str::to_owned)
                .to_vec(),
            curve_preferences: ["CurveP521", "CurveP384"].map(str::to_owned).to_vec(),
            ..TlsOptions::default()
        };
        let config = build(&options).unwrap();
        let suites = config.crypto_provider().cipher_suites.iter();
        let old: Vec<_> = suites.filter(|suite| suite.tls13().is_none()).map(SupportedCipherSuite::suite).collect();
        assert_eq!(old, [CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]);
        let groups: Vec<_> = config.crypto_provider().kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(groups, [rustls::NamedGroup::secp384r1]);
        assert_eq!(unavailable(&options), ["TLS_RSA_WITH_AES_128_CBC_SHA", "CurveP521"]);
        let bad = TlsOptions { curve_preferences: vec!["CurveP512".to_owned()], ..TlsOptions::default() };
        assert_eq!(build(&bad).unwrap_err().to_string(), "invalid curve: CurveP512");
    }

    #[test]
    fn protocols_are_those_that_are_named_and_http_1_where_http_2_is() {
        let agreed = |names: &[&str]| {
            let alpn_protocols = names.iter().map(|name| (*name).to_owned()).collect();
            build(&TlsOptions { alpn_protocols, ..TlsOptions::default() }).unwrap().alpn_protocols
        };
        assert_eq!(agreed(&[]), [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert_eq!(agreed(&["h2"]), [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert_eq!(agreed(&["foo"]), [b"foo".to_vec()]);
    }

    #[test]
    fn tickets_survive_a_reload_but_not_a_change_of_options() {
        let tickets = Tickets::default();
        let (plain, strict) = (TlsOptions::default(), TlsOptions { sni_strict: true, ..TlsOptions::default() });
        let first = tickets.for_options(&plain).unwrap();
        assert!(Arc::ptr_eq(&first, &tickets.for_options(&plain).unwrap()));
        assert!(!Arc::ptr_eq(&first, &tickets.for_options(&strict).unwrap()));
    }
}
