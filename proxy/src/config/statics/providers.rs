//! Options of the providers (Traefik documentation, "Providers").

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Where routes come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Providers {
    /// Labels of containers.
    pub docker: Option<DockerProvider>,
    /// Dynamic files.
    pub file: Option<FileProvider>,
}

/// The docker provider's options that concern labels; which engine is asked is not the gateway's business here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DockerProvider {
    /// Containers are routed unless they say no.
    pub exposed_by_default: bool,
    /// Rule of routers that have none: a Go template.
    pub default_rule: String,
    /// Which containers count: an expression over labels.
    pub constraints: String,
    /// Network whose addresses are used.
    pub network: String,
    /// Use the address on the host that a port is published at.
    #[serde(rename = "useBindPortIP")]
    pub use_bind_port_ip: bool,
    /// Keep services whose containers are not healthy.
    pub allow_empty_services: bool,
    /// Address of the engine.
    pub endpoint: String,
    /// What templates find in the environment; no option.
    #[serde(skip)]
    pub environment: BTreeMap<String, String>,
}

impl Default for DockerProvider {
    fn default() -> Self {
        Self {
            exposed_by_default: true,
            default_rule: "Host(`{{ normalize .Name }}`)".to_owned(),
            constraints: String::new(),
            network: String::new(),
            use_bind_port_ip: false,
            allow_empty_services: false,
            endpoint: String::new(),
            environment: BTreeMap::new(),
        }
    }
}

/// Dynamic files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FileProvider {
    /// One file.
    pub filename: String,
    /// A folder of files.
    pub directory: String,
    /// Read them again when they change.
    pub watch: bool,
    /// What templates find in the environment; no option.
    #[serde(skip)]
    pub environment: BTreeMap<String, String>,
}

impl Default for FileProvider {
    fn default() -> Self {
        Self { filename: String::new(), directory: String::new(), watch: true, environment: BTreeMap::new() }
    }
}

impl FileProvider {
    /// The folder or file; none where neither is named. Of both the folder counts, as in Traefik.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        [&self.directory, &self.filename].into_iter().find(|path| !path.is_empty()).map(Path::new)
    }
}
