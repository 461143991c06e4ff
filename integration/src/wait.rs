//! Waiting for a condition of a system that tells nobody when it comes true.

use std::thread;
use std::time::{Duration, Instant};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `look` gives a value, at most `limit`.
pub fn holds_within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(PAUSE);
    }
}

/// As [`holds_within`] with a minute, which is much on a busy machine; fails naming what did not come.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    holds_within(Duration::from_secs(60), look).unwrap_or_else(|| panic!("still not so after a minute: {what}"))
}
