//! Prometheus metrics under Traefik's names, so that dashboards made for it go on.
//!
//! Specification: Traefik v3 documentation, "Metrics: Prometheus"; Prometheus, "Text-based exposition format" 0.0.4. A request keeps a
//! [`Measure`](measure::Measure) that is counted when its answer is complete: atomic additions to counters of the worker's own. What
//! is read when somebody asks is the sum.

pub(crate) mod measure;
mod process;
mod series;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::HeaderName;

use crate::config::statics;
use crate::snapshot::Snapshot;
use crate::upstream::server::Server;

use series::{Grown, Scope};

/// The metrics of a gateway; off until somebody asks for them.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    registry: ArcSwapOption<Registry>,
    known: ArcSwap<Known>,
    /// Configurations put in force.
    reloads: AtomicU64,
    /// Seconds since 1970 of the last one.
    last_reload: AtomicU64,
}

/// What is told of the configuration in force.
#[derive(Debug, Default)]
struct Known {
    /// Servers that are checked, with their service.
    checked: Vec<(String, Arc<Server>)>,
    certificates: Vec<Certificate>,
}

/// A certificate that is served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Certificate {
    /// Common name.
    pub(crate) common_name: String,
    /// Serial number, decimal.
    pub(crate) serial: String,
    /// Alternative names, separated by commas.
    pub(crate) names: String,
    /// Seconds since 1970.
    pub(crate) not_after: i64,
}

/// What is counted, while metrics are on.
#[derive(Debug)]
pub(crate) struct Registry {
    options: Options,
    entry_points: Grown<String, Scope>,
    /// By name and service.
    routers: Grown<String, Scope>,
    services: Grown<String, Scope>,
    open: Grown<String, AtomicI64>,
}

/// Which of them are kept, and how.
#[derive(Debug, Clone, Default)]
struct Options {
    workers: usize,
    /// Upper bounds in seconds, ascending.
    buckets: Vec<f64>,
    entry_points: bool,
    routers: bool,
    services: bool,
    internals: bool,
    /// Labels of `requests_total` that are taken from headers.
    header_labels: Vec<(String, HeaderName)>,
}

impl Metrics {
    /// Switches metrics on as `options` say, or off. Nothing is forgotten while the options stay the same.
    pub(crate) fn set(&self, options: Option<&statics::Metrics>, workers: usize) {
        let prometheus = options.and_then(|options| Some((options, options.prometheus.as_ref()?)));
        let registry = prometheus.map(|(options, prometheus)| {
            Arc::new(Registry {
                options: Options::new(options, prometheus, workers),
                entry_points: Grown::default(),
                routers: Grown::default(),
                services: Grown::default(),
                open: Grown::default(),
            })
        });
        self.registry.store(registry);
    }

    /// What is counted, while metrics are on.
    pub(crate) fn registry(&self) -> Option<Arc<Registry>> {
        self.registry.load_full()
    }

    /// A configuration was put in force, another than before if it `differs`: what is counted of routers and services that are gone
    /// is forgotten.
    pub(crate) fn reloaded(&self, snapshot: &Snapshot, differs: bool) {
        if differs {
            self.reloads.fetch_add(1, Relaxed);
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.last_reload.store(now, Relaxed);
        let checked = snapshot
            .checks
            .iter()
            .flat_map(|check| check.servers().iter().map(|server| (check.service().to_owned(), Arc::clone(server))));
        let certificates: BTreeSet<Certificate> =
            snapshot.certificates.values().flatten().filter_map(|key| text::certificate(key)).collect();
        self.known
            .store(Arc::new(Known { checked: checked.collect(), certificates: certificates.into_iter().collect() }));
        if let Some(registry) = self.registry() {
            // Those to which nobody has connected are shown, too.
            snapshot.entry_points.iter().for_each(|name| drop(registry.opened(name)));
            let routers: BTreeSet<&str> = snapshot.routes.iter().flatten().map(|route| &*route.name).collect();
            registry.routers.retain(|name| routers.contains(name.as_str()));
            let services: BTreeSet<&str> = snapshot.servers.keys().map(|(service, ..)| service.as_str()).collect();
            registry.services.retain(|name| services.contains(name.as_str()));
        }
    }

    /// All of it, as Prometheus reads it.
    pub(crate) fn print(&self) -> String {
        let mut text = String::new();
        if let Some(registry) = self.registry() {
            text::print(
                &mut text,
                &registry,
                &self.known.load(),
                self.reloads.load(Relaxed),
                self.last_reload.load(Relaxed),
            );
        }
        process::print(&mut text);
        text
    }
}

impl Options {
    fn new(metrics: &statics::Metrics, prometheus: &statics::Prometheus, workers: usize) -> Self {
        let headers = prometheus.header_labels.iter();
        Self {
            workers: workers.max(1),
            buckets: prometheus.bounds(),
            entry_points: prometheus.add_entry_points_labels,
            routers: prometheus.add_routers_labels,
            services: prometheus.add_services_labels,
            internals: metrics.add_internals,
            header_labels: headers.filter_map(|(label, name)| Some((label.clone(), name.parse().ok()?))).collect(),
        }
    }
}

impl Registry {
    /// Counts a connection that was accepted until the returned value is dropped.
    pub(crate) fn opened(self: &Arc<Self>, entry_point: &str) -> Opened {
        let gauge = self.open.get_or_insert(entry_point, || entry_point.to_owned(), AtomicI64::default);
        gauge.fetch_add(1, Relaxed);
        Opened(gauge)
    }

    fn scope(&self, scopes: &Grown<String, Scope>, name: &str, service: Option<&str>) -> Arc<Scope> {
        scopes.get_or_insert(
            name,
            || name.to_owned(),
            || Scope::new(service, self.options.workers, self.options.buckets.len()),
        )
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Opened(Arc<AtomicI64>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
