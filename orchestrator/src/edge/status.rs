//! How the gateway is, told over a socket of this host: a line of JSON now, and another whenever something changes.
//!
//! The socket has no file (unix(7), "abstract"): the gateway's root is read-only and it shares no folder with anybody. Its
//! name stands in a label of the gateway's container. Nothing is read from whoever connects, and what is told are names of
//! projects and addresses; who tells it is checked.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream as StdStream};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::door;
use super::state::Status;

/// Who may listen at a time.
const LISTENERS: usize = 64;
/// A listener that takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest line that is believed.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Tells everybody who connects, each until the sender of `status` is gone.
///
/// # Errors
/// A name that is taken.
pub fn publish(name: &str, status: watch::Receiver<String>) -> io::Result<()> {
    door::open(name, LISTENERS, move |stream| {
        let status = status.clone();
        async move {
            // A listener that has gone away needs no answer.
            let _ = tell(stream, status).await;
        }
    })
}

async fn tell(mut stream: UnixStream, mut status: watch::Receiver<String>) -> io::Result<()> {
    loop {
        let line = format!("{}\n", *status.borrow_and_update());
        tokio::time::timeout(PATIENCE, stream.write_all(line.as_bytes())).await??;
        tokio::select! {
            changed = status.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            () = closed(&stream) => return Ok(()),
        }
    }
}

/// Waits until the other side has gone away. Nobody says anything to the gateway here: what is said is not kept.
async fn closed(stream: &UnixStream) {
    let mut said = [0; 64];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut said) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// What a gateway tells.
#[derive(Debug)]
pub struct StatusStream {
    lines: BufReader<UnixStream>,
}

impl StatusStream {
    /// Connects to the gateway of that name.
    ///
    /// # Errors
    /// Nobody listens there, or somebody who is neither root nor this user.
    pub fn connect(name: &str) -> io::Result<Self> {
        let stream = StdStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?;
        let peer = rustix::net::sockopt::socket_peercred(&stream)?.uid;
        if !peer.is_root() && peer != rustix::process::geteuid() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        stream.set_nonblocking(true)?;
        Ok(Self { lines: BufReader::new(UnixStream::from_std(stream)?) })
    }

    /// The state now, then each new one.
    ///
    /// # Errors
    /// The gateway is gone, or tells what makes no sense.
    pub async fn next(&mut self) -> io::Result<Status> {
        use tokio::io::AsyncReadExt as _;
        let mut line = String::new();
        let read = (&mut self.lines).take(LONGEST).read_line(&mut line).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_str(&line).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_change_is_told() -> io::Result<()> {
        let name = format!("stack-status-test-{}", std::process::id());
        let line = |project: &str| {
            serde_json::to_string(&Status {
                requests: [(project.to_owned(), "x".to_owned())].into(),
                ..Status::default()
            })
        };
        let (sender, receiver) = watch::channel(line("a")?);
        publish(&name, receiver)?;
        let mut told = StatusStream::connect(&name)?;
        assert!(told.next().await?.requests.contains_key("a"));
        sender.send_replace(line("b")?);
        assert!(told.next().await?.requests.contains_key("b"));
        drop(sender);
        assert_eq!(told.next().await.err().map(|error| error.kind()), Some(io::ErrorKind::UnexpectedEof));
        assert!(StatusStream::connect("stack-status-test-nobody").is_err());
        Ok(())
    }
}
