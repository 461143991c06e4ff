//! Carrying files into the containers of a service.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;

use super::archive::{self, Owner};
use super::batch::Transfer;
use super::{owner, run};
use crate::backend::{Container, Engine, ErrorKind, ExecSpec, LabelFilter, PathKind, State, Unpack};
use crate::labels;
use crate::pipe;
use crate::reconcile::observed::is_oneoff;

/// Bytes of paths that one `rm` takes: the kernel limits the length of a command line.
const COMMAND_LINE: usize = 96 * 1024;

/// Carries files over, and remembers what it has to know of each container.
#[derive(Debug)]
pub struct Sync {
    project: String,
    /// Who files belong to, by container.
    owners: BTreeMap<String, Owner>,
    /// What has been carried over since the image of a service was built last: a container made anew of that image needs
    /// it too. By service.
    since_build: BTreeMap<String, Transfer>,
    /// Containers that have had it.
    served: BTreeSet<String>,
}

impl Sync {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(project: &str) -> Self {
        Self {
            project: project.to_owned(),
            owners: BTreeMap::new(),
            since_build: BTreeMap::new(),
            served: BTreeSet::new(),
        }
    }

    /// The containers of a service, without those of `run`.
    ///
    /// # Errors
    /// The engine's.
    pub async fn containers(&self, engine: &Engine, service: &str) -> crate::backend::Result<Vec<Container>> {
        let filter = LabelFilter(vec![
            (labels::PROJECT.to_owned(), Some(self.project.clone())),
            (labels::SERVICE.to_owned(), Some(service.to_owned())),
        ]);
        let mut containers = engine.containers(&filter).await?;
        containers
            .retain(|container| !is_oneoff(container) && !matches!(container.state, State::Removing | State::Dead));
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(containers)
    }

    /// Carries files into all containers of a service; what went wrong.
    pub async fn transfer(&mut self, engine: &Engine, service: &str, transfer: Transfer) -> Vec<String> {
        let containers = match self.containers(engine, service).await {
            Ok(containers) => containers,
            Err(error) => return vec![error.to_string()],
        };
        let missed = self.since_build.get(service).cloned();
        self.remember(service, &transfer);
        let transfer = Arc::new(transfer);
        let mut problems = Vec::new();
        for container in containers {
            // One that somebody else has made meanwhile has had nothing of what came before.
            let all = missed.as_ref().filter(|_| !self.served.contains(&container.id));
            let all = all.map(|missed| Arc::new(merged(missed.clone(), &transfer)));
            problems.extend(self.serve(engine, &container, all.as_ref().unwrap_or(&transfer)).await);
            self.served.insert(container.id);
        }
        problems
    }

    /// Carries over what containers that were made anew of an old image lack; what went wrong.
    pub async fn catch_up(&mut self, engine: &Engine) -> Vec<String> {
        let mut problems = Vec::new();
        for (service, missed) in self.since_build.clone() {
            let missed = Arc::new(missed);
            let containers = match self.containers(engine, &service).await {
                Ok(containers) => containers,
                Err(error) => {
                    problems.push(error.to_string());
                    continue;
                }
            };
            for container in containers {
                if self.served.insert(container.id.clone()) {
                    problems.extend(self.serve(engine, &container, &missed).await);
                }
            }
        }
        problems
    }

    /// The image of a service is about to be built: it will hold what was carried over until now. What that was, for
    /// [`Sync::not_built`].
    pub fn building(&mut self, service: &str) -> Transfer {
        self.since_build.remove(service).unwrap_or_default()
    }

    /// The build has failed.
    pub fn not_built(&mut self, service: &str, before: Transfer) {
        if before.count() > 0 {
            let since = self.since_build.remove(service).unwrap_or_default();
            self.since_build.insert(service.to_owned(), merged(before, &since));
        }
    }

