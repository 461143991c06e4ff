//! Which certificate is shown for a name, where it comes from, and until when it is good.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::Inspector;
use crate::snapshot::Snapshot;
use crate::tls::store::names;

const DAY: i64 = 86_400;

/// Where a certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Origin {
    /// A file, a folder, or the configuration itself.
    File {
        /// Path of the folder or of the file with the certificate.
        place: String,
    },
    /// An authority that speaks ACME.
    Acme {
        /// Name of the certificate resolver; empty where none asks for it any more.
        resolver: String,
    },
    /// The authority of our own.
    Local,
    /// The default certificate of the configuration: no other one is for the name.
    Default,
    /// The one that is made at each start and that nobody trusts.
    #[default]
    SelfMade,
}

/// A certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CertificateSeen {
    /// SHA-256 of the whole certificate, hexadecimal.
    pub fingerprint: String,
    /// Common name of the subject.
    pub common_name: String,
    /// The names it is good for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// Serial number, decimal.
    pub serial: String,
    /// Beginning, RFC 3339.
    pub not_before: String,
    /// End, RFC 3339.
    pub not_after: String,
    /// Whole days until then; negative when it is over.
    pub days_left: i64,
    /// `ECDSA`, `RSA`, `Ed25519`, …
    pub key_type: String,
    /// Bits of the key.
    pub key_bits: usize,
    /// SHA-256 of the public key, hexadecimal.
    pub key_fingerprint: String,
    /// How it is signed.
    pub signature: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl Inspector {
    /// Every certificate that may be shown, those that end first before the others.
    pub fn certificates(&self) -> Vec<CertificateSeen> {
        let Some(snapshot) = self.snapshot() else { return Vec::new() };
        let mut all: Vec<CertificateSeen> = Vec::new();
        let files = snapshot.certificates.iter().flat_map(|(place, found)| found.iter().map(move |one| (place, one)));
        for (place, certificate) in files {
            all.push(seen(certificate, file(place)));
        }
        for certificate in self.obtained.acme.load().all() {
            let origin = acme(&snapshot, &certificate);
            all.push(seen(&certificate, origin));
        }
        let local = self.obtained.local.load();
        all.extend(local.by_name.all().iter().map(|certificate| seen(certificate, Origin::Local)));
        let store = &snapshot.wanted.store;
        if store.default_place.is_some() && all.iter().all(|known| known.fingerprint != fingerprint(&store.default)) {
            all.push(seen(&store.default, Origin::Default));
        }
        all.sort_by(|a, b| (a.days_left, &a.names, &a.fingerprint).cmp(&(b.days_left, &b.names, &b.fingerprint)));
        all.dedup_by(|a, b| a.fingerprint == b.fingerprint);
        all
    }

    /// The certificate that a client is shown who asks for `name` (lower case), or for none.
    pub(crate) fn certificate_for(&self, snapshot: &Snapshot, name: Option<&str>) -> CertificateSeen {
        let store = &snapshot.wanted.store;
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            if let Some(found) = store.by_name.covering(name) {
                let place =
                    snapshot.certificates.iter().find(|(_, held)| held.iter().any(|one| Arc::ptr_eq(one, found)));
                return seen(found, place.map(|(place, _)| file(place)).unwrap_or_default());
            }
            if let Some(found) = self.obtained.acme.load().covering(name) {
                return seen(found, acme(snapshot, found));
            }
            if let Some(found) = self.obtained.local.load().by_name.covering(name) {
                return seen(found, Origin::Local);
            }
        }
        if store.default_place.is_some() {
            return seen(&store.default, Origin::Default);
        }
        let acme_names = self.obtained.acme.load();
        if let Some(found) = store.generated.as_ref().and_then(|name| acme_names.covering(name)) {
            return seen(found, acme(snapshot, found));
        }
        match &self.obtained.local.load().addresses {
            Some(found) if name.is_none_or(str::is_empty) => seen(found, Origin::Local),
            _ => seen(&store.default, Origin::SelfMade),
        }
    }
}

