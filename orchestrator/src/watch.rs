//! Waiting for files to change.

mod configuration;
pub mod limits;
#[cfg(test)]
mod tests;

pub use configuration::ConfigurationFiles;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{CreateKind, ModifyKind, RemoveKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Changes that come within this time of each other count as one: editors and `certbot` touch a file several times.
const QUIET: Duration = Duration::from_millis(50);
/// Changes that never stop are handed on after this time at the latest.
const PATIENCE: Duration = Duration::from_millis(500);

/// Watches folders and tells that something in them has changed; what, its reader finds out by looking.
#[derive(Debug)]
pub struct FileWatch {
    watcher: RecommendedWatcher,
    changes: mpsc::Receiver<()>,
    /// A change has come that nobody has been told of.
    untold: bool,
    /// The folders that are watched with all that is in them.
    whole: Vec<PathBuf>,
    /// Those that are watched the folders in them.
    flat: BTreeSet<PathBuf>,
}

impl FileWatch {
    /// A watch over nothing yet. `matters` says of an absolute path whether a change of that file is worth a look; it is
    /// called on a thread of the watch. Renames always are: a folder or a link may have been replaced by another one.
    ///
    /// # Errors
    /// The kernel's limit on watchers (`fs.inotify.max_user_instances`).
    pub fn new(matters: impl Fn(&Path) -> bool + Send + 'static) -> notify::Result<Self> {
        // One waiting message says all there is to say.
        let (sender, changes) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| !counts(&event, &matters)) {
                return;
            }
            // Full: the reader will look anyway. Closed: nobody looks any more.
            let _ = sender.try_send(());
        })?;
        Ok(Self { watcher, changes, untold: false, whole: Vec::new(), flat: BTreeSet::new() })
    }

    /// Adds a folder and all that is in it. Watch folders rather than files: a replaced file is another file.
    ///
    /// # Errors
    /// A folder that is not there, or the kernel's limit on watches (`fs.inotify.max_user_watches`).
    pub fn add(&mut self, folder: &Path) -> notify::Result<()> {
        self.watcher.watch(folder, RecursiveMode::Recursive)?;
        self.whole.push(std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
        Ok(())
    }

    /// Adds a folder without the folders in it, as [`FileWatch::add`]; nothing happens where that was done already.
    ///
    /// # Errors
    /// As there.
    pub fn add_flat(&mut self, folder: &Path) -> notify::Result<()> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        if self.flat.contains(&folder) || self.whole.iter().any(|whole| folder.starts_with(whole)) {
            return Ok(());
        }
        self.watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        self.flat.insert(folder);
        Ok(())
    }

    /// Waits for the next change, and for the quiet after it. Where the wait is broken off, the next one tells of it.
    pub async fn changed(&mut self) {
        if !self.untold && self.changes.recv().await.is_none() {
            return std::future::pending().await;
        }
        self.untold = true;
        settle(&mut self.changes).await;
        self.untold = false;
    }
}

/// Whether an event is worth a look. One without a path says that events were lost.
fn counts(event: &Event, matters: &impl Fn(&Path) -> bool) -> bool {
    if event.need_rescan() || event.paths.is_empty() {
        return true;
    }
    match event.kind {
        EventKind::Access(_) => false,
        EventKind::Modify(ModifyKind::Name(_))
        | EventKind::Create(CreateKind::Folder)
        | EventKind::Remove(RemoveKind::Folder) => true,
        _ => event.paths.iter().any(|path| matters(path)),
    }
}

/// Takes messages until none came for a moment.
pub async fn settle(messages: &mut mpsc::Receiver<()>) {
    let latest = Instant::now() + PATIENCE;
    while let Ok(Some(())) = timeout_at(latest.min(Instant::now() + QUIET), messages.recv()).await {}
}
