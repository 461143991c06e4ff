//! Which servers are trusted beyond, or short of, what authorities say.

use std::sync::Arc;

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::signatures::usual_signatures;

/// Verifies as usual, and what a transport asks for besides.
#[derive(Debug)]
pub(super) struct Peer {
    /// The usual verification; none where no authority is trusted.
    pub(super) usual: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates that are trusted themselves, as by Go, whatever they say that they may be used for: `openssl req -x509`
    /// makes an authority of every certificate, and those are no servers' to webpki.
    pub(super) trusted: Vec<CertificateDer<'static>>,
    /// A URI that must be among the certificate's names, such as a SPIFFE ID (RFC 5280 section 4.2.1.6); empty for any.
    pub(super) uri: String,
}

impl ServerCertVerifier for Peer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trusted.contains(end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            verify_use(end_entity, now)?;
        } else if let Some(usual) = &self.usual {
            usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        } else {
            return Err(CertificateError::UnknownIssuer.into());
        }
        if self.uri.is_empty() || is_for(end_entity, &self.uri) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    usual_signatures!();
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    x509_parser::parse_x509_certificate(certificate).ok().map(|(_, parsed)| parsed)
}

/// Whether a certificate is in force, and not meant for something else than servers (RFC 5280 sections 4.1.2.5 and 4.2.1.12).
fn verify_use(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let parsed = parse(certificate).ok_or(CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet);
    }
    if now > parsed.validity().not_after.timestamp() {
        return Err(CertificateError::Expired);
    }
    let usage = parsed.extended_key_usage().map_err(|_| CertificateError::BadEncoding)?;
    if usage.is_some_and(|usage| !usage.value.any && !usage.value.server_auth) {
        return Err(CertificateError::InvalidPurpose);
    }
    Ok(())
}

/// Whether a URI is among the names of a certificate.
fn is_for(certificate: &CertificateDer<'_>, uri: &str) -> bool {
    let Some(parsed) = parse(certificate) else { return false };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| matches!(name, GeneralName::URI(found) if *found == uri))
}
