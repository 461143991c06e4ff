//! Listening sockets that go from one gateway to its successor, over a socket of this host.
//!
//! A connection belongs to the listening socket until it is accepted: whoever closed the last copy of a socket would reset
//! those that wait. So the successor is given copies (unix(7), `SCM_RIGHTS`), says when it serves, and only then does the
//! predecessor stop accepting. Datagram sockets are read by the successor from the moment that it has them, each with a link over
//! which it passes back what is for its predecessor. The meeting place has no file, and its name is no secret: each side makes
//! sure that the other is the same user.
//!
//! Gateways of before datagrams were handed over take the announcement of them for one more message without meaning, make none
//! themselves, and so neither ask for them nor are asked.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::net::UnixListener;

use proxy::gateway::{Bequest, Gateway, Inherited};

/// Sockets in one message, an even number; the system takes at most 253.
const BATCH: usize = 64;
/// Neither side waits longer for the other.
const PATIENCE: Duration = Duration::from_secs(20);

/// After a successor that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// A message: sockets come with it. Without any it announces that datagram sockets can be asked for.
const SOCKETS: u8 = b'L';
/// A message: the successor asks for the datagram sockets. It is given pairs of a socket and its link.
const DATAGRAMS: u8 = b'D';
/// A message: there are no more sockets.
const THAT_IS_ALL: u8 = b'.';
/// A message: the successor serves.
const SERVING: u8 = b'S';

/// Where a gateway waits for its successor, before there is one.
#[derive(Debug)]
pub struct HandoverListener(UnixListener);

impl HandoverListener {
    /// Opens it under a name.
    ///
    /// # Errors
    /// A name that is taken.
    pub fn open(name: &str) -> io::Result<Self> {
        let listener = StdListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
        listener.set_nonblocking(true)?;
        Ok(Self(UnixListener::from_std(listener)?))
    }

