//! What a project asks of the gateway: read off the project, checked before anything is touched, applied once its containers run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use compose_schema::Loaded;
use compose_schema::model::{Project, Service};

use super::containers::EdgeContainers;
use super::error::EdgeError;
use super::image::Executable;
use super::snapshot::EdgeSnapshot;
use super::state::{ProjectFile, Status};
use super::wait::{self, WaitCondition};
use super::{adopt, compile, deploy, has_routes, look_again, ports, projects};
use crate::backend::{Engine, LabelFilter};
use crate::error::{CommandError, Result};
use crate::labels;
use crate::lock::Lock;

/// What a project asks of the gateway.
#[derive(Debug, Clone)]
pub struct EdgeRequest {
    file: ProjectFile,
    /// What is to be said about it: adoption, options that are not in force.
    pub notes: Vec<String>,
}

/// What has become of it.
#[derive(Debug, Clone, Default)]
pub struct EdgeOutcome {
    /// Addresses of the project's routes.
    pub urls: Vec<String>,
    /// What is not in force, and why.
    pub problems: Vec<String>,
}

impl EdgeRequest {
    /// Reads it off the project; none where nothing is to be routed. `adopt` is false with `--no-adopt`.
    ///
    /// # Errors
    /// Flags of the Traefik service that nobody could follow.
    pub fn of(loaded: &Loaded, adopt: bool) -> Result<Option<Self>> {
        let project = &loaded.project;
        let traefik = if adopt { adopt::find(project)? } else { None };
        let runs_its_own =
            traefik.is_none() && project.services.values().any(|service| adopt::is_traefik(&service.image));
        let adopted = traefik.as_ref().map(|traefik| traefik.service.clone());
        let restart_unhealthy = restart_unhealthy(project);
        let mut services: BTreeMap<_, _> = project
            .services
            .iter()
            .filter(|(name, service)| adopted.as_ref() != Some(name) && has_routes(&service.labels))
            .map(|(name, service)| (name.clone(), service.labels.clone()))
            .collect();
        if runs_its_own {
            services.clear();
        }
        if traefik.is_none() && services.is_empty() && restart_unhealthy.is_empty() {
            return Ok(None);
        }
        let mut notes = Vec::new();
        if let Some(traefik) = &traefik {
            let service = &traefik.service;
            let place = loaded.place(&["services", service, "command"]).unwrap_or_default();
            let (_, warnings) = compile::static_config(traefik).map_err(|mistakes| {
                CommandError::new(mistakes.iter().map(|line| format!("{place}: {line}")).collect::<Vec<_>>().join("\n"))
                    .hint("`--no-adopt` runs the service as it is, without the built-in gateway")
            })?;
            notes.push(format!(
                "service `{service}` is adopted: the built-in gateway does its work, no container is started for it"
            ));
            notes.extend(warnings.iter().map(|line| format!("warning: {place}: {line}")));
        }
        Ok(Some(Self {
            file: ProjectFile {
                project: project.name.clone(),
                traefik,
                services,
                restart_unhealthy,
                ..ProjectFile::default()
            },
            notes,
        }))
    }

    /// Names of the services that the gateway stands in for.
    #[must_use]
    pub fn adopted(&self) -> BTreeSet<String> {
        self.file.traefik.iter().map(|traefik| traefik.service.clone()).collect()
    }

    /// Whether anything is routed at all.
    #[must_use]
    pub fn routes(&self) -> bool {
        self.file.traefik.is_some() || !self.file.services.is_empty()
    }

