//! Messages on their way out (RFC 9112 sections 6 and 7.1).

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

/// Data up to this size is copied behind what waits already; more is written from where it is.
const COPIED: usize = 1024;
/// Most bytes that the buffer keeps from one request to the next.
const KEPT: usize = 2048;

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Comes first.
    buffer: Vec<u8>,
    /// How much of `buffer` is written.
    written: usize,
    /// Comes behind it.
    data: Bytes,
    /// Comes last: what is left of the end of the chunk that `data` is.
    chunk_end: &'static [u8],
    unflushed: bool,
    /// Whether a byte was ever written since the last [`Output::begin`].
    pub(crate) begun: bool,
}

/// How the receiver finds the end of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes are to come.
    Length(u64),
    /// In chunks.
    Chunked,
    /// The connection ends with it.
    UntilClose,
}

impl Output {
    /// Where a head is written, of a message whose sending begins.
    pub(crate) fn begin(&mut self) -> &mut Vec<u8> {
        self.begun = false;
        &mut self.buffer
    }

    /// Puts some of a body; to be called when there is [`Output::has_room`].
    pub(crate) fn data(&mut self, data: Bytes, framing: Framing) {
        if data.is_empty() {
            return;
        }
        let chunked = framing == Framing::Chunked;
        if chunked {
            // A buffer in memory takes everything.
            let _ = write!(self.buffer, "{:x}\r\n", data.len());
        }
        // The end of a chunk goes with it: there are receivers that use a chunk only when they have seen that.
        let end: &[u8] = if chunked { b"\r\n" } else { b"" };
        if data.len() <= COPIED {
            self.buffer.extend_from_slice(&data);
            self.buffer.extend_from_slice(end);
        } else {
            (self.data, self.chunk_end) = (data, end);
        }
    }

    /// Puts the end of a body in chunks, with the lines of its trailers; to be called when there is [`Output::has_room`].
    pub(crate) fn end(&mut self, trailers: &[u8]) {
        self.buffer.extend_from_slice(b"0\r\n");
        self.buffer.extend_from_slice(trailers);
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// Whether more of a body may be put in.
    pub(crate) fn has_room(&self) -> bool {
        self.data.is_empty() && self.chunk_end.is_empty() && self.buffer.len() - self.written < 16 * COPIED
    }

    /// Whether all is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty() && self.chunk_end.is_empty() && self.written == self.buffer.len() && !self.unflushed
    }

    /// Forgets what is not written.
    pub(crate) fn give_up(&mut self) {
        *self = Self { begun: self.begun, ..Self::default() };
    }

    /// Writes what there is; ready when all of it is on its way.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(stream);
        loop {
            let first = self.buffer.get(self.written..).unwrap_or_default();
            let (before, behind, end) = (first.len(), self.data.len(), self.chunk_end.len());
            let count = match (before, behind, end) {
                (0, 0, 0) => break,
                (_, 0, 0) => ready!(stream.as_mut().poll_write(cx, first))?,
                (0, _, 0) => ready!(stream.as_mut().poll_write(cx, &self.data))?,
                _ => {
                    let pieces = [IoSlice::new(first), IoSlice::new(&self.data), IoSlice::new(self.chunk_end)];
                    let filled = pieces.get(usize::from(before == 0)..).unwrap_or(&pieces);
                    let filled = filled.get(usize::from(before == 0 && behind == 0)..).unwrap_or(filled);
                    ready!(stream.as_mut().poll_write_vectored(cx, filled))?
                }
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            (self.begun, self.unflushed) = (true, true);
            self.written += count.min(before);
            let count = count.saturating_sub(before);
            self.data.advance(count.min(behind));
            self.chunk_end = self.chunk_end.get(count.saturating_sub(behind)..).unwrap_or_default();
        }
        self.buffer.clear();
        self.written = 0;
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
        if self.data.is_empty() {
            self.data = Bytes::new();
        }
        if self.unflushed {
            ready!(stream.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Takes a few bytes at a time.
    struct Slow(Vec<u8>, usize);

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(self.1);
            self.0.extend(bytes.iter().take(count));
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn written(output: &mut Output, step: usize) -> String {
        let mut slow = Slow(Vec::new(), step);
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        assert!(matches!(output.poll_write(&mut slow, cx), Poll::Ready(Ok(()))));
        assert!(output.is_empty());
        String::from_utf8(slow.0).unwrap()
    }

    #[test]
    fn chunks_large_and_small_come_out_whole() {
        let large = Bytes::from(vec![b'x'; COPIED + 1]);
        for step in [1, 5, 1000, 100_000] {
            let mut output = Output::default();
            output.data(Bytes::from_static(b"ab"), Framing::Chunked);
            output.data(Bytes::new(), Framing::Chunked);
            output.data(large.clone(), Framing::Chunked);
            assert!(!output.has_room());
            let body = "x".repeat(COPIED + 1);
            let chunks = format!("2\r\nab\r\n{:x}\r\n{body}\r\n", COPIED + 1);
            assert_eq!(written(&mut output, step), chunks, "no chunk waits for the next to be complete");
            output.data(Bytes::from_static(b"cd"), Framing::Chunked);
            assert_eq!(written(&mut output, step), "2\r\ncd\r\n");
            output.end(b"");
            assert_eq!(written(&mut output, step), "0\r\n\r\n");
        }
        let mut output = Output::default();
        output.data(large, Framing::Length(COPIED as u64 + 1));
        assert_eq!(written(&mut output, 900).len(), COPIED + 1);
    }
}