    /// Gives the gateway's listening sockets to whoever comes, until one of them says that it serves.
    pub async fn hand_over(&self, gateway: &Gateway) {
        loop {
            match self.try_hand_over(gateway).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "a successor asked for the listening sockets, but has not taken over");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn try_hand_over(&self, gateway: &Gateway) -> io::Result<()> {
        let (stream, _) = self.0.accept().await?;
        let mut stream = of_same_user(stream)?;
        let mut sockets: Vec<_> = gateway.listeners().await?.into_iter().map(OwnedFd::from).collect();
        let mut announce = true;
        loop {
            let giving = move || give(&stream, announce, &sockets).map(|answer| (stream, answer));
            let answer;
            (stream, answer) = tokio::task::spawn_blocking(giving).await.map_err(io::Error::other)??;
            match answer {
                SERVING => return Ok(()),
                DATAGRAMS if announce => announce = false,
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
            let bequests = gateway.bequests().await?;
            sockets = bequests.into_iter().flat_map(|bequest| [bequest.socket.into(), bequest.link]).collect();
        }
    }
}

/// Sockets of a predecessor, which goes on accepting until it is told otherwise.
#[derive(Debug)]
pub struct InheritedSockets {
    sockets: Inherited,
    predecessor: Predecessor,
}

/// A gateway that has given its sockets away.
#[derive(Debug)]
pub struct Predecessor(UnixStream);

impl InheritedSockets {
    /// Asks the gateway that waits under that name.
    ///
    /// # Errors
    /// Nobody waits there, or somebody else than a gateway of this user.
    pub async fn ask(name: &str) -> io::Result<Self> {
        let predecessor = UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?;
        predecessor.set_nonblocking(true)?;
        let predecessor = of_same_user(tokio::net::UnixStream::from_std(predecessor)?)?;
        let ask = move || Ok(Self { sockets: receive(&predecessor)?, predecessor: Predecessor(predecessor) });
        tokio::task::spawn_blocking(ask).await.map_err(io::Error::other)?
    }

    /// The sockets, and who is to be told once they are in use.
    #[must_use]
    pub fn split(self) -> (Inherited, Predecessor) {
        (self.sockets, self.predecessor)
    }
}

impl Predecessor {
    /// Tells it that the sockets are in use.
    ///
    /// # Errors
    /// It has gone already.
    pub fn may_go(self) -> io::Result<()> {
        send(&self.0, SERVING, &[])
    }
}

/// The connection, for calls that wait, if the other side is the same user. (Its process id is of no use: it may be one of
/// another container.)
fn of_same_user(stream: tokio::net::UnixStream) -> io::Result<UnixStream> {
    if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends sockets and waits for what the other side says to them.
fn give(stream: &UnixStream, announce: bool, sockets: &[OwnedFd]) -> io::Result<u8> {
    if announce {
        send(stream, SOCKETS, &[])?;
    }
    for batch in sockets.chunks(BATCH) {
        let batch: Vec<_> = batch.iter().map(OwnedFd::as_fd).collect();
        send(stream, SOCKETS, &batch)?;
    }
    send(stream, THAT_IS_ALL, &[])?;
    receive_one(stream, &mut Vec::new())
}

/// Takes all that the other side has to give.
fn receive(stream: &UnixStream) -> io::Result<Inherited> {
    let (listeners, more) = receive_sockets(stream)?;
    let mut inherited =
        Inherited { listeners: listeners.into_iter().map(TcpListener::from).collect(), datagrams: Vec::new() };
    if more {
        send(stream, DATAGRAMS, &[])?;
        let mut sockets = receive_sockets(stream)?.0.into_iter();
        while let (Some(socket), Some(link)) = (sockets.next(), sockets.next()) {
            inherited.datagrams.push(Bequest { socket: socket.into(), link });
        }
    }
    Ok(inherited)
}

/// Sockets up to the last, and whether there are others that can be asked for.
fn receive_sockets(stream: &UnixStream) -> io::Result<(Vec<OwnedFd>, bool)> {
    let (mut sockets, mut more) = (Vec::new(), false);
    loop {
        let before = sockets.len();
        match receive_one(stream, &mut sockets)? {
            SOCKETS => more |= sockets.len() == before,
            THAT_IS_ALL => return Ok((sockets, more)),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn send(stream: &UnixStream, what: u8, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !sockets.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(stream, &[IoSlice::new(&[what])], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// One message: what it is, and the sockets that come with it. The system keeps the sockets of two messages apart.
fn receive_one(stream: &UnixStream, sockets: &mut Vec<OwnedFd>) -> io::Result<u8> {
    let mut what = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut what)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            sockets.extend(received);
        }
    }
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("not all sockets could be received: too few descriptors"));
    }
    Ok(what[0])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::UdpSocket;
    use std::thread;

    use super::*;

    fn listeners(count: usize) -> (Vec<OwnedFd>, Vec<std::net::SocketAddr>) {
        let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        (listeners.into_iter().map(OwnedFd::from).collect(), addresses)
    }

    #[test]
    fn sockets_change_hands_with_the_connections_that_wait() {
        let (here, there) = UnixStream::pair().unwrap();
        let (sockets, addresses) = listeners(100);
        let mut waiting = std::net::TcpStream::connect(addresses.get(70).unwrap()).unwrap();
        let giving = thread::spawn(move || {
            assert_eq!(give(&here, true, &sockets).unwrap(), DATAGRAMS);
            let pairs = [UdpSocket::bind("127.0.0.1:0").unwrap().into(), UnixStream::pair().unwrap().0.into()];
            (
                give(&here, false, &pairs).unwrap(),
                UdpSocket::from(pairs.into_iter().next().unwrap()).local_addr().unwrap(),
            )
        });
        let taken = receive(&there).unwrap();
        let found: Vec<_> = taken.listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        assert_eq!(found, addresses);
        Predecessor(there).may_go().unwrap();
        let (answer, datagrams) = giving.join().unwrap();
        assert_eq!(answer, SERVING);
        let found: Vec<_> = taken.datagrams.iter().map(|bequest| bequest.socket.local_addr().unwrap()).collect();
        assert_eq!(found, [datagrams]);
        let (mut accepted, _) = taken.listeners.get(70).unwrap().accept().unwrap();
        accepted.write_all(b"hello").unwrap();
        drop(accepted);
        let mut said = String::new();
        waiting.read_to_string(&mut said).unwrap();
        assert_eq!(said, "hello");
    }

    #[test]
    fn a_gateway_that_knows_nothing_of_datagrams_gives_and_takes_connections() {
        for announce in [false, true] {
            let (here, there) = UnixStream::pair().unwrap();
            let (sockets, addresses) = listeners(3);
            let giving = thread::spawn(move || give(&here, announce, &sockets));
            let taken = if announce {
                // An older one does not ask, whatever it hears.
                receive_sockets(&there).unwrap().0.len()
            } else {
                // One that announces nothing is not asked.
                receive(&there).unwrap().listeners.len()
            };
            assert_eq!(taken, addresses.len());
            Predecessor(there).may_go().unwrap();
            assert_eq!(giving.join().unwrap().unwrap(), SERVING);
        }
    }

    #[test]
    fn a_successor_that_goes_away_takes_nothing_over() {
        let (here, there) = UnixStream::pair().unwrap();
        let (sockets, _) = listeners(1);
        let giving = thread::spawn(move || give(&here, false, &sockets));
        assert_eq!(receive(&there).unwrap().listeners.len(), 1);
        drop(there);
        assert!(giving.join().unwrap().is_err());
    }
}
