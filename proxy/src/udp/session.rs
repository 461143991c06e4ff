//! A session: one client address and its server.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{Notify, mpsc};

use crate::upstream::reach;

/// Datagrams that wait until a server's name is looked up; it is the first of a session that do.
const MOST_WAITING: usize = 16;
/// How long a look-up may take.
const LOOKUP: Duration = Duration::from_secs(5);

thread_local! {
    /// Where answers are read into: one for all sessions of a worker, which reads one at a time.
    static ANSWER: RefCell<Box<[u8]>> = RefCell::new(vec![0; super::LARGEST].into_boxed_slice());
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    client: SocketAddr,
    server: Arc<str>,
    silence: Duration,
    began: Instant,
    /// Milliseconds from its beginning to the last datagram.
    last: AtomicU64,
    /// Connected to the server.
    socket: OnceLock<UdpSocket>,
    waiting: Mutex<Vec<Box<[u8]>>>,
    over: AtomicBool,
    end: Notify,
}

/// Says that a session has ended.
#[derive(Debug)]
pub(super) struct Ended(Arc<Session>);

impl Ended {
    /// The client's address.
    pub(super) fn client(&self) -> SocketAddr {
        self.0.client
    }

    /// Whether it is this session that has ended.
    pub(super) fn is_of(&self, session: &Arc<Session>) -> bool {
        Arc::ptr_eq(&self.0, session)
    }
}

impl Session {
    /// A session of `client` with `server` (`host:port`), which ends after so much silence (zero: never).
    pub(super) fn new(client: SocketAddr, server: Arc<str>, silence: Duration, began: Instant) -> Self {
        Self {
            client,
            server,
            silence,
            began,
            last: AtomicU64::new(0),
            socket: OnceLock::new(),
            waiting: Mutex::default(),
            over: AtomicBool::new(false),
            end: Notify::new(),
        }
    }

    /// Its server.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Whether it takes no more datagrams.
    pub(super) fn has_ended(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.over.store(true, Relaxed);
        self.end.notify_one();
    }

    /// Sends a datagram of the client to the server. What the system does not take at once is lost, as datagrams are.
    pub(super) fn send(&self, datagram: &[u8]) {
        self.touch();
        match self.socket.get() {
            Some(socket) => drop(socket.try_send(datagram)),
            None => {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.len() < MOST_WAITING {
                    waiting.push(datagram.into());
                }
            }
        }
    }

    /// Connects to the server, and passes on what it answers until the session ends.
    pub(super) async fn run(self: Arc<Self>, clients: Arc<UdpSocket>, ended: mpsc::UnboundedSender<Ended>) {
        match self.connect().await {
            Ok(socket) => {
                let socket = self.socket.get_or_init(|| socket);
                for datagram in std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner)) {
                    // Lost, as datagrams are.
                    let _ = socket.try_send(&datagram);
                }
                self.answer(socket, &clients).await;
            }
            Err(error) => {
                tracing::warn!(client = %self.client, server = &*self.server, %error, "no UDP session with the server");
            }
        }
        self.over.store(true, Relaxed);
        // The entry point may be gone, and its sessions with it.
        let _ = ended.send(Ended(self));
    }

    async fn connect(&self) -> io::Result<UdpSocket> {
        let address = match self.server.parse::<SocketAddr>() {
            Ok(address) => address,
            Err(_) => tokio::time::timeout(LOOKUP, tokio::net::lookup_host(&*self.server))
                .await
                .map_err(|_| io::ErrorKind::TimedOut)??
                .next()
                .ok_or(io::ErrorKind::AddrNotAvailable)?,
        };
        let address = reach::check(address)?;
        let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 8], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(address).await?;
        // Otherwise the first datagrams would find the socket not ready, and be lost.
        socket.writable().await?;
        Ok(socket)
    }

    async fn answer(&self, socket: &UdpSocket, clients: &UdpSocket) {
        let mut silent = std::pin::pin!(self.until_silent());
        loop {
            let ready = tokio::select! {
                ready = socket.readable() => ready,
                () = self.end.notified() => return,
                () = silent.as_mut() => return,
            };
            if ready.is_err() {
                return;
            }
            let read = ANSWER.with_borrow_mut(|buffer| {
                let length = socket.try_recv(buffer)?;
                // Lost, as datagrams are.
                let _ = clients.try_send_to(buffer.get(..length).unwrap_or_default(), self.client);
                Ok(())
            });
            match read {
                Ok(()) => self.touch(),
                Err(error) if io::Error::kind(&error) == io::ErrorKind::WouldBlock => {}
                // Nobody is at the server's port: the next datagram begins a new session, with the next server.
                Err(error) => {
                    tracing::debug!(client = %self.client, server = &*self.server, %error, "UDP session ended");
                    return;
                }
            }
        }
    }

    async fn until_silent(&self) {
        if self.silence.is_zero() {
            return std::future::pending().await;
        }
        loop {
            let last = self.began + Duration::from_millis(self.last.load(Relaxed));
            let Some(left) = (last + self.silence).checked_duration_since(Instant::now()) else { return };
            tokio::time::sleep(left.max(Duration::from_millis(1))).await;
        }
    }

    fn touch(&self) {
        self.last.store(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
    }
}
