//! Services as they are: which servers, and what is known about each.

use serde::{Deserialize, Serialize};

use super::Inspector;
use crate::snapshot::Snapshot;
use crate::snapshot::services::qualified;

/// Services in services: deeper than anybody writes.
const DEEPEST: usize = 16;

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSeen {
    /// Qualified name.
    pub name: String,
    /// `loadBalancer`, `weighted`, `failover`, …; `internal` for one of the gateway itself, empty for one that does not exist.
    pub kind: String,
    /// Its servers.
    pub servers: Vec<ServerSeen>,
    /// Services that it consists of, with their servers.
    pub members: Vec<ServiceSeen>,
}

/// A server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServerSeen {
    /// URL, or address of a TCP or UDP server.
    pub url: String,
    /// How it is.
    pub state: ServerState,
}

/// What is known about a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ServerState {
    /// It takes connections, or passes its health check.
    Up,
    /// Its health check fails: it gets no requests.
    Down,
    /// It could not be reached a moment ago: others are asked first.
    Suspect,
    /// Nothing: it was not asked yet, or it is not known how to ask.
    #[default]
    Unknown,
}

impl ServiceSeen {
    /// All servers, those of its members too.
    pub fn all_servers(&self) -> Vec<&ServerSeen> {
        let members = self.members.iter().flat_map(Self::all_servers);
        self.servers.iter().chain(members).collect()
    }

    /// Servers that get requests, and all.
    pub fn count(&self) -> (usize, usize) {
        let all = self.all_servers();
        (all.iter().filter(|server| server.state != ServerState::Down).count(), all.len())
    }
}

impl Inspector {
    /// An HTTP service.
    pub(crate) fn http_service(&self, snapshot: &Snapshot, name: &str) -> ServiceSeen {
        self.nested(snapshot, name, 0)
    }

    fn nested(&self, snapshot: &Snapshot, name: &str, depth: usize) -> ServiceSeen {
        let seen = ServiceSeen { name: name.to_owned(), ..ServiceSeen::default() };
        if name.ends_with("@internal") {
            return ServiceSeen { kind: "internal".to_owned(), ..seen };
        }
        let Some(service) = self.configuration.http.services.get(name).filter(|_| depth <= DEEPEST) else {
            return seen;
        };
        let members = |names: Vec<&String>| {
            names.into_iter().map(|member| self.nested(snapshot, &qualified(member, name), depth + 1)).collect()
        };
        if let Some(balancer) = &service.load_balancer {
            let servers = balancer.servers.iter().map(|server| {
                let url = server.url.clone();
                let known = snapshot.servers.get(&(name.to_owned(), url.clone(), server.preserve_path));
                let state = known.map_or(ServerState::Unknown, |known| {
                    if !known.is_healthy() {
                        ServerState::Down
                    } else if known.is_suspect() {
                        ServerState::Suspect
                    } else if known.is_reached() {
                        ServerState::Up
                    } else {
                        ServerState::Unknown
                    }
                });
                ServerSeen { url, state }
            });
            return ServiceSeen { kind: "loadBalancer".to_owned(), servers: servers.collect(), ..seen };
        }
        let (kind, names): (&str, Vec<&String>) = if let Some(weighted) = &service.weighted {
            ("weighted", weighted.services.iter().map(|member| &member.name).collect())
        } else if let Some(failover) = &service.failover {
            ("failover", vec![&failover.service, &failover.fallback])
        } else if let Some(mirroring) = &service.mirroring {
            let mirrors = mirroring.mirrors.iter().map(|mirror| &mirror.name);
            ("mirroring", std::iter::once(&mirroring.service).chain(mirrors).collect())
        } else if let Some(hashed) = &service.highest_random_weight {
            ("highestRandomWeight", hashed.services.iter().map(|member| &member.name).collect())
        } else {
            return seen;
        };
        ServiceSeen { kind: kind.to_owned(), members: members(names), ..seen }
    }

    /// A TCP service. TCP servers are not asked how they are.
    pub(crate) fn tcp_service(&self, name: &str, depth: usize) -> ServiceSeen {
        let seen = ServiceSeen { name: name.to_owned(), ..ServiceSeen::default() };
        let Some(service) = self.configuration.tcp.services.get(name).filter(|_| depth <= DEEPEST) else { return seen };
        if let Some(balancer) = &service.load_balancer {
            let servers = balancer
                .servers
                .iter()
                .map(|server| ServerSeen { url: server.address.clone(), ..ServerSeen::default() });
            return ServiceSeen { kind: "loadBalancer".to_owned(), servers: servers.collect(), ..seen };
        }
        let members = service.weighted.iter().flat_map(|weighted| &weighted.services);
        let members = members.map(|member| self.tcp_service(&qualified(&member.name, name), depth + 1));
        ServiceSeen { kind: "weighted".to_owned(), members: members.collect(), ..seen }
    }

    /// A UDP service. UDP servers are not asked how they are.
    pub(crate) fn udp_service(&self, name: &str, depth: usize) -> ServiceSeen {
        let seen = ServiceSeen { name: name.to_owned(), ..ServiceSeen::default() };
        let Some(service) = self.configuration.udp.services.get(name).filter(|_| depth <= DEEPEST) else { return seen };
        if let Some(balancer) = &service.load_balancer {
            let servers = balancer
                .servers
                .iter()
                .map(|server| ServerSeen { url: server.address.clone(), ..ServerSeen::default() });
            return ServiceSeen { kind: "loadBalancer".to_owned(), servers: servers.collect(), ..seen };
        }
        let members = service.weighted.iter().flat_map(|weighted| &weighted.services);
        let members = members.map(|member| self.udp_service(&qualified(&member.name, name), depth + 1));
        ServiceSeen { kind: "weighted".to_owned(), members: members.collect(), ..seen }
    }
}
