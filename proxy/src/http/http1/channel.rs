//! A client's connection, as it is shared by whoever serves it, by the body of the request that is under way, which another
//! task may read, and by a tunnel that it becomes. Nobody waits while holding it.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Frame;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::exchange::Finish;
use crate::http::meter::Meter;
use crate::wire::decode::{Decoder, Piece};
use crate::wire::input::Input;
use crate::wire::output::Output;
use crate::worker::Open;

use super::request::{self, Head, Refused};

/// What is thrown away of a body that nobody wants before the connection is given up instead.
const MOST_DRAINED: usize = 256 * 1024;

/// A client's connection.
pub(crate) struct Channel<S>(Mutex<State<S>>);

/// What is known about it.
pub(super) struct State<S> {
    stream: S,
    meter: Arc<Meter>,
    /// What was read and is not used yet.
    input: Input,
    /// What is to be written.
    pub(super) output: Output,
    /// Requests so far: a body is that of one of them.
    exchange: u64,
    /// Finds the end of the request's body.
    body: Decoder,
    /// What came is no body: nobody knows where it ends.
    broken: bool,
    /// The client waits for being asked for the body.
    expects: bool,
    /// Who serves the connection, and waits for the body to end.
    server: Option<Waker>,
}

impl<S> Channel<S> {
    /// A connection over which nothing was said yet.
    pub(crate) fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self(Mutex::new(State {
            stream,
            meter,
            input: Input::default(),
            output: Output::default(),
            exchange: 0,
            body: Decoder::Length(0),
            broken: false,
            expects: false,
            server: None,
        }))
    }

    /// What is known about it, for as long as it takes to change that.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the stream itself.
    pub(crate) fn with_stream<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.lock().stream)
    }

    /// Lets go of the memory that an idle connection does not need; false if it is not idle: the beginning of a request is there.
    pub(crate) fn rest(&self) -> bool {
        let mut state = self.lock();
        if !state.input.is_empty() {
            return false;
        }
        state.input.reset();
        state.output = Output::default();
        true
    }
}

impl<S> fmt::Debug for Channel<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channel")
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    /// Says that nothing more is sent.
    pub(crate) async fn shutdown(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| {
            let mut state = self.lock();
            ready!(state.poll_flush(cx))?;
            Pin::new(&mut state.stream).poll_shutdown(cx)
        })
        .await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> State<S> {
    /// Writes what there is to be written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let polled = self.output.poll_write(&mut self.stream, cx);
        self.meter.wrote(polled.is_ready());
        polled
    }

    /// The head of the next request, of at most `limit` bytes; `None` when none comes any more.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
    ) -> Poll<io::Result<Option<Result<Head, Refused>>>> {
        ready!(self.poll_flush(cx))?;
        loop {
            // Empty lines before a request are put up with (RFC 9112 section 2.2).
            while let [b'\r', b'\n', ..] | [b'\n', ..] = &*self.input {
                let length = if self.input.starts_with(b"\n") { 1 } else { 2 };
                self.input.bytes().advance(length);
            }
            if self.input.is_empty() {
                if self.meter.is_stopped() {
                    return Poll::Ready(Ok(None));
                }
            } else {
                self.meter.read();
                match self.take_head(limit) {
                    Ok(None) => {}
                    Ok(Some(head)) => return Poll::Ready(Ok(Some(Ok(head)))),
                    Err(refused) => return Poll::Ready(Ok(Some(Err(refused)))),
                }
            }
            self.meter.rest(self.input.is_empty());
            match ready!(self.input.poll_read(&mut self.stream, cx)) {
                Ok(0) | Err(_) if self.input.is_empty() => return Poll::Ready(Ok(None)),
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => self.meter.rest(false),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn take_head(&mut self, limit: usize) -> Result<Option<Head>, Refused> {
        let Some(end) = self.input.head_end() else {
            if self.input.len() >= limit {
                return Err(Refused::TooLarge);
            }
            return request::may_become_one(&self.input).map(|()| None);
        };
        if end > limit {
            return Err(Refused::TooLarge);
        }
        let bytes = self.input.take(end);
        let mut head = request::read(&bytes)?;
        self.exchange += 1;
        self.body = std::mem::replace(&mut head.body, Decoder::Length(0));
        self.expects = head.expects;
        Ok(Some(head))
    }

    /// The request's body, if it has one; to be asked for by `channel`, which is this one.
    pub(super) fn body(&self, channel: &Arc<dyn Source>) -> Option<Upload> {
        let upload = || Upload { channel: Arc::clone(channel), exchange: self.exchange };
        (!self.body.is_over()).then(upload)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if std::mem::take(&mut self.expects) {
            self.output.begin().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            // Where it does not go out at once, whoever serves the connection sees to it.
            if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
                return Poll::Ready(Some(Err(error)));
            }
        }
        loop {
            let piece = self.body.take(self.input.bytes());
            self.broken |= piece.is_err();
            if self.body.is_over()
                && let Some(server) = self.server.take()
            {
                server.wake();
            }
            match piece.map_err(|bad| io::Error::new(io::ErrorKind::InvalidData, bad))? {
                Piece::Data(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Piece::Trailers(trailers) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Piece::Nothing => return Poll::Ready(None),
                Piece::Unread => {}
            }
            if ready!(self.input.poll_read(&mut self.stream, cx))? == 0 {
                return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
            }
        }
    }

    /// Sends what is waiting, and is ready when the client has gone away while its request is under way.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
            return Poll::Ready(error);
        }
        if !self.body.is_over() {
            // Whoever reads it finds out.
            if !self.server.as_ref().is_some_and(|server| server.will_wake(cx.waker())) {
                self.server = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        if !self.input.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.input.poll_read(&mut self.stream, cx)) {
            Ok(0) => Poll::Ready(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        }
    }

    /// The answer begins: the body is not asked for any more.
    pub(super) fn answer(&mut self) {
        self.expects = false;
    }

    /// Whether the rest of the request's body is there, or so little is missing that it comes while one looks.
    pub(super) fn is_body_at_hand(&mut self, cx: &mut Context<'_>) -> bool {
        let (mut body, mut ahead, mut seen) = (self.body.clone(), BytesMut::new(), 0);
        while !self.broken && !body.is_over() {
            ahead.extend_from_slice(self.input.get(seen..).unwrap_or_default());
            seen = self.input.len();
            loop {
                match body.take(&mut ahead) {
                    Ok(Piece::Data(_)) => {}
                    Ok(Piece::Trailers(_) | Piece::Nothing) => return true,
                    Ok(Piece::Unread) => break,
                    Err(_) => return false,
                }
            }
            if seen >= MOST_DRAINED || !matches!(self.input.poll_read(&mut self.stream, cx), Poll::Ready(Ok(1..))) {
                return false;
            }
        }
        !self.broken
    }

    /// Throws away what is there of the request's body; whether that is all of it, so that what comes next is a request.
    pub(super) fn drain(&mut self, cx: &mut Context<'_>) -> bool {
        let mut left = MOST_DRAINED;
        while !self.broken {
            match self.body.take(self.input.bytes()) {
                Ok(Piece::Data(data)) if data.len() <= left => left -= data.len(),
                Ok(Piece::Trailers(_) | Piece::Nothing) => return true,
                Ok(Piece::Unread) if matches!(self.input.poll_read(&mut self.stream, cx), Poll::Ready(Ok(1..))) => {}
                _ => return false,
            }
        }
        false
    }

    /// Throws away what the client still says, until it says no more.
    pub(super) fn poll_silent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.input.bytes().clear();
            if !matches!(ready!(self.input.poll_read(&mut self.stream, cx)), Ok(1..)) {
                return Poll::Ready(());
            }
        }
    }
}

