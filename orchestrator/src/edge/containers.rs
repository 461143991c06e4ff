//! Gateway and agent as they are found on an engine: one pair of containers for all projects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::adopt::HostMount;
use super::projects;
use crate::backend::{Backend, Container, Engine, LabelFilter, Labels, State};
use crate::error::Result;

/// Name of the gateway's container.
pub const GATEWAY: &str = "stack-gateway";
/// Name of the agent's container.
pub const AGENT: &str = "stack-agent";
/// Name of the volume between them.
pub const VOLUME: &str = "stack-gateway";
/// Name of the volume with what projects want, which the gateway never sees: variables and secrets are in it.
pub const PROJECTS: &str = "stack-projects";
/// Name of the volume with the certificates that the gateway obtained. It outlives both: authorities count.
pub const CERTIFICATES: &str = "stack-certificates";

pub(super) const ROLE: &str = "stack.role";
/// Role of a container that only exists for a volume to be read; it never runs.
pub(super) const READER: &str = "reader";
pub(super) const STAMP: &str = "stack.stamp";
pub(super) const DIGEST: &str = "stack.digest";
/// Name of the socket at which the gateway tells how it is.
pub(super) const SOCKET: &str = "stack.socket";
/// Name of the socket at which the gateway waits for its successor.
pub(super) const HANDOVER: &str = "stack.handover";
/// Which host folders the agent sees for which project, as JSON.
pub(super) const MOUNTS: &str = "stack.mounts";
/// Where an engine's socket is, unless its address says otherwise.
pub(super) const ENGINE_SOCKET: &str = "/var/run/docker.sock";

/// Host mounts by project.
pub type ProjectMounts = BTreeMap<String, BTreeSet<HostMount>>;

/// Gateway and agent as they are now.
#[derive(Debug, Clone, Default)]
pub struct EdgeContainers {
    /// The gateway's container.
    pub gateway: Option<Container>,
    /// The agent's container.
    pub agent: Option<Container>,
    /// Gateways that the one above has taken over from, and that are still there.
    pub retired: Vec<Container>,
}

impl EdgeContainers {
    /// Looks for them.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub async fn observe(engine: &dyn Backend) -> Result<Self> {
        let found = engine.containers(&LabelFilter(vec![(ROLE.to_owned(), None)])).await?;
        Ok(Self::among(found))
    }

    fn among(containers: Vec<Container>) -> Self {
        let mut pair = containers.into_iter().fold(Self::default(), |mut pair, container| {
            match container.labels.get(ROLE).map(String::as_str) {
                Some("gateway") if container.name == GATEWAY => pair.gateway = Some(container),
                Some("gateway") => pair.retired.push(container),
                Some("agent") => pair.agent = Some(container),
                _ => {}
            }
            pair
        });
        let runs = |container: &Container| container.state == State::Running;
        if !pair.gateway.as_ref().is_some_and(runs)
            && let Some(at) = pair.retired.iter().position(runs)
        {
            // A command was killed before its successor served.
            let serving = pair.retired.swap_remove(at);
            pair.retired.extend(pair.gateway.replace(serving));
        }
        pair
    }

    /// Whether one of them is there, and so the volume with the projects' files.
    #[must_use]
    pub const fn exists(&self) -> bool {
        self.agent.is_some() || self.gateway.is_some()
    }

    /// Whether both run, so that what is written for them takes effect.
    #[must_use]
    pub fn works(&self) -> bool {
        [&self.gateway, &self.agent]
            .into_iter()
            .all(|found| found.as_ref().is_some_and(|found| found.state == State::Running))
    }

    /// Whether both run and are the executable with that stamp.
    #[must_use]
    pub fn is_current(&self, stamp: &str) -> bool {
        self.retired.is_empty()
            && self.gateway.as_ref().is_some_and(|gateway| gateway.name == GATEWAY)
            && [&self.gateway, &self.agent].into_iter().all(|found| {
                found.as_ref().is_some_and(|found| {
                    found.state == State::Running && found.labels.get(STAMP).is_some_and(|own| own == stamp)
                })
            })
    }

    /// Name of the socket at which the gateway waits for its successor, if it runs and knows how to.
    #[must_use]
    pub fn handover(&self) -> Option<&str> {
        let gateway = self.gateway.as_ref().filter(|gateway| gateway.state == State::Running)?;
        gateway.labels.get(HANDOVER).map(String::as_str)
    }

    /// Name of the socket at which the gateway tells how it is.
    #[must_use]
    pub fn socket(&self) -> Option<&str> {
        socket_of(&self.gateway.as_ref()?.labels)
    }

    /// Host folders that the agent sees; where somebody removed it, those that its successor has to see.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub async fn mounts(&self, engine: &Engine) -> Result<ProjectMounts> {
        if let Some(mounts) = self.agent_mounts() {
            return Ok(mounts);
        }
        let known = projects::read(engine, self).await?;
        Ok(known.readable.iter().filter_map(|(name, file)| Some((name.clone(), file.mounts()?))).collect())
    }

    /// Host folders that the agent sees, where there is one.
    pub(super) fn agent_mounts(&self) -> Option<ProjectMounts> {
        let agent = self.agent.as_ref()?;
        Some(agent.labels.get(MOUNTS).map(|text| parse_mounts(text)).unwrap_or_default())
    }
}

/// Name of the socket at which a gateway tells how it is, from its container's labels.
pub(super) fn socket_of(labels: &Labels) -> Option<&str> {
    labels.get(SOCKET).map(String::as_str)
}

pub(super) fn print_mounts(mounts: &ProjectMounts) -> String {
    // What is text and numbers can be written.
    serde_json::to_string(mounts).unwrap_or_default()
}

fn parse_mounts(text: &str) -> ProjectMounts {
    serde_json::from_str(text).unwrap_or_else(|_| parse_lines(text))
}

/// As agents of an older `stack` say it: `PROJECT\tHOST\tCONTAINER` lines, with `\trw` where they write.
fn parse_lines(text: &str) -> ProjectMounts {
    let mut mounts = ProjectMounts::new();
    for line in text.lines() {
        let mut parts = line.split('\t');
        if let (Some(project), Some(host), Some(container)) = (parts.next(), parts.next(), parts.next()) {
            let writable = parts.next() == Some("rw");
            let mount = HostMount { host: PathBuf::from(host), container: PathBuf::from(container), writable };
            mounts.entry(project.to_owned()).or_default().insert(mount);
        }
    }
    mounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_survive_the_label() {
        let mount = |host: &str, container: &str| HostMount {
            host: host.into(),
            container: container.into(),
            writable: host.starts_with("/srv/b"),
        };
        let mounts = ProjectMounts::from([
            ("a".to_owned(), BTreeSet::from([mount("/srv/a", "/certs"), mount("/srv/with space", "/x")])),
            ("b".to_owned(), BTreeSet::from([mount("/srv/b", "/certs"), mount("/srv/odd\n\tc\t/etc\t/etc", "/y")])),
        ]);
        assert_eq!(parse_mounts(&print_mounts(&mounts)), mounts);
        assert_eq!(parse_mounts(&print_mounts(&ProjectMounts::new())), ProjectMounts::new());
        let lines = "a\t/srv/a\t/certs\na\t/srv/with space\t/x\nb\t/srv/b\t/certs\trw\n";
        let known = |project: &str, mount| parse_mounts(lines).get(project).is_some_and(|all| all.contains(&mount));
        assert!(known("a", mount("/srv/with space", "/x")) && known("b", mount("/srv/b", "/certs")));
    }
}
