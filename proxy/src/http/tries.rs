//! How often a request is tried, and how long after each other: what the `retry` middleware allows for.

use std::time::{Duration, Instant};

use crate::chance;

/// The tries of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tries {
    allowed: Allowed,
    made: u32,
    first: Instant,
    last: Instant,
}

/// What is allowed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Tries altogether.
    pub(crate) tries: u32,
    /// About the first pause; zero means none at all.
    pub(crate) interval: Duration,
    /// No try follows one that begins later than this after the first; zero means no limit.
    pub(crate) time: Duration,
}

impl Tries {
    /// The first begins now.
    pub(crate) fn new(allowed: Allowed) -> Self {
        let now = Instant::now();
        Self { allowed, made: 1, first: now, last: now }
    }

    /// The pause before another try, if one may follow.
    pub(crate) fn next(&self) -> Option<Duration> {
        let Allowed { tries, interval, time } = self.allowed;
        let late = !time.is_zero() && self.last - self.first >= time;
        (self.made < tries && !late).then(|| pause(interval, self.made, tries, chance::fraction()))
    }

    /// Another begins now.
    pub(crate) fn begin(&mut self) {
        self.made += 1;
        self.last = Instant::now();
    }

    /// Counts those that were made of the same request elsewhere.
    pub(crate) fn count(&mut self, others: Self) {
        (self.made, self.last) = (others.made, others.last);
    }
}

/// The pause behind the `made`th of `tries`. As in Traefik they grow evenly, so that the last would be twice the first, and each
/// is half as long to half again as long, as `chance` has it (0 to 1): clients that failed together do not come back together.
fn pause(interval: Duration, made: u32, tries: u32, chance: f64) -> Duration {
    let grown = f64::from(made.saturating_sub(1)) / f64::from(tries.saturating_sub(1).max(1));
    interval.mul_f64(grown.exp2() * (0.5 + chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn allowed(tries: u32, interval: u64, time: u64) -> Allowed {
        Allowed { tries, interval: Duration::from_millis(interval), time: Duration::from_millis(time) }
    }

    #[test]
    fn pauses_grow_to_twice_the_first() {
        let pause = |made, chance| pause(Duration::from_millis(100), made, 5, chance).as_millis();
        assert_eq!([1, 2, 3, 4].map(|made| pause(made, 0.5)), [100, 118, 141, 168]);
        assert_eq!((pause(1, 0.0), pause(1, 1.0)), (50, 150));
    }

    #[test]
    fn tries_are_counted_and_have_their_time() {
        let mut tries = Tries::new(allowed(2, 0, 0));
        assert_eq!(tries.next(), Some(Duration::ZERO));
        tries.begin();
        assert_eq!(tries.next(), None);

        let mut tries = Tries::new(allowed(9, 0, 5));
        assert!(tries.next().is_some(), "the first is always in time");
        tries.last += Duration::from_millis(5);
        assert_eq!(tries.next(), None);

        let mut whole = Tries::new(allowed(2, 0, 0));
        let mut part = whole;
        part.begin();
        whole.count(part);
        assert_eq!(whole.next(), None);
    }
}
