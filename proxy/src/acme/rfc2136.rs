//! DNS challenges by dynamic updates (RFC 2136): the name server that `RFC2136_NAMESERVER` names is told to add a TXT
//! record, signed with a TSIG key where there is one, and to remove it afterwards.
//!
//! Only the record itself is added and removed, never what stands beside it: `a.example` and `*.a.example` have records of
//! one name, which may be there at once.

mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

pub(super) use settings::{Settings, propagation_seconds};

use super::dns::Proof;
use super::failure::Failure;
use super::now;
use super::propagation::{self, ExpectedRecord, address};
use crate::config::statics::DnsChallenge;
use crate::dns::client;
use crate::dns::message::{Change, Kind, Message, meaning, update};
use crate::dns::name::Name;

const HINT: &str = "look at the `RFC2136_*` variables of the gateway and at what the name server's log says";

/// One TXT record at a name server.
#[derive(Clone, Debug)]
pub(super) struct Record {
    settings: Settings,
    challenge: DnsChallenge,
    domain: String,
    /// Where the record is, aliases followed.
    name: Name,
    /// The zone that it is in.
    zone: Name,
    server: SocketAddr,
    /// Servers that follow names from zone to zone.
    resolvers: Vec<SocketAddr>,
    value: String,
}

impl Record {
    /// The record that proves a name: where it is, and in which zone.
    ///
    /// # Errors
    /// Settings that make no sense, a name server that cannot be asked or has no zone for the name.
    pub(super) async fn new(
        environment: &BTreeMap<String, String>,
        challenge: &DnsChallenge,
        proof: &Proof,
    ) -> Result<Self, Failure> {
        let refused = |reason: String| Failure::refused(reason, HINT);
        let environment = environment.clone();
        let settings = tokio::task::spawn_blocking(move || Settings::read(&environment)).await;
        let settings = settings.map_err(|error| error.to_string()).and_then(|read| read).map_err(refused)?;
        let server = address(&settings.nameserver).await.map_err(refused)?;
        let asked = proof.record_name();
        let asked = Name::parse(&asked).ok_or_else(|| refused(format!("`{asked}` is no name")))?;
        let resolvers = propagation::resolvers(challenge).await.map_err(refused)?;
        let name = if settings.follows_aliases {
            propagation::follow(&resolvers, asked, settings.timing.question).await
        } else {
            asked
        };
        let zone = zone(&settings, server, &name).await.map_err(refused)?;
        let challenge = challenge.clone();
        let (domain, value) = (proof.domain.clone(), proof.value.clone());
        Ok(Self { settings, challenge, domain, name, zone, server, resolvers, value })
    }

    /// The name that is proved.
    pub(super) fn domain(&self) -> &str {
        &self.domain
    }

    /// Adds the record, and waits until it can be seen.
    ///
    /// # Errors
    /// The name server refuses or cannot be asked, or the record is not seen in time.
    pub(super) async fn present(&self) -> Result<(), Failure> {
        self.tell(Change::Add(self.settings.ttl)).await?;
        let awaited = ExpectedRecord {
            name: &self.name,
            zone: Some(&self.zone),
            value: &self.value,
            server: Some((&self.settings.nameserver, self.server)),
            resolvers: &self.resolvers,
            challenge: &self.challenge,
            timing: self.settings.timing,
        };
        propagation::wait(&awaited).await
    }

    /// Removes it.
    ///
    /// # Errors
    /// The name server refuses or cannot be asked.
    pub(super) async fn cleanup(&self) -> Result<(), Failure> {
        self.tell(Change::Remove).await
    }

    async fn tell(&self, change: Change) -> Result<(), Failure> {
        let refused = |reason: String| {
            let (name, server) = (&self.name, &self.settings.nameserver);
            Failure::refused(format!("the update of `{name}` at the name server `{server}` failed: {reason}"), HINT)
        };
        let mut message = update(client::random_id(), &self.zone, &self.name, &self.value, change);
        let key = self.settings.key.as_ref();
        let time = u64::try_from(now()).unwrap_or_default();
        let signature = key.map(|key| key.sign(&mut message, None, time));
        let answer = client::exchange(self.server, &message, self.settings.timing.question).await;
        let answer = answer.map_err(|error| refused(error.to_string()))?;
        let read = Message::read(&answer).ok_or_else(|| refused("its answer is malformed".to_owned()))?;
        if let (Some(key), Some(signature)) = (key, &signature) {
            let time = u64::try_from(now()).unwrap_or_default();
            // A server that does not know the key cannot sign that.
            let code = if read.code() == 0 { String::new() } else { format!("{}, and ", meaning(read.code())) };
            key.verify(&read, Some(signature), time)
                .map_err(|reason| refused(format!("{code}its answer is not to be believed: {reason}")))?;
        }
        match read.code() {
            0 => Ok(()),
            code => Err(refused(meaning(code))),
        }
    }
}

/// The zone of a name: the nearest one that the server knows.
async fn zone(settings: &Settings, server: SocketAddr, name: &Name) -> Result<Name, String> {
    let shown = &settings.nameserver;
    let (mut candidate, mut codes) = (Some(name.clone()), BTreeSet::new());
    while let Some(zone) = candidate {
        let answer = client::ask(server, &zone, Kind::Soa, false, settings.timing.question).await;
        let answer = answer.map_err(|error| format!("the name server `{shown}` cannot be asked: {error}"))?;
        let read =
            Message::read(&answer).ok_or_else(|| format!("the answer of the name server `{shown}` is malformed"))?;
        if read.answers.iter().any(|record| record.kind == Kind::Soa && record.name == zone) {
            return Ok(zone);
        }
        codes.insert(meaning(read.code()));
        candidate = zone.parent();
    }
    let codes: Vec<String> = codes.into_iter().collect();
    Err(format!("the name server `{shown}` has no zone for `{name}` (it says {})", codes.join(", ")))
}

#[cfg(test)]
mod tests;
