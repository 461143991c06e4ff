//! A certificate authority of our own, for names that no public one gives certificates for.
//!
//! Its root is made once and kept; `stack trust` makes a machine trust it. Name constraints (RFC 5280 section 4.2.1.10) keep
//! it to such names, so that a key that gets lost harms nobody's bank. Certificates themselves live in memory only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::sign::CertifiedKey;

use super::store::ByName;
use super::{OwnCertificateError, certified};
use crate::file;

/// Domains that exist on a private network or machine only: RFC 6761 section 6.3, RFC 8375, and ICANN's reservation.
const DOMAINS: [&str; 3] = ["localhost", "internal", "home.arpa"];
/// Name of the file with the certificate of the root, PEM, in the folder of the local authority.
pub const ROOT: &str = "root.pem";
const KEY: &str = "key.pem";
const DAY: u64 = 86_400;
/// Lifetime of the root.
const ROOT_LIFETIME: u64 = 3650 * DAY;
/// Lifetime of a certificate.
const LIFETIME: u64 = 90 * DAY;
/// A certificate is made anew after this time.
const AGE: u64 = 30 * DAY;
/// A clock of a client may be this much behind ours.
const LEEWAY: u64 = 3600;

/// Addresses of private networks, of this machine and of its links (RFC 1918, RFC 3927, RFC 4193, RFC 4291, RFC 6598), with
/// the bits that count.
const NETWORKS: [(IpAddr, u8); 9] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

fn networks() -> impl Iterator<Item = IpNet> {
    NETWORKS.iter().filter_map(|(address, bits)| IpNet::new(*address, *bits).ok())
}

/// Whether this authority gives certificates for a host (lower case).
pub(crate) fn is_local(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => networks().any(|network| network.contains(&address)),
        Err(_) => DOMAINS
            .iter()
            .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))),
    }
}

/// What handshakes see of this authority's certificates.
#[derive(Debug, Default)]
pub(crate) struct LocalCertificates {
    /// By name.
    pub(crate) by_name: ByName,
    /// For clients that name no host, which are those that were given an address.
    pub(crate) addresses: Option<Arc<CertifiedKey>>,
}

/// The authority and the certificates that it gave.
#[derive(Debug, Default)]
pub(crate) struct LocalAuthority {
    authority: Option<Authority>,
    /// By their names.
    given: BTreeMap<Vec<String>, Given>,
}

#[derive(Debug)]
struct Given {
    at: u64,
    certificate: Arc<CertifiedKey>,
}

impl LocalAuthority {
    /// Certificates for these hosts, those that were given before where they are young enough; the authority is kept in `folder`, and made when it
    /// is needed for the first time.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn certificates_for(
        &mut self,
        folder: &Path,
        hosts: &BTreeSet<String>,
    ) -> Result<LocalCertificates, String> {
        let mut sets: Vec<Vec<String>> = Vec::new();
        let (addresses, names): (Vec<&String>, Vec<&String>) =
            hosts.iter().partition(|host| host.parse::<IpAddr>().is_ok());
        sets.extend(names.into_iter().map(|name| vec![name.clone()]));
        let addresses: Vec<String> = addresses.into_iter().cloned().collect();
        if !addresses.is_empty() {
            sets.push(addresses.clone());
        }
        let now = now();
        self.given.retain(|names, given| sets.contains(names) && now.abs_diff(given.at) < AGE);
        for names in sets {
            if self.given.contains_key(&names) {
                continue;
            }
            let authority = match &self.authority {
                Some(authority) if authority.folder == folder => authority,
                _ => self.authority.insert(Authority::open(folder, now)?),
            };
            let certificate = authority.give(&names, now).map_err(|error| error.to_string())?;
            self.given.insert(names, Given { at: now, certificate });
        }
        let mut shown = LocalCertificates::default();
        self.given.values().for_each(|given| shown.by_name.add(&given.certificate));
        shown.addresses = self.given.get(&addresses).map(|given| Arc::clone(&given.certificate));
        Ok(shown)
    }
}

#[derive(Debug)]
struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads the authority of a folder, or makes one there.
    fn open(folder: &Path, now: u64) -> Result<Self, String> {
        let (root, key) = (folder.join(ROOT), folder.join(KEY));
        let failed = |path: &Path, error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
        let read = |path: &Path| {
            let bytes = file::read(path).map_err(|error| failed(path, &error))?;
            Ok::<_, String>(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        };
        if let (Some(root_text), Some(key_text)) = (read(&root)?, read(&key)?) {
            match issuer(&root_text, &key_text) {
                Ok(issuer) => return Ok(Self { folder: folder.to_owned(), issuer }),
                Err(error) => {
                    for path in [&root, &key] {
                        let aside = file::keep_aside(path).map_err(|error| failed(path, &error))?;
                        tracing::error!(
                            %error, file = %path.display(), kept = %aside.display(),
                            "the local authority is damaged and kept under another name; there is a new one, which `stack trust` makes this machine trust"
                        );
                    }
                }
            }
        }
        let (root_text, key_text) = made(now).map_err(|error| error.to_string())?;
        // The key first: a root without its key would be trusted for nothing.
        file::replace(&key, key_text.as_bytes()).map_err(|error| failed(&key, &error))?;
        file::replace(&root, root_text.as_bytes()).map_err(|error| failed(&root, &error))?;
        tracing::info!(file = %root.display(), "a local certificate authority was made; `stack trust` makes this machine trust it");
        let issuer = issuer(&root_text, &key_text).map_err(|error| error.to_string())?;
        Ok(Self { folder: folder.to_owned(), issuer })
    }

    fn give(&self, names: &[String], now: u64) -> Result<Arc<CertifiedKey>, OwnCertificateError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = DistinguishedName::new();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        limit(&mut params, now, LIFETIME);
        certified(&params.signed_by(&key, &self.issuer)?, &key)
    }
}

