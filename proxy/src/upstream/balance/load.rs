//! How busy and how fast servers are, counted without locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::response_guard::ResponseGuard;
use crate::upstream::server::Server;

/// Answers whose times are averaged, as in Traefik.
const SAMPLES: usize = 100;

/// The times to the first byte of a server's last answers.
#[derive(Debug)]
pub(crate) struct Times {
    milliseconds: [AtomicU32; SAMPLES],
    sum: AtomicI64,
    taken: AtomicUsize,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            milliseconds: [const { AtomicU32::new(0) }; SAMPLES],
            sum: AtomicI64::new(0),
            taken: AtomicUsize::new(0),
        }
    }
}

impl Times {
    /// Notes that an answer took this long.
    pub(crate) fn note(&self, took: Duration) {
        let new = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        let at = self.taken.fetch_add(1, Relaxed) % SAMPLES;
        if let Some(place) = self.milliseconds.get(at) {
            let old = place.swap(new, Relaxed);
            self.sum.fetch_add(i64::from(new) - i64::from(old), Relaxed);
        }
    }

    /// The average in milliseconds; 0 before the first answer.
    pub(crate) fn average(&self) -> f64 {
        let count = self.taken.load(Relaxed).clamp(1, SAMPLES);
        // Others may be between exchanging a sample and correcting the sum.
        let sum = self.sum.load(Relaxed).max(0);
        #[expect(clippy::cast_precision_loss, reason = "a hundred numbers of 32 bits")]
        let average = sum as f64 / count as f64;
        average
    }
}

/// A request under way to a server, counted until the answer is complete.
#[derive(Debug)]
pub(crate) struct Load(Arc<Server>);

impl Load {
    /// One more for `server`.
    pub(crate) fn begin(server: &Arc<Server>) -> Self {
        server.in_flight.fetch_add(1, Relaxed);
        Self(Arc::clone(server))
    }
}

impl ResponseGuard for Load {}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_that_of_the_last_hundred() {
        let times = Times::default();
        assert!(times.average().abs() < f64::EPSILON);
        times.note(Duration::from_millis(300));
        times.note(Duration::from_micros(100_900));
        assert!((times.average() - 200.0).abs() < f64::EPSILON, "{}", times.average());
        for _ in 0..SAMPLES {
            times.note(Duration::from_millis(7));
        }
        assert!((times.average() - 7.0).abs() < f64::EPSILON, "{}", times.average());
    }
}
