//! The control thread: the only one that changes anything. It never blocks, so that health checks are made in time: what reads
//! files or makes keys is done beside it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::inspect::Inspector;
use crate::observe::metrics::Metrics;
use crate::snapshot::internal::{Handler, InternalServices};
use crate::snapshot::{Snapshot, View};
use crate::tls::local::LocalCertificates;
use crate::worker::Shared;

use super::certificates::Certificates;
use super::compiler::{Compiled, Compiler};
use super::listeners::{Listeners, system_lookup};
use super::stage::Stage;
use super::transition::ServerTransition;
use super::worker_thread::WorkerThread;
use super::{Announce, Applied, Command, Problem, StartError, Status, Update, UpdateRequest};

/// How often an address that could not be listened on is tried again, once it is known.
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
    terminating: Arc<AtomicBool>,
    compiler: Arc<Compiler>,
    /// The one place where updates are compiled, so that none overtakes another.
    work: Stage<Done>,
    snapshot: Arc<Snapshot>,
    /// Of the update in force.
    fingerprint: Option<u64>,
    certificates: Certificates,
    listeners: Listeners,
    /// Health checks, and tries to reach new servers.
    checks: JoinSet<()>,
    transition: ServerTransition,
    status: watch::Sender<Status>,
}

/// What a control thread is made of.
pub(super) struct Setup {
    pub(super) shared: Arc<Shared>,
    pub(super) workers: usize,
    pub(super) handlers: HashMap<String, Handler>,
    /// What `ping@internal` answers while the gateway is going away; none for no such service.
    pub(super) ping: Option<StatusCode>,
    pub(super) transition: ServerTransition,
    pub(super) status: watch::Sender<Status>,
}

/// Where a control thread is told what to do.
pub(super) struct Inbox {
    pub(super) commands: mpsc::Receiver<Command>,
    /// Apart from commands, which are obeyed while an update is compiled.
    pub(super) updates: mpsc::Receiver<UpdateRequest>,
}

/// What was done beside the control thread.
enum Done {
    Compiled(Box<Compiled>, oneshot::Sender<Applied>),
    LocalCertificates(Result<LocalCertificates, Problem>),
}

impl Control {
    pub(super) fn new(setup: Setup) -> Result<Self, StartError> {
        let Setup { shared, workers, handlers, ping, transition, status } = setup;
        let (obtained, metrics) = (Arc::default(), Arc::clone(&shared.metrics));
        let terminating = Arc::<AtomicBool>::default();
        let internal =
            InternalServices { handlers, terminating: Arc::clone(&terminating), ping, metrics: Arc::clone(&metrics) };
        let compiler = Compiler::new(Arc::clone(&obtained), internal)?;
        let snapshot = compiler.compile(Update::default(), None).snapshot;
        // Unbounded, as each worker breaks down but once.
        let (tell, lost) = mpsc::unbounded_channel();
        let view = || View::new(Arc::clone(&snapshot), None, workers);
        let workers = (0..workers.max(1))
            .map(|number| WorkerThread::start(number, &shared, view(), tell.clone()))
            .collect::<Result<_, _>>()
            .map_err(StartError::Thread)?;
        Ok(Self {
            workers,
            lost,
            metrics,
            terminating,
            compiler: Arc::new(compiler),
            work: Stage::default(),
            snapshot,
            fingerprint: None,
            certificates: Certificates::new(obtained, Arc::clone(&shared.challenges)),
            listeners: Listeners::new(system_lookup(), status.clone()),
            checks: JoinSet::new(),
            transition,
            status,
        })
    }

