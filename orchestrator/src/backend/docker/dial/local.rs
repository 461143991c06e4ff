//! A Unix socket that is read in gulps while an engine sends crumbs.
//!
//! An engine writes each line of a log, each event and each sample by itself. A reader that is woken for each of them costs
//! both sides more than the line does, so a connection that has brought many small pieces in a row is looked at every few
//! milliseconds instead, and is not listened to in between.

#[cfg(test)]
mod tests;

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream as Unheard;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::{Instant, Sleep};

/// Time between two looks: nobody sees a line come so much later.
const PAUSE: Duration = Duration::from_millis(2);
/// Small pieces that follow each other within a [`PAUSE`] before reading is slowed down.
const MANY: u32 = 32;
/// A piece of fewer bytes is small: whoever has much to send sends more at once.
const SMALL: usize = 4096;
/// Bytes of one look from which on it is a large transfer after all; well below what the kernel keeps for a socket.
const LARGE: usize = 64 * 1024;
/// Bytes that are taken from the kernel at once.
const PIECE: usize = 16 * 1024;

/// The connection.
pub(super) struct Local {
    socket: Option<Socket>,
    /// Small pieces in a row.
    crumbs: u32,
    /// When the last piece came.
    last: Instant,
    /// Bytes since the last pause.
    taken: usize,
    pause: Pin<Box<Sleep>>,
    /// Whether the pause is being waited for.
    pausing: bool,
}

enum Socket {
    /// The runtime tells when something comes.
    Heard(UnixStream),
    /// Nobody tells.
    Unheard(Unheard),
}

impl Local {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            socket: Some(Socket::Heard(stream)),
            crumbs: 0,
            last: Instant::now(),
            taken: 0,
            pause: Box::pin(tokio::time::sleep(Duration::ZERO)),
            pausing: false,
        }
    }

    /// The socket as one that is listened to.
    fn heard(&mut self) -> io::Result<&mut UnixStream> {
        let socket = match self.socket.take() {
            Some(Socket::Unheard(stream)) => {
                self.crumbs = 0;
                self.pausing = false;
                Socket::Heard(UnixStream::from_std(stream)?)
            }
            Some(socket) => socket,
            None => return Err(lost()),
        };
        match self.socket.insert(socket) {
            Socket::Heard(stream) => Ok(stream),
            Socket::Unheard(_) => Err(lost()),
        }
    }

    /// Takes note of a piece that has come while the socket was listened to.
    fn came(&mut self, length: usize) -> io::Result<()> {
        let now = Instant::now();
        let follows = now.duration_since(self.last) < PAUSE;
        self.last = now;
        self.crumbs = if length > 0 && length < SMALL && follows { self.crumbs + 1 } else { 0 };
        if self.crumbs >= MANY
            && let Some(Socket::Heard(stream)) = self.socket.take()
        {
            self.socket = Some(Socket::Unheard(stream.into_std()?));
            self.taken = length;
        }
        Ok(())
    }
}

/// The socket went when it was given to the runtime or taken from it, which was reported.
fn lost() -> io::Error {
    io::Error::from(io::ErrorKind::NotConnected)
}

impl AsyncRead for Local {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.pausing {
                ready!(self.pause.as_mut().poll(context));
                self.pausing = false;
            }
            let before = buffer.filled().len();
            let stream = match &mut self.socket {
                Some(Socket::Heard(stream)) => {
                    ready!(Pin::new(stream).poll_read(context, buffer))?;
                    return Poll::Ready(self.came(buffer.filled().len() - before));
                }
                Some(Socket::Unheard(stream)) => stream,
                None => return Poll::Ready(Err(lost())),
            };
            let room = buffer.remaining().min(PIECE);
            match stream.read(buffer.initialize_unfilled_to(room)) {
                Ok(length) => {
                    buffer.advance(length);
                    self.taken += length;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Nothing since the last look, or a great deal: it is to be listened to again.
                    if self.taken == 0 || self.taken >= LARGE {
                        self.heard()?;
                        continue;
                    }
                    self.taken = 0;
                    self.pause.as_mut().reset(Instant::now() + PAUSE);
                    self.pausing = true;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Local {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.heard()?).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.heard()?).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket keeps nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.heard()?).poll_shutdown(context)
    }
}
