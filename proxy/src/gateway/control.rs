//! The control thread: the only one that changes anything.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use rustls::sign::CertifiedKey;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::acme::challenges::Challenges;
use crate::acme::manager::Manager;
use crate::entry_point::EntryPoint;
use crate::inspect::Inspector;
use crate::listen::succession::{Bequest, Datagrams, Legacy};
use crate::listen::{BindError, bind, parse_address, same_place, share};
use crate::observe::metrics::Metrics;
use crate::snapshot::compile::{Inputs, compile};
use crate::snapshot::internal::{Handler, Internal};
use crate::snapshot::{Snapshot, View};
use crate::tls::local::Local;
use crate::tls::options::Tickets;
use crate::tls::resolver::Obtained;
use crate::tls::store::self_made;
use crate::upstream::failure::chain;
use crate::worker::Shared;

use super::passage::Passage;
use super::worker_thread::{Accept, Socket, WorkerThread};
use super::{Announce, Applied, Command, Inherited, Listener, Problem, StartError, Status, Update};

/// How often an address that could not be listened on is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often certificates for local names are looked over.
const DAY: Duration = Duration::from_secs(86_400);

/// Time that requests of the other workers have where one has broken down.
const LAST_GRACE: Duration = Duration::from_secs(5);

pub(super) struct Control {
    workers: Vec<WorkerThread>,
    /// Numbers of workers whose threads have broken down.
    lost: mpsc::UnboundedReceiver<usize>,
    metrics: Arc<Metrics>,
    /// Of the update in force.
    fingerprint: Option<u64>,
    snapshot: Arc<Snapshot>,
    own: Arc<CertifiedKey>,
    obtained: Arc<Obtained>,
    challenges: Arc<Challenges>,
    local: Local,
    local_folder: Option<PathBuf>,
    /// Gets certificates, from the first configuration on that has a resolver.
    certificates: Option<Manager>,
    tickets: Tickets,
    handlers: HashMap<String, Handler>,
    terminating: Arc<AtomicBool>,
    terminating_status: StatusCode,
    entries: BTreeMap<String, Entry>,
    status: watch::Sender<Status>,
    checks: JoinSet<()>,
    passage: Passage,
    /// A successor has taken over.
    retired: bool,
}

/// An entry point, listening or trying to.
struct Entry {
    options: Arc<ArcSwap<EntryPoint>>,
    stop: CancellationToken,
    bound: Option<SocketAddr>,
    /// Ends HTTP/3, where it is served.
    http3: Option<CancellationToken>,
    /// The worker that has what only one can have.
    worker: usize,
    /// Copies of the sockets that the workers accept from: what a successor is given.
    listeners: Vec<TcpListener>,
    /// The same for datagrams, of UDP routers or of HTTP/3.
    legacy: Option<Legacy>,
}

impl Entry {
    /// Whether something that is to be listened on is not.
    fn is_missing(&self) -> bool {
        self.bound.is_none() || (self.http3.is_none() && self.options.load().http3.is_some())
    }

    /// Puts options into force. Clients are told of HTTP/3 where it is served.
    fn publish(&self, mut options: EntryPoint) {
        if let (Some(http3), Some(_), Some(bound)) = (&options.http3, &self.http3, self.bound) {
            options.http3 = Some(http3.served(bound.port()));
        }
        self.options.store(Arc::new(options));
    }
}

impl Control {
    pub(super) fn new(
        shared: &Arc<Shared>,
        workers: usize,
        handlers: HashMap<String, Handler>,
        terminating_status: StatusCode,
        reach_servers: bool,
        status: watch::Sender<Status>,
    ) -> Result<Self, StartError> {
        let (own, obtained, tickets) = (self_made()?, Arc::default(), Tickets::default());
        let update = Update::default();
        let inputs = Inputs {
            config: &update.configuration,
            entry_points: &update.models,
            udp_entry_points: &update.udp_entry_points,
            folders: &update.certificate_folders,
            own: &own,
            obtained: &obtained,
            resolvers: &update.resolvers,
            tickets: &tickets,
            internal: &|_| None,
        };
        let snapshot = Arc::new(compile(&inputs, None).0);
        let (tell, lost) = mpsc::unbounded_channel();
        let view = || View::new(Arc::clone(&snapshot), None, workers);
        let workers = (0..workers.max(1))
            .map(|number| WorkerThread::start(number, shared, view(), tell.clone()))
            .collect::<Result<_, _>>()
            .map_err(StartError::Thread)?;
        Ok(Self {
            workers,
            lost,
            metrics: Arc::clone(&shared.metrics),
            fingerprint: None,
            snapshot,
            own,
            obtained,
            challenges: Arc::clone(&shared.challenges),
            local: Local::default(),
            local_folder: None,
            certificates: None,
            tickets,
            handlers,
            terminating: Arc::default(),
            terminating_status,
            entries: BTreeMap::new(),
            status,
            checks: JoinSet::new(),
            passage: Passage::new(reach_servers),
            retired: false,
        })
    }