/// A pair is kept under both of its file names; people know it by the certificate's.
fn file(place: &str) -> Origin {
    let first = place.lines().next().unwrap_or_default();
    let place = if first.contains("-----BEGIN") { "the configuration" } else { first };
    Origin::File { place: place.to_owned() }
}

fn acme(snapshot: &Snapshot, certificate: &CertifiedKey) -> Origin {
    let names = names(certificate);
    let want = snapshot.wanted.wants.iter().find(|want| want.names.iter().any(|name| names.contains(name)));
    Origin::Acme { resolver: want.map(|want| want.resolver.clone()).unwrap_or_default() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fingerprint(certificate: &CertifiedKey) -> String {
    certificate.cert.first().map(|leaf| hex(&Sha256::digest(leaf))).unwrap_or_default()
}

fn seen(certificate: &CertifiedKey, origin: Origin) -> CertificateSeen {
    let Some(leaf) = certificate.cert.first() else { return CertificateSeen { origin, ..CertificateSeen::default() } };
    let mut seen = CertificateSeen {
        fingerprint: fingerprint(certificate),
        names: names(certificate),
        origin,
        ..CertificateSeen::default()
    };
    if let Ok((_, parsed)) = x509_parser::parse_x509_certificate(leaf) {
        describe(&parsed, &mut seen);
    }
    seen.names.sort();
    seen.names.dedup();
    seen
}

fn describe(parsed: &X509Certificate<'_>, seen: &mut CertificateSeen) {
    let common = |name: &x509_parser::x509::X509Name<'_>| {
        name.iter_common_name().next().and_then(|cn| cn.as_str().ok()).unwrap_or_default().to_owned()
    };
    let time = |seconds: i64| jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default();
    let (begin, end) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    seen.common_name = common(parsed.subject());
    seen.issuer = common(parsed.issuer());
    seen.serial = parsed.tbs_certificate.serial.to_string();
    (seen.not_before, seen.not_after) = (time(begin), time(end));
    seen.days_left = end.saturating_sub(now).div_euclid(DAY);
    let key = parsed.public_key();
    seen.key_fingerprint = hex(&Sha256::digest(key.raw));
    (seen.key_type, seen.key_bits) = match key.parsed() {
        Ok(PublicKey::RSA(key)) => ("RSA".to_owned(), key.key_size()),
        Ok(PublicKey::EC(point)) => ("ECDSA".to_owned(), point.key_size()),
        _ => ("Ed25519".to_owned(), 256),
    };
    seen.signature = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.10045.4.3.2" => "ECDSA-SHA256".to_owned(),
        "1.2.840.10045.4.3.3" => "ECDSA-SHA384".to_owned(),
        "1.2.840.10045.4.3.4" => "ECDSA-SHA512".to_owned(),
        "1.2.840.113549.1.1.11" => "SHA256-RSA".to_owned(),
        "1.2.840.113549.1.1.12" => "SHA384-RSA".to_owned(),
        "1.2.840.113549.1.1.13" => "SHA512-RSA".to_owned(),
        "1.3.101.112" => "Ed25519".to_owned(),
        other => other.to_owned(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::store::self_made;

    #[test]
    fn a_certificate_is_described() {
        let Ok(own) = self_made() else { return };
        let seen = seen(&own, Origin::SelfMade);
        assert_eq!(
            (seen.common_name.as_str(), seen.key_type.as_str(), seen.key_bits),
            ("TRAEFIK DEFAULT CERT", "ECDSA", 256)
        );
        assert!(seen.names.iter().any(|name| name.ends_with(".traefik.default")), "{seen:?}");
        assert_eq!((seen.fingerprint.len(), seen.signature.as_str()), (64, "ECDSA-SHA256"));
        assert!(seen.days_left > 300 && seen.not_after.ends_with('Z'), "{seen:?}");
    }

    #[test]
    fn places_are_told_without_secrets() {
        assert_eq!(file("/a.pem\n/a.key"), Origin::File { place: "/a.pem".to_owned() });
        let inline = file("-----BEGIN CERTIFICATE-----\nx");
        assert_eq!(inline, Origin::File { place: "the configuration".to_owned() });
    }
}
