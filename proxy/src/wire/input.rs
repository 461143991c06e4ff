//! What was read of a connection and is not used yet.

use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::fields;

/// Bytes read at once, at first; as many as there is room for at last.
const READ: usize = 4 * 1024;
const MOST_READ: usize = 64 * 1024;

/// What was read and is not used yet.
#[derive(Debug)]
pub(crate) struct Input {
    bytes: BytesMut,
    /// How much of `bytes` is known not to hold the end of a head.
    scanned: usize,
    /// How much is read at once.
    read_size: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self { bytes: BytesMut::new(), scanned: 0, read_size: READ }
    }
}

impl Input {
    /// Reads what there is; the number of bytes, 0 at the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let room = self.bytes.capacity() - self.bytes.len();
        if room < READ / 4 {
            self.bytes.reserve(self.read_size);
        }
        let room = self.bytes.capacity() - self.bytes.len();
        let count = ready!(poll_read_buf(Pin::new(stream), cx, &mut self.bytes))?;
        if count >= room {
            self.read_size = (self.read_size * 2).min(MOST_READ);
        }
        Poll::Ready(Ok(count))
    }

    /// Where the head that begins here ends; `None` as long as it is not there.
    pub(crate) fn head_end(&mut self) -> Option<usize> {
        let end = fields::end(&self.bytes, self.scanned);
        self.scanned = if end.is_some() { 0 } else { self.bytes.len().saturating_sub(fields::END - 1) };
        end
    }

    /// The first `length` bytes, of at most as many as there are.
    pub(crate) fn take(&mut self, length: usize) -> Bytes {
        let length = length.min(self.bytes.len());
        self.bytes.split_to(length).freeze()
    }

    /// What there is, to be used up from its beginning.
    pub(crate) fn bytes(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    /// Lets go of everything, memory included.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Deref for Input {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
