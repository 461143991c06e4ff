//! A running gateway: worker threads that serve, a control thread that binds and checks health, and has configurations
//! compiled beside it.
//!
//! Nothing here is on the path of a request. A new configuration is compiled aside and put in place by one store per
//! worker; requests under way finish with the one they began with.

mod certificates;
mod compiler;
mod control;
mod listeners;
mod stage;
mod transition;
mod worker_thread;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use tokio::sync::{mpsc, oneshot, watch};

use crate::acme::Resolver;
use crate::config::dynamic::Configuration;
use crate::config::statics;
use crate::entry_point::EntryPoint;
use crate::inspect::Inspector;
pub use crate::listen::succession::Bequest;
use crate::observe::access_log::AccessLog;
use crate::observe::trace::Tracer;
use crate::route::EntryPointModel;
pub use crate::snapshot::compile::Problem;
use crate::snapshot::internal::Handler;
pub use crate::tls::OwnCertificateError;
pub use crate::tls::pem::is_pem;
use crate::worker::{ConnectionLimits, Shared};

use control::{Control, Inbox, Setup};
use transition::ServerTransition;

/// Most requests to the control thread that wait to be received. Whoever makes one waits for what comes of it.
const QUEUE: usize = 16;

/// How a gateway is started.
#[derive(Debug, Default)]
pub struct Options {
    /// Where it listens.
    pub entry_points: Vec<EntryPoint>,
    /// Threads that serve; all processors if not given.
    pub workers: Option<NonZeroUsize>,
    /// This machine's name, for `X-Forwarded-Server`.
    pub hostname: String,
    /// Adds `X-Stack-Error` with the reason to answers that come from the gateway and not from a service.
    pub mark_errors: bool,
    /// Where finished requests are reported.
    pub access_log: Option<AccessLog>,
    /// How long a request that finds no server, or none that takes the connection, waits for one before it fails.
    pub wait_for_server: Duration,
    /// What `ping@internal` answers while the gateway is going away; 503 if not given.
    pub terminating_status: Option<StatusCode>,
    /// Has no `ping@internal`: nobody has asked for it.
    pub without_ping: bool,
    /// Caps on connections.
    pub connections: ConnectionLimits,
    /// Connects to every new server until it takes a connection, for [`Status::unreached`].
    pub reach_servers: bool,
    /// Services of the gateway itself by qualified name, beside `ping@internal` and `noop@internal`.
    pub handlers: HashMap<String, Handler>,
}

/// A configuration to be put in force.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// What is routed where; all providers merged, names qualified.
    pub configuration: Configuration,
    /// What the entry points mean for routers.
    pub models: Vec<EntryPointModel>,
    /// Names of the entry points for datagrams.
    pub udp_entry_points: Vec<String>,
    /// Folders of certificates, read anew each time.
    pub certificate_folders: Vec<PathBuf>,
    /// Folder of an authority of our own, which gives certificates for names that no public one does (`localhost`,
    /// `*.internal`, `*.home.arpa`, private addresses); none for no such certificates.
    pub local_authority: Option<PathBuf>,
    /// Where certificates come from that routers ask for, by the names that they use.
    pub resolvers: BTreeMap<String, Resolver>,
    /// Told what came of it just before the first request is routed by it.
    pub announce: Option<Announce>,
}

/// To be told what came of an update.
#[derive(Clone)]
pub struct Announce(Arc<dyn Fn(&Applied) + Send + Sync>);

impl Announce {
    /// Calls `tell`, which must not block.
    pub fn new(tell: impl Fn(&Applied) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl std::fmt::Debug for Announce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Announce")
    }
}

/// What came of an update.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The revision that is in force now.
    pub revision: u64,
    /// What of it does not work.
    pub problems: Vec<Problem>,
    /// A look at what is in force.
    pub inspector: Inspector,
}

