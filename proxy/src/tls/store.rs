//! Certificates by the names they are for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;

use super::{OwnCertificateError, certified};

/// Certificates by server name.
#[derive(Debug, Default)]
pub(crate) struct ByName {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
}

impl ByName {
    /// Adds a certificate under all its names; of several for one name the first wins.
    pub(crate) fn add(&mut self, certificate: &Arc<CertifiedKey>) {
        names(certificate).into_iter().for_each(|name| self.add_name(name, certificate));
    }

    fn add_name(&mut self, name: String, certificate: &Arc<CertifiedKey>) {
        let (index, name) = match name.strip_prefix("*.") {
            Some(rest) => (&mut self.wildcard, rest.to_owned()),
            None => (&mut self.exact, name),
        };
        index.entry(name).or_insert_with(|| Arc::clone(certificate));
    }

    /// The certificate for `name` (lower case): an exact one, else a wildcard for its parent.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        self.exact.get(name).or_else(|| name.split_once('.').and_then(|(_, parent)| self.wildcard.get(parent)))
    }

    /// All certificates, each once, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<CertifiedKey>> {
        let mut all: Vec<Arc<CertifiedKey>> = Vec::new();
        for certificate in self.exact.values().chain(self.wildcard.values()) {
            if !all.iter().any(|known| Arc::ptr_eq(known, certificate)) {
                all.push(Arc::clone(certificate));
            }
        }
        all
    }

    /// The certificate that is good for all that `name` (lower case) means, which may be a wildcard itself.
    pub(crate) fn covering(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        match name.strip_prefix("*.") {
            Some(rest) => self.wildcard.get(rest),
            None => self.find(name),
        }
    }
}

/// Certificates that are configured, found by server name.
#[derive(Debug)]
pub(crate) struct Store {
    /// By name.
    pub(crate) by_name: ByName,
    /// For connections whose name none is for.
    pub(crate) default: Arc<CertifiedKey>,
    /// The files that one is of; `None` is the one that nobody trusts.
    pub(crate) default_place: Option<String>,
    /// The name whose obtained certificate is the default one where none is configured.
    pub(crate) generated: Option<String>,
}

impl Store {
    /// Indexes `certificates`. Which of several is shown for a name is decided as in Traefik, by the text of all names of
    /// each: the greatest wins, be the name there or a wildcard, and of equal ones the first.
    pub(crate) fn new(certificates: Vec<Arc<CertifiedKey>>, default: Arc<CertifiedKey>) -> Self {
        let mut ranked: Vec<_> = certificates.into_iter().map(|one| (text_of_names(&one), one)).collect();
        ranked.sort_by(|(a, _), (b, _)| b.cmp(a));
        let mut by_name = ByName::default();
        for (_, certificate) in &ranked {
            for name in names(certificate) {
                // What comes later does not count where an earlier wildcard covers it.
                if name.starts_with("*.") || by_name.find(&name).is_none() {
                    by_name.add_name(name, certificate);
                }
            }
        }
        Self { by_name, default, default_place: None, generated: None }
    }

    /// The certificate for `name` (lower case).
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        self.by_name.find(name)
    }
}

/// The names of a certificate in lower case: its alternative names and its common name, unless that is no name.
pub(crate) fn names(certificate: &CertifiedKey) -> Vec<String> {
    let (mut names, common) = all_names(certificate);
    names.extend(common.filter(|common| !common.contains(' ')));
    names
}

/// All names of a certificate, in order, as one text.
fn text_of_names(certificate: &CertifiedKey) -> String {
    let (mut names, common) = all_names(certificate);
    names.extend(common);
    names.sort();
    names.dedup();
    names.join(",")
}

/// Alternative names and common name in lower case.
fn all_names(certificate: &CertifiedKey) -> (Vec<String>, Option<String>) {
    let Some(leaf) = certificate.cert.first() else { return (Vec::new(), None) };
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(leaf) else { return (Vec::new(), None) };
    let mut names = Vec::new();
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        for name in &alternative.value.general_names {
            match name {
                GeneralName::DNSName(dns) => names.push(dns.to_ascii_lowercase()),
                GeneralName::IPAddress(bytes) => names.extend(address(bytes).map(|ip| ip.to_string())),
                _ => {}
            }
        }
    }
    let common = parsed.subject().iter_common_name().next().and_then(|cn| cn.as_str().ok());
    (names, common.filter(|common| !common.is_empty()).map(str::to_ascii_lowercase))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// A self-signed certificate of our own, for when there is none: named as Traefik names its own.
///
/// # Errors
/// The system gives no randomness.
pub(crate) fn self_made() -> Result<Arc<CertifiedKey>, OwnCertificateError> {
    let key = rcgen::KeyPair::generate()?;
    let serial = key.public_key_raw().iter().rev().take(16).fold(String::new(), |mut out, byte| {
        use std::fmt::Write as _;
        let _ = write!(out, "{byte:02x}");
        out
    });
    let (left, right) = serial.split_at(serial.len() / 2);
    let mut params = rcgen::CertificateParams::new([format!("{left}.{right}.traefik.default")])?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "TRAEFIK DEFAULT CERT");
    params.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    certified(&params.self_signed(&key)?, &key)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn certificate(names: &[&str]) -> Arc<CertifiedKey> {
        let mut params =
            rcgen::CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let key = rcgen::KeyPair::generate().unwrap();
        super::super::pem::pair(&params.self_signed(&key).unwrap().pem(), &key.serialize_pem()).unwrap()
    }

    #[test]
    fn the_greatest_text_of_names_wins_and_of_equal_ones_the_first() {
        let (wild, exact, other) = (
            certificate(&["*.wild.test", "wild.test"]),
            certificate(&["WWW.wild.test"]),
            certificate(&["a.wild.test", "*.a.test"]),
        );
        let again = certificate(&["www.wild.test"]);
        let all = [&other, &wild, &exact, &again].map(Arc::clone).to_vec();
        let store = Store::new(all, self_made().unwrap());
        assert!(Arc::ptr_eq(store.find("www.wild.test").unwrap(), &exact));
        assert!(Arc::ptr_eq(store.find("b.wild.test").unwrap(), &wild));
        assert!(Arc::ptr_eq(store.find("wild.test").unwrap(), &wild));
        assert!(Arc::ptr_eq(store.find("a.wild.test").unwrap(), &wild), "`*.wild.test,…` is greater than `*.a.test,…`");
        assert!(Arc::ptr_eq(store.find("b.a.test").unwrap(), &other));
        assert!(store.find("b.a.wild.test").is_none());
        assert!(store.find("unknown.test").is_none());
    }

    #[test]
    fn our_own_certificate() {
        let own = self_made().unwrap();
        let names = names(&own);
        assert!(names[0].ends_with(".traefik.default"));
    }
}
