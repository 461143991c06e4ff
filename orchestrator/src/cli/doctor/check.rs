//! The checks: from facts to findings. Nothing is asked here.

use std::collections::BTreeSet;

use super::facts::{Disk, Facts, Question, Resolved};
use super::{Finding, Severity};
use crate::backend::{Container, Health, State};
use crate::edge::has_routes;
use crate::labels;
use crate::ui::human;

/// Seconds that the clocks may differ before certificates and logs suffer.
const SKEW: i64 = 30;
/// Bytes of disk that are too few for an image, and few.
const LITTLE: u64 = 1 << 30;
const FEW: u64 = 5 << 30;
/// Part of the disk, or of its files, that has to be free.
const PART: u64 = 20;
const DAY: i64 = 24 * 3600;

/// Ports of servers that are not made for the open internet.
const INNER: [(u16, &str); 16] = [
    (1433, "SQL Server"),
    (2375, "the Docker engine"),
    (2379, "etcd"),
    (3306, "MySQL"),
    (5432, "PostgreSQL"),
    (5672, "RabbitMQ"),
    (5984, "CouchDB"),
    (6379, "Redis"),
    (8086, "InfluxDB"),
    (8123, "ClickHouse"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (11211, "Memcached"),
    (15672, "RabbitMQ's management"),
    (27017, "MongoDB"),
];

/// All findings, the worst first.
pub(super) fn all(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    engine(facts, &mut found);
    project(facts, &mut found);
    if matches!(facts.engine, Some(Ok(_))) {
        clock(facts, &mut found);
        found.extend(facts.disk.as_ref().map(disk));
        unanswered(facts, &mut found);
        let known = |questions: &[Question]| !questions.iter().any(|one| facts.unanswered.contains_key(one));
        if known(&[Question::Gateway, Question::Containers]) {
            gateway(facts, &mut found);
            ports(facts, &mut found);
        }
        names(facts, &mut found);
        certificates(facts, &mut found);
        containers(facts, &mut found);
        exposed(facts, &mut found);
        if known(&[Question::Containers, Question::Volumes]) {
            volumes(facts, &mut found);
        }
    }
    found.sort_by_key(|finding| finding.severity);
    found
}

fn finding(severity: Severity, check: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { severity, check, message: message.into(), mend: mend.into() }
}

fn engine(facts: &Facts, found: &mut Vec<Finding>) {
    found.push(match &facts.engine {
        Some(Ok(engine)) => {
            let (major, minor) = engine.api;
            let message = format!("Docker {} (API {major}.{minor}) at {}", engine.version, engine.address);
            finding(Severity::Ok, "engine", message, "")
        }
        Some(Err((message, hint))) => finding(Severity::Error, "engine", message, hint),
        None => finding(Severity::Error, "engine", "the engine was not asked", ""),
    });
}

fn unanswered(facts: &Facts, found: &mut Vec<Finding>) {
    for (question, reason) in &facts.unanswered {
        let what = match question {
            Question::Host => "its host",
            Question::Containers => "its containers",
            Question::Volumes => "its volumes",
            Question::Gateway => "the gateway",
            Question::Certificates => "the gateway's certificates",
        };
        let message = format!("it does not say how it is with {what}: {reason}");
        found.push(finding(Severity::Error, "engine", message, "what depends on that was not looked at; try again"));
    }
}

fn project(facts: &Facts, found: &mut Vec<Finding>) {
    match &facts.project {
        None => found.push(finding(Severity::Note, "project", "there is no compose file here", "")),
        Some(Ok(project)) => {
            found.push(finding(Severity::Ok, "project", format!("`{}` can be read", project.name), ""));
        }
        Some(Err(message)) => {
            let first = message.lines().next().unwrap_or_default();
            found.push(finding(
                Severity::Error,
                "project",
                first,
                "`stack config -q` shows all that is wrong, and where",
            ));
        }
    }
}

fn clock(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(skew) = facts.clock else { return };
    found.push(if skew.abs() <= SKEW {
        finding(Severity::Ok, "clock", "the engine's clock and this host's agree", "")
    } else {
        let word = if skew > 0 { "ahead of" } else { "behind" };
        let message = format!("the engine's clock is {} s {word} this host's", skew.abs());
        finding(
            Severity::Warning,
            "clock",
            message,
            "let both hosts take their time from the network (`timedatectl set-ntp true`)",
        )
    });
}

fn disk(disk: &Disk) -> Finding {
    let free =
        format!("{} of {} are free at {}", human::binary_size(disk.free), human::binary_size(disk.total), disk.path);
    const MEND: &str =
        "`docker system df` shows what takes the place, `docker image prune -a` removes images that nobody uses";
    if let Some((files, all)) = disk.files.filter(|(files, all)| *files < all / PART) {
        let severity = if files == 0 { Severity::Error } else { Severity::Warning };
        return finding(
            severity,
            "disk",
            format!("only {files} of {all} files can still be made at {}", disk.path),
            MEND,
        );
    }
    match disk.free {
        free_bytes if free_bytes < LITTLE => finding(Severity::Error, "disk", free, MEND),
        free_bytes if free_bytes < FEW && free_bytes < disk.total / PART * 2 => {
            finding(Severity::Warning, "disk", free, MEND)
        }
        _ => finding(Severity::Ok, "disk", free, ""),
    }
}

fn gateway(facts: &Facts, found: &mut Vec<Finding>) {
    let edge = &facts.edge;
    let (routed, heals) = match &facts.project {
        Some(Ok(project)) => (project.routed, !project.heals.is_empty()),
        _ => (false, false),
    };
    let is_up = facts.containers.iter().any(|container| {
        let own =
            matches!(&facts.project, Some(Ok(project)) if container.labels.get(labels::PROJECT) == Some(&project.name));
        own && container.state == State::Running
    });
    if edge.gateway.is_none() && edge.agent.is_none() {
        if (routed || heals) && is_up {
            let message = "the project runs and asks for the gateway, but there is none";
            found.push(finding(Severity::Error, "gateway", message, "`stack up -d` starts it"));
        } else if routed {
            found.push(finding(Severity::Note, "gateway", "it does not run; `stack up` starts it", ""));
        }
        return;
    }
    let mut well = true;
    for (name, container) in [("gateway", &edge.gateway), ("agent", &edge.agent)] {
        let problem = match container {
            None => Some(format!("the {name} is gone")),
            Some(container) if container.state != State::Running => {
                Some(format!("the {name} does not run ({})", container.status))
            }
            Some(_) => None,
        };
        if let Some(problem) = problem {
            well = false;
            let mend = format!("`stack up -d` brings it back; `docker logs stack-{name}` may say why it ended");
            found.push(finding(Severity::Error, "gateway", problem, mend));
        }
    }
    let version = |container: &Option<Container>| {
        container.as_ref().and_then(|container| container.labels.get("stack.version").cloned()).unwrap_or_default()
    };
    if well && !edge.current {
        let message =
            format!("it is of another build ({}) than this `stack` ({})", version(&edge.gateway), facts.version);
        found.push(finding(
            Severity::Warning,
            "gateway",
            message,
            "`stack up -d` replaces it, in a moment without connections",
        ));
    } else if well {
        found.push(finding(Severity::Ok, "gateway", format!("runs, version {}", version(&edge.gateway)), ""));
    }
    let Some(status) = &edge.status else { return };
    let own = match &facts.project {
        Some(Ok(project)) => status.project_problems.get(&project.name),
        _ => None,
    };
    for problem in own.into_iter().flatten().chain(&status.problems) {
        found.push(finding(Severity::Warning, "gateway", problem, ""));
    }
    for server in &status.unreached {
        let message = format!("it has not reached the server {server} yet");
        found.push(finding(
            Severity::Warning,
            "gateway",
            message,
            "does it listen on all addresses (0.0.0.0), at the port that the label names?",
        ));
    }
}

fn ports(facts: &Facts, found: &mut Vec<Finding>) {
    let routed = matches!(&facts.project, Some(Ok(project)) if project.routed);
    for (address, obstacle) in &facts.ports {
        let works = facts.edge.status.as_ref().is_some_and(|status| status.listening.contains(address));
        found.push(match obstacle {
            None if works => finding(Severity::Ok, "ports", format!("the gateway listens on {address}"), ""),
            None => finding(Severity::Ok, "ports", format!("{address} is free"), ""),
            Some(reason) => {
                let severity = if routed { Severity::Error } else { Severity::Note };
                let mend = if routed { "stop what holds it, or give the entry point another port" } else { "" };
                finding(severity, "ports", format!("the gateway could not listen on {address}: {reason}"), mend)
            }
        });
    }
}

fn names(facts: &Facts, found: &mut Vec<Finding>) {
    let local = matches!(&facts.engine, Some(Ok(engine)) if engine.local);
    for (name, resolved) in &facts.names {
        found.push(match resolved {
            Resolved::Failed(reason) => {
                let mend = format!("add an A or AAAA record for `{name}` that leads to the gateway's host, or a line in /etc/hosts");
                finding(Severity::Warning, "names", format!("`{name}` leads nowhere: {reason}"), mend)
            }
            Resolved::Late(limit) => {
                let message = format!("the name server did not answer for `{name}` within {} s", limit.as_secs());
                finding(Severity::Warning, "names", message, "look at /etc/resolv.conf, and at the name server")
            }
            Resolved::To(addresses) => {
                let list = addresses.iter().map(|(ip, _)| ip.to_string()).collect::<Vec<_>>().join(", ");
                let strangers = addresses.iter().filter(|(_, own)| !own).count();
                match strangers {
                    0 => finding(Severity::Ok, "names", format!("`{name}` leads to this host ({list})"), ""),
                    _ if !local => finding(Severity::Ok, "names", format!("`{name}` leads to {list}"), ""),
                    all if all == addresses.len() => {
                        let message = format!("`{name}` leads to {list}, which is no address of this host");
                        finding(Severity::Note, "names", message, "right behind a router or a balancer that hands on to this host; else change the record")
                    }
                    _ => {
                        let message = format!("`{name}` leads to {list}, some of which are no addresses of this host");
                        finding(Severity::Warning, "names", message, "a forgotten AAAA record makes certificates and visitors fail: each address has to lead here")
                    }
                }
            }
        });
    }
}

fn certificates(facts: &Facts, found: &mut Vec<Finding>) {
    const LOG: &str = "`docker logs stack-gateway` says more";
    for certificate in &facts.certificates {
        let names = certificate.names.join(", ");
        let left = certificate.ends - facts.now;
        let length = certificate.ends - certificate.begins;
        let project = &certificate.project;
        found.push(if left <= 0 {
            finding(Severity::Error, "certificates", format!("the one for {names} (`{project}`) has expired"), LOG)
        } else if left < length / 6 {
            let message = format!("the one for {names} (`{project}`) ends in {} and was not renewed", span(left));
            finding(Severity::Warning, "certificates", message, LOG)
        } else {
            finding(
                Severity::Ok,
                "certificates",
                format!("the one for {names} (`{project}`) ends in {}", span(left)),
                "",
            )
        });
    }
    for attempt in &facts.attempts {
        let again = match attempt.next - facts.now {
            ..=0 => "it is tried again now".to_owned(),
            left => format!("it is tried again in {}", span(left)),
        };
        let reason = if attempt.reason.is_empty() { "no reason is kept" } else { attempt.reason.as_str() };
        let covered =
            facts.certificates.iter().any(|known| known.names.contains(&attempt.name) && known.ends > facts.now);
        let severity = if covered { Severity::Warning } else { Severity::Error };
        let message = format!(
            "none was obtained for {} (`{}`), {} times in a row: {reason}; {again}",
            attempt.name, attempt.project, attempt.failures
        );
        found.push(finding(severity, "certificates", message, LOG));
    }
}

/// Days where it is more than two, else hours or minutes.
fn span(seconds: i64) -> String {
    match seconds {
        _ if seconds >= 2 * DAY => format!("{} days", seconds / DAY),
        _ if seconds >= 7200 => format!("{} hours", seconds / 3600),
        _ => format!("{} minutes", (seconds + 59) / 60),
    }
}

/// Containers of the project; of all projects where there is none.
fn ours(facts: &Facts) -> impl Iterator<Item = &Container> {
    let name = match &facts.project {
        Some(Ok(project)) => Some(&project.name),
        _ => None,
    };
    let is_edge = |container: &Container| container.labels.contains_key("stack.role");
    facts.containers.iter().filter(move |container| {
        !is_edge(container) && name.is_none_or(|name| container.labels.get(labels::PROJECT) == Some(name))
    })
}

fn containers(facts: &Facts, found: &mut Vec<Finding>) {
    for container in ours(facts) {
        let name = &container.name;
        if container.state == State::Restarting {
            let message = format!("`{name}` ends again and again ({})", container.status);
            found.push(finding(Severity::Error, "containers", message, format!("`docker logs {name}` says why")));
        } else if container.health() == Some(Health::Unhealthy) {
            let mend = format!(
                "`docker inspect {name}` shows what its check said; `x-stack: {{restart-unhealthy: true}}` restarts it"
            );
            found.push(finding(Severity::Error, "containers", format!("`{name}` is unhealthy"), mend));
        } else if container.state == State::Dead {
            found.push(finding(
                Severity::Error,
                "containers",
                format!("`{name}` is dead"),
                "`stack up -d` replaces it",
            ));
        }
        let socket = container.mounts.iter().find(|mount| {
            matches!(mount.source.rsplit('/').next(), Some("docker.sock" | "podman.sock" | "containerd.sock"))
        });
        if let Some(mount) = socket {
            let message = format!(
                "`{name}` has the engine's socket ({}): whoever breaks in there is root on this host",
                mount.source
            );
            found.push(finding(
                Severity::Warning,
                "socket",
                message,
                "take it out where it can be done without, else put a proxy before it that lets few calls through",
            ));
        }
    }
}

fn exposed(facts: &Facts, found: &mut Vec<Finding>) {
    for container in ours(facts) {
        let open: BTreeSet<(u16, u16)> = container
            .ports
            .iter()
            .filter(|port| port.published != 0 && matches!(port.host_ip.as_str(), "" | "0.0.0.0" | "::"))
            .map(|port| (port.published, port.target))
            .collect();
        for (published, target) in open {
            let name = &container.name;
            if let Some((_, server)) = INNER.iter().find(|(port, _)| *port == target) {
                let message = format!(
                    "`{name}` publishes {server} (port {published}) to every network of this host, past its firewall"
                );
                let mend = format!(
                    "write `127.0.0.1:{published}:{target}`, or take it out: services of the project need no `ports`"
                );
                found.push(finding(Severity::Warning, "exposed", message, mend));
            } else if has_routes(&container.labels) {
                let message = format!("`{name}` is behind the gateway, and port {published} leads past it");
                let mend = "take `ports` out: the gateway reaches the container without";
                found.push(finding(Severity::Warning, "exposed", message, mend));
            }
        }
    }
}

fn volumes(facts: &Facts, found: &mut Vec<Finding>) {
    let used: BTreeSet<&str> =
        facts.containers.iter().flat_map(|container| &container.mounts).map(|mount| mount.name.as_str()).collect();
    let unused = facts
        .volumes
        .iter()
        .filter(|volume| !used.contains(volume.name.as_str()) && !volume.labels.contains_key("stack.role"));
    match &facts.project {
        Some(Ok(project)) => {
            let left = unused.filter(|volume| {
                volume.labels.get(labels::PROJECT) == Some(&project.name) && !project.volumes.contains(&volume.name)
            });
            for volume in left {
                let message = format!("`{}` is not in the files any more, and no container has it", volume.name);
                found.push(finding(
                    Severity::Note,
                    "volumes",
                    message,
                    format!("`docker volume rm {}` removes it and its data", volume.name),
                ));
            }
        }
        _ => {
            let count = unused.count();
            if count > 0 {
                let message = format!("{count} volumes of this engine are used by no container");
                found.push(finding(
                    Severity::Note,
                    "volumes",
                    message,
                    "`docker volume ls -f dangling=true` lists them",
                ));
            }
        }
    }
}
