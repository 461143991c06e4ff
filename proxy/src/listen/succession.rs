//! Datagram sockets that go from one gateway to the next.
//!
//! Connections wait at a listening socket that two can share; datagrams go to whoever reads first. So from the moment that a
//! successor has the socket it alone reads, over a link it passes back what belongs to its predecessor, and both send. A link
//! that breaks says that the other side has ended: a predecessor whose successor has failed reads again.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arc_swap::ArcSwapOption;
use futures_util::task::AtomicWaker;
use socket2::{Domain, Socket, Type};
use tokio::net::UnixDatagram;
use tokio::runtime::Handle;

use super::{BindError, bind_udp, same_place};

/// Largest message over a link: a datagram, and what is said of it.
const LARGEST: usize = 66_000;

/// A datagram socket for the gateway that comes after the one that reads it now.
#[derive(Debug)]
pub struct Bequest {
    /// The socket.
    pub socket: UdpSocket,
    /// Leads to the one that read it before; to be kept as long as the socket is in use.
    pub link: OwnedFd,
}

/// What a worker is given to read datagrams from.
#[derive(Debug)]
pub(crate) struct Datagrams {
    pub(crate) socket: UdpSocket,
    /// Who read it before, if it was inherited.
    pub(crate) predecessor: Option<Predecessor>,
    pub(crate) succession: Arc<Succession>,
}

impl Datagrams {
    /// A socket at `address`, of those that were inherited or a new one, which a worker reads in `runtime`. Returns where it is
    /// bound, what the worker is given, and what is kept for a successor.
    ///
    /// # Errors
    /// The address is taken or may not be bound, or descriptors run out.
    pub(crate) fn at(
        address: SocketAddr,
        inherited: &mut Vec<Bequest>,
        runtime: &Handle,
    ) -> Result<(SocketAddr, Self, Legacy), BindError> {
        let place = |bequest: &Bequest| bequest.socket.local_addr().ok().filter(|bound| same_place(*bound, address));
        let found = inherited.iter().enumerate().find_map(|(index, bequest)| Some((index, place(bequest)?)));
        let (address, socket, predecessor) = match found {
            Some((index, bound)) => {
                let Bequest { socket, link } = inherited.swap_remove(index);
                (bound, socket, Some(Predecessor(link.into())))
            }
            None => {
                let (bound, socket) = bind_udp(address)?;
                (bound, socket, None)
            }
        };
        let copy = socket.try_clone().map_err(|source| BindError::Bind { address, source })?;
        let succession = Arc::new(Succession::new(runtime.clone()));
        let legacy = Legacy { socket: copy, succession: Arc::clone(&succession) };
        Ok((address, Self { socket, predecessor, succession }, legacy))
    }
}

/// What is kept of a socket that a worker reads.
#[derive(Debug)]
pub(crate) struct Legacy {
    socket: UdpSocket,
    succession: Arc<Succession>,
}

impl Legacy {
    /// Gives the socket to a successor, which reads it from now on.
    ///
    /// # Errors
    /// Descriptors run out.
    pub(crate) fn bequeath(&self) -> io::Result<Bequest> {
        self.succession.begin(&self.socket)
    }
}

/// Who read a socket before.
#[derive(Debug)]
pub(crate) struct Predecessor(Socket);

