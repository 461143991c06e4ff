//! The entry points: what each listens on, or why it does not yet.
//!
//! Nothing here blocks. A host that is named has to be looked up, which is done beside this; until its address is found it is
//! looked up again, after longer and longer pauses.

mod entry;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::entry_point::EntryPoint;
use crate::listen::succession::{Bequest, Legacy};
use crate::listen::{Address, BindError};
use crate::upstream::failure::chain;

use super::worker_thread::WorkerThread;
use super::{Inherited, Listener, Status};
use entry::Entry;

/// Time that the address of a host may take to be found.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// After so long the host of an address that cannot be listened on is looked up again.
const MOVED: Duration = Duration::from_secs(10);

/// Finds the first address of a host, for a port.
pub(super) type Lookup = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<SocketAddr>> + Send + Sync>;

/// As the system finds it, on a thread that may block.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|host, port| {
        async move {
            let mut found = tokio::net::lookup_host((host, port)).await?;
            found.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
        }
        .boxed()
    })
}

/// What came of looking up the host of an entry point.
#[derive(Debug)]
pub(super) struct Found {
    /// Name of the entry point.
    name: String,
    /// What was looked up: the entry point may mean another host since.
    named: (String, u16),
    address: Result<SocketAddr, BindError>,
}

/// All entry points of a gateway.
pub(super) struct Listeners {
    /// By name.
    entries: BTreeMap<String, Entry>,
    lookup: Lookup,
    lookups: JoinSet<Found>,
    /// Sockets of another gateway, kept until each entry point that may use them has been tried.
    inherited: Inherited,
    /// To be told when each entry point has been tried.
    waiting: Vec<oneshot::Sender<()>>,
    /// Where it is told what is listened on.
    status: watch::Sender<Status>,
    /// A successor has taken over.
    retired: bool,
}

impl Listeners {
    pub(super) fn new(lookup: Lookup, status: watch::Sender<Status>) -> Self {
        Self {
            entries: BTreeMap::new(),
            lookup,
            lookups: JoinSet::new(),
            inherited: Inherited::default(),
            waiting: Vec::new(),
            status,
            retired: false,
        }
    }

    /// Replaces the entry points. `reply` hears when each has been tried once.
    pub(super) fn set(
        &mut self,
        wanted: Vec<EntryPoint>,
        inherited: Inherited,
        reply: oneshot::Sender<()>,
        workers: &[WorkerThread],
    ) {
        self.waiting.push(reply);
        if self.retired {
            return self.settle();
        }
        self.entries.retain(|name, entry| {
            wanted.iter().any(|options| options.name == *name && options.address == entry.options.load().address)
        });
        self.status.send_modify(|status| {
            let known = |name: &String| self.entries.keys().any(|entry| entry == name || http3_name(entry) == *name);
            status.listeners.retain(|name, _| known(name));
        });
        for options in wanted {
            match self.entries.get_mut(&options.name) {
                Some(entry) => entry.change(options),
                None => self.add(options, workers.len()),
            }
        }
        self.inherited.listeners.extend(inherited.listeners);
        self.inherited.datagrams.extend(inherited.datagrams);
        self.bind(workers);
    }

    fn add(&mut self, options: EntryPoint, workers: usize) {
        let name = options.name.clone();
        let address = Address::parse(&options.address);
        let mut entry = Entry::new(options, self.entries.len() % workers.max(1));
        match address {
            Ok(Address::Known(address)) => entry.address = Some(address),
            Ok(Address::Named { host, port }) => {
                entry.named = Some((host, port));
                look_up(&self.lookup, &mut self.lookups, &name, &mut entry, Duration::ZERO);
            }
            Err(error) => tell(&self.status, &name, Listener::Failed(chain(&error))),
        }
        self.entries.insert(name, entry);
    }

    /// Listens where it is known where and does not yet, with sockets that were inherited where they are for the same address.
    pub(super) fn bind(&mut self, workers: &[WorkerThread]) {
        for (name, entry) in &mut self.entries {
            if entry.address.is_some() && entry.bound.is_none() {
                let listener = match entry.listen(workers, &mut self.inherited) {
                    Ok(address) => {
                        tracing::info!(entry_point = name, %address, "listening");
                        Listener::Bound(address)
                    }
                    Err(error) => {
                        // It may have moved. Meanwhile the address that is known is tried again.
                        if entry.looking.is_none() {
                            look_up(&self.lookup, &mut self.lookups, name, entry, MOVED);
                        }
                        Listener::Failed(chain(&error))
                    }
                };
                tell(&self.status, name, listener);
            }
            match entry.listen_for_http3(workers, &mut self.inherited.datagrams) {
                None => {}
                Some(Ok(address)) => {
                    tracing::info!(entry_point = name, %address, "listening for HTTP/3");
                    self.status.send_if_modified(|status| status.listeners.remove(&http3_name(name)).is_some());
                }
                Some(Err(error)) => tell(&self.status, &http3_name(name), Listener::Failed(chain(&error))),
            }
        }
        self.settle();
    }

