//! A watch over the folders of rules and over the files of a project, on a thread of its own.
//!
//! Folders are watched one by one rather than as trees, so that those whose files no rule wants (`.git`, `node_modules`
//! under `ignore`) cost neither watches nor wake-ups. A new folder is looked through when its batch is due, after its
//! watch has begun: what came to be in it before that is seen by looking, what comes later by its event.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use notify::{ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc as channel, oneshot};

use super::batch::Batch;
use super::pending::{Changes, Pending};
use super::rule::Rule;
use crate::error::{CommandError, Result};
use crate::watch::limits::explained;

/// What is watched.
#[derive(Debug, Default)]
pub struct Subject {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Files that the project is made of; absolute.
    pub files: BTreeSet<PathBuf>,
}

impl Subject {
    /// Whether a change of a path may matter.
    fn matters(&self, path: &Path) -> bool {
        self.files.contains(path) || self.rules.iter().any(|rule| rule.path.starts_with(path) || !rule.shuns(path))
    }
}

/// What has changed.
#[derive(Debug, Default)]
pub struct Told {
    /// What the rules make of it.
    pub batch: Batch,
    /// Files of the project are among it.
    pub files: bool,
}

enum Message {
    Event(notify::Result<Event>),
    /// The next batch is wanted.
    Ready,
    /// Something else is to be watched; answered once it is.
    Subject(Arc<Subject>, oneshot::Sender<()>),
    Stop,
}

/// The watch. Dropping it ends it.
#[derive(Debug)]
pub struct TreeWatch {
    messages: Sender<Message>,
    told: channel::Receiver<Told>,
}

impl Drop for TreeWatch {
    fn drop(&mut self) {
        // The thread is gone already: then there is nothing to end.
        let _ = self.messages.send(Message::Stop);
    }
}

impl TreeWatch {
    /// Begins. Walks the folders: blocks.
    ///
    /// # Errors
    /// A folder that cannot be watched; the kernel's limits, with their mends.
    pub fn start(subject: Arc<Subject>) -> Result<Self> {
        let (messages, received) = mpsc::channel();
        let events = messages.clone();
        let watcher = notify::recommended_watcher(move |event| {
            // The thread has ended: nobody looks any more.
            let _ = events.send(Message::Event(event));
        });
        let first = subject.rules.first().map(|rule| rule.path.clone()).unwrap_or_default();
        let watcher = watcher.map_err(|error| explained(&first, &error))?;
        let mut watched = Watched { watcher, subject, folders: BTreeSet::new(), problems: Vec::new() };
        watched.everything();
        if !watched.problems.is_empty() {
            return Err(watched.problems.swap_remove(0));
        }
        let (tell, told) = channel::channel(1);
        std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || watched.run(&received, &tell))
            .map_err(|error| CommandError::new(format!("cannot start a thread: {error}")))?;
        Ok(Self { messages, told })
    }

    /// Waits for changes and for the quiet after them. Changes that come while nobody waits are kept, each path once.
    pub async fn next(&mut self) -> Told {
        let _ = self.messages.send(Message::Ready);
        match self.told.recv().await {
            Some(told) => told,
            // The thread ends only with this handle.
            None => std::future::pending().await,
        }
    }

    /// Watches something else. When this returns, whatever changes from now on is seen.
    pub async fn turn_to(&self, subject: Arc<Subject>) {
        let (done, turned) = oneshot::channel();
        let _ = self.messages.send(Message::Subject(subject, done));
        // The thread ends only with this handle.
        let _ = turned.await;
    }
}

/// The thread's own.
struct Watched {
    watcher: RecommendedWatcher,
    subject: Arc<Subject>,
    folders: BTreeSet<PathBuf>,
    problems: Vec<CommandError>,
}