    /// Obeys until told to end or nobody is left to command. It also ends where a worker has broken down: whoever started the
    /// gateway starts it anew, while half a gateway would not be noticed.
    pub(super) fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "the gateway cannot run");
                return;
            }
        };
        runtime.block_on(async {
            let mut retry = tokio::time::interval(RETRY);
            retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut daily = tokio::time::interval(DAY);
            daily.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                let unbound = self.entries.values().any(Entry::is_missing);
                tokio::select! {
                    command = inbox.recv() => match command {
                        None => return,
                        Some(Command::Shutdown { accept, grace }) => return self.shutdown(accept, grace).await,
                        // Whoever asked may have gone.
                        Some(Command::EntryPoints(entry_points, inherited, reply)) => {
                            self.set_entry_points(entry_points, inherited);
                            let _ = reply.send(());
                        }
                        Some(Command::Listeners(reply)) => {
                            let _ = reply.send(self.listeners());
                        }
                        Some(Command::Bequests(reply)) => {
                            let _ = reply.send(self.bequests());
                        }
                        Some(Command::Retire(reply)) => {
                            self.retire();
                            let _ = reply.send(());
                        }
                        Some(Command::Update(update, reply)) => {
                            let _ = reply.send(self.apply(&update));
                        }
                    },
                    Some(worker) = self.lost.recv() => {
                        tracing::error!(worker, "a thread of the gateway has broken down: the gateway ends");
                        return self.shutdown(Duration::ZERO, LAST_GRACE).await;
                    }
                    _ = retry.tick(), if unbound => self.bind_unbound(Inherited::default()),
                    () = self.passage.tick() => self.passage.tell(&self.status),
                    _ = daily.tick() => {
                        if let Some(problem) = self.give_local_certificates() {
                            tracing::error!("{problem}");
                        }
                    }
                }
            }
        });
    }

    fn apply(&mut self, update: &Update) -> Applied {
        let internal = |name: &str| match name {
            "ping@internal" => Some(Internal::Ping(Arc::clone(&self.terminating), self.terminating_status)),
            "noop@internal" => Some(Internal::Noop),
            "prometheus@internal" => self.metrics.registry().map(|_| Internal::Metrics(Arc::clone(&self.metrics))),
            other => self.handlers.get(other).cloned().map(Internal::Handler),
        };
        let inputs = Inputs {
            config: &update.configuration,
            entry_points: &update.models,
            udp_entry_points: &update.udp_entry_points,
            folders: &update.certificate_folders,
            own: &self.own,
            obtained: &self.obtained,
            resolvers: &update.resolvers,
            tickets: &self.tickets,
            internal: &internal,
        };
        let (snapshot, mut problems) = compile(&inputs, Some(&self.snapshot));
        self.snapshot = Arc::new(snapshot);
        self.local_folder.clone_from(&update.local_authority);
        problems.extend(self.give_local_certificates());
        // What takes time comes first: from the moment that a request can be routed anew, whoever asks should see the new state.
        let fingerprint = fingerprint(update);
        self.metrics.reloaded(&self.snapshot, self.fingerprint != fingerprint);
        self.fingerprint = fingerprint;
        let revision = self.status.borrow().revision + 1;
        let inspector = Inspector::new(
            Arc::new(update.configuration.clone()),
            &problems,
            &self.obtained,
            &self.snapshot,
            self.workers.iter().map(|thread| Arc::downgrade(&thread.worker)).collect(),
        );
        let applied = Applied { revision, problems, inspector };
        if let Some(Announce(tell)) = &update.announce {
            tell(&applied);
        }
        let count = self.workers.len();
        for thread in &self.workers {
            let before = thread.worker.view.load_full();
            let after = Arc::new(View::new(Arc::clone(&self.snapshot), Some(&before), count));
            thread.worker.view.store(Arc::clone(&after));
            thread.worker.changed.notify_waiters();
            self.passage.left_behind(&before, &after);
        }
        self.ask_for_certificates();
        self.start_checks();
        self.passage.arrived(&self.snapshot, &mut self.checks);
        // Whoever waits for this revision reads the rest of the status with it.
        self.status.send_modify(|status| {
            status.revision = revision;
            self.passage.note(status);
        });
        applied
    }

    /// Gives certificates for local names, anew where it is time; what went wrong.
    fn give_local_certificates(&mut self) -> Option<Problem> {
        let folder = self.local_folder.as_ref()?;
        match self.local.serve(folder, &self.snapshot.local) {
            Ok(shown) => {
                self.obtained.local.store(Arc::new(shown));
                None
            }
            Err(reason) => Some(Problem { object: "local certificate authority".to_owned(), reason }),
        }
    }

    fn ask_for_certificates(&mut self) {
        if self.retired {
            return;
        }
        let wanted = self.snapshot.wanted.clone();
        match &self.certificates {
            Some(manager) => manager.tell(wanted),
            None if wanted.resolvers.is_empty() => {}
            None => match Manager::start(wanted, Arc::clone(&self.challenges), Arc::clone(&self.obtained)) {
                Ok(manager) => self.certificates = Some(manager),
                Err(error) => tracing::error!(%error, "no certificates are obtained: their thread cannot be started"),
            },
        }
    }

    /// Checks are started anew with each configuration: what they know is in the servers, and each begins with a probe.
    fn start_checks(&mut self) {
        self.checks.abort_all();
        self.checks = JoinSet::new();
        self.snapshot.checks.iter().for_each(|check| check.start(&mut self.checks));
        self.snapshot.tcp.checks.iter().for_each(|check| check.start(&mut self.checks));
    }

    fn set_entry_points(&mut self, wanted: Vec<EntryPoint>, inherited: Inherited) {
        if self.retired {
            return;
        }
        self.entries.retain(|name, entry| {
            let keep =
                wanted.iter().any(|options| options.name == *name && options.address == entry.options.load().address);
            if !keep {
                entry.stop.cancel();
            }
            keep
        });
        self.status.send_modify(|status| {
            let known = |name: &String| self.entries.keys().any(|entry| entry == name || http3_name(entry) == *name);
            status.listeners.retain(|name, _| known(name));
        });
        for options in wanted {
            match self.entries.get_mut(&options.name) {
                Some(entry) => {
                    if options.http3.is_none()
                        && let Some(stop) = entry.http3.take()
                    {
                        stop.cancel();
                        entry.legacy = None;
                    }
                    entry.publish(options);
                }
                None => {
                    let entry = Entry {
                        options: Arc::new(ArcSwap::from_pointee(options.clone())),
                        stop: CancellationToken::new(),
                        bound: None,
                        http3: None,
                        worker: self.entries.len() % self.workers.len().max(1),
                        listeners: Vec::new(),
                        legacy: None,
                    };
                    self.entries.insert(options.name, entry);
                }
            }
        }
        self.bind_unbound(inherited);
    }

    /// Copies of all listening sockets.
    fn listeners(&self) -> std::io::Result<Vec<TcpListener>> {
        self.entries.values().flat_map(|entry| &entry.listeners).map(TcpListener::try_clone).collect()
    }

    /// Gives all datagram sockets to a successor, which reads them from now on.
    fn bequests(&self) -> std::io::Result<Vec<Bequest>> {
        self.entries.values().filter_map(|entry| entry.legacy.as_ref()).map(Legacy::bequeath).collect()
    }

    fn retire(&mut self) {
        self.retired = true;
        self.certificates = None;
        for entry in std::mem::take(&mut self.entries).into_values() {
            entry.stop.cancel();
        }
        self.status.send_modify(|status| status.listeners.clear());
    }

    /// Listens where it does not yet, with sockets that were inherited where they are for the same address.
    fn bind_unbound(&mut self, mut inherited: Inherited) {
        let count = self.workers.len();
        for (name, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.bound.is_none()) {
            let options = entry.options.load_full();
            let bound = match &options.udp {
                Some(_) => listen_for_datagrams(&options, entry, &self.workers, &mut inherited.datagrams),
                None => listen(&options, count, &mut inherited.listeners).map(|(address, listeners)| {
                    // One that cannot be copied serves all the same; only a successor cannot have it.
                    entry.listeners = listeners.iter().filter_map(|listener| listener.try_clone().ok()).collect();
                    // There may be more sockets than workers, where a gateway with more has given them.
                    for (thread, listener) in self.workers.iter().cycle().zip(listeners) {
                        let (entry, stop) = (Arc::clone(&entry.options), entry.stop.clone());
                        thread.accept(Accept { socket: Socket::Tcp(listener), entry, stop });
                    }
                    address
                }),
            };
            let listener = match bound {
                Ok(address) => {
                    entry.bound = Some(address);
                    tracing::info!(entry_point = name, %address, "listening");
                    Listener::Bound(address)
                }
                Err(error) => Listener::Failed(chain(&error)),
            };
            tell(&self.status, name, listener);
        }
        self.bind_http3(&mut inherited.datagrams);
    }

    /// Serves HTTP/3 where it is wanted: at the address of the entry point, over UDP.
    fn bind_http3(&mut self, inherited: &mut Vec<Bequest>) {
        for (name, entry) in &mut self.entries {
            let options = entry.options.load_full();
            let Some(address) = entry.bound.filter(|_| options.http3.is_some() && entry.http3.is_none()) else {
                continue;
            };
            let Some(thread) = self.workers.get(entry.worker) else { continue };
            match Datagrams::at(address, inherited, thread.runtime()) {
                Ok((_, datagrams, legacy)) => {
                    let stop = entry.stop.child_token();
                    entry.http3 = Some(stop.clone());
                    entry.legacy = Some(legacy);
                    let shared = Arc::clone(&entry.options);
                    thread.accept(Accept { socket: Socket::Http3(datagrams), entry: shared, stop });
                    entry.publish((*options).clone());
                    tracing::info!(entry_point = name, %address, "listening for HTTP/3");
                    self.status.send_if_modified(|status| status.listeners.remove(&http3_name(name)).is_some());
                }
                Err(error) => tell(&self.status, &http3_name(name), Listener::Failed(chain(&error))),
            }
        }
    }

    async fn shutdown(&mut self, accept: Duration, grace: Duration) {
        self.terminating.store(true, Relaxed);
        if !accept.is_zero() {
            tokio::time::sleep(accept).await;
        }
        for entry in std::mem::take(&mut self.entries).into_values() {
            entry.stop.cancel();
        }
        let finished = async {
            for thread in &mut self.workers {
                thread.finished().await;
            }
        };
        if tokio::time::timeout(grace, finished).await.is_err() {
            tracing::warn!(
                connections = self.workers.first().map_or(0, |thread| thread.worker.shared.open()),
                "connections were cut off at the end of the grace time"
            );
        }
        self.workers.clear();
    }
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