    /// Obeys until told to end or nobody is left to command. It also ends where a worker has broken down: whoever started the
    /// gateway starts it anew, while half a gateway would not be noticed.
    pub(super) fn run(self, inbox: Inbox) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "the gateway cannot run");
                return;
            }
        };
        runtime.block_on(self.obey(inbox));
        // A file that cannot be read, or a name that is looked up, holds nobody up.
        runtime.shutdown_background();
    }

    async fn obey(mut self, mut inbox: Inbox) {
        let mut retry = tokio::time::interval(RETRY);
        retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut daily = tokio::time::interval(DAY);
        daily.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = inbox.commands.recv() => match command {
                    None => return,
                    Some(Command::Shutdown { accept, grace }) => return self.shutdown(accept, grace).await,
                    Some(command) => self.carry_out(command),
                },
                Some(request) = inbox.updates.recv(), if self.work.is_free() => self.compile(request),
                done = self.work.finished() => match done {
                    Done::Compiled(compiled, reply) => {
                        // Whoever asked may have gone.
                        let _ = reply.send(self.put_into_force(*compiled));
                    }
                    Done::LocalCertificates(Ok(certificates)) => self.certificates.show_local(certificates),
                    Done::LocalCertificates(Err(problem)) => tracing::error!("{problem}"),
                },
                Some(worker) = self.lost.recv() => {
                    tracing::error!(worker, "a thread of the gateway has broken down: the gateway ends");
                    return self.shutdown(Duration::ZERO, LAST_GRACE).await;
                }
                found = self.listeners.looked_up() => self.listeners.found(found, &self.workers),
                _ = retry.tick(), if self.listeners.may_bind() => self.listeners.bind(&self.workers),
                () = self.transition.tick() => self.transition.tell(&self.status),
                _ = daily.tick(), if self.work.is_free() => self.renew_local_certificates(),
            }
        }
    }

    /// Whoever asked may have gone.
    fn carry_out(&mut self, command: Command) {
        match command {
            Command::EntryPoints(entry_points, inherited, reply) => {
                self.listeners.set(entry_points, inherited, reply, &self.workers);
            }
            Command::Listeners(reply) => drop(reply.send(self.listeners.copies())),
            Command::Bequests(reply) => drop(reply.send(self.listeners.bequests())),
            Command::Retire(reply) => {
                self.certificates.retire();
                self.listeners.retire();
                let _ = reply.send(());
            }
            // It ends the loop instead.
            Command::Shutdown { .. } => {}
        }
    }

    fn compile(&mut self, UpdateRequest { update, reply }: UpdateRequest) {
        let (compiler, before) = (Arc::clone(&self.compiler), Arc::clone(&self.snapshot));
        self.work.begin(move || Done::Compiled(Box::new(compiler.compile(*update, Some(&before))), reply));
    }

    fn renew_local_certificates(&mut self) {
        let Some(folder) = self.certificates.authority.clone() else { return };
        let (compiler, snapshot) = (Arc::clone(&self.compiler), Arc::clone(&self.snapshot));
        self.work.begin(move || Done::LocalCertificates(compiler.local_certificates(&folder, &snapshot)));
    }

    fn put_into_force(&mut self, compiled: Compiled) -> Applied {
        let Compiled { update, snapshot, problems, local, fingerprint } = compiled;
        self.snapshot = snapshot;
        self.certificates.authority = update.local_authority;
        if let Some(local) = local {
            self.certificates.show_local(local);
        }
        // What takes time comes first: from the moment that a request can be routed anew, whoever asks should see the new state.
        self.metrics.reloaded(&self.snapshot, self.fingerprint.is_none() || self.fingerprint != fingerprint);
        self.fingerprint = fingerprint;
        let revision = self.status.borrow().revision + 1;
        let inspector = Inspector::new(
            Arc::new(update.configuration),
            &problems,
            self.certificates.obtained(),
            &self.snapshot,
            self.workers.iter().map(|thread| Arc::downgrade(&thread.worker)).collect(),
        );
        let applied = Applied { revision, problems, inspector };
        if let Some(Announce(tell)) = &update.announce {
            tell(&applied);
        }
        self.end_checks();
        self.switch_workers();
        self.certificates.obtain(self.snapshot.wanted.clone());
        self.start_checks();
        self.transition.arrived(&self.snapshot, &mut self.checks);
        // Whoever waits for this revision reads the rest of the status with it.
        self.status.send_modify(|status| {
            status.revision = revision;
            self.transition.note(status);
        });
        applied
    }

    /// Has all workers route by the snapshot: one store each.
    fn switch_workers(&mut self) {
        let count = self.workers.len();
        for thread in &self.workers {
            let before = thread.worker.view.load_full();
            let after = Arc::new(View::new(Arc::clone(&self.snapshot), Some(&before), count));
            thread.worker.view.store(Arc::clone(&after));
            thread.worker.changed.notify_waiters();
            self.transition.left_behind(&before, &after);
        }
    }

    /// Ends the checks of the configuration before. What they found of servers that have none any more counts no longer: it is
    /// forgotten only now, when no probe can find anything more.
    fn end_checks(&mut self) {
        self.checks.abort_all();
        self.checks = JoinSet::new();
        self.snapshot.unchecked.iter().for_each(|server| server.forget_health());
        self.snapshot.tcp.forget_old_checks();
    }

    /// Checks are started anew with each configuration: what they know is in the servers, and each begins with a probe.
    fn start_checks(&mut self) {
        self.snapshot.checks.iter().for_each(|check| check.start(&mut self.checks));
        self.snapshot.tcp.checks.iter().for_each(|check| check.start(&mut self.checks));
    }

    async fn shutdown(&mut self, accept: Duration, grace: Duration) {
        self.terminating.store(true, Relaxed);
        if !accept.is_zero() {
            tokio::time::sleep(accept).await;
        }
        self.listeners.close();
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
        let setup = Setup {
            shared: Arc::new(shared),
            workers: 2,
            handlers: HashMap::new(),
            ping: None,
            transition: ServerTransition::default(),
            status: sender,
        };
        let mut control = Control::new(setup).unwrap();
        let (tell, lost) = mpsc::unbounded_channel();
        control.lost = lost;
        let (_commands, commands) = mpsc::channel(1);
        let (_updates, updates) = mpsc::channel(1);
        let thread = std::thread::spawn(move || control.run(Inbox { commands, updates }));
        assert!(!thread.is_finished() && status.has_changed().is_ok());
        tell.send(1).unwrap();
        tokio::task::spawn_blocking(move || thread.join()).await.unwrap().unwrap();
        assert!(status.has_changed().is_err(), "whoever serves is told");
    }
}
