//! UDP routers: datagrams that go to a server, and what it answers.
//!
//! Specification: Traefik v3 documentation, "Routing: UDP". Datagrams have no connection, so those of one client address are a session:
//! they go to one server until nothing has come either way for the entry point's `udp.timeout`.

pub(crate) mod compile;
mod session;

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::entry_point::EntryPoint;
use crate::listen::succession::Datagrams;
use crate::upstream::balance::Turns;
use crate::worker::Worker;

use session::{Ended, Session};

/// Sessions at once on one entry point. A client's address is easily false, so these are not counted against connections.
const MOST_SESSIONS: usize = 16_384;
/// Largest datagram.
const LARGEST: usize = 65_535;
/// Datagrams that are taken before others have a turn.
const BATCH: usize = 64;

/// The UDP routers of all entry points.
#[derive(Debug, Default)]
pub(crate) struct UdpTable {
    entries: HashMap<String, Arc<UdpRoute>>,
    /// The entry points of all routers, in force or not, that exist.
    using: HashMap<String, Vec<String>>,
}

impl UdpTable {
    /// The entry points of a router that exist.
    pub(crate) fn using(&self, router: &str) -> &[String] {
        self.using.get(router).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A UDP router.
#[derive(Debug)]
pub(crate) struct UdpRoute {
    name: String,
    service: Arc<UdpService>,
}

/// Where datagrams go.
#[derive(Debug)]
pub(crate) enum UdpService {
    /// Servers, each `host:port`.
    Servers { turns: Turns, addresses: Vec<Arc<str>> },
    /// Other services, in proportion to their weights.
    Weighted { turns: Turns, members: Vec<Arc<UdpService>> },
}

impl UdpService {
    /// The server whose turn it is. Services are built from the inside out, so that none contains itself.
    fn next(&self) -> Option<Arc<str>> {
        match self {
            Self::Servers { turns, addresses } => addresses.get(turns.next(|_| true)?).cloned(),
            Self::Weighted { turns, members } => {
                let exist = |index: usize| members.get(index).is_some_and(|member| member.has_servers());
                members.get(turns.next(exist)?)?.next()
            }
        }
    }

    fn has_servers(&self) -> bool {
        match self {
            Self::Servers { addresses, .. } => !addresses.is_empty(),
            Self::Weighted { members, .. } => members.iter().any(|member| member.has_servers()),
        }
    }

    fn servers<'a>(&'a self, into: &mut HashSet<&'a str>) {
        match self {
            Self::Servers { addresses, .. } => into.extend(addresses.iter().map(|address| &**address)),
            Self::Weighted { members, .. } => members.iter().for_each(|member| member.servers(into)),
        }
    }
}

/// Carries the datagrams of an entry point until `stop`. One worker has the socket, so that what a client sends stays in order. Where
/// a successor has it too, the sessions that there are still get their answers.
///
/// # Errors
/// The socket cannot be used.
pub(crate) async fn serve(
    datagrams: Datagrams,
    entry: Arc<ArcSwap<EntryPoint>>,
    worker: Arc<Worker>,
    stop: CancellationToken,
) -> io::Result<()> {
    // The predecessor reads again if this one does not: that is what the link to it is kept for.
    let Datagrams { socket, predecessor: _link, succession } = datagrams;
    // Unbounded, as each session ends but once, and there are only so many.
    let (ended, mut endings) = mpsc::unbounded_channel();
    let mut passed = Vec::new();
    let socket = Arc::new(tokio::net::UdpSocket::from_std(socket)?);
    let mut sessions =
        Sessions { socket: Arc::clone(&socket), entry, worker, route: None, open: HashMap::new(), ended };
    let mut buffer = vec![0; LARGEST].into_boxed_slice();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(session) = endings.recv() => sessions.remove(&session),
            () = sessions.worker.changed.notified() => sessions.follow(),
            ready = poll_fn(|cx| loop {
                match succession.poll_passed(cx, &mut passed) {
                    Poll::Pending => return Poll::Pending,
                    // There is nothing that a successor would pass back.
                    Poll::Ready(Some(_)) => {}
                    Poll::Ready(None) => return socket.poll_recv_ready(cx),
                }
            }) => {
                ready?;
                sessions.take(&mut buffer);
                tokio::task::yield_now().await;
            }
        }
    }
    while succession.has_begun() && !sessions.open.is_empty() {
        match endings.recv().await {
            Some(session) => sessions.remove(&session),
            None => break,
        }
    }
    Ok(())
}

/// The sessions of an entry point.
struct Sessions {
    socket: Arc<tokio::net::UdpSocket>,
    entry: Arc<ArcSwap<EntryPoint>>,
    worker: Arc<Worker>,
    /// The router in force when it was last looked at.
    route: Option<Arc<UdpRoute>>,
    open: HashMap<SocketAddr, Arc<Session>>,
    ended: mpsc::UnboundedSender<Ended>,
}

impl Sessions {
    /// Takes the datagrams that are there, up to a batch.
    fn take(&mut self, buffer: &mut [u8]) {
        self.follow();
        for _ in 0..BATCH {
            match self.socket.try_recv_from(buffer) {
                Ok((length, client)) => self.pass(client, buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An answer to a client that is gone; the socket is none the worse.
                Err(error) => tracing::debug!(%error, "a datagram cannot be received"),
            }
        }
    }

    fn pass(&mut self, client: SocketAddr, datagram: &[u8]) {
        if let Some(session) = self.open.get(&client).filter(|session| !session.has_ended()) {
            return session.send(datagram);
        }
        let Some(route) = &self.route else { return };
        if self.open.len() >= MOST_SESSIONS {
            tracing::debug!(%client, router = route.name, "datagram dropped: too many sessions");
            return;
        }
        let Some(server) = route.service.next() else {
            tracing::debug!(%client, router = route.name, "datagram dropped: the service has no server");
            return;
        };
        let silence = self.entry.load().udp.unwrap_or(Duration::from_secs(3));
        let session = Arc::new(Session::new(client, server, silence, Instant::now()));
        session.send(datagram);
        self.open.insert(client, Arc::clone(&session));
        // Only ends with the thread, or with its session; there is nothing to finish at a shutdown.
        tokio::spawn(session.run(Arc::clone(&self.socket), self.ended.clone()));
    }

    /// Ends the sessions with servers that are not the router's any more.
    fn follow(&mut self) {
        let view = self.worker.view.load();
        let route = view.snapshot.udp.entries.get(&self.entry.load().name);
        let same = match (&self.route, route) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            _ => false,
        };
        if same {
            return;
        }
        let mut servers = HashSet::new();
        if let Some(route) = route {
            route.service.servers(&mut servers);
        }
        self.open.retain(|_, session| {
            let stays = servers.contains(session.server());
            if !stays {
                session.end();
            }
            stays
        });
        self.route = route.cloned();
    }

    fn remove(&mut self, ended: &Ended) {
        if self.open.get(&ended.client()).is_some_and(|session| ended.is_of(session)) {
            self.open.remove(&ended.client());
        }
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.open.values().for_each(|session| session.end());
    }
}
