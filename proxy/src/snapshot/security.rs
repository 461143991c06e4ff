//! Certificates and TLS options of a configuration.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use super::Snapshot;
use crate::config::dynamic::{TlsConfiguration, TlsOptions};
use crate::tls::options::{BadTlsOptions, Tickets, server_config};
use crate::tls::pem::{self, CertificateProblem};
use crate::tls::resolver::{Certificates, Policy, Terms};
use crate::tls::store::Store;

/// Certificates by where they came from: a folder, or the files of a pair.
pub(crate) type Sources = HashMap<String, Vec<Arc<CertifiedKey>>>;

/// Reads the certificates of a configuration and of `folders`. Those that cannot be used are reported, and the rest is
/// served; with them what `before` had from the same place, since a certificate that is being replaced is for a moment
/// not its key's.
pub(crate) fn store(
    config: &TlsConfiguration,
    folders: &[PathBuf],
    own: Arc<CertifiedKey>,
    before: Option<&Snapshot>,
) -> (Store, Sources, Vec<CertificateProblem>) {
    let mut problems = Vec::new();
    let mut sources = Sources::new();
    // Of equal certificates the first wins, so the order is kept.
    let mut certificates = Vec::new();
    let mut add = |place: String, mut found: Vec<Arc<CertifiedKey>>, wrong: Vec<CertificateProblem>| {
        if !wrong.is_empty() {
            let held = before.and_then(|before| before.certificates.get(&place));
            found.extend(held.into_iter().flatten().cloned());
        }
        certificates.extend(found.iter().cloned());
        sources.insert(place, found);
        problems.extend(wrong);
    };
    for pair in &config.certificates {
        let place = place(&pair.cert_file, &pair.key_file);
        match pem::pair(&pair.cert_file, &pair.key_file) {
            Ok(certificate) => add(place, vec![certificate], Vec::new()),
            Err(problem) => add(place, Vec::new(), vec![problem]),
        }
    }
    for folder in folders {
        let (found, wrong) = pem::folder(folder);
        add(folder.display().to_string(), found, wrong);
    }
    let store =
        config.stores.iter().find(|(name, _)| name.split('@').next() == Some("default")).map(|(_, store)| store);
    let configured = store.and_then(|store| store.default_certificate.as_ref());
    let mut default_place = None;
    let default = configured.and_then(|pair| {
        let place = place(&pair.cert_file, &pair.key_file);
        let held =
            || before.map(|before| &before.wanted.store).filter(|held| held.default_place.as_ref() == Some(&place));
        let found = match pem::pair(&pair.cert_file, &pair.key_file) {
            Ok(certificate) => Some(certificate),
            Err(problem) => {
                problems.push(problem);
                held().map(|held| Arc::clone(&held.default))
            }
        };
        default_place = found.is_some().then_some(place);
        found
    });
    let generated = store.and_then(|store| store.default_generated_cert.as_ref()?.domain.as_ref());
    let generated = generated.map(|domain| domain.main.to_ascii_lowercase());
    let store = Store { default_place, generated, ..Store::new(certificates, default.unwrap_or(own)) };
    (store, sources, problems)
}

/// A pair is known by both of its files.
fn place(certificate: &str, key: &str) -> String {
    format!("{certificate}\n{key}")
}

/// TLS options by qualified name, ready or with what is wrong with them.
pub(crate) type Options = BTreeMap<String, Result<Terms, BadTlsOptions>>;

/// Prepares all TLS options. `default` is there even if it is not configured.
pub(crate) fn options(config: &TlsConfiguration, certificates: &Certificates, tickets: &Tickets) -> Options {
    let prepare = |options: &TlsOptions| prepare(options, certificates, tickets);
    let mut prepared: Options =
        config.options.iter().map(|(name, options)| (bare_default(name), prepare(options))).collect();
    prepared.entry("default".to_owned()).or_insert_with(|| prepare(&TlsOptions::default()));
    prepared
}

fn bare_default(name: &str) -> String {
    if name.split('@').next() == Some("default") { "default".to_owned() } else { name.to_owned() }
}

fn prepare(options: &TlsOptions, certificates: &Certificates, tickets: &Tickets) -> Result<Terms, BadTlsOptions> {
    let config = server_config(options, certificates.clone(), tickets)?;
    let quic = crate::tls::quic::config(&config);
    let mut client_order = config.clone();
    client_order.ignore_client_order = false;
    Ok(Terms {
        identity: Arc::from(format!("{options:?}")),
        config: Some(Arc::new(config)),
        client_order: Some(Arc::new(client_order)),
        quic,
        certificates: Some(certificates.clone()),
    })
}

/// What a router asks for: these hosts with these options.
#[derive(Debug, Clone)]
pub(crate) struct RouterTls {
    /// Hosts of its rule.
    pub(crate) hosts: Vec<String>,
    /// Qualified name of the options; empty or `default` for the default ones.
    pub(crate) options: String,
}

/// The policy that gives routers what they ask for. A host for which they ask for different options gets the default ones, and is
/// returned; hosts whose options are missing or unusable are closed.
pub(crate) fn policy(routers: &[RouterTls], options: &Options) -> (Policy, Vec<String>) {
    let terms = |name: &str| match options.get(name) {
        Some(Ok(terms)) => terms.clone(),
        _ => Terms::closed(name),
    };
    let mut policy = Policy::new(terms("default"));
    let mut chosen: HashMap<String, &str> = HashMap::new();
    let mut conflicts = Vec::new();
    for router in routers {
        let wanted =
            if matches!(router.options.as_str(), "" | "default") { "default" } else { router.options.as_str() };
        for host in &router.hosts {
            let host = host.to_ascii_lowercase();
            match chosen.get(&host) {
                Some(before) if *before != wanted => {
                    conflicts.push(host.clone());
                    policy.assign(&host, terms("default"));
                }
                Some(_) => {}
                None => {
                    policy.assign(&host, terms(wanted));
                    chosen.insert(host, wanted);
                }
            }
        }
    }
    (policy, conflicts)
}
