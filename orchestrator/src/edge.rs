//! The edge: what a project asks of the gateway, and the gateway as two containers of the engine.
//!
//! `up` reads [`Wish`] off the project, checks it before anything is touched ([`Wish::check`]), and hands it over once
//! the containers run ([`Wish::grant`]). `down` takes it back ([`withdraw`]).

pub mod adopt;
pub mod ask;
pub mod deploy;
pub mod descriptors;
mod door;
pub mod exchange;
pub mod handover;
pub mod image;
pub mod ports;
pub mod projects;
pub mod serve;
pub mod shift;
pub mod state;
pub mod status;
pub mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use compose_schema::Loaded;
use compose_schema::model::{Project, Service};
use futures_util::StreamExt as _;

use crate::agent::compile;
use crate::backend::{Container, Engine, ErrorKind, ExecSpec, LabelFilter, State};
use crate::error::{CommandError, Result};
use crate::labels;
use crate::lock::Lock;
use deploy::{Pair, Setback};
use image::Executable;
use state::{ProjectFile, Status};
use status::Told;
use wait::Awaited;

/// The gateway answers at once or cannot be asked this way.
const QUICK: Duration = Duration::from_millis(500);
/// Milliseconds between looks at gateway and agent that somebody else is changing.
const PAUSES: [u64; 6] = [100, 200, 400, 800, 1600, 3200];

/// What a project asks of the gateway.
#[derive(Debug, Clone)]
pub struct Wish {
    file: ProjectFile,
    /// What is to be said about it: adoption, options that are not in force.
    pub notes: Vec<String>,
}

/// What has become of it.
#[derive(Debug, Clone, Default)]
pub struct Granted {
    /// Addresses of the project's routes.
    pub urls: Vec<String>,
    /// What is not in force, and why.
    pub problems: Vec<String>,
}

/// The edge as it was before anything was touched.
#[derive(Debug, Default)]
pub struct Look {
    pair: Pair,
    /// What the gateway tells, where it can be asked quickly.
    status: Option<Status>,
}

impl Look {
    /// Whether a gateway is at work.
    #[must_use]
    pub fn has_gateway(&self) -> bool {
        self.pair.works()
    }

    /// Gateway and agent.
    #[must_use]
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }

    /// What the gateway tells, where it can be asked quickly.
    #[must_use]
    pub const fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// Looks: one call to the engine.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub async fn at(engine: &Engine) -> Result<Self> {
        let pair = Pair::observe(engine.as_ref()).await?;
        let told = pair.socket().filter(|_| engine.is_local()).and_then(|socket| Told::by(socket).ok());
        let status = match told {
            Some(mut told) => tokio::time::timeout(QUICK, told.next()).await.ok().and_then(std::result::Result::ok),
            None => None,
        };
        Ok(Self { pair, status })
    }
}

