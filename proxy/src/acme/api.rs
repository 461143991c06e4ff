//! DNS challenges by the HTTP API of whoever holds the zone: the providers of Traefik that most ask for, by the variables
//! that they have there (lego documentation, "DNS Providers"), and any server that takes lego's own requests (`httpreq`).

mod client;
mod cloudflare;
mod digitalocean;
mod duckdns;
mod gandi;
mod hetzner;
mod httpreq;
mod ovh;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use client::{Answer, Client, Credentials, bearer, secret};

use super::dns::Proof;
use super::failure::Failure;
use super::https::trusting;
use super::propagation::{self, ExpectedRecord, Timing};
use super::variables::{Secret, Variables};
use crate::config::statics::DnsChallenge;
use crate::dns::name::Name;
use crate::tls::client::usual_roots;

/// Names beyond so many labels have no zone that is looked for.
const MOST_LABELS: usize = 12;

/// What distinguishes providers.
#[derive(Clone, Debug)]
enum Provider {
    Cloudflare(cloudflare::Cloudflare),
    DigitalOcean(digitalocean::DigitalOcean),
    DuckDns(duckdns::DuckDns),
    Gandi(gandi::Gandi),
    Hetzner(hetzner::Hetzner),
    HttpReq(httpreq::HttpReq),
    Ovh(ovh::Ovh),
}

/// A provider that is known here.
struct Known {
    name: &'static str,
    /// What its variables begin with: the first those that all providers have.
    prefixes: &'static [&'static str],
    /// For how long records are waited for and how often they are looked for, in seconds, where no variable says so.
    propagation: u64,
    polling: u64,
    /// Reads its own variables.
    read: fn(Variables<'_>) -> Result<Provider, String>,
}

/// All of them, in the order in which messages name them.
const PROVIDERS: [Known; 8] = [
    Known {
        name: "cloudflare",
        prefixes: &["CLOUDFLARE", "CF"],
        propagation: 120,
        polling: 2,
        read: |variables| cloudflare::Cloudflare::read(variables).map(Provider::Cloudflare),
    },
    Known {
        name: "digitalocean",
        prefixes: &["DO"],
        propagation: 60,
        polling: 5,
        read: |variables| digitalocean::DigitalOcean::read(variables).map(Provider::DigitalOcean),
    },
    Known {
        name: "duckdns",
        prefixes: &["DUCKDNS"],
        propagation: 60,
        polling: 2,
        read: |variables| duckdns::DuckDns::read(variables).map(Provider::DuckDns),
    },
    Known {
        name: "gandiv5",
        prefixes: &["GANDIV5"],
        propagation: 1200,
        polling: 20,
        read: |variables| gandi::Gandi::read(variables).map(Provider::Gandi),
    },
    Known { name: "hetzner", ..HETZNER },
    Known { name: "hetznerv1", ..HETZNER },
    Known {
        name: "httpreq",
        prefixes: &["HTTPREQ"],
        propagation: 60,
        polling: 2,
        read: |variables| httpreq::HttpReq::read(variables).map(Provider::HttpReq),
    },
    Known {
        name: "ovh",
        prefixes: &["OVH"],
        propagation: 60,
        polling: 2,
        read: |variables| ovh::Ovh::read(variables).map(Provider::Ovh),
    },
];

const HETZNER: Known = Known {
    name: "",
    prefixes: &["HETZNER"],
    propagation: 60,
    polling: 2,
    read: |variables| hetzner::Hetzner::read(variables).map(Provider::Hetzner),
};

fn known(provider: &str) -> Option<&'static Known> {
    PROVIDERS.iter().find(|known| known.name == provider)
}

/// What the variables of a provider begin with; none for one that is not known here.
pub(super) fn prefixes(provider: &str) -> Option<&'static [&'static str]> {
    known(provider).map(|known| known.prefixes)
}

/// Names of all providers.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|known| known.name)
}

/// Seconds that a record may take to be seen; none for a provider that is not known here.
pub(super) fn propagation_seconds(provider: &str, environment: &BTreeMap<String, String>) -> Option<u64> {
    let known = known(provider)?;
    let variable = format!("{}_PROPAGATION_TIMEOUT", known.prefixes.first()?);
    Some(Variables(environment).roughly(&variable, known.propagation))
}

/// How a provider is told, by the environment.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    provider: Provider,
    timing: Timing,
    /// Time limit of one request.
    limit: Duration,
    follows_aliases: bool,
}

impl Settings {
    /// From the variables of a provider. Reads files.
    ///
    /// # Errors
    /// What is missing or invalid, by the name of its variable; a provider that is not known here.
    pub(super) fn read(provider: &str, environment: &BTreeMap<String, String>) -> Result<Self, String> {
        let variables = Variables(environment);
        let known = known(provider).ok_or_else(|| format!("no provider `{provider}`"))?;
        let prefix = known.prefixes.first().copied().unwrap_or_default();
        Ok(Self {
            provider: (known.read)(variables)?,
            timing: Timing::read(variables, prefix, known.propagation, known.polling)?,
            limit: Duration::from_secs(variables.seconds(&format!("{prefix}_HTTP_TIMEOUT"), 30)?.max(1)),
            follows_aliases: variables.follows_aliases(),
        })
    }
}