/// The state of a gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Number of the configuration in force; 0 before the first.
    pub revision: u64,
    /// The entry points and whether they listen.
    pub listeners: BTreeMap<String, Listener>,
    /// Addresses of servers that are in the configuration and have not taken a connection yet; those with a health check
    /// have not passed it. Empty without [`Options::reach_servers`].
    pub unreached: BTreeSet<String>,
    /// Addresses of servers that are no longer in the configuration and still have requests under way.
    pub leaving: BTreeSet<String>,
}

/// Whether an entry point listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listener {
    /// It does, at this address.
    Bound(SocketAddr),
    /// It does not, for this reason; tried again all the time.
    Failed(String),
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// No certificate of our own can be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] OwnCertificateError),
    /// The machine's name cannot stand in a header.
    #[error("the host name `{0}` cannot stand in a header")]
    Hostname(String),
}

/// The gateway has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gateway has stopped")]
pub struct Stopped;

/// A running gateway. Dropping it ends it at once; [`Gateway::shutdown`] lets requests finish.
#[derive(Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
    workers: usize,
    commands: mpsc::Sender<Command>,
    updates: mpsc::Sender<UpdateRequest>,
    status: watch::Receiver<Status>,
    ended: oneshot::Receiver<()>,
}

/// Sockets of another gateway, which gave them away with [`Gateway::listeners`] and [`Gateway::bequests`].
#[derive(Debug, Default)]
pub struct Inherited {
    /// Those that connections are accepted from.
    pub listeners: Vec<TcpListener>,
    /// Those for datagrams.
    pub datagrams: Vec<Bequest>,
}

#[derive(Debug)]
enum Command {
    EntryPoints(Vec<EntryPoint>, Inherited, oneshot::Sender<()>),
    Listeners(oneshot::Sender<std::io::Result<Vec<TcpListener>>>),
    Bequests(oneshot::Sender<std::io::Result<Vec<Bequest>>>),
    Retire(oneshot::Sender<()>),
    Shutdown { accept: Duration, grace: Duration },
}

/// An update, and who is told what came of it.
#[derive(Debug)]
struct UpdateRequest {
    update: Box<Update>,
    reply: oneshot::Sender<Applied>,
}

