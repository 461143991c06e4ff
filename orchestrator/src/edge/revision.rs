//! Revisions of what a project asks for: each is later than the one before, in order of text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A revision that is later than `before`, in order of text; the time also tells people when it was.
pub(super) fn new_revision(before: Option<&str>) -> String {
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
