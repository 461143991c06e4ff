//! Looking into a gateway: what is routed where and how that is, and why a request is answered as it is.
//!
//! An [`Inspector`] looks at what is in force and asks the same table that requests ask, so that it tells what happens, not what
//! somebody thinks should happen. Nothing here is on the path of a request but `near`, for a line in the log.

pub mod certificate;
pub mod explanation;
pub(crate) mod near;
pub mod question;
pub mod report;
pub mod service;
mod walk;

use std::sync::{Arc, Weak};

pub use certificate::{CertificateSeen, Origin};
pub use explanation::{Considered, Explanation, Outcome, TlsSeen};
pub use near::Near;
pub use question::Question;
pub use report::{Report, RouteSeen};
pub use service::{ServerSeen, ServiceSeen};
pub use walk::Step;

use crate::config::dynamic::Configuration;
use crate::gateway::{Problem, Update};
use crate::observe::traffic::Answers;
use crate::snapshot::Snapshot;
use crate::snapshot::compile::{Inputs, compile};
use crate::snapshot::internal::Internal;
use crate::tls::OwnCertificateError;
use crate::tls::options::Tickets;
use crate::tls::resolver::Obtained;
use crate::tls::store::self_made;
use crate::worker::Worker;

/// A look at one configuration. Cloning is cheap. It keeps nothing alive: when the gateway has gone on to another configuration there
/// is nothing left to see.
#[derive(Debug, Clone)]
pub struct Inspector {
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) problems: Arc<[Problem]>,
    pub(crate) obtained: Arc<Obtained>,
    snapshot: Weak<Snapshot>,
    workers: Arc<[Weak<Worker>]>,
    /// What keeps a configuration that nobody serves.
    kept: Option<Arc<Snapshot>>,
}

impl Inspector {
    /// A look at what workers serve.
    pub(crate) fn new(
        configuration: Arc<Configuration>,
        problems: &[Problem],
        obtained: &Arc<Obtained>,
        snapshot: &Arc<Snapshot>,
        workers: Vec<Weak<Worker>>,
    ) -> Self {
        Self {
            configuration,
            problems: problems.into(),
            obtained: Arc::clone(obtained),
            snapshot: Arc::downgrade(snapshot),
            workers: workers.into(),
            kept: None,
        }
    }

    /// A look at a configuration that is not served: nothing is listened on, connected to or asked for, so that nothing is known about
    /// servers. `internal` names the services of the gateway itself.
    ///
    /// # Errors
    /// There is no randomness for keys.
    pub fn offline(update: &Update, internal: &[&str]) -> Result<Self, OwnCertificateError> {
        let obtained = Arc::default();
        let inputs = Inputs {
            config: &update.configuration,
            entry_points: &update.models,
            udp_entry_points: &update.udp_entry_points,
            folders: &update.certificate_folders,
            own: &self_made()?,
            obtained: &obtained,
            resolvers: &update.resolvers,
            tickets: &Tickets::default(),
            internal: &|name| internal.contains(&name).then_some(Internal::Noop),
        };
        let (snapshot, problems) = compile(&inputs, None);
        let snapshot = Arc::new(snapshot);
        let configuration = Arc::new(update.configuration.clone());
        let looking = Self::new(configuration, &problems, &obtained, &snapshot, Vec::new());
        Ok(Self { kept: Some(snapshot), ..looking })
    }

    /// What of the configuration does not work.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The compiled configuration, while it is in force.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.kept.clone().or_else(|| self.snapshot.upgrade())
    }

    /// What was answered for each route of the table, and where no route takes the request; from the start of the gateway on, as long
    /// as the route is there.
    pub(crate) fn traffic(&self, routes: usize) -> (Vec<Answers>, Answers) {
        let (mut sums, mut unrouted) = (vec![Answers::default(); routes], Answers::default());
        for worker in self.workers.iter().filter_map(Weak::upgrade) {
            let view = worker.view.load();
            for (sum, traffic) in sums.iter_mut().zip(&view.traffic) {
                traffic.add_to(sum);
            }
            view.unrouted.add_to(&mut unrouted);
        }
        (sums, unrouted)
    }
}

#[cfg(test)]
mod tests;
