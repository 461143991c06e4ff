//! Certificates by themselves: which names need one, how they are proved to an authority (RFC 8555), where the
//! certificates are kept, when they are renewed.
//!
//! A configuration tells which routers name which resolver ([`wanted`]). One thread ([`manager`]) compares that with
//! what is kept ([`storage`]), and asks for what is missing or about to expire ([`order`]), as often as the memory of
//! failures ([`attempts`]) allows. Handshakes and requests see what comes of it through atomic pointers only.

mod account;
mod api;
mod attempts;
mod certificate;
mod certificate_store;
mod chain;
pub(crate) mod challenges;
mod client;
pub(crate) mod dns;
mod due;
mod failure;
mod hook;
mod https;
pub(crate) mod manager;
mod order;
mod propagation;
mod rfc2136;
mod storage;
mod trial;
mod variables;
pub(crate) mod wanted;
mod work;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::config::statics::Acme;

/// A certificate resolver, as routers name it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Resolver {
    /// Its name in the storage.
    pub name: String,
    /// Its options; `storage` in them counts for nothing.
    pub options: Acme,
    /// File that it keeps account and certificates in, in Traefik's format.
    pub storage: PathBuf,
    /// File of the same format from which is taken over what `storage` does not have.
    pub import: Option<PathBuf>,
    /// Entry points at which requests of HTTP challenges never reach the routers.
    pub reserved: Vec<String>,
    /// Variables that DNS challenges and trials are configured by: see [`Resolver::environment_of`].
    pub environment: BTreeMap<String, String>,
}

impl Resolver {
    /// The part of an environment that says how the records of a resolver's DNS challenges are made (`EXEC_*` for provider
    /// `exec`, ...), and where its orders are tried (`STACK_ACME_TRIAL`).
    pub fn environment_of(options: &Acme, all: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let provider = options.dns_challenge.as_ref().map(|challenge| challenge.provider.as_str());
        let is_needed =
            |name: &str| name == trial::VARIABLE || provider.is_some_and(|provider| dns::configures(provider, name));
        let needed = all.iter().filter(|(name, _)| is_needed(name));
        needed.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What its environment lacks; none where nothing is missing or wrong. Reads files.
    pub(crate) fn lacks(&self) -> Option<String> {
        dns::obstacle(&self.options, &self.environment).or_else(|| trial::obstacle(&self.environment))
    }

    /// Whether records of DNS challenges of both would be in each other's way.
    fn takes_turns_with(&self, other: &Self) -> bool {
        let provider = |resolver: &Self| resolver.options.dns_challenge.as_ref().map(|own| own.provider.clone());
        provider(self).is_some_and(|own| dns::takes_turns(&own) && provider(other).as_ref() == Some(&own))
    }

    /// Seconds that DNS records may take to be seen, for each name.
    fn propagation_seconds(&self) -> u64 {
        let challenge = self.options.dns_challenge.as_ref();
        challenge.map_or(0, |challenge| dns::propagation_seconds(&challenge.provider, &self.environment))
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A time as people read it.
fn shown(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// Between -1 and 1, different each time.
fn random() -> f64 {
    crate::chance::fraction() * 2.0 - 1.0
}