fn issuer(root: &str, key: &str) -> Result<Issuer<'static, KeyPair>, rcgen::Error> {
    Issuer::from_ca_cert_pem(root, KeyPair::from_pem(key)?)
}

/// A root and its key, as PEM.
fn made(now: u64) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    let number: String = key.public_key_raw().iter().rev().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "stack");
    params.distinguished_name.push(DnType::CommonName, format!("stack local authority {number}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    limit(&mut params, now, ROOT_LIFETIME);
    let domains = DOMAINS.iter().map(|domain| GeneralSubtree::DnsName((*domain).to_owned()));
    let addresses = networks().map(|network| match (network.addr(), network.netmask()) {
        (IpAddr::V4(address), IpAddr::V4(mask)) => CidrSubnet::V4(address.octets(), mask.octets()),
        (address, mask) => CidrSubnet::V6(octets(address), octets(mask)),
    });
    let addresses = addresses.map(GeneralSubtree::IpAddress);
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: domains.chain(addresses).collect(), excluded_subtrees: Vec::new() });
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Makes a certificate good from about now on.
fn limit(params: &mut CertificateParams, now: u64, lifetime: u64) {
    let time = |seconds| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    (params.not_before, params.not_after) = (time(now.saturating_sub(LEEWAY)), time(now.saturating_add(lifetime)));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

    use super::super::provider;
    use super::*;

    fn hosts(hosts: &[&str]) -> BTreeSet<String> {
        hosts.iter().map(|host| (*host).to_owned()).collect()
    }

    /// Whether a client that trusts the root takes a certificate for a host.
    fn is_accepted(folder: &Path, key: &CertifiedKey, host: &str) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(folder.join(ROOT)).unwrap()).unwrap();
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        verifier.verify_server_cert(key.cert.first().unwrap(), &[], &name, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn some_hosts_are_local() {
        for host in ["localhost", "a.localhost", "a.b.internal", "x.home.arpa", "192.168.1.5", "fd00::1", "100.64.0.1"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "example.com",
            "notlocalhost",
            "localhost.example.com",
            "arpa",
            "1.2.3.4.example",
            "1.1.1.1",
            "2001:db8::1",
            "",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn certificates_are_given_by_an_authority_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut local = LocalAuthority::default();
        let shown = local.certificates_for(folder.path(), &hosts(&[])).unwrap();
        assert!(shown.by_name.find("localhost").is_none());
        assert!(!folder.path().join(ROOT).exists(), "nobody needs it");
        let shown = local.certificates_for(folder.path(), &hosts(&["app.localhost", "127.0.0.1", "fd00::1"])).unwrap();
        let root = std::fs::read(folder.path().join(ROOT)).unwrap();
        let first = Arc::clone(shown.by_name.find("app.localhost").unwrap());
        assert!(is_accepted(folder.path(), &first, "app.localhost"));
        let addresses = shown.addresses.as_ref().unwrap();
        assert!(is_accepted(folder.path(), addresses, "127.0.0.1") && is_accepted(folder.path(), addresses, "fd00::1"));
        assert!(!is_accepted(folder.path(), addresses, "app.localhost"));

        let shown = local.certificates_for(folder.path(), &hosts(&["app.localhost", "x.internal"])).unwrap();
        assert!(Arc::ptr_eq(shown.by_name.find("app.localhost").unwrap(), &first), "given once");
        assert!(shown.addresses.is_none());

        let mut again = LocalAuthority::default();
        let shown = again.certificates_for(folder.path(), &hosts(&["x.internal"])).unwrap();
        assert_eq!(std::fs::read(folder.path().join(ROOT)).unwrap(), root, "the root stays");
        assert!(is_accepted(folder.path(), shown.by_name.find("x.internal").unwrap(), "x.internal"));
    }

    #[test]
    fn its_root_is_good_for_local_names_only() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), now()).unwrap();
        for host in ["bank.example", "1.1.1.1", "2001:db8::1"] {
            let forged = authority.give(&[host.to_owned()], now()).unwrap();
            assert!(!is_accepted(folder.path(), &forged, host), "{host}");
        }
    }

    #[test]
    fn an_authority_that_makes_no_sense_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for name in [ROOT, KEY] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        LocalAuthority::default().certificates_for(folder.path(), &hosts(&["localhost"])).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("key.pem.broken-1")).unwrap(), "x");
    }
}
