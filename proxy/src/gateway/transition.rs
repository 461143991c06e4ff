//! Servers that come and go: which new ones have not been reached yet, which old ones still have requests under way.
//! Whoever replaces a server waits for the first before it takes the old one out of the configuration, and for the second
//! before it ends the old one.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::snapshot::{Snapshot, View};
use crate::upstream::health::Check;
use crate::upstream::pool::Pool;
use crate::upstream::reach::connect;
use crate::upstream::server::Server;

use super::Status;

/// How often is looked, as long as there is something to look for. Nobody looks otherwise.
const LOOK: Duration = Duration::from_millis(25);
/// Time that a server has to take a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Pauses between tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What is known of servers on their way in or out.
#[derive(Debug, Default)]
pub(super) struct ServerTransition {
    /// Whether new servers are connected to until they take a connection.
    reach: bool,
    arriving: Vec<Arc<Server>>,
    leaving: Vec<Weak<Pool>>,
}

impl ServerTransition {
    /// With `reach` new servers are connected to until they take a connection.
    pub(super) fn new(reach: bool) -> Self {
        Self { reach, arriving: Vec::new(), leaving: Vec::new() }
    }

    /// Notes the connections that a worker has in its old view and no longer in the new one; no new ones are made there.
    pub(super) fn left_behind(&mut self, before: &View, after: &View) {
        let stay: HashSet<*const Pool> = after.pools.iter().map(Arc::as_ptr).collect();
        for pool in before.pools.iter().filter(|pool| !stay.contains(&Arc::as_ptr(pool))) {
            pool.leave();
            self.leaving.push(Arc::downgrade(pool));
        }
    }

    /// Notes the servers of a new configuration that have not been reached, and tries to reach them in `tasks`.
    pub(super) fn arrived(&mut self, snapshot: &Snapshot, tasks: &mut JoinSet<()>) {
        if !self.reach {
            return;
        }
        self.arriving = snapshot.servers.values().filter(|server| !server.is_reached()).map(Arc::clone).collect();
        let checked = snapshot.checks.iter().flat_map(Check::servers);
        let checked: HashSet<*const Server> = checked.map(Arc::as_ptr).collect();
        for server in self.arriving.iter().filter(|server| !checked.contains(&Arc::as_ptr(server))) {
            tasks.spawn(reach(Arc::clone(server)));
        }
    }

    /// Returns when it is time to look again; never while there is nothing to look for.
    pub(super) async fn tick(&self) {
        if self.arriving.is_empty() && self.leaving.is_empty() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(LOOK).await;
    }

    /// Looks, and writes what is so into the status.
    pub(super) fn note(&mut self, status: &mut Status) {
        self.arriving.retain(|server| !server.is_reached());
        status.unreached = self.arriving.iter().map(|server| server.address()).collect();
        let mut leaving = BTreeSet::new();
        // One that is not busy may still become so, as long as a request holds the view in which it was.
        self.leaving.retain(|pool| match pool.upgrade() {
            Some(pool) => {
                if pool.is_busy() {
                    leaving.insert(pool.server.address());
                }
                true
            }
            None => false,
        });
        status.leaving = leaving;
    }

    /// Looks, and tells where something has changed.
    pub(super) fn tell(&mut self, status: &watch::Sender<Status>) {
        status.send_if_modified(|status| {
            let before = (std::mem::take(&mut status.unreached), std::mem::take(&mut status.leaving));
            self.note(status);
            before.0 != status.unreached || before.1 != status.leaving
        });
    }
}

/// Connects until it works once.
async fn reach(server: Arc<Server>) {
    let mut pause = PAUSES.0;
    while !server.is_reached() {
        let connected = connect((server.host.as_str(), server.port));
        if tokio::time::timeout(CONNECT, connected).await.is_ok_and(|connected| connected.is_ok()) {
            server.set_reached();
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}
