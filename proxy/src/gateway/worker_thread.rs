//! The thread of a worker.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::entry_point::EntryPoint;
use crate::http::http3::serve_endpoint;
use crate::http::serve::serve;
use crate::listen::succession::Datagrams;
use crate::listen::{accept, prepare};
use crate::observe::quota::Quota;
use crate::snapshot::View;
use crate::udp;
use crate::worker::{Open, Shared, Worker};

/// How often kept connections to servers are looked over.
const SWEEP: Duration = Duration::from_secs(5);

/// A socket for a worker to serve.
#[derive(Debug)]
pub(super) struct Accept {
    pub(super) socket: Socket,
    pub(super) entry: Arc<ArcSwap<EntryPoint>>,
    /// Ends accepting, and asks its connections to end.
    pub(super) stop: CancellationToken,
}

/// What a socket is for.
#[derive(Debug)]
pub(super) enum Socket {
    /// Connections.
    Tcp(TcpListener),
    /// HTTP/3.
    Http3(Datagrams),
    /// Datagrams for UDP routers.
    Udp(Datagrams),
}

/// A worker's thread, from outside.
#[derive(Debug)]
pub(super) struct WorkerThread {
    pub(super) worker: Arc<Worker>,
    listeners: Option<mpsc::UnboundedSender<Accept>>,
    runtime: Handle,
    /// Ends the thread, whatever is under way.
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// Tells, at the end of a worker's thread, that the thread has broken down.
struct Notice {
    number: usize,
    lost: mpsc::UnboundedSender<usize>,
}

impl Drop for Notice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody listens where the gateway ends.
            let _ = self.lost.send(self.number);
        }
    }
}

impl WorkerThread {
    /// Starts a worker. Where its thread breaks down, its number is sent to `lost`.
    pub(super) fn start(
        number: usize,
        shared: &Arc<Shared>,
        view: View,
        lost: mpsc::UnboundedSender<usize>,
    ) -> std::io::Result<Self> {
        let worker = Arc::new(Worker {
            number,
            shared: Arc::clone(shared),
            view: ArcSwap::from_pointee(view),
            changed: Notify::new(),
            unrouted_lines: Quota::default(),
            unanswered_lines: Quota::default(),
            waiting: AtomicUsize::new(0),
            copying: AtomicUsize::new(0),
            tasks: TaskTracker::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        // Unbounded, since the configuration bounds it: one message for each socket that is listened on.
        let (listeners, inbox) = mpsc::unbounded_channel();
        let end = CancellationToken::new();
        let (working, stopping) = (Arc::clone(&worker), end.clone());
        let notice = Notice { number, lost };
        let thread = std::thread::Builder::new().name(format!("gateway-{number}")).spawn(move || {
            let _notice = notice;
            runtime.block_on(async {
                tokio::select! {
                    () = work(&working, inbox) => {}
                    () = stopping.cancelled() => {}
                }
            });
        })?;
        Ok(Self { worker, listeners: Some(listeners), runtime: handle, end, thread: Some(thread) })
    }

    /// Gives the worker a listener.
    pub(super) fn accept(&self, accept: Accept) {
        if let Some(listeners) = &self.listeners {
            // A worker that is gone serves nothing any more.
            let _ = listeners.send(accept);
        }
    }

    /// Where it runs.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Waits until nothing is under way.
    pub(super) async fn finished(&mut self) {
        self.listeners = None;
        self.worker.tasks.close();
        self.worker.tasks.wait().await;
    }
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        self.listeners = None;
        self.end.cancel();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            let reason = panic.downcast_ref::<&str>().copied();
            let reason = reason.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
            tracing::error!(worker = self.worker.number, reason, "a thread of the gateway broke down");
        }
    }
}

async fn work(worker: &Arc<Worker>, mut inbox: mpsc::UnboundedReceiver<Accept>) {
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut open = true;
    loop {
        tokio::select! {
            accept = inbox.recv(), if open => match accept {
                Some(accept) => take(worker, accept),
                None => open = false,
            },
            _ = sweep.tick() => {
                for pool in &worker.view.load().pools {
                    pool.sweep();
                }
            }
        }
    }
}

/// Serves a socket from now on.
fn take(worker: &Arc<Worker>, accept: Accept) {
    let Accept { socket, entry, stop } = accept;
    let owner = Arc::clone(worker);
    match socket {
        Socket::Tcp(listener) => drop(tokio::spawn(accept_all(owner, listener, entry, stop))),
        // Its end is waited for: it sends what its connections said last.
        Socket::Http3(datagrams) => drop(worker.tasks.spawn(async move {
            if let Err(error) = serve_endpoint(datagrams, entry, owner, stop).await {
                tracing::error!(%error, "HTTP/3 cannot be served");
            }
        })),
        // And the answers to what was asked before a successor came.
        Socket::Udp(datagrams) => drop(worker.tasks.spawn(async move {
            if let Err(error) = udp::serve(datagrams, entry, owner, stop).await {
                tracing::error!(%error, "datagrams cannot be served");
            }
        })),
    }
}

async fn accept_all(
    worker: Arc<Worker>,
    listener: TcpListener,
    entry: Arc<ArcSwap<EntryPoint>>,
    stop: CancellationToken,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot watch a listening socket");
            return;
        }
    };
    prepare(&listener);
    // Its own, so that connections of this worker wait on nothing that other workers touch.
    let drain = stop.child_token();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = drain.cancelled() => return,
        };
        let entry = entry.load_full();
        let balancer = entry.proxied.as_ref().is_some_and(|proxied| !proxied.insecure && proxied.trusts(peer.ip()));
        let Some(place) = worker.shared.admit((!balancer).then(|| peer.ip())) else {
            tracing::debug!(client = %peer, "connection refused: too many are open");
            continue;
        };
        let open = Open::new(place, worker.shared.metrics.registry().map(|registry| registry.opened(&entry.name)));
        worker.tasks.spawn(serve(stream, peer, entry, Arc::clone(&worker), drain.clone(), open));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn only_a_thread_that_breaks_down_is_told_of() {
        let (lost, mut told) = mpsc::unbounded_channel();
        for number in [1, 2] {
            let notice = Notice { number, lost: lost.clone() };
            let thread = std::thread::spawn(move || match notice.number {
                2 => panic!("a test's"),
                _ => drop(notice),
            });
            assert_eq!(thread.join().is_err(), number == 2);
        }
        drop(lost);
        assert_eq!(told.recv().await.unwrap(), 2);
        assert_eq!(told.recv().await, None);
    }
}
