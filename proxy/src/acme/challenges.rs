//! Answers to an authority's challenges, as connections and requests find them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::tcp::hello::Hello;
use crate::tls::{OwnCertificateError, certified, provider};

/// Where requests of HTTP challenges go (RFC 8555 section 8.3).
const PATH: &str = "/.well-known/acme-challenge/";
/// The protocol of TLS challenges (RFC 8737 section 6.2).
const PROTOCOL: &[u8] = b"acme-tls/1";

/// Answers that are wanted now. Reading takes no lock.
#[derive(Debug)]
pub(crate) struct Challenges {
    /// By token.
    tokens: ArcSwap<HashMap<String, Token>>,
    /// Entry points at which requests of HTTP challenges never reach the routers.
    reserved: ArcSwap<BTreeSet<String>>,
    certificates: Arc<Certificates>,
    /// For connections of TLS challenges: whatever options the name has, they are not asked for client certificates.
    tls: Option<Arc<ServerConfig>>,
}

#[derive(Clone, Debug)]
struct Token {
    host: String,
    answer: Bytes,
}

/// Certificates of TLS challenges by name.
#[derive(Debug, Default)]
struct Certificates(ArcSwap<HashMap<String, Arc<CertifiedKey>>>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().get(&hello.server_name()?.to_ascii_lowercase()).cloned()
    }
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This is the answer.
    Token(Bytes),
    /// There is none, and nobody else is asked.
    Unknown,
}

impl Default for Challenges {
    fn default() -> Self {
        let certificates = Arc::new(Certificates::default());
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        // The versions that are safe by default are there; without them TLS challenges would fail, and nothing else.
        let tls = builder.ok().map(|builder| {
            let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::clone(&certificates) as _);
            config.alpn_protocols = vec![PROTOCOL.to_vec()];
            config.send_tls13_tickets = 0;
            Arc::new(config)
        });
        Self { tokens: ArcSwap::default(), reserved: ArcSwap::default(), certificates, tls }
    }
}

impl Challenges {
    /// What a request for `host` (lower case) and `path` gets that came in at an entry point; none where it is a request
    /// like others.
    pub(crate) fn answer(&self, entry_point: &str, host: &str, path: &str) -> Option<Answer> {
        let token = path.strip_prefix(PATH)?;
        if let Some(found) = self.tokens.load().get(token)
            && found.host == host
        {
            return Some(Answer::Token(found.answer.clone()));
        }
        self.reserved.load().contains(entry_point).then_some(Answer::Unknown)
    }

    /// The configuration for a connection that comes for a TLS challenge and nothing else, where one is under way for its
    /// name.
    pub(crate) fn tls(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        self.is_about(&name, hello.alpn()?).then(|| self.tls.clone())?
    }

    /// Whether a client that says this is a certificate authority with a question for us.
    pub(crate) fn is_asked_by(&self, hello: &Hello) -> bool {
        self.is_about(&hello.server_name, hello.alpn.iter().map(Vec::as_slice))
    }

    fn is_about<'a>(&self, name: &str, mut offered: impl Iterator<Item = &'a [u8]>) -> bool {
        offered.next() == Some(PROTOCOL) && offered.next().is_none() && self.certificates.0.load().contains_key(name)
    }

    /// Sets the entry points at which requests of HTTP challenges never reach the routers.
    pub(crate) fn reserve(&self, entry_points: BTreeSet<String>) {
        self.reserved.store(Arc::new(entry_points));
    }

    /// Answers for an HTTP challenge from now on, until what is returned is dropped.
    pub(super) fn http(self: &Arc<Self>, host: &str, token: &str, answer: &str) -> ChallengeGuard {
        let value = Token { host: host.to_owned(), answer: Bytes::copy_from_slice(answer.as_bytes()) };
        self.tokens.rcu(|tokens| {
            let mut tokens = HashMap::clone(tokens);
            tokens.insert(token.to_owned(), value.clone());
            tokens
        });
        ChallengeGuard { challenges: Arc::clone(self), key: Key::Token(token.to_owned()) }
    }

    /// Shows a certificate for a TLS challenge (RFC 8737 section 3) from now on, until what is returned is dropped;
    /// `digest` is that of the key authorization.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate.
    pub(super) fn alpn(self: &Arc<Self>, name: &str, digest: &[u8]) -> Result<ChallengeGuard, OwnCertificateError> {
        let key = rcgen::KeyPair::generate()?;
        let mut params = rcgen::CertificateParams::new([name.to_owned()])?;
        params.custom_extensions.push(rcgen::CustomExtension::new_acme_identifier(digest));
        let value = certified(&params.self_signed(&key)?, &key)?;
        self.certificates.0.rcu(|certificates| {
            let mut certificates = HashMap::clone(certificates);
            certificates.insert(name.to_owned(), Arc::clone(&value));
            certificates
        });
        Ok(ChallengeGuard { challenges: Arc::clone(self), key: Key::Name(name.to_owned()) })
    }
}

/// An answer that is given as long as this is held.
#[derive(Debug)]
pub(super) struct ChallengeGuard {
    challenges: Arc<Challenges>,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Token(String),
    Name(String),
}

impl Drop for ChallengeGuard {
    fn drop(&mut self) {
        match &self.key {
            Key::Token(token) => {
                self.challenges.tokens.rcu(|tokens| {
                    let mut tokens = HashMap::clone(tokens);
                    tokens.remove(token);
                    tokens
                });
            }
            Key::Name(name) => {
                self.challenges.certificates.0.rcu(|certificates| {
                    let mut certificates = HashMap::clone(certificates);
                    certificates.remove(name);
                    certificates
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_its_host_and_its_time() {
        let challenges = Arc::new(Challenges::default());
        let ask = |entry: &str, host: &str, path: &str| challenges.answer(entry, host, path);
        let shown = challenges.http("a.example", "t0k", "t0k.thumb");
        let path = "/.well-known/acme-challenge/t0k";
        assert_eq!(ask("web", "a.example", path), Some(Answer::Token(Bytes::from_static(b"t0k.thumb"))));
        assert_eq!(ask("web", "b.example", path), None, "another host's token");
        assert_eq!(ask("web", "a.example", "/.well-known/acme-challenge/t0k/"), None);
        assert_eq!(ask("web", "a.example", "/t0k"), None);
        challenges.reserve(["web".to_owned()].into());
        assert_eq!(ask("web", "b.example", path), Some(Answer::Unknown), "no router sees it");
        assert_eq!(ask("other", "b.example", path), None);
        drop(shown);
        assert_eq!(ask("web", "a.example", path), Some(Answer::Unknown));
    }
}
