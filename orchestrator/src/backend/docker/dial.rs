//! Connections to the engine: a Unix socket, TCP with or without TLS, `ssh`.

mod local;
#[cfg(test)]
mod tests;
mod tls;

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::address::Address;
use crate::backend::{Error, ErrorKind, Result};

/// What of `ssh`'s last words is shown.
const LAST_WORDS: u64 = 4096;
/// How long they are waited for, once its output has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection, whatever it is made of.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// How connections are made, with everything that can be prepared once.
pub(super) struct Dialer {
    pub(super) address: Address,
    tls: Option<tls::Connector>,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Dialer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Dialer {
    /// Reads the files of a TLS connection; nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for files that cannot be read or used.
    pub(super) fn new(address: Address) -> Result<Self> {
        let tls = match &address {
            Address::Tls { host, files } => Some(tls::Connector::new(host, files).map_err(|message| Error {
                kind: ErrorKind::Invalid,
                call: "find engine",
                object: address.to_string(),
                message,
            })?),
            Address::Unix(_) | Address::Tcp(_) | Address::Ssh { .. } => None,
        };
        Ok(Self { address, tls })
    }

    /// A new connection.
    pub(super) async fn dial(&self) -> io::Result<Box<dyn Wire>> {
        Ok(match (&self.address, &self.tls) {
            (Address::Unix(path), _) => Box::new(local::Local::new(tokio::net::UnixStream::connect(path).await?)),
            (Address::Tls { host, .. }, Some(connector)) => Box::new(connector.connect(tcp(host).await?).await?),
            (Address::Tcp(host) | Address::Tls { host, .. }, _) => Box::new(tcp(host).await?),
            (Address::Ssh { host, socket }, _) => Box::new(Ssh::start(host, socket.as_deref())?),
        })
    }
}

async fn tcp(host: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The way to the engine has ended before it said a word: nothing has reached it. With the reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Closed(String);

/// `docker system dial-stdio` at the other end of `ssh`.
struct Ssh {
    input: ChildStdin,
    output: ChildStdout,
    /// Whether anything has come.
    spoken: bool,
    /// Its last words, once its output has ended.
    end: Option<Pin<Box<dyn Future<Output = String> + Send>>>,
    rest: Option<(ChildStderr, Child)>,
}

impl Ssh {
    fn start(host: &[String], socket: Option<&str>) -> io::Result<Self> {
        let mut command = Command::new("ssh");
        // No terminal at the other end: bytes are to come as they are.
        command.args(["-o", "ConnectTimeout=30", "-T"]).args(host).arg("docker");
        if let Some(path) = socket {
            command.arg(format!("--host=unix://{path}"));
        }
        command.args(["system", "dial-stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.kill_on_drop(true).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other("there is no program `ssh` on this machine"),
            _ => error,
        })?;
        Self::of(child)
    }

    fn of(mut child: Child) -> io::Result<Self> {
        let (Some(input), Some(output), Some(said)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("`ssh` has no standard input and output"));
        };
        Ok(Self { input, output, spoken: false, end: None, rest: Some((said, child)) })
    }

    /// Waits for the end and for what was said.
    async fn last_words(said: ChildStderr, mut child: Child) -> String {
        let mut words = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, said.take(LAST_WORDS).read_to_end(&mut words)).await;
        let status = tokio::time::timeout(PATIENCE, child.wait()).await;
        let words = String::from_utf8_lossy(&words).split_whitespace().collect::<Vec<_>>().join(" ");
        match status {
            _ if !words.is_empty() => words,
            Ok(Ok(status)) => status.to_string(),
            _ => "without a word".to_owned(),
        }
    }
}

impl AsyncRead for Ssh {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.end.is_none() {
            let before = buffer.filled().len();
            match Pin::new(&mut self.output).poll_read(context, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                    self.spoken = true;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(())) if !self.spoken => {}
                other => return other,
            }
            let Some((said, child)) = self.rest.take() else { return Poll::Ready(Ok(())) };
            self.end = Some(Box::pin(Self::last_words(said, child)));
        }
        let Some(end) = &mut self.end else { return Poll::Ready(Ok(())) };
        end.as_mut()
            .poll(context)
            .map(|words| Err(io::Error::new(io::ErrorKind::NotConnected, Closed(format!("`ssh` ended: {words}")))))
    }
}

impl AsyncWrite for Ssh {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.input).poll_write(context, bytes) {
            // It has ended; reading tells why.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe && !self.spoken => {
                Poll::Ready(Ok(bytes.len()))
            }
            other => other,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(context)
    }
}

/// The reason of [`Closed`] somewhere among the causes of an error.
pub(super) fn closed<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Closed> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(closed) = inner.and_then(|inner| inner.downcast_ref::<Closed>()) {
            return Some(closed);
        }
        cause = error.source();
    }
    None
}
