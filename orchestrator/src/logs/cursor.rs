//! Where the reading of one log stands, so that it can be taken up again.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::backend::LogRecord;

/// Two streams of one process are written down by two writers: their records may be this far out of order.
const DISORDER: i128 = 100_000_000;

/// What has been read, as times in nanoseconds since the epoch.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    latest: Option<i128>,
    /// Nothing before this is wanted.
    floor: Option<i128>,
    /// Records within the disorder of the latest one.
    recent: VecDeque<(i128, u64)>,
    /// Records that come again after the reading was taken up, and how often.
    repeated: HashMap<(i128, u64), usize>,
}

/// Nanoseconds of a time in RFC 3339.
pub(super) fn nanoseconds(time: &str) -> Option<i128> {
    time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_nanosecond)
}

fn fingerprint(record: &LogRecord) -> u64 {
    let mut hasher = DefaultHasher::new();
    record.bytes.hash(&mut hasher);
    (record.stream == crate::backend::Stream::Stderr).hash(&mut hasher);
    hasher.finish()
}

impl Cursor {
    /// Nothing before `since` is wanted.
    pub(super) fn starting(since: Option<&str>) -> Self {
        Self { floor: since.and_then(nanoseconds), ..Self::default() }
    }

    /// Nothing up to this record is wanted, nor the record itself.
    pub(super) fn skip_through(&mut self, record: &LogRecord) {
        self.latest = nanoseconds(&record.time);
        self.floor = self.latest.map(|time| time + 1);
    }

    /// Nothing before this record is wanted: it is the first that was asked for.
    pub(super) fn skip_before(&mut self, record: &LogRecord) {
        self.floor = self.floor.max(nanoseconds(&record.time));
    }

    /// From when to read on, RFC 3339; the records since then come again and are left out by [`Self::admits`].
    pub(super) fn resume(&mut self) -> Option<String> {
        self.repeated.clear();
        for key in &self.recent {
            *self.repeated.entry(*key).or_default() += 1;
        }
        let from = self.latest.map(|latest| latest - DISORDER).max(self.floor)?;
        jiff::Timestamp::from_nanosecond(from).ok().map(|time| format!("{time:.9}"))
    }

    /// Whether a record is new; it counts as read.
    pub(super) fn admits(&mut self, record: &LogRecord) -> bool {
        // Without times nothing can come twice: such a log cannot be read from the past.
        let Some(time) = nanoseconds(&record.time) else { return true };
        if self.floor.is_some_and(|floor| time < floor) {
            return false;
        }
        let key = (time, fingerprint(record));
        if let Some(left) = self.repeated.get_mut(&key)
            && *left > 0
        {
            *left -= 1;
            return false;
        }
        let latest = self.latest.map_or(time, |latest| latest.max(time));
        self.latest = Some(latest);
        self.recent.push_back(key);
        while self.recent.front().is_some_and(|(oldest, _)| *oldest < latest - DISORDER) {
            self.recent.pop_front();
        }
        true
    }
}
