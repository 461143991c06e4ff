//! What a client connection is doing, and since when: one timer per connection instead of several per request.
//!
//! The stream and the request handler note progress in a few relaxed atomics; a watchdog in the connection's task
//! wakes when the earliest limit could have passed, and looks again.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::entry_point::ClientLimits;
use crate::pass_through::pass_through;

/// What a connection has exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    Header,
    KeepAlive,
    WriteStall,
}

/// Progress of one client connection. Times are milliseconds since `start`, plus one; zero means "not going on".
#[derive(Debug)]
pub(crate) struct Meter {
    start: Instant,
    head_since: AtomicU64,
    idle_since: AtomicU64,
    stalled_since: AtomicU64,
    in_flight: AtomicU32,
    requests: AtomicU32,
    reads: AtomicU32,
    /// The next answer is the last one.
    leaving: AtomicBool,
    /// No request is to be taken any more.
    stopped: AtomicBool,
    /// Over HTTP/1.1: all was said on both sides, and nothing has begun.
    resting: AtomicBool,
}

impl Meter {
    /// A connection that begins now.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            head_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(1),
            stalled_since: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            reads: AtomicU32::new(0),
            leaving: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            resting: AtomicBool::new(false),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// When the connection began.
    pub(crate) fn started(&self) -> Instant {
        self.start
    }

    /// A request's head is complete. Returns the number of requests on this connection, this one included.
    pub(crate) fn begin(&self) -> u32 {
        self.head_since.store(0, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed) + 1
    }

    /// A request is answered or given up.
    pub(crate) fn end(&self) {
        if self.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.idle_since.store(self.now(), Relaxed);
        }
    }

    /// From now on an answer says that the connection ends with it.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Relaxed);
    }

    /// Whether the connection is about to end.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Requests that have begun so far.
    pub(crate) fn begun(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// From now on no request is taken; one that is under way is answered.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    /// Whether no request is to be taken any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Over HTTP/1.1: whether nothing is under way, nothing to be sent, and not a byte of a request has come.
    pub(crate) fn rest(&self, resting: bool) {
        self.resting.store(resting, Relaxed);
    }

    /// Whether a connection of HTTP/1.1 has rested for so long, after at least one request.
    pub(crate) fn is_idle_for(&self, time: Duration) -> bool {
        let since = Duration::from_millis(self.idle_since.load(Relaxed));
        self.resting.load(Relaxed) && self.begun() > 0 && Duration::from_millis(self.now()) >= since + time
    }

    /// How often something has come in, so that a change can be noticed.
    pub(crate) fn reads(&self) -> u32 {
        self.reads.load(Relaxed)
    }

    /// Something has come in, which without a request under way begins one.
    pub(crate) fn read(&self) {
        self.reads.fetch_add(1, Relaxed);
        if self.in_flight.load(Relaxed) == 0 && self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.now(), Relaxed);
        }
    }

    /// Something was written, or the client does not take it.
    pub(crate) fn wrote(&self, progress: bool) {
        if progress {
            if self.stalled_since.load(Relaxed) != 0 {
                self.stalled_since.store(0, Relaxed);
            }
        } else if self.stalled_since.load(Relaxed) == 0 {
            self.stalled_since.store(self.now(), Relaxed);
        }
    }

    /// The limit that has passed, or when to look again. `multiplexed` connections (HTTP/2) have no head to wait for:
    /// frames come at any time.
    pub(crate) fn check(&self, limits: &ClientLimits, multiplexed: bool) -> Result<Instant, Exceeded> {
        let now = self.now();
        let busy = self.in_flight.load(Relaxed) > 0;
        let mut next = now.saturating_add(60_000);
        let mut look = |since: u64, limit: Duration, what: Exceeded| {
            let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            if since == 0 || limit == 0 {
                return Ok(());
            }
            let deadline = since.saturating_add(limit);
            if deadline <= now {
                return Err(what);
            }
            next = next.min(deadline);
            Ok(())
        };
        look(self.stalled_since.load(Relaxed), limits.write_stall, Exceeded::WriteStall)?;
        let head = self.head_since.load(Relaxed);
        if !busy && head != 0 && !multiplexed {
            look(head, limits.header, Exceeded::Header)?;
        } else if !busy {
            look(self.idle_since.load(Relaxed), limits.keep_alive, Exceeded::KeepAlive)?;
        }
        // A limit that begins after this look must not be overslept by more than itself.
        for limit in [limits.header, limits.keep_alive, limits.write_stall] {
            if !limit.is_zero() {
                next = next.min(now.saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)));
            }
        }
        Ok(self.start + Duration::from_millis(next))
    }
}

/// A stream that notes its progress in a [`Meter`].
#[derive(Debug)]
pub(crate) struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    /// `stream`, noted in `meter`.
    pub(crate) fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self { stream, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.meter.read();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Metered<S> {
    fn note<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.meter.wrote(polled.is_ready());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    pass_through!(is_write_vectored, poll_shutdown);

    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(polled)
    }
}
