//! A worker: one thread, one runtime, its own listeners and its own connections to servers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::HeaderValue;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::observe::access_log::AccessLog;
use crate::snapshot::View;

/// Requests that may wait for a server at once; more are answered without waiting.
const MOST_WAITING: usize = 10_000;

/// Caps on connections, so that one client or a flood cannot take all of the process's memory and descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once, over all entry points.
    pub total: usize,
    /// Connections at once from one address (IPv6: one /64).
    pub per_address: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { total: 65_536, per_address: 4_096 }
    }
}

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// This machine's name, for `X-Forwarded-Server`.
    pub(crate) hostname: HeaderValue,
    /// Whether answers of our own say why in a header.
    pub(crate) mark_errors: bool,
    /// Where finished requests are reported.
    pub(crate) access_log: ArcSwapOption<AccessLog>,
    limits: ConnectionLimits,
    /// How long a request may wait for a server that takes it.
    patience: Duration,
    /// Counts configurations, for those that wait for another one.
    configurations: watch::Sender<u64>,
    waiting: AtomicUsize,
    open: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Shared {
    /// Shared state with nothing open.
    pub(crate) fn new(
        hostname: HeaderValue,
        mark_errors: bool,
        access_log: Option<AccessLog>,
        limits: ConnectionLimits,
        patience: Duration,
    ) -> Self {
        Self {
            hostname,
            mark_errors,
            access_log: ArcSwapOption::from_pointee(access_log),
            limits,
            patience,
            configurations: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            by_address: Mutex::default(),
        }
    }

    /// Wakes requests that wait for another configuration.
    pub(crate) fn configured(&self) {
        self.configurations.send_modify(|count| *count += 1);
    }

    /// A place among the requests that wait for a server; none where requests do not wait, or too many do.
    pub(crate) fn wait(self: &Arc<Self>) -> Option<Waiting> {
        if self.patience.is_zero() {
            return None;
        }
        let waiting = Waiting {
            until: Instant::now() + self.patience,
            configurations: self.configurations.subscribe(),
            shared: Arc::clone(self),
        };
        (self.waiting.fetch_add(1, Relaxed) < MOST_WAITING).then_some(waiting)
    }

    /// A place for a connection from `peer`, or `None` when there are too many.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = network(peer);
        if self.open.fetch_add(1, Relaxed) >= self.limits.total {
            self.open.fetch_sub(1, Relaxed);
            return None;
        }
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(peer).or_insert(0);
        if *count >= self.limits.per_address {
            self.open.fetch_sub(1, Relaxed);
            return None;
        }
        *count += 1;
        Some(Place { shared: Arc::clone(self), peer })
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }
}

/// A request that waits for a server.
#[derive(Debug)]
pub(crate) struct Waiting {
    until: Instant,
    configurations: watch::Receiver<u64>,
    shared: Arc<Shared>,
}

impl Waiting {
    /// Waits for another configuration, for a time at most; false once it has waited long enough.
    pub(crate) async fn changed_or(&mut self, pause: Duration) -> bool {
        let now = Instant::now();
        if now >= self.until {
            return false;
        }
        // A gateway that goes away configures nothing any more; the pause is waited for all the same.
        let _ = tokio::time::timeout_at(self.until.min(now + pause), self.configurations.changed()).await;
        true
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.waiting.fetch_sub(1, Relaxed);
    }
}

/// One client commands a whole /64 of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

/// A connection's place among those that are open; given up when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    shared: Arc<Shared>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Relaxed);
        let mut by_address = self.shared.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.peer);
            }
        }
    }
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    /// What all workers share.
    pub(crate) shared: Arc<Shared>,
    /// The configuration in force, with this worker's pools. Its own, so that counting references to it does not
    /// bounce between processors.
    pub(crate) view: ArcSwap<View>,
    /// Connections and tunnels under way.
    pub(crate) tasks: TaskTracker,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn connections_are_capped_in_total_and_by_address() {
        let shared = Arc::new(Shared::new(
            HeaderValue::from_static("h"),
            false,
            None,
            ConnectionLimits { total: 3, per_address: 2 },
            Duration::ZERO,
        ));
        let (one, two): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::ffff".parse().unwrap());
        let places: Vec<_> = [one, two].into_iter().map(|ip| shared.admit(ip).unwrap()).collect();
        assert!(shared.admit(one).is_none());
        let other = shared.admit("10.0.0.1".parse().unwrap()).unwrap();
        assert!(shared.admit("10.0.0.2".parse().unwrap()).is_none());
        drop(places);
        assert_eq!(shared.open(), 1);
        assert!(shared.admit("::ffff:10.0.0.1".parse().unwrap()).is_some());
        drop(other);
        assert_eq!(shared.open(), 0);
    }
}
