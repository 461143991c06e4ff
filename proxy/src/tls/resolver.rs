//! Which options and which certificate a connection gets: one lookup by host name, for the handshake and for requests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::local::LocalCertificates;
use super::quic;
use super::store::{ByName, Store};

/// Certificates that the gateway got by itself. They come and go without a new configuration.
#[derive(Debug, Default)]
pub(crate) struct Obtained {
    /// From authorities that speak ACME.
    pub(crate) acme: ArcSwap<ByName>,
    /// From the authority of our own.
    pub(crate) local: ArcSwap<LocalCertificates>,
}

/// All certificates that there are to show.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// The configured ones.
    pub(crate) store: Arc<Store>,
    /// Those that were obtained.
    pub(crate) obtained: Arc<Obtained>,
}

impl Certificates {
    /// The one for `name` (lower case): a configured one, else one that was obtained.
    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let acme = || self.obtained.acme.load().find(name).cloned();
        let local = || self.obtained.local.load().by_name.find(name).cloned();
        self.store.find(name).cloned().or_else(acme).or_else(local)
    }

    /// The certificate where none is for the name: the configured one, the one that was obtained as such, one for the
    /// addresses of routers where no name is asked for, the one that nobody trusts.
    fn default(&self, names_a_host: bool) -> Arc<CertifiedKey> {
        let configured = Arc::clone(&self.store.default);
        if self.store.default_place.is_some() {
            return configured;
        }
        let generated = self.store.generated.as_ref();
        let generated = generated.and_then(|name| self.obtained.acme.load().covering(name).cloned());
        let addresses = || self.obtained.local.load().addresses.clone().filter(|_| !names_a_host);
        generated.or_else(addresses).unwrap_or(configured)
    }
}

/// Shows the certificate for the name that the client asks for.
#[derive(Debug)]
pub(crate) struct SniResolver {
    /// What there is to show.
    pub(crate) certificates: Certificates,
    /// Whether a name without certificate is refused instead of shown the default one.
    pub(crate) strict: bool,
}

impl ResolvesServerCert for SniResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        match name.and_then(|name| self.certificates.find(&name)) {
            Some(certificate) => Some(certificate),
            None if self.strict => None,
            None => Some(self.certificates.default(hello.server_name().is_some())),
        }
    }
}

/// One set of TLS options.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Equal for equal options, across configurations.
    pub(crate) identity: Arc<str>,
    /// `None` where the options are missing or unusable: such connections are closed.
    pub(crate) config: Option<Arc<ServerConfig>>,
    /// The same for clients that have their reasons for the order of their ciphers.
    pub(crate) client_order: Option<Arc<ServerConfig>>,
    /// The same for HTTP/3; `None` also where the options do not allow TLS 1.3.
    pub(crate) quic: Option<quic::Config>,
    /// What the configurations show.
    pub(crate) certificates: Option<Certificates>,
}

impl Terms {
    /// No options, or none that can be used.
    pub(crate) fn closed(identity: &str) -> Self {
        Self { identity: Arc::from(identity), config: None, client_order: None, quic: None, certificates: None }
    }

    /// For the client that says this to the address `local`.
    pub(crate) fn config_for(&self, hello: &ClientHello<'_>, local: IpAddr) -> Option<Arc<ServerConfig>> {
        let ours = super::options::is_fast_with_aes(hello.cipher_suites());
        let config = if ours { self.config.clone() } else { self.client_order.clone() };
        config.map(|config| if hello.server_name().is_none() { self.at_address(config, local) } else { config })
    }

    /// `config` for a client that names no host: addresses are not named, so it may know the gateway by `local`.
    pub(crate) fn at_address(&self, mut config: Arc<ServerConfig>, local: IpAddr) -> Arc<ServerConfig> {
        let name = local.to_canonical().to_string();
        // Those of our own authority have their turn where no others are for any name.
        let trusted = |all: &Certificates| {
            all.store.find(&name).cloned().or_else(|| all.obtained.acme.load().find(&name).cloned())
        };
        if let Some(certificate) = self.certificates.as_ref().and_then(trusted) {
            Arc::make_mut(&mut config).cert_resolver = Arc::new(SingleCertAndKey::from(certificate));
        }
        config
    }
}

/// TLS options and the hosts that ask for others than `default`.
#[derive(Debug)]
pub(crate) struct Policy {
    default: Terms,
    exact: HashMap<String, Terms>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Terms>,
}

impl Policy {
    /// A policy in which every host has `default`.
    pub(crate) fn new(default: Terms) -> Self {
        Self { default, exact: HashMap::new(), wildcard: HashMap::new() }
    }

    /// Gives `host` (a name, or `*.name`) its options.
    pub(crate) fn assign(&mut self, host: &str, terms: Terms) {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        match host.strip_prefix("*.") {
            Some(rest) => self.wildcard.insert(rest.to_owned(), terms),
            None => self.exact.insert(host.to_owned(), terms),
        };
    }

    /// The options of a host in lower case; a final dot makes no difference. `None` is a client that names no host.
    pub(crate) fn terms_of(&self, host: Option<&str>) -> &Terms {
        let Some(host) = host.map(|host| host.trim_end_matches('.')) else { return &self.default };
        self.exact
            .get(host)
            .or_else(|| host.split_once('.').and_then(|(_, parent)| self.wildcard.get(parent)))
            .unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::config::dynamic::TlsOptions;
    use crate::tls::options::{Tickets, server_config};
    use crate::tls::store::self_made;

    #[test]
    fn who_names_no_host_is_shown_the_certificate_of_the_address() {
        let made = rcgen::generate_simple_self_signed(["192.0.2.1".to_owned(), "2001:db8::1".to_owned()]).unwrap();
        let pair = super::super::pem::pair(&made.cert.pem(), &made.signing_key.serialize_pem()).unwrap();
        let store = Arc::new(Store::new(vec![pair], self_made().unwrap()));
        let certificates = Certificates { store, obtained: Arc::default() };
        let config =
            Arc::new(server_config(&TlsOptions::default(), certificates.clone(), &Tickets::default()).unwrap());
        let terms = Terms { certificates: Some(certificates), ..Terms::closed("default") };
        let is_special = |address: &str| {
            let chosen = terms.at_address(Arc::clone(&config), address.parse().unwrap());
            !Arc::ptr_eq(&chosen, &config)
        };
        assert!(["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"].iter().all(|address| is_special(address)));
        assert!(!is_special("192.0.2.2"));
    }

    #[test]
    fn exact_before_wildcard_before_default() {
        let terms = |identity: &str| Terms::closed(identity);
        let mut policy = Policy::new(terms("default"));
        policy.assign("*.Wild.test", terms("wild"));
        policy.assign("www.wild.test.", terms("exact"));
        let identity = |host: Option<&str>| policy.terms_of(host).identity.to_string();
        assert_eq!(identity(Some("a.wild.test")), "wild");
        assert_eq!(identity(Some("www.wild.test")), "exact");
        assert_eq!(identity(Some("www.wild.test.")), "exact");
        assert_eq!(identity(Some("b.a.wild.test")), "default");
        assert_eq!(identity(None), "default");
    }
}