/// One TXT record, as providers are told of it.
#[derive(Clone, Debug)]
struct Txt {
    /// Its full name, without a dot at the end.
    name: String,
    /// Its text.
    value: String,
    /// What it proves.
    proof: Proof,
}

/// The zone that a record is in, as its provider has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Zone {
    /// Its name, without a dot at the end.
    name: String,
    /// How the provider calls it.
    id: String,
}

impl Zone {
    /// The part of a name before the zone's; `@` for the zone itself.
    fn host<'a>(&self, name: &'a str) -> &'a str {
        match name.strip_suffix(&self.name).map(|host| host.trim_end_matches('.')) {
            Some("") => "@",
            Some(host) => host,
            None => name,
        }
    }
}

/// One TXT record at a provider.
#[derive(Clone, Debug)]
pub(super) struct Record {
    settings: Settings,
    challenge: DnsChallenge,
    client: Client,
    txt: Txt,
    /// Where the provider keeps it; none for a provider that finds that out by itself.
    zone: Option<Zone>,
    resolvers: Vec<SocketAddr>,
}

impl Record {
    /// The record that proves a name: where it is, and in which of the provider's zones.
    ///
    /// # Errors
    /// Invalid settings, a provider that cannot be asked or has no zone for the name.
    pub(super) async fn new(
        environment: &BTreeMap<String, String>,
        challenge: &DnsChallenge,
        proof: &Proof,
    ) -> Result<Self, Failure> {
        let (environment, provider) = (environment.clone(), challenge.provider.clone());
        let read = tokio::task::spawn_blocking(move || {
            let settings = Settings::read(&provider, &environment)?;
            Ok((settings, trusting(usual_roots()).map_err(|error| error.to_string())?))
        });
        let read = read.await.map_err(|error| error.to_string()).and_then(|read| read);
        let (settings, tls) = read.map_err(|reason| refused(&challenge.provider, &reason))?;
        Self::at(settings, tls, challenge, proof).await.map_err(|reason| refused(&challenge.provider, &reason))
    }

    async fn at(
        settings: Settings,
        tls: Arc<ClientConfig>,
        challenge: &DnsChallenge,
        proof: &Proof,
    ) -> Result<Self, String> {
        let asked = proof.record_name();
        let mut name = Name::parse(&asked).ok_or_else(|| format!("`{asked}` is no name"))?;
        let resolvers = propagation::resolvers(challenge).await?;
        if settings.follows_aliases {
            name = propagation::follow(&resolvers, name, settings.timing.question).await;
        }
        let name = name.to_string().trim_end_matches('.').to_owned();
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(format!("`{name}` is no name of a host"));
        }
        let client = Client { tls, limit: settings.limit };
        let txt = Txt { name, value: proof.value.clone(), proof: proof.clone() };
        let zone = settings.provider.zone(&client, &txt.name).await?;
        Ok(Self { settings, challenge: challenge.clone(), client, txt, zone, resolvers })
    }

    /// The name that is proved.
    pub(super) fn domain(&self) -> &str {
        &self.txt.proof.domain
    }

    /// Whether the provider keeps one record only, so that the next takes this one's place.
    pub(super) fn stands_alone(&self) -> bool {
        matches!(self.settings.provider, Provider::DuckDns(_))
    }

    /// Adds the record, and waits until it can be seen.
    ///
    /// # Errors
    /// The provider refuses or cannot be asked, or the record is not seen in time.
    pub(super) async fn present(&self) -> Result<(), Failure> {
        let told = self.settings.provider.add(&self.client, self.zone.as_ref(), &self.txt).await;
        told.map_err(|reason| self.failed("added", &reason))?;
        let Some(name) = Name::parse(&self.txt.name) else { return Ok(()) };
        let zone = match &self.zone {
            Some(zone) => Name::parse(&zone.name),
            None => propagation::zone(&self.resolvers, &name, self.settings.timing.question).await,
        };
        let expected = ExpectedRecord {
            name: &name,
            zone: zone.as_ref(),
            value: &self.txt.value,
            server: None,
            resolvers: &self.resolvers,
            challenge: &self.challenge,
            timing: self.settings.timing,
        };
        propagation::wait(&expected).await
    }

    /// Removes it.
    ///
    /// # Errors
    /// The provider refuses or cannot be asked.
    pub(super) async fn cleanup(&self) -> Result<(), Failure> {
        let told = self.settings.provider.remove(&self.client, self.zone.as_ref(), &self.txt).await;
        told.map_err(|reason| self.failed("removed", &reason))
    }

    fn failed(&self, what: &str, reason: &str) -> Failure {
        refused(&self.challenge.provider, &format!("the TXT record of `{}` was not {what}: {reason}", self.txt.name))
    }
}

