//! The files between `stack up`, the agent and the gateway, in one volume:
//!
//! ```text
//! projects/PROJECT.json    written by `stack up`: what the project wants of the edge
//! gateway/edge.json        written by the agent: what the gateway serves, as one whole
//! gateway/files/PROJECT/   written by the agent: host files of adopted services (certificates, dynamic files)
//! ```
//!
//! Every file is replaced as a whole (written beside, then renamed), so a reader never sees half of one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use proxy::config::dynamic::Configuration;
use proxy::config::statics::{AccessLog, EntryPoint, Metrics};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::adopt::{HostMount, Traefik};

/// Where the volume is mounted in agent and gateway.
pub const MOUNT: &str = "/state";

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

/// What the gateway serves: one file, so that it never sees one half of a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EdgeConfiguration {
    /// Which revision of each project it is made of.
    pub revisions: Revisions,
    /// What each project asks for ([`ProjectFile::digest`]).
    pub wishes: BTreeMap<String, String>,
    /// Addresses of each project's routes.
    pub urls: BTreeMap<String, Vec<String>>,
    /// Where to listen, by name.
    pub entry_points: BTreeMap<String, EntryPoint>,
    /// Folders with certificates.
    pub certificate_folders: Vec<PathBuf>,
    /// How finished requests are logged, if at all.
    pub access_log: Option<AccessLog>,
    /// What is counted, if anything.
    pub metrics: Metrics,
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
    pub wishes: BTreeMap<String, String>,
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

/// Replaces a file as a whole.
///
/// # Errors
/// Whatever the file system answers; the old file is then still whole.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
