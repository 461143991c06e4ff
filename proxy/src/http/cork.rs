//! Writing a connection's answers together: `h2` flushes after each frame of data, and under TLS each flush is a record and a call
//! into the kernel. What is written while a connection's task runs goes out when it has done all that was due.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::pass_through::pass_through;

#[cfg(test)]
mod tests;

/// Most bytes that are held back: two records of TLS.
const ROOM: usize = 32 * 1024;

thread_local! {
    /// The buffer of whoever holds something back; a connection that waits has none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Says whether what is written is held back.
#[derive(Debug, Clone, Default)]
pub(super) struct Hold(Arc<AtomicBool>);

impl Hold {
    /// From now on flushing does nothing.
    pub(super) fn begin(&self) {
        self.0.store(true, Relaxed);
    }

    /// The next flush is one.
    pub(super) fn end(&self) {
        self.0.store(false, Relaxed);
    }
}

/// A connection whose writer can be told to hold back.
#[derive(Debug)]
pub(super) struct Corked<S> {
    stream: S,
    hold: Hold,
    held: Vec<u8>,
    /// How much of `held` is written.
    written: usize,
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    /// `stream`, and what tells when to hold back; at first it does not.
    pub(super) fn new(stream: S) -> (Self, Hold) {
        let hold = Hold::default();
        (Self { stream, hold: hold.clone(), held: Vec::new(), written: 0 }, hold)
    }

    /// Makes room for `more` bytes beside what is held; ready at once when there is some.
    fn poll_room(&mut self, cx: &mut Context<'_>, more: usize) -> Poll<io::Result<()>> {
        if self.held.len() + more <= ROOM {
            return Poll::Ready(Ok(()));
        }
        self.poll_out(cx)
    }

    /// Writes what is held.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.held.get(self.written..).filter(|rest| !rest.is_empty()) {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.written = 0;
        let mut buffer = std::mem::take(&mut self.held);
        if buffer.capacity() > 0 {
            buffer.clear();
            SPARE.set(buffer);
        }
        Poll::Ready(Ok(()))
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.held.capacity() == 0 {
            self.held = SPARE.take();
            self.held.reserve(ROOM);
        }
        self.held.extend_from_slice(bytes);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Corked<S> {
    pass_through!(poll_read);
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total = bufs.iter().map(|buf| buf.len()).sum();
        ready!(self.poll_room(cx, total))?;
        if total > ROOM {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        }
        for buf in bufs {
            self.keep(buf);
        }
        Poll::Ready(Ok(total))
    }

    fn is_write_vectored(&self) -> bool {
        // Pieces are put together here in any case.
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.hold.0.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