    /// Once each entry point has been tried, whoever waits for that is told, and inherited sockets that none uses are closed.
    fn settle(&mut self) {
        if self.entries.values().all(Entry::was_tried) {
            self.inherited = Inherited::default();
            for reply in self.waiting.drain(..) {
                // Whoever asked may have gone.
                let _ = reply.send(());
            }
        }
    }

    /// Whether there is something to listen on for which nothing has to be looked up before.
    pub(super) fn may_bind(&self) -> bool {
        self.entries.values().any(Entry::may_bind)
    }

    /// The next thing that is found; never ready while nothing is looked for.
    pub(super) async fn looked_up(&mut self) -> Found {
        loop {
            match self.lookups.join_next().await {
                Some(Ok(found)) => return found,
                // It belongs to an entry point that is gone.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Goes on with what was found.
    pub(super) fn found(&mut self, Found { name, named, address }: Found, workers: &[WorkerThread]) {
        let entry = self.entries.get_mut(&name).filter(|entry| entry.named.as_ref() == Some(&named));
        let Some(entry) = entry.filter(|entry| entry.bound.is_none()) else { return };
        entry.looking = None;
        entry.was_looked_up = true;
        match address {
            Ok(address) => {
                entry.failures = 0;
                entry.address = Some(address);
            }
            Err(error) => {
                entry.failures += 1;
                let pause = entry.pause();
                look_up(&self.lookup, &mut self.lookups, &name, entry, pause);
                if entry.address.is_none() {
                    tell(&self.status, &name, Listener::Failed(chain(&error)));
                }
            }
        }
        self.bind(workers);
    }

    /// Copies of all listening sockets.
    pub(super) fn copies(&self) -> io::Result<Vec<TcpListener>> {
        self.entries.values().flat_map(|entry| &entry.listeners).map(TcpListener::try_clone).collect()
    }

    /// Gives all datagram sockets to a successor, which reads them from now on.
    pub(super) fn bequests(&self) -> io::Result<Vec<Bequest>> {
        self.entries.values().filter_map(|entry| entry.legacy.as_ref()).map(Legacy::bequeath).collect()
    }

    /// Accepts nothing any more; connections are asked to end.
    pub(super) fn close(&mut self) {
        self.entries.clear();
        self.settle();
    }

    /// As [`Listeners::close`], for good.
    pub(super) fn retire(&mut self) {
        self.retired = true;
        self.close();
        self.status.send_modify(|status| status.listeners.clear());
    }
}

/// Looks up the host of an entry point, if it has one, after a pause.
fn look_up(lookup: &Lookup, lookups: &mut JoinSet<Found>, name: &str, entry: &mut Entry, pause: Duration) {
    let Some(named) = entry.named.clone() else { return };
    let (host, port) = named.clone();
    let (name, looking) = (name.to_owned(), lookup(host.clone(), port));
    let task = lookups.spawn(async move {
        tokio::time::sleep(pause).await;
        let found = match tokio::time::timeout(LOOKUP_LIMIT, looking).await {
            Ok(found) => found,
            Err(_) => {
                let reason = format!("no answer in {} s", LOOKUP_LIMIT.as_secs());
                Err(io::Error::new(io::ErrorKind::TimedOut, reason))
            }
        };
        Found { name, named, address: found.map_err(|source| BindError::Lookup { host, source }) }
    });
    entry.looking = Some(task);
}

/// What HTTP/3 on an entry point is called where it cannot be served.
fn http3_name(entry: &str) -> String {
    format!("{entry} (HTTP/3)")
}

/// Notes how it stands with a listener, and says so when that is news.
fn tell(status: &watch::Sender<Status>, name: &str, listener: Listener) {
    status.send_if_modified(|status| {
        if let Listener::Failed(reason) = &listener
            && status.listeners.get(name) != Some(&listener)
        {
            tracing::error!(entry_point = name, reason, "not listening; trying again all the time");
        }
        status.listeners.insert(name.to_owned(), listener.clone()) != Some(listener)
    });
}
