//! Passive health checks: servers that fail real requests are left alone for a while.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::config::dynamic::PassiveHealthCheck as Config;
use crate::upstream::server::{Server, now};

/// Most failures that are remembered of a server.
const MOST: i64 = 4096;

/// What counts as too many failures.
#[derive(Debug)]
pub(crate) struct Passive {
    /// Milliseconds within which failures count, and for which a server is left alone.
    window: u64,
    /// Whether a health check of another kind finds out when a server is well again.
    checked: bool,
    failures: Vec<Failures>,
}

/// The last failures of one server: a ring of moments, and where it stood when the server last did well.
#[derive(Debug)]
struct Failures {
    moments: Vec<AtomicU64>,
    count: AtomicUsize,
    forgiven: AtomicUsize,
}

impl Passive {
    /// For so many servers; `checked` is whether they have an active health check, too.
    pub(crate) fn new(config: &Config, servers: usize, checked: bool) -> Self {
        let most = usize::try_from(config.max_failed_attempts.clamp(1, MOST)).unwrap_or(1);
        let failures = || Failures {
            moments: (0..most).map(|_| AtomicU64::new(0)).collect(),
            count: AtomicUsize::new(0),
            forgiven: AtomicUsize::new(0),
        };
        Self {
            window: u64::try_from(config.failure_window.to_std().as_millis()).unwrap_or(u64::MAX),
            checked,
            failures: (0..servers).map(|_| failures()).collect(),
        }
    }

    /// The server with this index has answered, other than with an error of its own.
    pub(crate) fn succeeded(&self, index: usize) {
        if let Some(failures) = self.failures.get(index) {
            let count = failures.count.load(Relaxed);
            if failures.forgiven.load(Relaxed) != count {
                failures.forgiven.store(count, Relaxed);
            }
        }
    }

    /// The server with this index has not answered, or with an error of its own. True when it is left alone from now on.
    pub(crate) fn failed(&self, index: usize, server: &Server) -> bool {
        let Some(failures) = self.failures.get(index) else { return false };
        let now = now().max(1);
        let number = failures.count.fetch_add(1, Relaxed);
        let place = |number: usize| failures.moments.get(number % failures.moments.len().max(1));
        if let Some(moment) = place(number) {
            moment.store(now, Relaxed);
        }
        let many = number.wrapping_add(1).wrapping_sub(failures.forgiven.load(Relaxed)) >= failures.moments.len();
        // The place after the newest is the oldest of those that make too many.
        let oldest = place(number.wrapping_add(1)).map_or(0, |moment| moment.load(Relaxed));
        if !many || oldest == 0 || now - oldest.min(now) >= self.window.max(1) {
            return false;
        }
        if self.checked { server.set_healthy(false) } else { server.leave_alone_until(now.saturating_add(self.window)) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::config::duration::GoDuration;

    fn server() -> Server {
        Server::new("http://127.0.0.1:1", false).unwrap()
    }

    fn config(max_failed_attempts: i64, window: i64) -> Config {
        Config { max_failed_attempts, failure_window: GoDuration::from_millis(window) }
    }

    #[test]
    fn failures_in_a_row_take_a_server_out_for_a_while() {
        let (server, passive) = (server(), Passive::new(&config(2, 60_000), 1, false));
        assert!(!passive.failed(0, &server));
        passive.succeeded(0);
        assert!(!passive.failed(0, &server) && server.is_healthy());
        assert!(passive.failed(0, &server) && !server.is_healthy());
        assert!(!passive.failed(0, &server), "it is out already");
        let short = Passive::new(&config(1, 1), 1, false);
        let other = self::server();
        assert!(short.failed(0, &other));
        while !other.is_healthy() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn an_active_check_says_when_it_is_back() {
        let (server, passive) = (server(), Passive::new(&config(1, 1), 1, true));
        assert!(passive.failed(0, &server));
        let until = now() + 3;
        while now() < until {
            assert!(!server.is_healthy());
        }
        server.set_healthy(true);
        assert!(server.is_healthy());
    }
}