/// Where a request's body comes from.
pub(crate) trait Source: Send + Sync {
    /// The next frame of the body of a request, by its number; `None` at its end.
    fn poll_frame(&self, exchange: u64, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>>;

    /// The bytes that are left of it, where that is known.
    fn left(&self, exchange: u64) -> Option<u64>;
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Source for Channel<S> {
    fn poll_frame(&self, exchange: u64, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut state = self.lock();
        if state.exchange != exchange {
            // It was answered, and what is left of its body thrown away.
            return Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into())));
        }
        state.poll_body(cx)
    }

    fn left(&self, exchange: u64) -> Option<u64> {
        let state = self.lock();
        if state.exchange == exchange { state.body.left() } else { None }
    }
}

/// The body of a request, which has at least one byte or chunk.
pub(crate) struct Upload {
    channel: Arc<dyn Source>,
    exchange: u64,
}

impl Upload {
    /// The next frame; `None` at the end.
    pub(crate) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.channel.poll_frame(self.exchange, cx)
    }

    /// The bytes that are left, where that is known; 0 at the end.
    pub(crate) fn left(&self) -> Option<u64> {
        self.channel.left(self.exchange)
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// A connection that goes on in another protocol.
pub(crate) trait Raw: Send + Sync {
    /// As [`AsyncRead::poll_read`].
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>>;
    /// As [`AsyncWrite::poll_write`].
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    /// As [`AsyncWrite::poll_flush`].
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// As [`AsyncWrite::poll_shutdown`].
    fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Raw for Channel<S> {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if state.input.is_empty() {
            return Pin::new(&mut state.stream).poll_read(cx, buf);
        }
        // It came along with the request.
        let count = state.input.len().min(buf.remaining());
        buf.put_slice(state.input.get(..count).unwrap_or_default());
        state.input.bytes().advance(count);
        if state.input.is_empty() {
            state.input.reset();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.lock().stream).poll_write(cx, bytes)
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_flush(cx)
    }

    fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_shutdown(cx)
    }
}

/// The client's side of a connection that goes on in another protocol.
pub(crate) struct Tunnel {
    raw: Arc<dyn Raw>,
    /// What is due when the exchange is over.
    _finish: Option<Finish>,
    _open: Open,
}

impl Tunnel {
    pub(super) fn new(raw: Arc<dyn Raw>, finish: Option<Finish>, open: Open) -> Self {
        Self { raw, _finish: finish, _open: open }
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tunnel")
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.raw.poll_read(cx, buf)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.raw.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.raw.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.raw.poll_shutdown(cx)
    }
}
