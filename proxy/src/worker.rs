//! A worker: one thread, one runtime, its own listeners and its own connections to servers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::{HeaderValue, Response};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::acme::challenges::Challenges;
use crate::http::body::Body;
use crate::http::error_response::Reason;
use crate::observe::access_log::AccessLog;
use crate::observe::metrics::{Metrics, Opened};
use crate::observe::quota::Quota;
use crate::observe::trace::Tracer;
use crate::snapshot::View;

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
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Where traces go.
    pub(crate) tracer: ArcSwapOption<Tracer>,
    /// How long a request that finds no server waits for one.
    pub(crate) wait_for_server: Duration,
    /// Answers to challenges of certificate authorities.
    pub(crate) challenges: Arc<Challenges>,
    limits: ConnectionLimits,
    open: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Shared {
    /// Shared state with nothing open.
    pub(crate) fn new(
        hostname: HeaderValue,
        mark_errors: bool,
        access_log: Option<AccessLog>,
        wait_for_server: Duration,
        limits: ConnectionLimits,
    ) -> Self {
        Self {
            hostname,
            mark_errors,
            access_log: ArcSwapOption::from_pointee(access_log),
            metrics: Arc::default(),
            tracer: ArcSwapOption::empty(),
            wait_for_server,
            challenges: Arc::default(),
            limits,
            open: AtomicUsize::new(0),
            by_address: Mutex::default(),
        }
    }

    /// A place for a connection from `peer`, or `None` when there are too many. Those of a balancer that speaks for its clients
    /// (`None`) count in all only.
    pub(crate) fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<ConnectionPermit> {
        if self.open.fetch_add(1, Relaxed) >= self.limits.total {
            self.open.fetch_sub(1, Relaxed);
            return None;
        }
        let Some(peer) = peer.map(network) else {
            return Some(ConnectionPermit { shared: Arc::clone(self), peer: None });
        };
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(peer).or_insert(0);
        if *count >= self.limits.per_address {
            self.open.fetch_sub(1, Relaxed);
            return None;
        }
        *count += 1;
        Some(ConnectionPermit { shared: Arc::clone(self), peer: Some(peer) })
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Relaxed)
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
pub(crate) struct ConnectionPermit {
    shared: Arc<Shared>,
    peer: Option<IpAddr>,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Relaxed);
        let Some(peer) = &self.peer else { return };
        let mut by_address = self.shared.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(peer) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(peer);
            }
        }
    }
}

/// That a connection is open: its place, and its count in the metrics where there are any. Both are given up with the last
/// clone, which a tunnel keeps that the connection became.
#[derive(Debug, Clone)]
pub(crate) struct Open(
    #[expect(dead_code, reason = "it is there to be dropped")] Arc<(ConnectionPermit, Option<Opened>)>,
);

impl Open {
    pub(crate) fn new(place: ConnectionPermit, counted: Option<Opened>) -> Self {
        Self(Arc::new((place, counted)))
    }
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Which of them it is.
    pub(crate) number: usize,
    /// What all workers share.
    pub(crate) shared: Arc<Shared>,
    /// The configuration in force, with this worker's pools. Its own, so that counting references to it does not
    /// bounce between processors.
    pub(crate) view: ArcSwap<View>,
    /// Told when another configuration is in force.
    pub(crate) changed: Notify,
    /// Lines about requests that no router takes.
    pub(crate) unrouted_lines: Quota,
    /// Lines about requests that no server answers.
    pub(crate) unanswered_lines: Quota,
    /// Requests that wait for a server.
    pub(crate) waiting: AtomicUsize,
    /// Copies of requests under way.
    pub(crate) copying: AtomicUsize,
    /// Connections and tunnels under way.
    pub(crate) tasks: TaskTracker,
}

impl Worker {
    /// An answer of the gateway's own. It names the reason in a header where [`Shared::mark_errors`] asks for that.
    pub(crate) fn refusal(&self, reason: Reason) -> Response<Body> {
        if self.shared.mark_errors { reason.marked_response() } else { reason.response() }
    }
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
            Duration::ZERO,
            ConnectionLimits { total: 3, per_address: 2 },
        ));
        let (one, two): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::ffff".parse().unwrap());
        let places: Vec<_> = [one, two].into_iter().map(|ip| shared.admit(Some(ip)).unwrap()).collect();
        assert!(shared.admit(Some(one)).is_none());
        let other = shared.admit("10.0.0.1".parse().ok()).unwrap();
        assert!(shared.admit("10.0.0.2".parse().ok()).is_none() && shared.admit(None).is_none());
        drop(places);
        assert_eq!(shared.open(), 1);
        assert!(shared.admit("::ffff:10.0.0.1".parse().ok()).is_some() && shared.admit(None).is_some());
        drop(other);
        assert_eq!(shared.open(), 0);
    }
}
