//! A certificate that is kept: whom it is for, how long it is good, when it is to be renewed.

use std::sync::Arc;

use rustls::sign::CertifiedKey;

use crate::tls::{pem, store};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A certificate, ready to be shown.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    /// With its key.
    pub(super) key: Arc<CertifiedKey>,
    /// Its names in lower case.
    pub(super) names: Vec<String>,
    /// Seconds since 1970 from which it is good.
    pub(super) not_before: i64,
    /// Seconds since 1970 until which it is good.
    pub(super) not_after: i64,
}

impl Certificate {
    /// From a PEM chain, the certificate itself first, and its PEM key.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn parse(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = pem::chain(chain, "certificate").map_err(|problem| problem.reason)?;
        let key = pem::private_key(key).ok_or("there is no private key")?;
        let key = pem::certified(chain, key)?;
        let leaf = key.cert.first().ok_or("there is no certificate")?;
        let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|error| error.to_string())?;
        let (not_before, not_after) =
            (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        let mut names = store::names(&key);
        names.sort_unstable();
        names.dedup();
        Ok(Self { names, not_before, not_after, key })
    }

    /// Whether it is good now.
    pub(super) fn is_good(&self, now: i64) -> bool {
        now < self.not_after
    }

    /// When it is to be renewed: 30 days before its end, or after two thirds of its life where that is later. Where a
    /// lifetime is configured, in hours, as long before its end as Traefik does (Traefik documentation, "ACME:
    /// certificatesDuration").
    pub(super) fn renew_at(&self, configured: u64) -> i64 {
        let before = match i64::try_from(configured).unwrap_or(i64::MAX).saturating_mul(HOUR) {
            0 => (30 * DAY).min(self.not_after.saturating_sub(self.not_before) / 3),
            hours if hours >= 365 * DAY => 120 * DAY,
            hours if hours >= 90 * DAY => 30 * DAY,
            hours if hours >= 30 * DAY => 10 * DAY,
            hours if hours >= 6 * DAY => 2 * DAY,
            hours if hours >= DAY => 6 * HOUR,
            _ => HOUR / 3,
        };
        self.not_after.saturating_sub(before)
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// A certificate for `names`, good from `from` on for `seconds`; chain and key as PEM.
    pub(in crate::acme) fn made(names: &[&str], from: i64, seconds: i64) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let time = |seconds: i64| {
            let base = rcgen::date_time_ymd(1970, 1, 1);
            base + std::time::Duration::from_secs(u64::try_from(seconds).unwrap())
        };
        (params.not_before, params.not_after) = (time(from), time(from + seconds));
        let key = rcgen::KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn it_is_renewed_in_good_time() {
        let certificate = |days: i64| {
            let (chain, key) = made(&["a.example"], 1_000_000_000, days * DAY);
            Certificate::parse(chain.as_bytes(), key.as_bytes()).unwrap()
        };
        let before = |certificate: &Certificate, configured| certificate.not_after - certificate.renew_at(configured);
        assert_eq!(before(&certificate(90), 0), 30 * DAY);
        assert_eq!(before(&certificate(398), 0), 30 * DAY);
        assert_eq!(before(&certificate(6), 0), 2 * DAY);
        assert_eq!(before(&certificate(90), 2160), 30 * DAY);
        assert_eq!(before(&certificate(90), 8760), 120 * DAY);
        assert_eq!(before(&certificate(1), 1), HOUR / 3);
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let ((chain, _), (_, key)) = (made(&["a.example"], 0, DAY), made(&["a.example"], 0, DAY));
        assert!(Certificate::parse(chain.as_bytes(), key.as_bytes()).is_err());
        assert!(Certificate::parse(b"", key.as_bytes()).is_err());
    }
}