    fn remember(&mut self, service: &str, transfer: &Transfer) {
        let before = self.since_build.remove(service).unwrap_or_default();
        self.since_build.insert(service.to_owned(), merged(before, transfer));
    }

    async fn serve(&mut self, engine: &Engine, container: &Container, transfer: &Arc<Transfer>) -> Vec<String> {
        let mut problems = Vec::new();
        // Deletions first: a folder may stand where a file was.
        self.remove(engine, container, &transfer.delete, &mut problems).await;
        if !transfer.copy.is_empty() {
            self.copy(engine, container, transfer, &mut problems).await;
        }
        problems.into_iter().map(|problem| format!("{}: {problem}", container.name)).collect()
    }

    async fn copy(
        &mut self,
        engine: &Engine,
        container: &Container,
        transfer: &Arc<Transfer>,
        problems: &mut Vec<String>,
    ) {
        let owner = match self.owner(engine, &container.id).await {
            Ok(owner) => owner,
            // It has gone meanwhile: so have its files.
            Err(error) if error.kind == ErrorKind::NotFound => return,
            Err(error) => return problems.push(error.message),
        };
        let mut sent = upload(engine, container, Arc::clone(transfer), owner).await;
        if sent.is_err() {
            let fitting = fit(engine, container, transfer).await;
            if !fitting.replaced.is_empty() || !fitting.problems.is_empty() {
                problems.extend(fitting.problems);
                self.remove(engine, container, &fitting.replaced, problems).await;
                sent = upload(engine, container, Arc::new(fitting.transfer), owner).await;
            }
        }
        match sent {
            Ok(packed) => {
                problems.extend(packed.problems);
                let vanished = packed.vanished.into_iter().collect();
                self.remove(engine, container, &vanished, problems).await;
            }
            Err(problem) => problems.push(problem),
        }
    }

    async fn owner(&mut self, engine: &Engine, container: &str) -> crate::backend::Result<Owner> {
        if let Some(owner) = self.owners.get(container) {
            return Ok(*owner);
        }
        let user = engine.container(container).await?.user;
        let owner = owner::of(&**engine, container, &user).await?;
        self.owners.insert(container.to_owned(), owner);
        Ok(owner)
    }

    async fn remove(
        &self,
        engine: &Engine,
        container: &Container,
        paths: &BTreeSet<String>,
        problems: &mut Vec<String>,
    ) {
        let (paths, kept) = removable(paths, container);
        problems.extend(kept.into_iter().map(|path| {
            format!("`{path}` is not removed: a volume or another mount of the container is in it, or it is the root")
        }));
        if paths.is_empty() {
            return;
        }
        if container.state != State::Running {
            return problems.push(format!("it does not run: {} removed files stay in it", paths.len()));
        }
        for paths in pieces(&paths) {
            let command = ["rm", "-rf", "--"].into_iter().chain(paths).map(str::to_owned).collect();
            // Files came as root, whoever they belong to, and go as root.
            let spec = ExecSpec { command, user: "0:0".to_owned(), ..ExecSpec::default() };
            let mut said = Vec::new();
            match run::run(&**engine, &container.id, &spec, async |line| said.push(line.to_owned())).await {
                Ok(Some(0)) => {}
                Ok(code) => {
                    let code = code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
                    problems.push(format!("cannot remove files: `rm` ended with {code}: {}", said.join("; ")));
                }
                Err(error) if error.kind == ErrorKind::NotFound => return,
                Err(error) => {
                    problems.push(format!("cannot remove files with the container's `rm`: {}", error.message));
                }
            }
        }
    }
}

