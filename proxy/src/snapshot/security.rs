//! Certificates and TLS options of a configuration.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use crate::config::dynamic::{TlsConfiguration, TlsOptions};
use crate::tls::options::{BadTlsOptions, Tickets, server_config};
use crate::tls::pem::{self, CertificateProblem};
use crate::tls::resolver::{Obtained, Policy, Terms};
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
    before: &Sources,
) -> (Store, Sources, Vec<CertificateProblem>) {
    let mut problems = Vec::new();
    let mut sources = Sources::new();
    // The first certificate for a name wins, so the order is kept.
    let mut certificates = Vec::new();
    let mut add = |place: String, mut found: Vec<Arc<CertifiedKey>>, wrong: Vec<CertificateProblem>| {
        if !wrong.is_empty() {
            found.extend(before.get(&place).into_iter().flatten().cloned());
        }
        certificates.extend(found.iter().cloned());
        sources.insert(place, found);
        problems.extend(wrong);
    };
    for pair in &config.certificates {
        let place = format!("{}\n{}", pair.cert_file, pair.key_file);
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
    let mut has_default = false;
    let default = match configured.map(|pair| pem::pair(&pair.cert_file, &pair.key_file)) {
        Some(Ok(certificate)) => {
            has_default = true;
            certificate
        }
        Some(Err(problem)) => {
            problems.push(problem);
            own
        }
        None => own,
    };
    let generated = store.and_then(|store| store.default_generated_cert.as_ref()?.domain.as_ref());
    let generated = generated.map(|domain| domain.main.to_ascii_lowercase());
    (Store { has_default, generated, ..Store::new(&certificates, default) }, sources, problems)
}

/// TLS options by qualified name, ready or with what is wrong with them.
pub(crate) type Options = BTreeMap<String, Result<Terms, BadTlsOptions>>;

/// Prepares all TLS options. `default` is there even if it is not configured.
pub(crate) fn options(
    config: &TlsConfiguration,
    store: &Arc<Store>,
    obtained: &Arc<Obtained>,
    tickets: &Tickets,
) -> Options {
    let prepare = |options: &TlsOptions| prepare(options, store, obtained, tickets);
    let mut prepared: Options =
        config.options.iter().map(|(name, options)| (bare_default(name), prepare(options))).collect();
    prepared.entry("default".to_owned()).or_insert_with(|| prepare(&TlsOptions::default()));
    prepared
}

fn bare_default(name: &str) -> String {
    if name.split('@').next() == Some("default") { "default".to_owned() } else { name.to_owned() }
}

fn prepare(
    options: &TlsOptions,
    store: &Arc<Store>,
    obtained: &Arc<Obtained>,
    tickets: &Tickets,
) -> Result<Terms, BadTlsOptions> {
    let config = server_config(options, Arc::clone(store), Arc::clone(obtained), tickets)?;
    let quic = crate::tls::quic::config(&config);
    let mut client_order = config.clone();
    client_order.ignore_client_order = false;
    Ok(Terms {
        identity: Arc::from(format!("{options:?}")),
        config: Some(Arc::new(config)),
        client_order: Some(Arc::new(client_order)),
        quic,
    })
}

/// A router's wish: these hosts with these options.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Hosts of its rule.
    pub(crate) hosts: Vec<String>,
    /// Qualified name of the options; empty or `default` for the default ones.
    pub(crate) options: String,
}

/// The policy that fulfils the wishes. A host for which routers wish different options gets the default ones, and is
/// returned; hosts whose options are missing or unusable are closed.
pub(crate) fn policy(wishes: &[Wish], options: &Options) -> (Policy, Vec<String>) {
    let terms = |name: &str| match options.get(name) {
        Some(Ok(terms)) => terms.clone(),
        _ => Terms::closed(name),
    };
    let mut policy = Policy::new(terms("default"));
    let mut chosen: HashMap<String, &str> = HashMap::new();
    let mut conflicts = Vec::new();
    for wish in wishes {
        let wanted = if matches!(wish.options.as_str(), "" | "default") { "default" } else { wish.options.as_str() };
        for host in &wish.hosts {
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
