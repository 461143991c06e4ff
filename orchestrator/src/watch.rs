//! Waiting for files to change.

use std::path::Path;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
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
}

impl FileWatch {
    /// A watch over nothing yet.
    ///
    /// # Errors
    /// The kernel's limit on watchers (`fs.inotify.max_user_instances`).
    pub fn new() -> notify::Result<Self> {
        // One waiting message says all there is to say.
        let (sender, changes) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            // Full: the reader will look anyway. Closed: nobody looks any more.
            let _ = sender.try_send(());
        })?;
        Ok(Self { watcher, changes })
    }

    /// Adds a folder and all that is in it. Watch folders rather than files: a replaced file is another file.
    ///
    /// # Errors
    /// A folder that is not there, or the kernel's limit on watches (`fs.inotify.max_user_watches`).
    pub fn add(&mut self, folder: &Path) -> notify::Result<()> {
        self.watcher.watch(folder, RecursiveMode::Recursive)
    }

    /// Waits for the next change, and for the quiet after it.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            return std::future::pending().await;
        }
        settle(&mut self.changes).await;
    }
}

/// Takes messages until none came for a moment.
pub async fn settle(messages: &mut mpsc::Receiver<()>) {
    let latest = Instant::now() + PATIENCE;
    while let Ok(Some(())) = timeout_at(latest.min(Instant::now() + QUIET), messages.recv()).await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_replaced_file_is_a_change() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mut watch = FileWatch::new()?;
        watch.add(folder.path())?;
        crate::edge::state::replace(&folder.path().join("deep/x"), b"1")?;
        tokio::time::timeout(Duration::from_secs(10), watch.changed()).await?;
        Ok(())
    }
}