impl Watched {
    fn run(mut self, messages: &Receiver<Message>, tell: &channel::Sender<Told>) {
        let mut pending = Pending::default();
        let mut ready = false;
        loop {
            let message = match pending.due().filter(|_| ready) {
                Some(due) => messages.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Event(Ok(event))) => {
                    pending.note(&event, Instant::now(), |path| self.subject.matters(path));
                }
                // What it was about is not known.
                Ok(Message::Event(Err(_))) => pending.lost(Instant::now()),
                Ok(Message::Ready) => ready = true,
                Ok(Message::Subject(subject, done)) => {
                    self.subject = subject;
                    self.everything();
                    // Whoever asked may have gone away.
                    let _ = done.send(());
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let told = self.tell(pending.take());
                    if told.files || told.batch != Batch::default() {
                        ready = false;
                        if tell.blocking_send(told).is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }

    fn tell(&mut self, mut changes: Changes) -> Told {
        self.follow(&mut changes);
        let mut batch = Batch::of(&self.subject.rules, &changes);
        let problems = std::mem::take(&mut self.problems);
        batch.problems.extend(problems.into_iter().map(|problem| {
            let hints: String = problem.hints.iter().map(|hint| format!("; {hint}")).collect();
            format!("{}{hints}", problem.message)
        }));
        let known = &self.subject.files;
        let files = (changes.lost && !known.is_empty()) || changes.paths.keys().any(|path| known.contains(path));
        Told { batch, files }
    }

    /// Ends watches over folders that are gone, and begins those over folders that are new.
    fn follow(&mut self, changes: &mut Changes) {
        if changes.lost {
            self.everything();
        }
        let subject = Arc::clone(&self.subject);
        let mut appeared = BTreeSet::new();
        for path in changes.paths.keys() {
            if !fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() || found.is_symlink()) {
                if self.folders.contains(path) {
                    changes.folders.insert(path.clone());
                }
                self.forget(path);
            } else if subject.rules.iter().any(|rule| !rule.shuns(path)) {
                self.tree(path);
            }
            for rule in subject.rules.iter().filter(|rule| rule.path.starts_with(path)) {
                let known = self.folders.contains(&rule.path);
                self.root(&rule.path);
                if !known && rule.path.exists() {
                    appeared.insert(rule.path.clone());
                }
            }
        }
        for path in appeared {
            changes.paths.entry(path).or_insert(true);
        }
    }

    fn everything(&mut self) {
        let subject = Arc::clone(&self.subject);
        for rule in &subject.rules {
            self.root(&rule.path);
        }
        for folder in subject.files.iter().filter_map(|file| file.parent()) {
            self.folder(folder);
        }
    }

    /// The path of a rule: a tree, a file, or something that is not there yet. What it is in is watched too, to see it
    /// come and go.
    fn root(&mut self, path: &Path) {
        if let Some(there) = path.ancestors().skip(1).find(|parent| parent.is_dir()) {
            self.folder(there);
        }
        if path.is_dir() {
            self.tree(path);
        }
    }

    fn tree(&mut self, top: &Path) {
        let subject = Arc::clone(&self.subject);
        let mut folders = vec![top.to_owned()];
        while let Some(folder) = folders.pop() {
            if subject.rules.iter().all(|rule| rule.shuns(&folder)) || !self.folder(&folder) {
                continue;
            }
            // One that is gone already, or cannot be read, tells so when it is copied.
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.filter_map(std::result::Result::ok) {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                }
            }
        }
    }

    /// One folder, without those in it; whether it is watched.
    fn folder(&mut self, path: &Path) -> bool {
        match self.watcher.watch(path, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.folders.insert(path.to_owned());
                true
            }
            Err(error) if is_gone(&error) => false,
            Err(error) => {
                // One word about a limit is enough: whatever comes after meets it as well.
                let problem = explained(path, &error);
                if self.problems.is_empty() {
                    self.problems.push(problem);
                }
                false
            }
        }
    }

    /// Ends the watches over a folder that is gone, and over those in it: after a move they would tell of it by its old
    /// name.
    fn forget(&mut self, path: &Path) {
        let inside = self.folders.range(path.to_owned()..).take_while(|folder| folder.starts_with(path));
        let gone: Vec<PathBuf> = inside.cloned().collect();
        for folder in gone {
            // The kernel has ended it already where the folder was removed.
            let _ = self.watcher.unwatch(&folder);
            self.folders.remove(&folder);
        }
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(io) => matches!(io.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory),
        _ => false,
    }
}
