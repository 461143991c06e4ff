//! Bodies as a whole that may be larger than memory: the beginning stays there, the rest goes to a file without a name in the
//! folder for temporary files, gone when nobody reads it any more. Disks are spoken to on threads that may wait.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::body::{BodyError, Changed};

#[cfg(test)]
mod tests;

/// Bytes that go to or come from the file at once.
const CHUNK: usize = 256 * 1024;

/// Why a body cannot be had as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unspooled {
    /// It is larger than allowed.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// It ended early.
    #[error(transparent)]
    Broken(#[from] BodyError),
    /// The file cannot be made or written.
    #[error("cannot write to a temporary file")]
    Disk(#[from] io::Error),
}

/// A whole body. Cloning is cheap; each reader reads on its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spooled {
    memory: Bytes,
    file: Option<Arc<File>>,
    in_file: u64,
    trailers: Option<HeaderMap>,
}

impl Spooled {
    /// Reads all of `body` if it has at most `most` bytes, `memory` of them in memory.
    ///
    /// # Errors
    /// It has more, it ends early, or the disk fails.
    pub(crate) async fn read<B>(body: &mut B, memory: usize, most: u64) -> Result<Self, Unspooled>
    where
        B: HttpBody<Data = Bytes, Error = BodyError> + Unpin,
    {
        if body.size_hint().lower() > most {
            return Err(Unspooled::TooLarge(most));
        }
        let mut spooled = Self::default();
        let mut first = Bytes::new();
        let mut gathered = BytesMut::new();
        let mut size = 0_u64;
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            let data = match frame?.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    spooled.trailers = frame.into_trailers().ok().filter(|trailers| !trailers.is_empty());
                    continue;
                }
            };
            size += data.len() as u64;
            if size > most {
                return Err(Unspooled::TooLarge(most));
            }
            // Most bodies come in one piece.
            if size == data.len() as u64 && data.len() <= memory {
                first = data;
                continue;
            }
            gathered.extend_from_slice(&std::mem::take(&mut first));
            gathered.extend_from_slice(&data);
            if spooled.memory.is_empty() && memory > 0 && gathered.len() > memory {
                spooled.memory = gathered.split_to(memory).freeze();
            }
            let full = if spooled.memory.is_empty() && memory > 0 { usize::MAX } else { CHUNK };
            if gathered.len() >= full {
                spooled.write(gathered.split().freeze()).await?;
            }
        }
        if spooled.memory.is_empty() && size <= memory as u64 {
            spooled.memory = if gathered.is_empty() { first } else { gathered.freeze() };
        } else if !gathered.is_empty() {
            spooled.write(gathered.freeze()).await?;
        }
        Ok(spooled)
    }

    /// A body that is in memory.
    pub(crate) fn of(memory: Bytes) -> Self {
        Self { memory, ..Self::default() }
    }

    async fn write(&mut self, data: Bytes) -> io::Result<()> {
        let (file, at, length) = (self.file.take(), self.in_file, data.len() as u64);
        let written = spawn_blocking(move || {
            let file = match file {
                Some(file) => file,
                None => Arc::new(tempfile::tempfile()?),
            };
            file.write_all_at(&data, at)?;
            Ok::<_, io::Error>(file)
        });
        self.file = Some(written.await.map_err(io::Error::other)??);
        self.in_file += length;
        Ok(())
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> u64 {
        self.memory.len() as u64 + self.in_file
    }

    /// Whether there is nothing in it, nor behind it.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0 && self.trailers.is_none()
    }

    /// Whether trailers come behind it.
    pub(crate) fn has_trailers(&self) -> bool {
        self.trailers.is_some()
    }

    /// The body from its beginning, without its trailers.
    pub(crate) fn reader(&self) -> SpoolReader {
        Self { trailers: None, ..self.clone() }.into_reader()
    }

    /// The body from its beginning, and its trailers.
    pub(crate) fn into_reader(self) -> SpoolReader {
        SpoolReader { rest: self, at: 0, reading: None }
    }
}

/// A whole body on its way.
#[derive(Debug)]
pub(crate) struct SpoolReader {
    /// What is still to be given; `in_file` is where the file ends.
    rest: Spooled,
    at: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl SpoolReader {
    fn left(&self) -> u64 {
        self.rest.memory.len() as u64 + (self.rest.in_file - self.at)
    }
}

impl Changed for SpoolReader {}

impl HttpBody for SpoolReader {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if !this.rest.memory.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.rest.memory)))));
        }
        let Some(file) = this.rest.file.as_ref().filter(|_| this.at < this.rest.in_file) else {
            return Poll::Ready(this.rest.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        };
        let (at, left) = (this.at, this.rest.in_file - this.at);
        let reading = this.reading.get_or_insert_with(|| {
            let file = Arc::clone(file);
            let length = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            spawn_blocking(move || {
                let mut data = vec![0; length];
                file.read_exact_at(&mut data, at)?;
                Ok(data.into())
            })
        });
        let read = ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|cut| Err(io::Error::other(cut)));
        this.reading = None;
        Poll::Ready(Some(match read {
            Ok(data) => {
                this.at += data.len() as u64;
                Ok(Frame::data(data))
            }
            Err(error) => {
                this.at = this.rest.in_file;
                Err(BodyError::Disk(error))
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0 && self.rest.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        // A length that is told leaves no place for trailers in HTTP/1.1.
        if self.rest.trailers.is_some() { SizeHint::default() } else { SizeHint::with_exact(self.left()) }
    }
}
