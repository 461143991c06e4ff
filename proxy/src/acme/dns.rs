//! TXT records of DNS challenges (RFC 8555 section 8.4): who makes them, and what the environment says about that.

use std::collections::BTreeMap;

use super::Resolver;
use super::failure::Failure;
use super::{api, hook, rfc2136};
use crate::config::statics::Acme;

/// What there is to prove of a name.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// The name, without `*.`.
    pub(super) domain: String,
    /// Token of the challenge.
    pub(super) token: String,
    /// Its key authorization (RFC 8555 section 8.1).
    pub(super) key_authorization: String,
    /// Text of the record.
    pub(super) value: String,
}

impl Proof {
    /// Name of the record.
    pub(super) fn record_name(&self) -> String {
        format!("_acme-challenge.{}.", self.domain)
    }
}

/// One TXT record.
#[derive(Clone, Debug)]
pub(super) enum Record {
    /// A program makes it.
    Hook(hook::Record),
    /// A name server is told.
    Update(Box<rfc2136::Record>),
    /// Whoever holds the zone is told.
    Api(Box<api::Record>),
}

impl Record {
    /// The record that proves a name, by the provider that the resolver has. Nothing is changed yet.
    ///
    /// # Errors
    /// The provider's settings are invalid, or nobody is responsible for the name.
    pub(super) async fn new(resolver: &Resolver, proof: Proof) -> Result<Self, Failure> {
        let challenge = resolver.options.dns_challenge.clone().unwrap_or_default();
        match challenge.provider.as_str() {
            "exec" => Ok(Self::Hook(hook::Record::new(&resolver.environment, proof)?)),
            "rfc2136" => {
                let record = rfc2136::Record::new(&resolver.environment, &challenge, &proof).await?;
                Ok(Self::Update(Box::new(record)))
            }
            _ => Ok(Self::Api(Box::new(api::Record::new(&resolver.environment, &challenge, &proof).await?))),
        }
    }

    /// Whether the next record of the same provider takes this one's place, so that a name must be proved before the next
    /// one is.
    pub(super) fn stands_alone(&self) -> bool {
        matches!(self, Self::Api(record) if record.stands_alone())
    }

    /// Makes the record; returns when it can be seen.
    ///
    /// # Errors
    /// It cannot be made, or is not seen in time.
    pub(super) async fn present(&self) -> Result<(), Failure> {
        match self {
            Self::Hook(record) => record.present().await,
            Self::Update(record) => record.present().await,
            Self::Api(record) => record.present().await,
        }
    }

    /// Removes it; what goes wrong is told in the log.
    pub(super) async fn cleanup(&self) {
        let (domain, cleaned) = match self {
            Self::Hook(record) => (record.domain(), record.cleanup().await),
            Self::Update(record) => (record.domain(), record.cleanup().await),
            Self::Api(record) => (record.domain(), record.cleanup().await),
        };
        if let Err(failure) = cleaned {
            tracing::warn!(domain, reason = failure.reason, "the TXT record of a challenge was not removed");
        }
    }
}

/// What the environment lacks for the provider of a resolver's DNS challenge; none where nothing is missing. Reads files.
pub(super) fn obstacle(options: &Acme, environment: &BTreeMap<String, String>) -> Option<String> {
    match options.dns_challenge.as_ref()?.provider.as_str() {
        "exec" => hook::program(environment).is_none().then(|| hook::NO_PROGRAM.to_owned()),
        "rfc2136" => rfc2136::Settings::read(environment).err(),
        provider => {
            let missing = api::Settings::read(provider, environment).err()?;
            Some(format!("DNS provider `{provider}`: {missing}"))
        }
    }
}

/// Names of all providers of DNS challenges.
pub(crate) fn providers() -> impl Iterator<Item = &'static str> {
    ["rfc2136", "exec"].into_iter().chain(api::names())
}

/// Whether a variable says how a provider makes its records.
pub(super) fn configures(provider: &str, variable: &str) -> bool {
    let prefixes: &[&str] = match provider {
        "exec" => &["EXEC"],
        "rfc2136" => &["RFC2136"],
        other => api::prefixes(other).unwrap_or_default(),
    };
    let begins = |prefix: &&str| variable.strip_prefix(*prefix).is_some_and(|rest| rest.starts_with('_'));
    variable == "LEGO_DISABLE_CNAME_SUPPORT" || prefixes.iter().any(begins)
}

/// Whether a provider is told of one record at a time, since it keeps only one, or takes all of a name as a whole.
pub(super) fn takes_turns(provider: &str) -> bool {
    matches!(provider, "duckdns" | "gandiv5")
}

/// Seconds that a record may take to be seen, by provider and environment.
pub(super) fn propagation_seconds(provider: &str, environment: &BTreeMap<String, String>) -> u64 {
    match provider {
        "exec" => 0,
        "rfc2136" => rfc2136::propagation_seconds(environment),
        other => api::propagation_seconds(other, environment).unwrap_or_default(),
    }
}
