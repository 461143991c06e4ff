//! The files between `stack up`, the agent and the gateway:
//!
//! ```text
//! projects/PROJECT@REVISION.json    written by `stack up`: what the project wants of the edge (`projects.rs`)
//! gateway/edge.json                 written by the agent: what the gateway serves, as one whole
//! gateway/files/PROJECT/            written by the agent: host files of adopted services (certificates, dynamic files)
//! ```
//!
//! `projects` is a volume of its own, which only the agent has: what a project wants names its variables, secrets among them,
//! and the gateway faces the internet.
//!
//! A further volume holds what the gateway obtained itself, accounts and certificates (`PROJECT/PATH`, where the adopted
//! service's storage would be `/PATH`); only the gateway writes there.
//!
//! A reader never takes half of a file for all of it: what agent and gateway write is written beside, then renamed; of a
//! project's files the latest that is whole counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use proxy::Resolver;
use proxy::config::dynamic::Configuration;
use proxy::config::statics::{AccessLog, EntryPoint, Metrics, Tracing};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::adopt::{HostMount, Traefik};

/// Where the volume of the gateway's configuration is mounted in agent and gateway.
pub const MOUNT: &str = "/state";
/// Where the agent sees that volume a second time. Until a `stack` of before has been replaced, the projects' files lie there.
pub const BEFORE: &str = "/before";
/// Where the volume with the certificates that the gateway obtained is mounted, in agent and gateway.
pub const CERTIFICATES: &str = "/certificates";

/// The folder in which the gateway keeps its own certificate authority. No project has a name like it.
#[must_use]
pub fn authority() -> PathBuf {
    Path::new(CERTIFICATES).join(".authority")
}

/// Whether a folder may have this name because it belongs to a project of that name.
#[must_use]
pub fn is_project(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) && !name.starts_with('.')
}

/// Removes the folder of a project below `folder`; nothing there is fine.
///
/// # Errors
/// A name that is no project's; whatever the file system answers.
pub fn forget(folder: &Path, project: &str) -> io::Result<()> {
    if !is_project(project) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    match fs::remove_dir_all(folder.join(project)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The file in which the gateway keeps what a project's Traefik would keep at `inside`.
#[must_use]
pub fn certificates(project: &str, inside: &Path) -> PathBuf {
    Path::new(CERTIFICATES).join(project).join(inside.strip_prefix("/").unwrap_or(inside))
}

/// What one project wants of the edge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectFile {
    /// Compose project name.
    pub project: String,
    /// Which `stack up` wrote it; new whenever something may have changed.
    pub revision: String,
    /// The project is gone: the agent forgets it and removes the file.
    #[serde(default)]
    pub removed: bool,
    /// Its Traefik service.
    #[serde(default)]
    pub traefik: Option<Traefik>,
    /// Labels of its services: a service without a running container answers 503, not 404.
    #[serde(default)]
    pub services: BTreeMap<String, BTreeMap<String, String>>,
    /// Ids of its containers that get no new requests, because a command is about to end them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub leaving: BTreeSet<String>,
    /// Services whose containers the agent restarts when they have become unhealthy.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub restart_unhealthy: BTreeSet<String>,
}

impl ProjectFile {
    /// Host folders that the agent has to see for it; none where nothing of the host is mounted.
    #[must_use]
    pub fn mounts(&self) -> Option<BTreeSet<HostMount>> {
        let mounts: BTreeSet<_> = self.traefik.iter().flat_map(|traefik| traefik.mounts.iter().cloned()).collect();
        (!mounts.is_empty()).then_some(mounts)
    }

    /// Short for what is asked for, whichever `up` wrote it.
    #[must_use]
    pub fn digest(&self) -> String {
        let asked = Self { revision: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&asked).unwrap_or_default();
        Sha256::digest(&text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Revision of each project that the gateway's files are made of.
pub type Revisions = BTreeMap<String, String>;

/// Where a router comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Origin {
    /// Compose project; empty for none.
    pub project: String,
    /// `docker` for labels, `file` for dynamic files, `internal` for what the static configuration asks for.
    pub provider: String,
    /// The router's name as it is written there; with the entry point and a `-` before it where a router is in several parts. For
    /// redirections the option that asks for it.
    pub name: String,
}

/// Where each router comes from, by kind and qualified name (`http app@docker`).
pub type Origins = BTreeMap<String, Origin>;

/// What the gateway serves: one file, so that it never sees one half of a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EdgeConfiguration {
    /// Which revision of each project it is made of.
    pub revisions: Revisions,
    /// What each project asks for ([`ProjectFile::digest`]).
    #[serde(rename = "wishes")]
    pub requests: BTreeMap<String, String>,
    /// Addresses of each project's routes.
    pub urls: BTreeMap<String, Vec<String>>,
    /// Where to listen, by name.
    pub entry_points: BTreeMap<String, EntryPoint>,
    /// What people call these: names of entry points, by name of the listener.
    pub entry_point_names: BTreeMap<String, BTreeSet<String>>,
    /// Where routers come from.
    pub origins: Origins,
    /// Folders with certificates.
    pub certificate_folders: Vec<PathBuf>,
    /// Where certificates come from that routers ask for, by the names that they use.
    pub resolvers: BTreeMap<String, Resolver>,
    /// How finished requests are logged, if at all.
    pub access_log: Option<AccessLog>,
    /// What is counted, if anything.
    pub metrics: Metrics,
    /// Where traces go, if anywhere.
    pub tracing: Option<Tracing>,
    /// What in the projects does not work, as a person should read it.
    pub problems: BTreeMap<String, Vec<String>>,
    /// Traefik's dynamic configuration of all projects; names are qualified.
    pub dynamic: Configuration,
}

/// What the gateway says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// What it serves.
    pub revisions: Revisions,
    /// What each project asks for ([`ProjectFile::digest`]).
    #[serde(rename = "wishes")]
    pub requests: BTreeMap<String, String>,
    /// Addresses of each project's routes.
    pub urls: BTreeMap<String, Vec<String>>,
    /// Addresses it could not listen on, with the reason.
    pub refused: BTreeMap<String, String>,
    /// Addresses it listens on.
    pub listening: Vec<String>,
    /// What in the projects does not work, as the agent found.
    pub project_problems: BTreeMap<String, Vec<String>>,
    /// What of the configuration is not in force, as the gateway found.
    pub problems: Vec<String>,
    /// Addresses of servers that it serves and has not reached yet.
    pub unreached: BTreeSet<String>,
    /// Addresses of servers that it serves no more and that still have requests under way.
    pub leaving: BTreeSet<String>,
}

/// Where the gateway's configuration lies in the volume.
#[must_use]
pub fn edge_path(root: &Path) -> PathBuf {
    root.join("gateway/edge.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_project_is_forgotten() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        proxy::file::replace(&folder.path().join("a/letsencrypt/acme.json"), b"a")?;
        proxy::file::replace(&folder.path().join("b/acme.json"), b"b")?;
        proxy::file::replace(&folder.path().join(".authority/root.pem"), b"c")?;
        forget(folder.path(), "a")?;
        forget(folder.path(), "a")?;
        for name in ["", ".", "..", "/", "b/acme.json", "../b", ".authority"] {
            assert!(forget(folder.path(), name).is_err(), "{name}");
        }
        let mut left: Vec<_> = fs::read_dir(folder.path())?.flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, [".authority", "b"]);
        Ok(())
    }
}