fn refused(provider: &str, reason: &str) -> Failure {
    let variables: Vec<String> =
        prefixes(provider).unwrap_or_default().iter().map(|prefix| format!("`{prefix}_*`")).collect();
    Failure::refused(
        format!("DNS provider `{provider}`: {reason}"),
        format!(
            "look at the variables {} of the gateway, and at what the provider says of them",
            variables.join(" and ")
        ),
    )
}

impl Provider {
    /// The zone of a name: the nearest one that the provider has; none for providers that find it by themselves.
    async fn zone(&self, client: &Client, name: &str) -> Result<Option<Zone>, String> {
        if matches!(self, Self::DuckDns(_) | Self::HttpReq(_)) {
            return Ok(None);
        }
        let mut candidate = Some(name);
        while let Some(zone) = candidate.filter(|zone| zone.contains('.')) {
            if zone.split('.').count() <= MOST_LABELS
                && let Some(id) = self.zone_id(client, zone).await?
            {
                return Ok(Some(Zone { name: zone.to_owned(), id }));
            }
            candidate = zone.split_once('.').map(|(_, parent)| parent);
        }
        Err(format!("it has no zone for `{name}` that these credentials may see"))
    }

    /// How the provider calls a zone; none where it has no such zone.
    async fn zone_id(&self, client: &Client, zone: &str) -> Result<Option<String>, String> {
        match self {
            Self::Cloudflare(own) => own.zone_id(client, zone).await,
            Self::DigitalOcean(own) => own.zone_id(client, zone).await,
            Self::Gandi(own) => own.zone_id(client, zone).await,
            Self::Hetzner(own) => own.zone_id(client, zone).await,
            Self::Ovh(own) => own.zone_id(client, zone).await,
            Self::DuckDns(_) | Self::HttpReq(_) => Ok(None),
        }
    }

    /// Adds a record, beside those that are there where the provider keeps several; one that is there already is as good.
    async fn add(&self, client: &Client, zone: Option<&Zone>, txt: &Txt) -> Result<(), String> {
        match (self, zone) {
            (Self::Cloudflare(own), Some(zone)) => own.add(client, zone, txt).await,
            (Self::DigitalOcean(own), Some(zone)) => own.add(client, zone, txt).await,
            (Self::Gandi(own), Some(zone)) => own.add(client, zone, txt).await,
            (Self::Hetzner(own), Some(zone)) => own.add(client, zone, txt).await,
            (Self::Ovh(own), Some(zone)) => own.add(client, zone, txt).await,
            (Self::DuckDns(own), _) => own.add(client, txt).await,
            (Self::HttpReq(own), _) => own.add(client, txt).await,
            (_, None) => Err("it has no zone".to_owned()),
        }
    }

    /// Removes a record, and no other one that the provider keeps beside it; one that is gone is as good.
    async fn remove(&self, client: &Client, zone: Option<&Zone>, txt: &Txt) -> Result<(), String> {
        match (self, zone) {
            (Self::Cloudflare(own), Some(zone)) => own.remove(client, zone, txt).await,
            (Self::DigitalOcean(own), Some(zone)) => own.remove(client, zone, txt).await,
            (Self::Gandi(own), Some(zone)) => own.remove(client, zone, txt).await,
            (Self::Hetzner(own), Some(zone)) => own.remove(client, zone, txt).await,
            (Self::Ovh(own), Some(zone)) => own.remove(client, zone, txt).await,
            (Self::DuckDns(own), _) => own.remove(client, txt).await,
            (Self::HttpReq(own), _) => own.remove(client, txt).await,
            (_, None) => Err("it has no zone".to_owned()),
        }
    }
}

/// Where an API is, without a slash at the end.
///
/// # Errors
/// What is no URL.
fn base(variables: Variables<'_>, name: &str, usual: &str) -> Result<String, String> {
    let Some(url) = variables.value(name)? else { return Ok(usual.to_owned()) };
    if ["http://", "https://"].iter().any(|start| url.starts_with(start)) {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    Err(format!("`{name}` takes a URL (`https://dns.example/`), not `{url}`"))
}

/// What a missing variable is told as.
fn missing(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("set {}", names.join(" or "))
}

/// Seconds that records are good for.
///
/// # Errors
/// What is no number of seconds, or less than the provider takes.
fn ttl(variables: Variables<'_>, name: &str, usual: u64, least: u64) -> Result<u64, String> {
    let found = variables.seconds(name, usual)?;
    if found < least { Err(format!("`{name}` is {found}, and the provider takes {least} at least")) } else { Ok(found) }
}

#[cfg(test)]
mod tests;