    /// Addresses of its routes, as far as labels and flags tell.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        compile::preview(&BTreeMap::new(), &self.file).urls.remove(&self.file.project).unwrap_or_default()
    }

    /// Where the gateway has to listen for it: name and address.
    #[must_use]
    pub fn listeners(&self) -> Vec<(String, SocketAddr)> {
        let wanted = compile::preview(&BTreeMap::new(), &self.file).listeners;
        wanted.keys().map(|listener| (listener.name(), listener.socket())).collect()
    }

    /// Whether one of these services is routed, is the one that the gateway stands in for, or is one that the agent cares
    /// for.
    pub fn is_about<'a>(&self, services: impl IntoIterator<Item = &'a String>) -> bool {
        let adopted = self.file.traefik.as_ref().map(|traefik| &traefik.service);
        let ours = |name| self.file.services.contains_key(name) || self.file.restart_unhealthy.contains(name);
        services.into_iter().any(|name| ours(name) || adopted == Some(name))
    }

    /// Checks, before anything is touched, that the gateway will be able to listen where it must.
    ///
    /// # Errors
    /// The first port that is taken, and by whom.
    pub async fn check(&self, engine: &Engine, snapshot: &EdgeSnapshot) -> Result<()> {
        if self.is_known(snapshot) {
            return Ok(());
        }
        let mut found = self.obstacle(engine, &snapshot.pair).await?;
        if found.is_some() {
            // Another command may just have started the gateway, which then is what listens.
            let pair = EdgeContainers::observe(engine.as_ref()).await?;
            let id = |pair: &EdgeContainers| pair.gateway.as_ref().map(|gateway| gateway.id.clone());
            if id(&pair) != id(&snapshot.pair) {
                found = self.obstacle(engine, &pair).await?;
            }
        }
        found.map_or(Ok(()), |obstacle| {
            Err(CommandError::new(format!("the gateway cannot listen on {obstacle}")).hint(
                "stop what holds the port, or publish the entry point on another one (`ports` of the Traefik service)",
            ))
        })
    }

    /// An address where the gateway would have to listen and cannot, and why.
    async fn obstacle(&self, engine: &Engine, pair: &EdgeContainers) -> Result<Option<String>> {
        let known = projects::read(engine, pair).await?.readable;
        let served = compile::compile(&known, &[], None).listeners;
        let wanted = compile::preview(&known, &self.file).listeners;
        let new: Vec<_> = wanted.keys().filter(|listener| !served.contains_key(*listener)).collect();
        if new.is_empty() {
            return Ok(None);
        }
        let local = engine.is_local();
        let containers = engine.containers(&LabelFilter::default()).await?;
        let adopted = self.adopted();
        for listener in new {
            let publisher = containers.iter().find(|container| {
                container
                    .ports
                    .iter()
                    .any(|port| port.published == listener.port && (port.protocol == "udp") == listener.udp)
            });
            let obstacle = match publisher {
                // What the gateway stands in for is stopped before the gateway starts.
                Some(container)
                    if container.labels.get(labels::PROJECT) == Some(&self.file.project)
                        && container.labels.get(labels::SERVICE).is_some_and(|name| adopted.contains(name)) =>
                {
                    None
                }
                Some(container) => Some(format!("container `{}` publishes it", container.name)),
                None if local => ports::obstacle(listener.socket(), listener.udp),
                None => None,
            };
            if let Some(obstacle) = obstacle {
                return Ok(Some(format!("{}: {obstacle}", listener.name())));
            }
        }
        Ok(None)
    }

    /// Services that are routed to by their labels.
    pub fn routed(&self) -> BTreeSet<String> {
        self.file.services.keys().cloned().collect()
    }

    /// The gateway serves this very request.
    #[must_use]
    pub fn is_known(&self, snapshot: &EdgeSnapshot) -> bool {
        let known = snapshot.status.as_ref().and_then(|status| status.requests.get(&self.file.project));
        known.is_some_and(|known| *known == self.file.digest())
    }

    /// Hands it to the gateway, which is started if need be, and waits until it is in force.
    ///
    /// # Errors
    /// Whatever the engine answers; a gateway that does not get there.
    pub async fn apply(
        &self,
        engine: &Engine,
        snapshot: &EdgeSnapshot,
        containers_changed: bool,
    ) -> Result<EdgeOutcome> {
        let executable = Executable::current()?;
        if !containers_changed
            && self.is_known(snapshot)
            && snapshot.pair.is_current(&executable.stamp)
            && snapshot.status.as_ref().is_some_and(|status| status.refused.is_empty())
        {
            let urls = snapshot.status.as_ref().and_then(|status| status.urls.get(&self.file.project));
            return Ok(EdgeOutcome { urls: urls.cloned().unwrap_or_default(), problems: Vec::new() });
        }
        let (pair, file) = look_again(async || self.hand_in(engine, &executable, containers_changed).await).await?;
        let awaited = WaitCondition::revision(&file.project, &file.revision);
        let mut status = wait::until(engine, pair.socket(), &awaited).await?;
        let urls = status.urls.remove(&file.project).unwrap_or_default();
        Ok(EdgeOutcome { urls, problems: self.problems(&status) })
    }

    /// Makes sure that gateway and agent run, and that they have the request; what they are, and what was written.
    async fn hand_in(
        &self,
        engine: &Engine,
        executable: &Executable,
        containers_changed: bool,
    ) -> Result<(EdgeContainers, ProjectFile), EdgeError> {
        let _turn = Lock::of_edge(engine).await?;
        let pair = EdgeContainers::observe(engine.as_ref()).await?;
        let mut mounts = pair.mounts(engine).await?;
        match self.file.mounts() {
            Some(wanted) => mounts.insert(self.file.project.clone(), wanted),
            None => mounts.remove(&self.file.project),
        };
        let pair_changed = deploy::ensure(engine, executable, &pair, &mounts).await?;
        let pair = if pair_changed { EdgeContainers::observe(engine.as_ref()).await? } else { pair };
        let all = projects::read(engine, &pair).await?;
        let known = all.readable.get(&self.file.project);
        let same = known.is_some_and(|known| known.digest() == self.file.digest());
        let revision = match known {
            Some(known) if same && !pair_changed && !containers_changed => known.revision.clone(),
            _ => all.next_revision(&self.file.project),
        };
        let file = ProjectFile { revision, ..self.file.clone() };
        if known.is_none_or(|known| known.revision != file.revision) {
            projects::write(engine, &file).await?;
        }
        Ok((pair, file))
    }

    /// What [`EdgeRequest::apply`] would do, in words; nothing where all is in force.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub async fn preview(&self, engine: &Engine, snapshot: &EdgeSnapshot) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        let pair = &snapshot.pair;
        if !pair.exists() {
            lines.push("start the gateway".to_owned());
        } else if !pair.works() {
            lines.push("start the gateway again, which does not run".to_owned());
        } else if !pair.is_current(&Executable::current()?.stamp) {
            lines.push("replace the gateway, which is another build of `stack`".to_owned());
        }
        let known = match &snapshot.status {
            Some(_) => self.is_known(snapshot),
            None => {
                let known = projects::read(engine, pair).await?.readable;
                known.get(&self.file.project).is_some_and(|known| known.digest() == self.file.digest())
            }
        };
        if !known {
            let services: Vec<&str> = self.file.services.keys().map(String::as_str).collect();
            lines.push(match services.as_slice() {
                [] if self.file.traefik.is_none() => "tell the agent which services it restarts".to_owned(),
                [] => "hand the configuration of the adopted service to the gateway".to_owned(),
                services => format!("hand the routes of {} to the gateway", services.join(", ")),
            });
        }
        Ok(lines)
    }

    /// What of the gateway's status is about this project.
    fn problems(&self, status: &Status) -> Vec<String> {
        let refused =
            status.refused.iter().map(|(address, reason)| format!("the gateway cannot listen on {address}: {reason}"));
        let own = status.project_problems.get(&self.file.project).into_iter().flatten().cloned();
        refused.chain(own).chain(status.problems.iter().cloned()).collect()
    }
}

/// Services whose containers are to be restarted when they have become unhealthy: `x-stack: {restart-unhealthy: true}`.
#[must_use]
pub fn restart_unhealthy(project: &Project) -> BTreeSet<String> {
    let wants = |service: &Service| {
        let written = service.extensions.get("x-stack").and_then(|own| own.get("restart-unhealthy"));
        written.is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"))
    };
    project.services.iter().filter(|(_, service)| wants(service)).map(|(name, _)| name.clone()).collect()
}