impl Predecessor {
    /// Passes on what is its. What it does not take at once is lost, as datagrams are.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn pass(&self, message: &[u8]) -> io::Result<()> {
        match self.0.send(message) {
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a successor reads a socket in place of this gateway.
#[derive(Debug)]
pub(crate) struct Succession {
    /// Of the worker that reads the socket.
    runtime: Handle,
    successor: ArcSwapOption<UnixDatagram>,
    reader: AtomicWaker,
}

impl Succession {
    fn new(runtime: Handle) -> Self {
        Self { runtime, successor: ArcSwapOption::empty(), reader: AtomicWaker::new() }
    }

    /// From now on another gateway reads `socket`, in place of any that did before.
    ///
    /// # Errors
    /// Descriptors run out.
    fn begin(&self, socket: &UdpSocket) -> io::Result<Bequest> {
        let socket = socket.try_clone()?;
        // Keeps messages apart as datagrams are, with the same calls, and says when the other side is gone (unix(7)).
        let (ours, theirs) = Socket::pair(Domain::UNIX, Type::SEQPACKET.nonblocking(), None)?;
        let _worker = self.runtime.enter();
        let ours = UnixDatagram::from_std(OwnedFd::from(ours).into())?;
        self.successor.store(Some(Arc::new(ours)));
        self.reader.wake();
        Ok(Bequest { socket, link: theirs.into() })
    }

    /// Whether a successor reads.
    pub(crate) fn has_begun(&self) -> bool {
        self.successor.load().is_some()
    }

    /// Ready with what the successor passes back (its length in `buffer`), or with nothing when it is this gateway that is to
    /// read the socket.
    pub(crate) fn poll_passed(&self, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<Option<usize>> {
        self.reader.register(cx.waker());
        loop {
            let successor = self.successor.load();
            let Some(link) = &*successor else { return Poll::Ready(None) };
            if ready!(link.poll_recv_ready(cx)).is_err() {
                return self.failed(link);
            }
            buffer.resize(LARGEST, 0);
            match link.try_recv(buffer) {
                Ok(length) if length > 0 => return Poll::Ready(Some(length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // No message is empty.
                Ok(_) | Err(_) => return self.failed(link),
            }
        }
    }

    fn failed(&self, link: &Arc<UnixDatagram>) -> Poll<Option<usize>> {
        self.successor.compare_and_swap(link, None);
        Poll::Ready(None)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn any() -> SocketAddr {
        ([127, 0, 0, 1], 0).into()
    }

    #[tokio::test]
    async fn a_socket_is_read_by_the_successor_and_again_when_that_has_failed() {
        let (address, first, legacy) = Datagrams::at(any(), &mut Vec::new(), &Handle::current()).unwrap();
        let mut buffer = Vec::new();
        assert_eq!(poll_fn(|cx| first.succession.poll_passed(cx, &mut buffer)).await, None);
        // A successor comes in the place of one that was given the socket already.
        drop(legacy.bequeath().unwrap());
        let mut given = vec![legacy.bequeath().unwrap()];
        let (bound, second, _) = Datagrams::at(address, &mut given, &Handle::current()).unwrap();
        assert!(given.is_empty());
        assert_eq!((bound, second.socket.local_addr().unwrap()), (address, address));
        assert!(first.succession.has_begun() && !second.succession.has_begun());
        let reading = tokio::spawn(async move {
            let (mut read, mut buffer) = (Vec::new(), Vec::new());
            while let Some(length) = poll_fn(|cx| first.succession.poll_passed(cx, &mut buffer)).await {
                read.push(buffer.get(..length).unwrap().to_vec());
            }
            (read, first.succession.has_begun())
        });
        let predecessor = second.predecessor.unwrap();
        predecessor.pass(b"one").unwrap();
        tokio::task::yield_now().await;
        predecessor.pass(b"another").unwrap();
        drop(predecessor);
        assert_eq!(reading.await.unwrap(), (vec![b"one".to_vec(), b"another".to_vec()], false));
    }

    #[tokio::test]
    async fn a_reader_that_waits_learns_of_a_successor() {
        let (_, first, legacy) = Datagrams::at(any(), &mut Vec::new(), &Handle::current()).unwrap();
        let socket = tokio::net::UdpSocket::from_std(first.socket).unwrap();
        let mut buffer = Vec::new();
        let mut reading = std::pin::pin!(poll_fn(|cx| match first.succession.poll_passed(cx, &mut buffer) {
            Poll::Ready(None) => socket.poll_recv_ready(cx).map(|_| None),
            passed => passed,
        }));
        assert!(futures_util::poll!(reading.as_mut()).is_pending());
        let link = Predecessor(legacy.bequeath().unwrap().link.into());
        link.pass(b"passed").unwrap();
        assert_eq!(reading.await, Some(6));
    }

    #[tokio::test]
    async fn a_predecessor_that_has_ended_is_told_of() {
        let (address, first, legacy) = Datagrams::at(any(), &mut Vec::new(), &Handle::current()).unwrap();
        let mut given = vec![legacy.bequeath().unwrap()];
        let (_, second, _) = Datagrams::at(address, &mut given, &Handle::current()).unwrap();
        let predecessor = second.predecessor.unwrap();
        predecessor.pass(b"taken").unwrap();
        drop((first, legacy));
        assert!(predecessor.pass(b"lost").is_err());
    }

    #[tokio::test]
    async fn what_is_bound_elsewhere_is_left() {
        let (_, _first, legacy) = Datagrams::at(any(), &mut Vec::new(), &Handle::current()).unwrap();
        let mut given = vec![legacy.bequeath().unwrap()];
        let (_, second, _) = Datagrams::at(any(), &mut given, &Handle::current()).unwrap();
        assert!(second.predecessor.is_none());
        assert_eq!(given.len(), 1);
    }
}