impl Wish {
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
    pub async fn check(&self, engine: &Engine, look: &Look) -> Result<()> {
        if self.is_known(look) {
            return Ok(());
        }
        let mut found = self.obstacle(engine, &look.pair).await?;
        if found.is_some() {
            // Another command may just have started the gateway, which then is what listens.
            let pair = Pair::observe(engine.as_ref()).await?;
            let id = |pair: &Pair| pair.gateway.as_ref().map(|gateway| gateway.id.clone());
            if id(&pair) != id(&look.pair) {
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
    async fn obstacle(&self, engine: &Engine, pair: &Pair) -> Result<Option<String>> {
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

    /// The gateway serves this very wish.
    #[must_use]
    pub fn is_known(&self, look: &Look) -> bool {
        let wished = look.status.as_ref().and_then(|status| status.wishes.get(&self.file.project));
        wished.is_some_and(|wished| *wished == self.file.digest())
    }

    /// Hands it to the gateway, which is started if need be, and waits until it is in force.
    ///
    /// # Errors
    /// Whatever the engine answers; a gateway that does not get there.
    pub async fn grant(&self, engine: &Engine, look: &Look, containers_changed: bool) -> Result<Granted> {
        let executable = Executable::current()?;
        if !containers_changed
            && self.is_known(look)
            && look.pair.is_current(&executable.stamp)
            && look.status.as_ref().is_some_and(|status| status.refused.is_empty())
        {
            let urls = look.status.as_ref().and_then(|status| status.urls.get(&self.file.project));
            return Ok(Granted { urls: urls.cloned().unwrap_or_default(), problems: Vec::new() });
        }
        let (pair, file) = look_again(async || self.hand_in(engine, &executable, containers_changed).await).await?;
        let awaited = Awaited::revision(&file.project, &file.revision);
        let mut status = wait::until(engine, pair.socket(), &awaited).await?;
        let urls = status.urls.remove(&file.project).unwrap_or_default();
        Ok(Granted { urls, problems: self.problems(&status) })
    }

    /// Makes sure that gateway and agent run, and that they have the wish; what they are, and what was written.
    async fn hand_in(
        &self,
        engine: &Engine,
        executable: &Executable,
        containers_changed: bool,
    ) -> Result<(Pair, ProjectFile), Setback> {
        let _turn = Lock::of_edge(engine).await?;
        let pair = Pair::observe(engine.as_ref()).await?;
        let mut mounts = pair.mounts(engine).await?;
        match self.file.mounts() {
            Some(wanted) => mounts.insert(self.file.project.clone(), wanted),
            None => mounts.remove(&self.file.project),
        };
        let pair_changed = deploy::ensure(engine, executable, &pair, &mounts).await?;
        let pair = if pair_changed { Pair::observe(engine.as_ref()).await? } else { pair };
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

    /// What [`Wish::grant`] would do, in words; nothing where all is in force.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub async fn outlook(&self, engine: &Engine, look: &Look) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        let pair = &look.pair;
        if !pair.exists() {
            lines.push("start the gateway".to_owned());
        } else if !pair.works() {
            lines.push("start the gateway again, which does not run".to_owned());
        } else if !pair.is_current(&Executable::current()?.stamp) {
            lines.push("replace the gateway, which is another build of `stack`".to_owned());
        }
        let known = match &look.status {
            Some(_) => self.is_known(look),
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

/// Whether a gateway is at work that may route to one of these containers. One call to the engine, none where none has
/// routes.
///
/// # Errors
/// Whatever the engine answers.
pub async fn may_route(engine: &Engine, containers: &[Container]) -> Result<bool> {
    Ok(containers.iter().any(|container| has_routes(&container.labels))
        && Pair::observe(engine.as_ref()).await?.works())
}

/// Takes a project's routes out of the gateway, with `volumes` also the certificates that were obtained for it; the last
/// project takes gateway and agent with it. Returns whether there was anything to take back.
///
/// # Errors
/// Whatever the engine answers.
pub async fn withdraw(engine: &Engine, project: &str, volumes: bool) -> Result<bool> {
    look_again(async || take_back(engine, project, volumes).await).await
}

async fn take_back(engine: &Engine, project: &str, volumes: bool) -> Result<bool, Setback> {
    let _turn = Lock::of_edge(engine).await?;
    let pair = Pair::observe(engine.as_ref()).await?;
    if !pair.exists() {
        return Ok(false);
    }
    let known = projects::read(engine, &pair).await?;
    let was_known = known.names().any(|name| name == project);
    if volumes && pair.gateway.as_ref().is_some_and(|gateway| gateway.state == State::Running) {
        forget(engine, project).await?;
    }
    if known.names().all(|name| name == project) {
        deploy::remove(engine, &pair).await?;
        return Ok(true);
    }
    if was_known {
        let mut mounts = pair.mounts(engine).await?;
        if mounts.remove(project).is_some() || pair.agent.is_none() || pair.agent_is_cut_off(engine) {
            deploy::ensure(engine, &Executable::current()?, &pair, &mounts).await?;
        }
        let revision = known.next_revision(project);
        let gone = ProjectFile { project: project.to_owned(), revision, removed: true, ..ProjectFile::default() };
        projects::rewrite(engine, &known, &gone).await?;
        // Somebody on another host may have taken the other projects back meanwhile, each of us taking the other for the one
        // who stays: whoever writes last sees that nobody does.
        let pair = Pair::observe(engine.as_ref()).await?;
        if pair.exists() && projects::read(engine, &pair).await?.names().next().is_none() {
            deploy::remove(engine, &pair).await?;
        }
    }
    Ok(was_known)
}

/// Removes the certificates that were obtained for a project: only the gateway writes where they are.
async fn forget(engine: &Engine, project: &str) -> Result<()> {
    let command = ["/stack", "edge", "forget", "--project", project].map(str::to_owned).to_vec();
    let mut session = match engine.exec(deploy::GATEWAY, &ExecSpec { command, ..ExecSpec::default() }).await {
        Ok(session) => session,
        // It has ended in this moment; what is kept is found by whoever looks at the volume.
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut said = Vec::new();
    while let Some(part) = session.output.next().await {
        said.extend_from_slice(&part?.1);
    }
    match engine.exec_exit_code(&session.id).await? {
        Some(0) => Ok(()),
        _ => Err(CommandError::new(format!(
            "the certificates of `{project}` in the volume `{}` were not removed: {}",
            deploy::CERTIFICATES,
            String::from_utf8_lossy(&said).trim()
        ))
        .hint("`stack down` without `-v` leaves them where they are")),
    }
}

/// Does what begins with a look at gateway and agent; once more where somebody who does not take turns with us (`stack` on
/// another host, or in a container) has changed them in the middle of it.
async fn look_again<T>(work: impl AsyncFn() -> Result<T, Setback>) -> Result<T> {
    for pause in PAUSES {
        match work().await {
            Ok(done) => return Ok(done),
            Err(Setback::Overtaken(_)) => tokio::time::sleep(Duration::from_millis(pause)).await,
            Err(Setback::Failed(error)) => return Err(error),
        }
    }
    Ok(work().await?)
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

/// Whether labels ask for a route: a `traefik.` label, and not switched off.
pub fn has_routes(labels: &BTreeMap<String, String>) -> bool {
    let mut traefik = labels.iter().filter(|(name, _)| name.to_ascii_lowercase().starts_with("traefik.")).peekable();
    traefik.peek().is_some()
        && !labels
            .get("traefik.enable")
            .is_some_and(|value| matches!(value.trim(), "false" | "False" | "FALSE" | "0" | "f" | "F"))
}

/// A revision that is later than `before`, in order of text; the time also tells people when it was.
fn new_revision(before: Option<&str>) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let last = before.and_then(|before| {
        let (seconds, nanoseconds) = before.split_once('-').map_or(before, |(time, _)| time).split_once('.')?;
        Some(Duration::new(seconds.parse().ok()?, nanoseconds.parse().ok().filter(|n| *n < 1_000_000_000)?))
    });
    // A clock that was set back must not make it look older.
    let next = last.map_or(now, |last| now.max(last.saturating_add(Duration::from_nanos(1))));
    format!("{:010}.{:09}-{}", next.as_secs(), next.subsec_nanos(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_later_than_the_one_before_whatever_the_clock_says() {
        let mut last = new_revision(None);
        // Made when the clock was 400 days ahead, or by something else.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        for before in [format!("{:010}.{:09}-7", now + 400 * 86_400, 999_999_999), "1".to_owned(), last.clone()] {
            let next = new_revision(Some(&before));
            assert!(next > before, "{next} after {before}");
            last = new_revision(Some(&next));
            assert!(last > next, "{last} after {next}");
        }
    }
}
