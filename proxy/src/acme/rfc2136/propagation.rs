//! Where a record is, and whether it can be seen there: aliases are followed, and all name servers of the zone are asked
//! before the authority is.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::{Record, address};
use crate::acme::failure::Failure;
use crate::config::statics::DnsChallenge;
use crate::dns::client;
use crate::dns::message::{Kind, Message, meaning};
use crate::dns::name::Name;

/// Aliases that are followed.
const MOST_ALIASES: usize = 8;
/// Name servers of a zone that are asked.
const MOST_SERVERS: usize = 16;
/// Where the name servers of a host are written.
const HOST: &str = "/etc/resolv.conf";

/// Those that the challenge names, else those of the host.
///
/// # Errors
/// One that has no address.
pub(super) async fn resolvers(challenge: &DnsChallenge) -> Result<Vec<SocketAddr>, String> {
    let mut found = Vec::new();
    for text in &challenge.resolvers {
        found.push(address(text).await?);
    }
    if challenge.resolvers.is_empty() {
        // Without such a file nothing is followed.
        let text = tokio::fs::read_to_string(HOST).await.unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
        found.extend(lines.filter_map(|rest| Some(SocketAddr::new(rest.trim().parse().ok()?, client::PORT))));
    }
    Ok(found)
}

/// Where aliases of a name lead to. Where nobody can tell, it is taken as it is.
pub(super) async fn follow(resolvers: &[SocketAddr], mut name: Name, limit: Duration) -> Name {
    for _ in 0..MOST_ALIASES {
        let Some(answer) = first_answer(resolvers, &name, Kind::Cname, limit).await else { break };
        let Some(read) = Message::read(&answer) else { break };
        let alias = read.answers.iter().find(|record| record.kind == Kind::Cname && record.name == name);
        let Some(target) = alias.and_then(|record| read.target(record)) else { break };
        name = target;
    }
    name
}

/// Waits until everybody who is to be asked sees the record.
///
/// # Errors
/// Who does not see it, when the time is up.
pub(super) async fn wait(record: &Record) -> Result<(), Failure> {
    let options = &record.challenge.propagation;
    if options.disable_checks || record.challenge.disable_propagation_check {
        return Ok(());
    }
    let limit = record.settings.timeout;
    let mut servers: Vec<(String, SocketAddr, bool)> = Vec::new();
    if !options.disable_ans_checks {
        servers.push((record.settings.nameserver.clone(), record.server, false));
        for (name, address) in name_servers(record).await {
            if address != record.server {
                servers.push((name, address, false));
            }
        }
    }
    if options.require_all_rns {
        servers.extend(record.resolvers.iter().map(|address| (address.to_string(), *address, true)));
    }
    let until = Instant::now() + record.settings.propagation;
    loop {
        let mut missing = Vec::new();
        for (name, address, recursion) in std::mem::take(&mut servers) {
            if let Err(seen) = sees(record, address, recursion, limit).await {
                missing.push((format!("`{name}`: {seen}"), (name, address, recursion)));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() + record.settings.polling > until {
            let seen: Vec<String> = missing.into_iter().map(|(seen, _)| seen).collect();
            return Err(Failure::refused(
                format!(
                    "the TXT record of `{}` was not seen for {} s at {}",
                    record.name,
                    record.settings.propagation.as_secs(),
                    seen.join(", ")
                ),
                "set `RFC2136_PROPAGATION_TIMEOUT` higher, or `dnsChallenge.propagation.disableANSChecks` where this host \
                 cannot ask those servers",
            ));
        }
        servers = missing.into_iter().map(|(_, server)| server).collect();
        tokio::time::sleep(record.settings.polling).await;
    }
}

/// Whether a server sees the record, else what it sees.
async fn sees(record: &Record, server: SocketAddr, recursion: bool, limit: Duration) -> Result<(), String> {
    let answer = client::ask(server, &record.name, Kind::Txt, recursion, limit).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let read = Message::read(&answer).ok_or("its answer is malformed")?;
    let texts = read.texts(&record.name);
    if texts.iter().any(|text| text == record.value.as_bytes()) {
        return Ok(());
    }
    match (read.code(), texts.len()) {
        (0, 0) => Err("no TXT record".to_owned()),
        (0, _) => Err("other TXT records only".to_owned()),
        (code, _) => Err(meaning(code)),
    }
}

/// The name servers of the record's zone, with one address each. Those that have none here cannot be asked: the zone may
/// have others, which the authority asks.
async fn name_servers(record: &Record) -> Vec<(String, SocketAddr)> {
    let limit = record.settings.timeout;
    let Ok(answer) = client::ask(record.server, &record.zone, Kind::Ns, false, limit).await else { return Vec::new() };
    let Some(read) = Message::read(&answer) else { return Vec::new() };
    let names = read.answers.iter().filter(|one| one.kind == Kind::Ns).filter_map(|one| read.target(one));
    let mut found = Vec::new();
    for name in names.take(MOST_SERVERS) {
        let mut addresses = Vec::new();
        for kind in [Kind::A, Kind::Aaaa] {
            if addresses.is_empty()
                && let Some(answer) = first_answer(&record.resolvers, &name, kind, limit).await
                && let Some(read) = Message::read(&answer)
            {
                addresses.extend(read.answers.iter().filter_map(|one| read.address(one)));
            }
        }
        match addresses.first() {
            Some(address) => found.push((name.to_string(), SocketAddr::new(*address, client::PORT))),
            None => {
                tracing::debug!(%name, zone = %record.zone, "a name server of the zone has no address here and is not asked");
            }
        }
    }
    found
}

/// What the first resolver that answers says.
async fn first_answer(resolvers: &[SocketAddr], name: &Name, kind: Kind, limit: Duration) -> Option<Vec<u8>> {
    for resolver in resolvers {
        match client::ask(*resolver, name, kind, true, limit).await {
            Ok(answer) => return Some(answer),
            Err(error) => tracing::debug!(%resolver, %name, %error, "a resolver cannot be asked"),
        }
    }
    None
}
