//! From containers with labels to the dynamic configuration, as Traefik's docker provider does it.
//!
//! Specification: Traefik v3 documentation, "Docker provider"; the names of defaults, the linking of routers with services and the merging
//! of replicas follow it. Other than in Traefik, where it costs the container, a label that cannot be read
//! costs the router, service or middleware that it describes, with a [`Problem`] that names it.

mod address;
mod build;
mod constraint;
mod decode;
mod lost;
mod merge;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dynamic::Configuration;
use super::statics::DockerProvider;

/// A container, as far as labels need it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    /// Name, without the engine's leading slash.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Exposed ports, such as `80/tcp`.
    pub ports: Vec<String>,
    /// Addresses by network.
    pub networks: BTreeMap<String, Endpoint>,
    /// `bridge`, `host`, `none`, `container:NAME` or a network's name.
    pub network_mode: String,
    /// `running`, `exited` and so on.
    pub state: String,
    /// `healthy`, `starting`, `unhealthy`; empty without a health check.
    pub health: String,
    /// Published ports: `80/tcp` to addresses of the host.
    pub port_bindings: BTreeMap<String, Vec<Binding>>,
}

/// A container's place in a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Endpoint {
    /// IPv4 address; empty if there is none.
    pub address: String,
    /// IPv6 address; empty if there is none.
    pub address6: String,
}

/// Where a port is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Binding {
    /// Address of the host; empty means all.
    pub host_ip: String,
    /// Port of the host.
    pub host_port: String,
}

/// Something in the labels of a container that does not work, or not as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Name of the container, or of several.
    pub container: String,
    /// The label or object it is about; empty if it is about the container.
    pub label: String,
    /// What is wrong and what follows from it.
    pub reason: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "container `{}`: ", self.container)?;
        if !self.label.is_empty() {
            write!(f, "`{}`: ", self.label)?;
        }
        f.write_str(&self.reason)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " (hint: {hint})"))
    }
}

/// Builds the configuration of all containers; names are bare (`app`, not `app@docker`).
pub fn build(containers: &[Container], options: &DockerProvider) -> (Configuration, Vec<Problem>) {
    build::build(containers, options)
}

/// What `gateway labels` does: a JSON list of containers in, the JSON configuration out, and what is wrong with the labels.
///
/// # Errors
/// Input or options that are not the JSON expected.
pub fn command(input: &str, options: Option<&str>) -> Result<(String, Vec<Problem>), serde_json::Error> {
    let containers: Vec<Container> = serde_json::from_str(input)?;
    let options: DockerProvider = options.map(serde_json::from_str).transpose()?.unwrap_or_default();
    let (configuration, problems) = build(&containers, &options);
    Ok((serde_json::to_string(&configuration)?, problems))
}

#[cfg(test)]
mod tests;
