//! What the checks are made on: gathered once, and nothing is asked after that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::backend::{Container, EngineInfo, VolumeInfo};
use crate::edge::state::Status;

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Version of this `stack`.
    pub(super) version: String,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// The engine; what is wrong with it, and the way out, where it does not answer.
    pub(super) engine: Option<Result<EngineInfo, (String, String)>>,
    /// What the engine was asked and gave no answer to: why. The facts are empty then.
    pub(super) unanswered: BTreeMap<Question, String>,
    /// The engine's clock minus ours, in seconds.
    pub(super) clock: Option<i64>,
    /// The file system of the engine's data.
    pub(super) disk: Option<Disk>,
    /// All containers of the engine.
    pub(super) containers: Vec<Container>,
    /// All volumes of the engine.
    pub(super) volumes: Vec<VolumeInfo>,
    /// The project, where there is one; why it cannot be read.
    pub(super) project: Option<Result<Project, String>>,
    /// Gateway and agent.
    pub(super) edge: Edge,
    /// Addresses that the gateway has or would have to listen on, and what keeps it from that.
    pub(super) ports: BTreeMap<String, Option<String>>,
    /// Where the names of the project's routes lead.
    pub(super) names: BTreeMap<String, Resolved>,
    /// Certificates that the gateway has obtained.
    pub(super) certificates: Vec<Certificate>,
    /// Names that no certificate was obtained for.
    pub(super) attempts: Vec<Attempt>,
}

/// What an engine that answers is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    /// Which host it runs on, and its clock.
    Host,
    /// Which containers there are.
    Containers,
    /// Which volumes there are.
    Volumes,
    /// How gateway and agent are.
    Gateway,
    /// What the gateway keeps of certificates.
    Certificates,
}

/// A file system.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    /// Where.
    pub(super) path: String,
    /// Bytes that are free.
    pub(super) free: u64,
    /// Bytes in all.
    pub(super) total: u64,
    /// Files that can still be made, of how many; none where the file system has no such limit.
    pub(super) files: Option<(u64, u64)>,
}

/// The project of this folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Project {
    /// Its name.
    pub(super) name: String,
    /// It has routes.
    pub(super) routed: bool,
    /// Services that want to be restarted when they are unhealthy.
    pub(super) heals: BTreeSet<String>,
    /// Engine names of the volumes in its files.
    pub(super) volumes: BTreeSet<String>,
}

/// Gateway and agent.
#[derive(Debug, Clone, Default)]
pub(super) struct Edge {
    /// The gateway's container.
    pub(super) gateway: Option<Container>,
    /// The agent's container.
    pub(super) agent: Option<Container>,
    /// Both run and are this very `stack`.
    pub(super) current: bool,
    /// What the gateway says of itself.
    pub(super) status: Option<Status>,
}

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolved {
    /// Addresses, each with whether it is one of this host.
    To(Vec<(IpAddr, bool)>),
    /// Nowhere: why.
    Failed(String),
    /// The name server did not answer in that time.
    Late(Duration),
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    /// Project that it was obtained for.
    pub(super) project: String,
    /// Its names.
    pub(super) names: Vec<String>,
    /// When it begins, in seconds since 1970.
    pub(super) begins: i64,
    /// When it ends.
    pub(super) ends: i64,
}

/// A name that a certificate was asked for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Project.
    pub(super) project: String,
    /// The name.
    pub(super) name: String,
    /// Failures in a row.
    pub(super) failures: u32,
    /// Why the last one failed.
    pub(super) reason: String,
    /// When it is tried again, in seconds since 1970.
    pub(super) next: i64,
}
