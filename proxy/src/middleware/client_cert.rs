//! `passTLSClientCert`: tells the server about the client's certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

use crate::config::dynamic::{ClientCertInfo, PassTlsClientCert as Config};
use crate::http::exchange::Exchange;

use super::error_pages::query_escape;

const X_FORWARDED_TLS_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-tls-client-cert");
const X_FORWARDED_TLS_CLIENT_CERT_INFO: HeaderName = HeaderName::from_static("x-forwarded-tls-client-cert-info");

/// Which parts of it are told.
#[derive(Debug)]
pub(crate) struct ClientCert {
    config: Config,
}

impl ClientCert {
    pub(crate) fn new(config: &Config) -> Self {
        Self { config: config.clone() }
    }

    pub(crate) fn request(&self, exchange: &mut Exchange) {
        // What a client claims is gone before: these headers are among those that only trusted peers may set.
        let chain = exchange.client.tls.as_ref().map(|session| session.certificates.clone()).unwrap_or_default();
        if chain.is_empty() {
            return;
        }
        let headers = &mut exchange.parts.headers;
        if self.config.pem {
            let encoded: Vec<String> = chain.iter().map(|certificate| STANDARD.encode(certificate)).collect();
            if let Ok(value) = HeaderValue::from_str(&encoded.join(",")) {
                headers.insert(X_FORWARDED_TLS_CLIENT_CERT, value);
            }
        }
        if let Some(info) = &self.config.info {
            let described: Vec<String> = chain
                .iter()
                .filter_map(|certificate| X509Certificate::from_der(certificate).ok())
                .map(|(_, certificate)| describe(&certificate, info))
                .collect();
            if let Ok(value) = HeaderValue::from_str(&query_escape(&described.join(","))) {
                headers.insert(X_FORWARDED_TLS_CLIENT_CERT_INFO, value);
            }
        }
    }
}

fn describe(certificate: &X509Certificate<'_>, info: &ClientCertInfo) -> String {
    let mut fields = Vec::new();
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            fields.push(format!("{name}=\"{value}\""));
        }
    };
    if let Some(subject) = &info.subject {
        let wanted = [
            ("DC", subject.domain_component),
            ("C", subject.country),
            ("ST", subject.province),
            ("L", subject.locality),
            ("O", subject.organization),
            ("OU", subject.organizational_unit),
            ("SN", subject.serial_number),
            ("CN", subject.common_name),
        ];
        field("Subject", name(certificate.subject(), &wanted));
    }
    if let Some(issuer) = &info.issuer {
        let wanted = [
            ("DC", issuer.domain_component),
            ("C", issuer.country),
            ("ST", issuer.province),
            ("L", issuer.locality),
            ("O", issuer.organization),
            ("SN", issuer.serial_number),
            ("CN", issuer.common_name),
        ];
        field("Issuer", name(certificate.issuer(), &wanted));
    }
    if info.serial_number {
        field("SerialNumber", certificate.tbs_certificate.serial.to_string());
    }
    if info.not_before {
        field("NB", certificate.validity().not_before.timestamp().to_string());
    }
    if info.not_after {
        field("NA", certificate.validity().not_after.timestamp().to_string());
    }
    if info.sans {
        field("SAN", alternative_names(certificate));
    }
    fields.join(";")
}

/// The wanted parts of a name, in this order.
fn name(name: &X509Name<'_>, wanted: &[(&str, bool)]) -> String {
    let mut parts = Vec::new();
    for (short, _) in wanted.iter().filter(|(_, on)| *on) {
        let oid = match *short {
            "DC" => "0.9.2342.19200300.100.1.25",
            "C" => "2.5.4.6",
            "ST" => "2.5.4.8",
            "L" => "2.5.4.7",
            "O" => "2.5.4.10",
            "OU" => "2.5.4.11",
            "SN" => "2.5.4.5",
            _ => "2.5.4.3",
        };
        let values = name.iter_attributes().filter(|attribute| attribute.attr_type().to_id_string() == oid);
        parts.extend(values.filter_map(|attribute| attribute.as_str().ok()).map(|value| format!("{short}={value}")));
    }
    parts.join(",")
}

fn alternative_names(certificate: &X509Certificate<'_>) -> String {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return String::new() };
    let rank = |name: &&GeneralName<'_>| match name {
        GeneralName::DNSName(_) => 0,
        GeneralName::RFC822Name(_) => 1,
        GeneralName::IPAddress(_) => 2,
        _ => 3,
    };
    // As Go gives them: by kind, whatever their order in the certificate.
    let mut sorted: Vec<&GeneralName<'_>> = names.value.general_names.iter().collect();
    sorted.sort_by_key(rank);
    let names = sorted.into_iter().filter_map(|name| match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some((*text).to_owned()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(v4) => Some(std::net::Ipv4Addr::from(v4).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|v6| std::net::Ipv6Addr::from(v6).to_string()),
        },
        _ => None,
    });
    names.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use rcgen::SanType;

    use super::*;

    #[test]
    fn names_are_sorted_by_their_kind() {
        let mut made = rcgen::CertificateParams::default();
        made.subject_alt_names = vec![
            SanType::URI("spiffe://a/b".try_into().unwrap()),
            SanType::IpAddress([10, 0, 0, 1].into()),
            SanType::Rfc822Name("u@x.y".try_into().unwrap()),
            SanType::DnsName("b.t".try_into().unwrap()),
            SanType::DnsName("a.t".try_into().unwrap()),
        ];
        let certificate = made.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
        assert_eq!(alternative_names(&parsed), "b.t,a.t,u@x.y,10.0.0.1,spiffe://a/b");
    }
}
