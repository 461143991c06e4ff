//! Where a record is, and whether it can be seen there: aliases are followed, and all name servers of the zone are asked
//! before the authority is.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;
use super::variables::Variables;
use crate::config::statics::DnsChallenge;
use crate::dns::client;
use crate::dns::message::{Kind, Message, meaning};
use crate::dns::name::Name;

/// Time limit of one question where nothing else is said.
pub(super) const QUESTION: Duration = Duration::from_secs(10);
/// Aliases that are followed.
const MOST_ALIASES: usize = 8;
/// Name servers of a zone that are asked.
const MOST_SERVERS: usize = 16;
/// Where the name servers of a host are written.
const HOST: &str = "/etc/resolv.conf";

/// For how long a record is waited for, and how often it is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Time limit of one question.
    pub(super) question: Duration,
    /// For so long a record may not be seen yet.
    pub(super) propagation: Duration,
    /// Time between two looks.
    pub(super) polling: Duration,
    /// What the variables that say so begin with.
    pub(super) prefix: &'static str,
}

impl Timing {
    /// From `PREFIX_PROPAGATION_TIMEOUT` and `PREFIX_POLLING_INTERVAL`, with what holds where they are not set, in seconds.
    ///
    /// # Errors
    /// What is no number of seconds.
    pub(super) fn read(
        variables: Variables<'_>,
        prefix: &'static str,
        propagation: u64,
        polling: u64,
    ) -> Result<Self, String> {
        let seconds = |name: &str, usual: u64| variables.seconds(&format!("{prefix}_{name}"), usual);
        Ok(Self {
            question: QUESTION,
            propagation: Duration::from_secs(seconds("PROPAGATION_TIMEOUT", propagation)?),
            polling: Duration::from_secs(seconds("POLLING_INTERVAL", polling)?.max(1)),
            prefix,
        })
    }
}

/// A record that is to be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpectedRecord<'a> {
    /// Where it is, aliases followed.
    pub(super) name: &'a Name,
    /// The zone that it is in, as far as that is known.
    pub(super) zone: Option<&'a Name>,
    /// Its text.
    pub(super) value: &'a str,
    /// The server that was told, as written, where the record was made by telling one.
    pub(super) server: Option<(&'a str, SocketAddr)>,
    /// Servers that follow names from zone to zone.
    pub(super) resolvers: &'a [SocketAddr],
    /// Who is to be asked.
    pub(super) challenge: &'a DnsChallenge,
    /// For how long.
    pub(super) timing: Timing,
}

/// The address of a name server: `host`, `host:port`, an address with or without a port.
///
/// # Errors
/// A host that has no address, a port that is none.
pub(super) async fn address(text: &str) -> Result<SocketAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(address) = bare.parse() {
        return Ok(SocketAddr::new(address, client::PORT));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| format!("`{text}`: `{port}` is no port"))?),
        None => (text, client::PORT),
    };
    let found = tokio::net::lookup_host((host, port)).await.and_then(|mut all| {
        all.next().ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "it has no address"))
    });
    found.map_err(|error| format!("the address of the name server `{host}` cannot be found: {error}"))
}

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

/// The zone of a name: the nearest one that the resolvers know; none where they know none.
pub(super) async fn zone(resolvers: &[SocketAddr], name: &Name, limit: Duration) -> Option<Name> {
    let mut candidate = Some(name.clone());
    while let Some(zone) = candidate {
        let answer = first_answer(resolvers, &zone, Kind::Soa, limit).await?;
        let read = Message::read(&answer)?;
        if read.answers.iter().any(|record| record.kind == Kind::Soa && record.name == zone) {
            return Some(zone);
        }
        candidate = zone.parent();
    }
    None
}

/// Waits until everybody who is to be asked sees the record.
///
/// # Errors
/// Who does not see it, when the time is up.
pub(super) async fn wait(record: &ExpectedRecord<'_>) -> Result<(), Failure> {
    let options = &record.challenge.propagation;
    if options.disable_checks || record.challenge.disable_propagation_check {
        return Ok(());
    }
    let timing = record.timing;
    let mut servers: Vec<(String, SocketAddr, bool)> = Vec::new();
    if !options.disable_ans_checks {
        servers.extend(record.server.map(|(name, address)| (name.to_owned(), address, false)));
        for (name, address) in name_servers(record).await {
            if record.server.is_none_or(|(_, told)| told != address) {
                servers.push((name, address, false));
            }
        }
    }
    if options.require_all_rns || (servers.is_empty() && !options.disable_ans_checks) {
        servers.extend(record.resolvers.iter().map(|address| (address.to_string(), *address, true)));
    }
    let until = Instant::now() + timing.propagation;
    loop {
        let mut missing = Vec::new();
        for (name, address, recursion) in std::mem::take(&mut servers) {
            if let Err(seen) = sees(record, address, recursion).await {
                missing.push((format!("`{name}`: {seen}"), (name, address, recursion)));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() + timing.polling > until {
            let seen: Vec<String> = missing.into_iter().map(|(seen, _)| seen).collect();
            return Err(Failure::refused(
                format!(
                    "the TXT record of `{}` was not seen for {} s at {}",
                    record.name,
                    timing.propagation.as_secs(),
                    seen.join(", ")
                ),
                format!(
                    "set `{}_PROPAGATION_TIMEOUT` higher, or `dnsChallenge.propagation.disableANSChecks` where this host \
                     cannot ask those servers",
                    timing.prefix
                ),
            ));
        }
        servers = missing.into_iter().map(|(_, server)| server).collect();
        tokio::time::sleep(timing.polling).await;
    }
}

/// Whether a server sees the record, else what it sees.
async fn sees(record: &ExpectedRecord<'_>, server: SocketAddr, recursion: bool) -> Result<(), String> {
    let answer = client::ask(server, record.name, Kind::Txt, recursion, record.timing.question).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let read = Message::read(&answer).ok_or("its answer is malformed")?;
    let texts = read.texts(record.name);
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
async fn name_servers(record: &ExpectedRecord<'_>) -> Vec<(String, SocketAddr)> {
    let limit = record.timing.question;
    let Some(zone) = record.zone else { return Vec::new() };
    let answer = match record.server {
        Some((_, told)) => client::ask(told, zone, Kind::Ns, false, limit).await.ok(),
        None => first_answer(record.resolvers, zone, Kind::Ns, limit).await,
    };
    let Some(answer) = answer else { return Vec::new() };
    let Some(read) = Message::read(&answer) else { return Vec::new() };
    let names = read.answers.iter().filter(|one| one.kind == Kind::Ns).filter_map(|one| read.target(one));
    let mut found = Vec::new();
    for name in names.take(MOST_SERVERS) {
        let mut addresses = Vec::new();
        for kind in [Kind::A, Kind::Aaaa] {
            if addresses.is_empty()
                && let Some(answer) = first_answer(record.resolvers, &name, kind, limit).await
                && let Some(read) = Message::read(&answer)
            {
                addresses.extend(read.answers.iter().filter_map(|one| read.address(one)));
            }
        }
        match addresses.first() {
            Some(address) => found.push((name.to_string(), SocketAddr::new(*address, client::PORT))),
            None => {
                tracing::debug!(%name, %zone, "a name server of the zone has no address here and is not asked");
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