/// Tells an update from one that changes something. `None` for one that cannot be written down, which counts as a change.
fn fingerprint(update: &Update) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(&update.configuration).ok()?.hash(&mut hasher);
    Some(hasher.finish())
}

/// Sockets for as many workers, of those that were given where they are for the same address.
fn listen(
    options: &EntryPoint,
    count: usize,
    given: &mut Vec<TcpListener>,
) -> Result<(SocketAddr, Vec<TcpListener>), BindError> {
    let address = parse_address(&options.address)?;
    let mut listeners: Vec<_> =
        given.extract_if(.., |listener| listener.local_addr().is_ok_and(|at| same_place(at, address))).collect();
    if let Some(at) = listeners.first().and_then(|listener| listener.local_addr().ok()) {
        let missing = count.saturating_sub(listeners.len());
        listeners.extend(share(at, missing).map_err(|source| BindError::Bind { address: at, source })?);
    } else {
        listeners = bind(address, count)?;
    }
    let bound = listeners.first().and_then(|listener| listener.local_addr().ok()).unwrap_or(address);
    Ok((bound, listeners))
}

/// Has the entry point's worker take datagrams for UDP routers.
fn listen_for_datagrams(
    options: &EntryPoint,
    entry: &mut Entry,
    workers: &[WorkerThread],
    inherited: &mut Vec<Bequest>,
) -> Result<SocketAddr, BindError> {
    let address = parse_address(&options.address)?;
    let Some(thread) = workers.get(entry.worker) else { return Ok(address) };
    let (address, datagrams, legacy) = Datagrams::at(address, inherited, thread.runtime())?;
    entry.legacy = Some(legacy);
    let (shared, stop) = (Arc::clone(&entry.options), entry.stop.clone());
    thread.accept(Accept { socket: Socket::Udp(datagrams), entry: shared, stop });
    Ok(address)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::worker::ConnectionLimits;

    #[tokio::test]
    async fn a_gateway_that_has_lost_a_worker_ends() {
        let hostname = http::HeaderValue::from_static("here");
        let shared = Shared::new(hostname, true, None, Duration::ZERO, ConnectionLimits::default());
        let (sender, status) = watch::channel(Status::default());
        let code = StatusCode::SERVICE_UNAVAILABLE;
        let mut control = Control::new(&Arc::new(shared), 2, HashMap::new(), code, false, sender).unwrap();
        let (tell, lost) = mpsc::unbounded_channel();
        control.lost = lost;
        let (_commands, inbox) = mpsc::unbounded_channel();
        let thread = std::thread::spawn(move || control.run(inbox));
        assert!(!thread.is_finished() && status.has_changed().is_ok());
        tell.send(1).unwrap();
        tokio::task::spawn_blocking(move || thread.join()).await.unwrap().unwrap();
        assert!(status.has_changed().is_err(), "whoever serves is told");
    }
}
