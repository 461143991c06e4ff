//! Changes that wait for the quiet after them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::{Event, EventKind};

/// Changes are handed on when none came for this time, as Docker Compose does: an editor or a formatter saves many files
/// as one change.
pub const QUIET: Duration = Duration::from_millis(500);
/// Changes that never stop are handed on after this time at the latest.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Changed paths, each once.
#[derive(Debug, Default)]
pub struct Pending {
    /// By path: whether it was made since the last batch.
    paths: BTreeMap<PathBuf, bool>,
    /// Times of the first and the last change.
    times: Option<(Instant, Instant)>,
    lost: bool,
}

/// Changed paths that are looked at together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// By path: whether it was made since the last batch. One that was and is gone again is no change.
    pub paths: BTreeMap<PathBuf, bool>,
    /// Those of them that were folders before.
    pub folders: BTreeSet<PathBuf>,
    /// More has changed than is known: everything has to be looked at.
    pub lost: bool,
}

impl Pending {
    /// Notes an event, as far as `matters` wants its paths.
    pub fn note(&mut self, event: &Event, now: Instant, matters: impl Fn(&Path) -> bool) {
        if event.need_rescan() {
            self.lost(now);
            return;
        }
        if event.kind.is_access() {
            return;
        }
        let made = matches!(event.kind, EventKind::Create(_));
        for path in event.paths.iter().filter(|path| matters(path)) {
            self.paths.entry(path.clone()).or_insert(made);
            self.touch(now);
        }
    }

    /// Notes that events were lost.
    pub fn lost(&mut self, now: Instant) {
        self.lost = true;
        self.touch(now);
    }

    fn touch(&mut self, now: Instant) {
        let first = self.times.map_or(now, |(first, _)| first);
        self.times = Some((first, now));
    }

    /// When the changes so far are to be handed on; never without any.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.times.map(|(first, last)| (last + QUIET).min(first + PATIENCE))
    }

    /// All changes so far.
    pub fn take(&mut self) -> Changes {
        let Self { paths, lost, .. } = std::mem::take(self);
        Changes { paths, folders: BTreeSet::new(), lost }
    }
}
