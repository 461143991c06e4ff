//! The agent: engine events and project files in, the gateway's configuration out.
//!
//! It holds the engine's socket and has no network. When it or the engine is gone, the gateway serves what it last
//! read; when it comes back, it starts from the files and the engine's answer: it keeps nothing of its own.

mod beneath;
mod dying;
pub mod export;
pub mod mirror;
mod restart_unhealthy;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use dying::Dying;
use export::Mounted;
use restart_unhealthy::{Healer, Restart};

use crate::backend::{self, Container, Engine, ErrorKind, Event, LabelFilter, State};
use crate::edge::adopt;
use crate::edge::agent_path;
use crate::edge::compile::{self, Files, ObservedContainer};
use crate::edge::projects;
use crate::edge::state::{self, EdgeConfiguration, ProjectFile};
use crate::error::{CommandError, Result};
use crate::watch::{ConfigurationFiles, FileWatch, settle};

/// Pauses between attempts to reach an engine that is gone.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Restarts that are under way when the agent is told to end have this time: one that is cut off leaves its container down.
const LAST_RESTARTS: Duration = Duration::from_secs(25);

/// Works until `stop` is done.
///
/// # Errors
/// A state folder that cannot be written or watched.
pub async fn run(engine: Engine, root: PathBuf, stop: impl Future<Output = ()>) -> Result<()> {
    let fail = |error: &dyn std::fmt::Display| {
        CommandError::new(format!("the agent cannot work in `{}`: {error}", root.display()))
    };
    let projects = root.join(projects::FOLDER);
    fs::create_dir_all(&projects).map_err(|error| fail(&error))?;
    let known = ConfigurationFiles::default();
    let mut changes = FileWatch::new({
        let known = known.clone();
        move |path| known.has(path)
    })
    .map_err(|error| fail(&error))?;
    changes.add(&projects).map_err(|error| fail(&error))?;
    let host = Path::new("/host");
    for folder in [host, Path::new(state::CERTIFICATES)].into_iter().filter(|folder| folder.is_dir()) {
        changes.add(folder).map_err(|error| fail(&error))?;
    }

    let (wake, mut woken) = mpsc::channel(1);
    let (tell, dying) = watch::channel(Dying::default());
    let listener = tokio::spawn(listen(engine.clone(), wake, tell));
    let files = Files::new(root.join("gateway/files"));
    let mut agent = Agent {
        engine,
        root,
        files: Some(files),
        known,
        dying,
        problems: BTreeSet::new(),
        healer: Healer::default(),
        restarts: JoinSet::new(),
    };
    tokio::pin!(stop);
    loop {
        let again = match agent.rebuild().await {
            Ok(again) => again,
            Err(error) => {
                tracing::warn!(%error, "the routes could not be brought up to date");
                Some(LONGEST_PAUSE)
            }
        };
        tokio::select! {
            () = &mut stop => break,
            Some(_) = agent.restarts.join_next() => {}
            () = changes.changed() => {}
            Some(()) = woken.recv() => settle(&mut woken).await,
            () = tokio::time::sleep(again.unwrap_or(Duration::MAX)), if again.is_some() => {}
        }
    }
    listener.abort();
    agent.end().await;
    Ok(())
}