/// Packs the files of a transfer and unpacks them in a container, where folders stay folders.
async fn upload(
    engine: &Engine,
    container: &Container,
    transfer: Arc<Transfer>,
    owner: Owner,
) -> Result<archive::Packed, String> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let (upload, fault) = pipe::written(move |output| {
        let packed = archive::write(&transfer.copy, owner, output)?;
        // Whoever asked may have gone.
        let _ = tell.send(packed);
        Ok(())
    });
    let mut upload = upload.peekable();
    // Where nothing could be packed nothing is sent.
    if Pin::new(&mut upload).peek().await.is_some()
        && let Err(error) = engine.put_archive_stream(&container.id, "/", upload.boxed(), Unpack::Sparing).await
    {
        return Err(format!("cannot copy files: {}", fault.reason().unwrap_or(error.message)));
    }
    told.await.map_err(|_| "packing the files was cut off".to_owned())
}

/// What of a transfer a container can take.
struct Fitting {
    transfer: Transfer,
    /// Files in whose places folders come.
    replaced: BTreeSet<String>,
    problems: Vec<String>,
}

/// Looks up what stands in a container where files come. A folder that never came from here is nobody's to remove: what
/// would take its place is left out.
async fn fit(engine: &Engine, container: &Container, transfer: &Transfer) -> Fitting {
    let mut fitting = Fitting { transfer: transfer.clone(), replaced: BTreeSet::new(), problems: Vec::new() };
    for (place, path) in &transfer.copy {
        let Ok(comes) = tokio::fs::symlink_metadata(path).await else { continue };
        let Ok(there) = engine.path_info(&container.id, place).await else { continue };
        let stays = match (comes.is_dir(), there.kind) {
            (true, PathKind::Folder) | (false, PathKind::File | PathKind::Link | PathKind::Special) => continue,
            (true, PathKind::File) => {
                fitting.replaced.insert(place.clone());
                continue;
            }
            (false, PathKind::Folder) => {
                "a folder in the container, which stays; remove it, or give the rule another `target`"
            }
            (true, _) => "neither file nor folder in the container, and stays",
        };
        fitting.problems.push(format!("`{}` is not copied: `{place}` is {stays}", path.display()));
        fitting.transfer.copy.retain(|other, _| other != place && !is_inside(other, place));
    }
    fitting
}

fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// What is to be done of two transfers, one after the other.
fn merged(mut first: Transfer, then: &Transfer) -> Transfer {
    for place in &then.delete {
        let folder = format!("{place}/");
        let inside = first.copy.range(folder.clone()..).take_while(|(copied, _)| copied.starts_with(&folder));
        let inside: Vec<String> = inside.map(|(copied, _)| copied.clone()).collect();
        for copied in inside.iter().chain([place]) {
            first.copy.remove(copied);
        }
        first.delete.insert(place.clone());
    }
    for (place, path) in &then.copy {
        if !then.delete.contains(place) {
            first.delete.remove(place);
        }
        first.copy.insert(place.clone(), path.clone());
    }
    first
}

/// Paths that may be removed, without those inside others; and those that may not: `rm` would empty the volumes in them.
fn removable<'a>(paths: &'a BTreeSet<String>, container: &Container) -> (Vec<&'a str>, Vec<&'a str>) {
    let holds = |folder: &str, path: &str| {
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let (kept, good): (Vec<&str>, Vec<&str>) = paths.iter().map(String::as_str).partition(|path| {
        *path == "/" || container.mounts.iter().any(|mount| holds(path, mount.target.trim_end_matches('/')))
    });
    let all: BTreeSet<&str> = good.iter().copied().collect();
    let parents = |path: &'a str| path.match_indices('/').filter_map(move |(at, _)| path.get(..at));
    let outermost = good.into_iter().filter(|path| !parents(path).any(|parent| all.contains(parent)));
    (outermost.collect(), kept)
}

/// Parts of a list that fit on a command line.
fn pieces<'a>(paths: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut pieces: Vec<Vec<&str>> = Vec::new();
    let mut length = COMMAND_LINE;
    for path in paths {
        if length + path.len() + 1 > COMMAND_LINE {
            pieces.push(Vec::new());
            length = 0;
        }
        length += path.len() + 1;
        if let Some(piece) = pieces.last_mut() {
            piece.push(path);
        }
    }
    pieces
}