impl Gateway {
    /// Starts the threads and tries to listen on every entry point; which ones do is in [`Gateway::status`]. Until the
    /// first [`Gateway::apply`] everything is answered 404.
    ///
    /// # Errors
    /// Threads cannot be started, or there is no randomness for keys.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let hostname =
            HeaderValue::from_str(&options.hostname).map_err(|_| StartError::Hostname(options.hostname.clone()))?;
        let shared = Arc::new(Shared::new(
            hostname,
            options.mark_errors,
            options.access_log,
            options.wait_for_server,
            options.connections,
        ));
        let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let workers = options.workers.unwrap_or(available).get();
        let (commands, received_commands) = mpsc::channel(QUEUE);
        let (updates, received_updates) = mpsc::channel(QUEUE);
        let (status_sender, status) = watch::channel(Status::default());
        let (end, ended) = oneshot::channel();
        let control = Control::new(Setup {
            shared: Arc::clone(&shared),
            workers,
            handlers: options.handlers,
            ping: (!options.without_ping)
                .then(|| options.terminating_status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE)),
            transition: ServerTransition::new(options.reach_servers),
            status: status_sender,
        })?;
        std::thread::Builder::new()
            .name("gateway-control".to_owned())
            .spawn(move || {
                control.run(Inbox { commands: received_commands, updates: received_updates });
                // Nobody may be waiting.
                let _ = end.send(());
            })
            .map_err(StartError::Thread)?;
        let gateway = Self { shared, workers, commands, updates, status, ended };
        // A control thread that cannot run is found out by the next call.
        let _ = gateway.set_entry_points(options.entry_points).await;
        Ok(gateway)
    }

    /// Puts a configuration in force, after those that were given before it. Connections, pools and what is known about servers'
    /// health stay where the server is the same. Reading its files holds nothing else up.
    ///
    /// # Errors
    /// The gateway has stopped.
    pub async fn apply(&self, update: Update) -> Result<Applied, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.updates.send(UpdateRequest { update: Box::new(update), reply }).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Replaces the entry points: new ones are bound, removed ones drained, changed options hold for new connections.
    /// Returns after the first try to bind each.
    ///
    /// # Errors
    /// The gateway has stopped.
    pub async fn set_entry_points(&self, entry_points: Vec<EntryPoint>) -> Result<(), Stopped> {
        self.take_over(entry_points, Inherited::default()).await
    }

    /// As [`Gateway::set_entry_points`], but an entry point whose address is that of sockets in `inherited` uses those. The rest is
    /// closed.
    ///
    /// # Errors
    /// The gateway has stopped.
    pub async fn take_over(&self, entry_points: Vec<EntryPoint>, inherited: Inherited) -> Result<(), Stopped> {
        let (reply, done) = oneshot::channel();
        self.commands.send(Command::EntryPoints(entry_points, inherited, reply)).await.map_err(|_| Stopped)?;
        done.await.map_err(|_| Stopped)
    }

    /// The sockets that it listens with, for the gateway that comes after it: connections that wait to be accepted belong
    /// to the socket, so none is lost while either of them has it.
    ///
    /// # Errors
    /// The gateway has stopped, or descriptors run out.
    pub async fn listeners(&self) -> std::io::Result<Vec<TcpListener>> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Listeners(reply)).await.map_err(std::io::Error::other)?;
        answer.await.map_err(std::io::Error::other)?
    }

    /// Its datagram sockets, for the gateway that comes after it. That one reads them from now on and passes back what is for
    /// HTTP/3 connections that are open here; it is to be quick about [`Gateway::take_over`], since nobody else reads. When it has
    /// failed, this gateway reads again.
    ///
    /// # Errors
    /// The gateway has stopped, or descriptors run out.
    pub async fn bequests(&self) -> std::io::Result<Vec<Bequest>> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Bequests(reply)).await.map_err(std::io::Error::other)?;
        answer.await.map_err(std::io::Error::other)?
    }

    /// Accepts no more connections, asks those that are open to end, and obtains no more certificates: another gateway has
    /// taken over. Requests under way go on until [`Gateway::shutdown`].
    ///
    /// # Errors
    /// The gateway has stopped.
    pub async fn retire(&self) -> Result<(), Stopped> {
        let (reply, done) = oneshot::channel();
        self.commands.send(Command::Retire(reply)).await.map_err(|_| Stopped)?;
        done.await.map_err(|_| Stopped)
    }

    /// Reports finished requests elsewhere from now on, or nowhere.
    pub fn set_access_log(&self, log: Option<AccessLog>) {
        self.shared.access_log.store(log.map(Arc::new));
    }

    /// Counts what `options` say from now on, or nothing. The service `prometheus@internal` exists for configurations that are
    /// put in force while something is counted.
    pub fn set_metrics(&self, options: &statics::Metrics) {
        self.shared.metrics.set(Some(options), self.workers);
    }

    /// Sends traces elsewhere from now on, or nowhere.
    pub fn set_tracer(&self, tracer: Option<Tracer>) {
        self.shared.tracer.store(tracer.map(Arc::new));
    }

    /// The state now.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// To be told of changes of the state.
    pub fn subscribe(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Waits until the gateway has ended by itself, because one of its threads broke down.
    pub async fn broken(&self) {
        let mut status = self.subscribe();
        while status.changed().await.is_ok() {}
    }

    /// Ends the gateway. For `accept` it goes on as before while `ping@internal` says so, so that a balancer before
    /// it looks elsewhere; then it stops accepting and requests under way have `grace` to finish.
    pub async fn shutdown(self, accept: Duration, grace: Duration) {
        // A control thread that is gone has nothing left to end.
        if self.commands.send(Command::Shutdown { accept, grace }).await.is_ok() {
            let _ = self.ended.await;
        }
        if let Some(tracer) = self.shared.tracer.swap(None) {
            tracer.flush().await;
        }
    }
}
