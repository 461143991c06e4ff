//! Listening sockets that go from one gateway to its successor, over a socket of this host.
//!
//! A connection belongs to the listening socket until it is accepted: whoever closed the last copy of a socket would reset
//! those that wait. So the successor is given copies (unix(7), `SCM_RIGHTS`), says when it serves, and only then does the
//! predecessor stop accepting. The meeting place has no file, and its name is no secret: each side makes sure that the
//! other is the same user.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::net::UnixListener;

use proxy::gateway::Gateway;

/// Sockets in one message; the system takes at most 253.
const BATCH: usize = 64;
/// Neither side waits longer for the other.
const PATIENCE: Duration = Duration::from_secs(20);

/// After a successor that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// A message: sockets come with it.
const SOCKETS: u8 = b'L';
/// A message: there are no more sockets.
const THAT_IS_ALL: u8 = b'.';
/// A message: the successor serves.
const SERVING: u8 = b'S';

/// Where a gateway waits for its successor, before there is one.
#[derive(Debug)]
pub struct MeetingPlace(UnixListener);

impl MeetingPlace {
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
        let stream = of_same_user(stream)?;
        let listeners = gateway.listeners().await?;
        tokio::task::spawn_blocking(move || give(&stream, &listeners)).await.map_err(io::Error::other)?
    }
}

/// Listening sockets of a predecessor, which goes on accepting until it is told otherwise.
#[derive(Debug)]
pub struct Inheritance {
    listeners: Vec<TcpListener>,
    predecessor: Predecessor,
}

/// A gateway that has given its listening sockets away.
#[derive(Debug)]
pub struct Predecessor(UnixStream);

impl Inheritance {
    /// Asks the gateway that waits under that name.
    ///
    /// # Errors
    /// Nobody waits there, or somebody else than a gateway of this user.
    pub async fn ask(name: &str) -> io::Result<Self> {
        let predecessor = UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?;
        predecessor.set_nonblocking(true)?;
        let predecessor = of_same_user(tokio::net::UnixStream::from_std(predecessor)?)?;
        let ask = move || Ok(Self { listeners: receive(&predecessor)?, predecessor: Predecessor(predecessor) });
        tokio::task::spawn_blocking(ask).await.map_err(io::Error::other)?
    }

    /// The sockets, and who is to be told once they are in use.
    #[must_use]
    pub fn split(self) -> (Vec<TcpListener>, Predecessor) {
        (self.listeners, self.predecessor)
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

/// Sends the sockets and waits until the other side serves.
fn give(stream: &UnixStream, listeners: &[TcpListener]) -> io::Result<()> {
    for batch in listeners.chunks(BATCH) {
        let sockets: Vec<_> = batch.iter().map(TcpListener::as_fd).collect();
        send(stream, SOCKETS, &sockets)?;
    }
    send(stream, THAT_IS_ALL, &[])?;
    match receive_one(stream, &mut Vec::new())? {
        SERVING => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn receive(stream: &UnixStream) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    loop {
        match receive_one(stream, &mut listeners)? {
            SOCKETS => {}
            THAT_IS_ALL => return Ok(listeners),
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
fn receive_one(stream: &UnixStream, listeners: &mut Vec<TcpListener>) -> io::Result<u8> {
    let mut what = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut what)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(sockets) = message {
            listeners.extend(sockets.map(TcpListener::from));
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
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[tokio::test]
    async fn sockets_change_hands_with_the_connections_that_wait() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        let listeners: Vec<_> = (0..100).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let addresses: Vec<_> = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
        let mut waiting = std::net::TcpStream::connect(addresses.get(70).ok_or(io::ErrorKind::NotFound)?)?;
        let giving = tokio::task::spawn_blocking(move || give(&here, &listeners));
        let successor = there.try_clone()?;
        let taken = tokio::task::spawn_blocking(move || receive(&successor)).await??;
        let found: Vec<_> = taken.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
        assert_eq!(found, addresses);
        let copy = taken.get(70).ok_or(io::ErrorKind::NotFound)?.try_clone()?;
        Predecessor(there).may_go()?;
        giving.await??;
        let (mut accepted, _) = copy.accept()?;
        accepted.write_all(b"hello")?;
        drop(accepted);
        let mut said = String::new();
        waiting.read_to_string(&mut said)?;
        assert_eq!(said, "hello");
        Ok(())
    }

    #[tokio::test]
    async fn a_successor_that_goes_away_takes_nothing_over() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        let listeners = vec![TcpListener::bind("127.0.0.1:0")?];
        let giving = tokio::task::spawn_blocking(move || give(&here, &listeners));
        assert_eq!(tokio::task::spawn_blocking(move || receive(&there)).await??.len(), 1);
        assert!(giving.await?.is_err());
        Ok(())
    }
}
