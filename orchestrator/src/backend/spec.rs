//! What an engine is asked to make.

use std::path::PathBuf;

use compose_schema::model::{Build, Mount, Network, Service, ServiceNetwork, Volume};

use super::Labels;

/// A container to be made.
///
/// The service is the compose language's own description, with everything that depends on the project already
/// settled by the planner; the backend only translates it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerSpec {
    /// Container name.
    pub name: String,
    /// Image name or id to run.
    pub image: String,
    /// The service. `network_mode`, `ipc`, `pid` and `volumes_from` name containers by id where the file named services,
    /// `links` and `external_links` name containers (`container:alias`).
    pub service: Service,
    /// All labels of the container, compose's own included.
    pub labels: Labels,
    /// Networks to join, the primary one first. Empty with a `network_mode`.
    pub networks: Vec<Attachment>,
    /// Mounts with volume keys replaced by engine names, secrets and configs that are host files included.
    pub mounts: Vec<Mount>,
    /// Complete environment (`KEY=value`; `KEY` alone takes a variable away from the image's).
    pub environment: Vec<String>,
    /// A one-off container (`run`): removed by the engine at its end.
    pub auto_remove: bool,
    /// Attach standard input (one-off containers).
    pub open_stdin: bool,
    /// Made as one that was there before ([`super::ContainerDetail::body`]): the service tells its networks only, and `mounts` are
    /// anonymous volumes of the container that it replaces.
    pub body: Option<Box<serde_json::Value>>,
}

/// One network to join.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attachment {
    /// Engine name of the network.
    pub network: String,
    /// All names of the container in it.
    pub aliases: Vec<String>,
    /// Addresses and options from the compose file.
    pub options: ServiceNetwork,
}

/// A network to be made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkSpec {
    /// Definition; its `name` is the engine name.
    pub network: Network,
    /// All labels.
    pub labels: Labels,
}

/// A volume to be made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VolumeSpec {
    /// Definition; its `name` is the engine name.
    pub volume: Volume,
    /// All labels.
    pub labels: Labels,
}

/// An image to be built; `--build-arg`, `--no-cache` and `--pull` are folded into it already.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuildSpec {
    /// Definition, paths absolute. Contexts that are other services' images name those (`docker-image://NAME`).
    pub build: Build,
    /// What `build.secrets` comes to.
    pub secrets: Vec<BuildSecret>,
    /// Name to give it.
    pub tag: String,
    /// Platform to build for; empty for the engine's own.
    pub platform: String,
    /// Labels to add.
    pub labels: Labels,
    /// Most memory a step of the build may use, in bytes; 0 for no limit.
    pub memory: i64,
    /// Where it is written.
    pub places: BuildPlaces,
}

/// Where parts of a build are written (`file:line`), as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildPlaces {
    /// `build.context`.
    pub context: Option<String>,
    /// `build.cache_from`.
    pub cache_from: Option<String>,
    /// `build.cache_to`.
    pub cache_to: Option<String>,
}

/// What a builder has to say about a Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildCheck {
    /// In words, several lines.
    pub text: String,
    /// How many complaints that are.
    pub complaints: usize,
}

/// A secret that steps of a build may mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSecret {
    /// Its name in the Dockerfile.
    pub id: String,
    /// Where it comes from.
    pub value: SecretValue,
}

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// A file of the client.
    File(PathBuf),
    /// The secret itself; empty where the variable is not set that it is taken from.
    Text(String),
}

/// Without the secret itself: it must not end in a log.
impl std::fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "File({})", path.display()),
            Self::Text(_) => write!(formatter, "Text(..)"),
        }
    }
}
