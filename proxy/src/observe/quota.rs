//! So many lines of a kind a second in the log, and no more: a flood of requests must not become one of lines.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Lines of one kind that one worker may write in a second.
const LINES: u64 = 10;

/// The lines of one kind, of one worker.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    /// The second that is counted, since the first call of all.
    second: AtomicU64,
    /// Lines asked for in it.
    used: AtomicU64,
    /// Lines left out since the last one that was written.
    left_out: AtomicU64,
}

impl Quota {
    /// Whether a line may be written: how many were left out before it, or `None` where it is to be left out too.
    pub(crate) fn take(&self) -> Option<u64> {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        self.take_at(START.elapsed().as_secs())
    }

    fn take_at(&self, second: u64) -> Option<u64> {
        if self.second.swap(second, Relaxed) != second {
            self.used.store(0, Relaxed);
        }
        if self.used.fetch_add(1, Relaxed) < LINES {
            return Some(self.left_out.swap(0, Relaxed));
        }
        self.left_out.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted_and_left_out() {
        let quota = Quota::default();
        let written = (0..50).filter(|_| quota.take_at(7) == Some(0)).count();
        assert_eq!(written, 10);
        assert_eq!(quota.take_at(8), Some(40));
        assert_eq!(quota.take_at(8), Some(0));
    }
}
