//! Counters that are found and added to without a lock: maps that are replaced as a whole when they grow, which ends soon, and for
//! each worker counters of its own.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

/// A map that only grows, but for [`Grown::retain`].
#[derive(Debug)]
pub(super) struct Grown<K, V> {
    map: ArcSwap<HashMap<K, Arc<V>>>,
    /// Held while it is replaced.
    growing: Mutex<()>,
}

impl<K, V> Default for Grown<K, V> {
    fn default() -> Self {
        Self { map: ArcSwap::default(), growing: Mutex::default() }
    }
}

impl<K: Eq + Hash + Clone, V> Grown<K, V> {
    /// The value under `key`; made if there is none yet.
    pub(super) fn get_or_insert<Q>(&self, key: &Q, owned: impl FnOnce() -> K, make: impl FnOnce() -> V) -> Arc<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(found) = self.map.load().get(key) {
            return Arc::clone(found);
        }
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = HashMap::clone(&self.map.load());
        let value = Arc::clone(map.entry(owned()).or_insert_with(|| Arc::new(make())));
        self.map.store(Arc::new(map));
        value
    }

    /// Forgets what is not wanted any more.
    pub(super) fn retain(&self, wanted: impl Fn(&K) -> bool) {
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = HashMap::clone(&self.map.load());
        map.retain(|key, _| wanted(key));
        self.map.store(Arc::new(map));
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.map.load().len()
    }

    /// All of it, sorted.
    pub(super) fn sorted(&self) -> Vec<(K, Arc<V>)>
    where
        K: Ord,
    {
        let mut all: Vec<_> = self.map.load().iter().map(|(key, value)| (key.clone(), Arc::clone(value))).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }
}

/// What tells the requests of an entry point, a router or a service apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Kind {
    /// Status code; of gRPC where that is spoken.
    pub(super) code: u16,
    pub(super) method: &'static str,
    pub(super) protocol: &'static str,
}

/// What is counted of an entry point, a router or a service.
#[derive(Debug)]
pub(super) struct Scope {
    /// The service of a router.
    pub(super) service: Option<String>,
    pub(super) requests: Grown<Kind, Sharded>,
    /// By cipher suite, which has one version.
    pub(super) tls: Grown<String, (&'static str, AtomicU64)>,
    /// By what their headers say.
    pub(super) labelled: Grown<(Kind, Vec<String>), AtomicU64>,
    /// Requests that were tried again.
    pub(super) retries: AtomicU64,
    workers: usize,
    buckets: usize,
}

impl Scope {
    pub(super) fn new(service: Option<&str>, workers: usize, buckets: usize) -> Self {
        Self {
            service: service.map(str::to_owned),
            requests: Grown::default(),
            tls: Grown::default(),
            labelled: Grown::default(),
            retries: AtomicU64::new(0),
            workers,
            buckets,
        }
    }

    /// The counters for one kind of requests.
    pub(super) fn kind(&self, kind: Kind) -> Arc<Sharded> {
        self.requests.get_or_insert(&kind, || kind, || Sharded::new(self.workers, self.buckets))
    }
}

/// The counters of all workers.
#[derive(Debug)]
pub(super) struct Sharded(Box<[Shard]>);

/// The counters of one worker, on memory that no other one writes to.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    requests: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    nanoseconds: AtomicU64,
    buckets: Box<[AtomicU64]>,
}

/// A sum over all workers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) requests: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) nanoseconds: u64,
    /// Requests in each bucket alone.
    pub(super) buckets: Vec<u64>,
}

impl Sharded {
    fn new(workers: usize, buckets: usize) -> Self {
        let shard = || Shard {
            requests: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            buckets: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
        };
        Self((0..workers.max(1)).map(|_| shard()).collect())
    }

    /// Counts a request of `worker` with the bytes of its bodies; `bounds` are those of the buckets.
    pub(super) fn add(&self, worker: usize, took: Duration, received: u64, sent: u64, bounds: &[f64]) {
        let Some(shard) = self.0.get(worker % self.0.len().max(1)) else { return };
        shard.requests.fetch_add(1, Relaxed);
        shard.received.fetch_add(received, Relaxed);
        shard.sent.fetch_add(sent, Relaxed);
        shard.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        let seconds = took.as_secs_f64();
        if let Some(bucket) = bounds.iter().position(|bound| seconds <= *bound).and_then(|at| shard.buckets.get(at)) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    /// The sum.
    pub(super) fn total(&self) -> Total {
        let mut total = Total::default();
        for shard in &self.0 {
            total.requests += shard.requests.load(Relaxed);
            total.received += shard.received.load(Relaxed);
            total.sent += shard.sent.load(Relaxed);
            total.nanoseconds = total.nanoseconds.wrapping_add(shard.nanoseconds.load(Relaxed));
            total.buckets.resize(shard.buckets.len(), 0);
            for (sum, bucket) in total.buckets.iter_mut().zip(&shard.buckets) {
                *sum += bucket.load(Relaxed);
            }
        }
        total
    }
}