/// Hands the engine's events on, for as long as it takes.
async fn listen(engine: Engine, wake: mpsc::Sender<()>, tell: watch::Sender<Dying>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match engine.events(&LabelFilter::default()).await {
            Ok(mut events) => {
                // What happened before this subscription is seen by looking once.
                let _ = wake.try_send(());
                let reason = hand_on(&mut events, &wake, &tell, &mut pause).await;
                tracing::warn!(reason, "the engine's events have ended; the gateway serves what it knows");
            }
            Err(error) => tracing::warn!(%error, "the engine does not answer; the gateway serves what it knows"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Hands events on until there are no more; why there are none.
async fn hand_on(
    events: &mut BoxStream<'static, backend::Result<Event>>,
    wake: &mpsc::Sender<()>,
    tell: &watch::Sender<Dying>,
    pause: &mut Duration,
) -> String {
    loop {
        match events.next().await {
            Some(Ok(event)) => {
                *pause = FIRST_PAUSE;
                if concerns_routes(&event) {
                    tell.send_if_modified(|dying| dying.note(&event));
                    let _ = wake.try_send(());
                }
            }
            Some(Err(error)) => return error.to_string(),
            None => return "the engine sends no more of them".to_owned(),
        }
    }
}

fn concerns_routes(event: &Event) -> bool {
    let action = event.action.split(':').next().unwrap_or_default();
    match event.kind.as_str() {
        "container" => matches!(
            action,
            "start" | "die" | "kill" | "pause" | "unpause" | "health_status" | "destroy" | "rename" | "update"
        ),
        "network" => matches!(action, "connect" | "disconnect"),
        _ => false,
    }
}

struct Agent {
    engine: Engine,
    root: PathBuf,
    /// Dynamic files; away while a thread reads them.
    files: Option<Files>,
    /// Which host files matter.
    known: ConfigurationFiles,
    /// Who is about to go, as the listener knows it.
    dying: watch::Receiver<Dying>,
    /// What has been complained about already.
    problems: BTreeSet<String>,
    /// Who was restarted for being unhealthy.
    healer: Healer,
    /// Restarts that are under way.
    restarts: JoinSet<()>,
}

impl Agent {
    /// Restarts what is due; a restart takes as long as the container takes to end, and nothing waits for that.
    fn restart(&mut self, restart: Restart) {
        let engine = Engine::clone(&self.engine);
        self.restarts.spawn(async move {
            let (container, count) = (restart.name, restart.count);
            if restart.last {
                tracing::warn!(%container, count, "it is unhealthy, and restarted for the last time: restarts do not help");
            } else {
                tracing::warn!(%container, count, "it is unhealthy, and restarted");
            }
            match engine.restart_container(&restart.id, None).await {
                Ok(()) => {}
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => tracing::error!(%container, %error, "it could not be restarted"),
            }
        });
    }

    /// Lets restarts that are under way come to their end.
    async fn end(&mut self) {
        let all = async { while self.restarts.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_RESTARTS, all).await.is_err() {
            tracing::warn!(count = self.restarts.len(), "restarts are cut off: their containers may stay down");
        }
    }

    /// Network modes of containers that run without a network of their own: only an inspection tells them.
    async fn modes(&self, containers: &[Container]) -> Result<BTreeMap<String, String>> {
        let alone =
            containers.iter().filter(|container| container.state == State::Running && container.networks.is_empty());
        let mut modes = BTreeMap::new();
        for container in alone {
            match self.engine.container(&container.id).await {
                Ok(detail) => {
                    modes.insert(container.id.clone(), detail.network_mode);
                }
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(modes)
    }

    /// Writes the gateway's files anew where they differ. Returns when to look again without being woken.
    async fn rebuild(&mut self) -> Result<Option<Duration>> {
        // The project files come first: containers listed later are at least as new as the revision they carry.
        let root = self.root.clone();
        let read = move || -> std::io::Result<_> {
            projects::move_in(Path::new(state::BEFORE), &root)?;
            let projects = projects::read_own(&root)?;
            let mut problems = mirror_all(&root, &projects);
            problems.extend(export_all(&projects));
            Ok((projects, problems))
        };
        // What cannot be read is not known to be gone: then nothing is written, and the gateway goes on with what it has.
        let (projects, mirrored) = tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| CommandError::new(format!("reading the project files was cut off: {error}")))?
            .map_err(|error| CommandError::new(format!("the project files cannot be read: {error}")))?;

        // Before the engine is asked: one that ends or starts meanwhile may be listed as it was.
        let dying = self.dying.borrow().clone();
        let containers: Vec<Container> = self
            .engine
            .containers(&LabelFilter::default())
            .await?
            .into_iter()
            .filter(|container| !dying.contains(&container.id))
            .filter(|container| projects.values().all(|file| !file.leaving.contains(&container.id)))
            .collect();
        let (due, heal) = self.healer.due(&projects, &containers, Instant::now());
        due.into_iter().for_each(|restart| self.restart(restart));

        let seen = compile::observe(&containers, &self.modes(&containers).await?);
        let root = self.root.clone();
        let mut files = self.files.take().unwrap_or_else(|| Files::new(root.join("gateway/files")));
        let known = self.known.clone();
        let (files, published) = tokio::task::spawn_blocking(move || {
            let published = publish(&root, &projects, &seen, mirrored, &mut files);
            let published = published.map(|(problems, edge)| {
                let named = host_files(&root, &projects, &edge);
                (problems, known.set_named(named))
            });
            (files, published)
        })
        .await
        .map_err(|error| CommandError::new(format!("writing the routes was cut off: {error}")))?;
        self.files = Some(files);
        let (problems, others_matter) = published?;
        for problem in problems.difference(&self.problems) {
            tracing::warn!("{problem}");
        }
        self.problems = problems;
        if others_matter {
            // A file that matters only from now on may have changed since it was copied.
            return Ok(Some(Duration::ZERO));
        }
        Ok(dying.look_again().into_iter().chain(heal).min())
    }
}

/// Compiles, and writes the gateway's file where it differs; what is to be complained about, and what was written.
fn publish(
    root: &Path,
    projects: &BTreeMap<String, ProjectFile>,
    seen: &[ObservedContainer],
    mirrored: Vec<String>,
    files: &mut Files,
) -> Result<(BTreeSet<String>, EdgeConfiguration)> {
    let compiled = compile::compile(projects, seen, Some(files));
    let mut edge = compiled.edge;
    edge.urls = compiled.urls;
    edge.requests = projects.iter().map(|(name, file)| (name.clone(), file.digest())).collect();
    edge.revisions = projects.iter().map(|(name, file)| (name.clone(), file.revision.clone())).collect();
    let own =
        edge.problems.iter().flat_map(|(project, lines)| lines.iter().map(move |line| format!("{project}: {line}")));
    let problems = own.chain(mirrored).collect();
    write_changed(&state::edge_path(root), &edge)?;
    Ok((problems, edge))
}

/// The host files that a configuration names, as the agent sees them, and those that are mounted one by one.
fn host_files(root: &Path, projects: &BTreeMap<String, ProjectFile>, edge: &EdgeConfiguration) -> BTreeSet<PathBuf> {
    let copies = root.join("gateway/files");
    let named = edge.dynamic.files();
    let named = named.iter().filter_map(|file| {
        let mut parts = file.strip_prefix(&copies).ok()?.components();
        let project = parts.next()?.as_os_str().to_str()?;
        Some(agent_path(project, parts.as_path()))
    });
    let mounted = projects.iter().flat_map(|(project, file)| {
        let mounts = file.traefik.iter().flat_map(|traefik| &traefik.mounts);
        mounts.map(move |mount| agent_path(project, &mount.container))
    });
    named.chain(mounted).collect()
}

/// Brings the copies of host files up to date; what could not be copied.
fn mirror_all(root: &Path, projects: &BTreeMap<String, ProjectFile>) -> Vec<String> {
    let mut problems = Vec::new();
    for (project, file) in projects {
        for mount in file.traefik.iter().flat_map(|traefik| &traefik.mounts) {
            let target = compile::mirrored(&root.join("gateway/files"), project, &mount.container);
            match mirror::mirror(&agent_path(project, &mount.container), &target) {
                Ok(done) => problems.extend(done.problems),
                Err(error) => problems.push(format!("cannot copy `{}`: {error}", mount.host.display())),
            }
        }
    }
    problems
}

/// Copies what the gateway obtained to where adopted services would keep it; what could not be copied.
fn export_all(projects: &BTreeMap<String, ProjectFile>) -> Vec<String> {
    let mut problems = Vec::new();
    for (project, traefik) in projects.iter().filter_map(|(name, file)| Some((name, file.traefik.as_ref()?))) {
        for storage in adopt::storages(traefik) {
            let mount = traefik.mounts.iter().find(|mount| mount.writable && storage.starts_with(&mount.container));
            let Some(mount) = mount else { continue };
            let own = state::certificates(project, &storage);
            let from = Mounted { mount: Path::new(state::CERTIFICATES), file: &own };
            let (mount, file) = (agent_path(project, &mount.container), agent_path(project, &storage));
            if let Err(reason) = export::export(from, Mounted { mount: &mount, file: &file }) {
                problems.push(format!("{project}: cannot copy certificates to `{}`: {reason}", storage.display()));
            }
        }
    }
    problems
}

fn write_changed(path: &Path, content: &impl serde::Serialize) -> Result<()> {
    let fail = |error: &dyn std::fmt::Display| CommandError::new(format!("cannot write `{}`: {error}", path.display()));
    let text = serde_json::to_vec_pretty(content).map_err(|error| fail(&error))?;
    if fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    proxy::file::replace(path, &text).map_err(|error| fail(&error))
}
