//! QUIC (`quinn`) as HTTP/3 (`h3`) sees it. Two things are different from a plain mapping: a stream is finished when the client has
//! all of it, so that a connection can be closed without losing an answer; and a stream that is given up is reset, never ended as
//! if it were complete.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt, stream};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use quinn::{ConnectionError, ReadError, StoppedError, VarInt, WriteError};

use super::frames::Frames;

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;
/// Streams in one direction that a client may open in the life of a connection; it needs three.
const MOST_UNIDIRECTIONAL: usize = 256;

/// The future of a stream's end: ready when the client wants no more of it.
pub(super) type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send + Sync>>;

/// Where the end of the stream that was accepted last is left.
pub(super) type Slot = Arc<Mutex<Option<Stopped>>>;

type Accepting<T> = Pin<Box<dyn Stream<Item = Result<T, ConnectionError>> + Send>>;

/// A connection.
pub(super) struct Link {
    requests: Accepting<(quinn::SendStream, quinn::RecvStream)>,
    unidirectional: Accepting<quinn::RecvStream>,
    opener: Opener,
    accepted: Slot,
    opened: usize,
}

impl Link {
    /// A connection, and where it leaves the end of the stream that was accepted last.
    pub(super) fn new(connection: &quinn::Connection) -> (Self, Slot) {
        let accepted = Slot::default();
        let requests =
            stream::unfold(connection.clone(), |connection| async { Some((connection.accept_bi().await, connection)) });
        let unidirectional = stream::unfold(connection.clone(), |connection| async {
            Some((connection.accept_uni().await, connection))
        });
        let link = Self {
            requests: Box::pin(requests),
            unidirectional: Box::pin(unidirectional),
            opener: Opener { connection: connection.clone(), opening: None },
            accepted: Arc::clone(&accepted),
            opened: 0,
        };
        (link, accepted)
    }
}

/// Takes the end of the stream that was accepted last.
pub(super) fn take(slot: &Slot) -> Option<Stopped> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl quic::Connection<Bytes> for Link {
    type RecvStream = Receiving;
    type OpenStreams = Opener;

    fn poll_accept_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receiving, ConnectionErrorIncoming>> {
        let accepted = ready!(self.unidirectional.poll_next_unpin(cx)).unwrap_or(Err(ConnectionError::LocallyClosed));
        let stream = accepted.map_err(broken)?;
        self.opened += 1;
        if self.opened > MOST_UNIDIRECTIONAL {
            return Poll::Ready(Err(ConnectionErrorIncoming::InternalError("too many streams".to_owned())));
        }
        Poll::Ready(Ok(Receiving { stream, frames: Frames::of_unidirectional(), ended: false }))
    }

    fn poll_accept_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both, ConnectionErrorIncoming>> {
        let accepted = ready!(self.requests.poll_next_unpin(cx)).unwrap_or(Err(ConnectionError::LocallyClosed));
        let (send, receive) = accepted.map_err(broken)?;
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(send.stopped()));
        Poll::Ready(Ok(Both {
            sending: Sending::new(send),
            receiving: Receiving { stream: receive, frames: Frames::of_request(), ended: false },
        }))
    }

    fn opener(&self) -> Opener {
        Opener { connection: self.opener.connection.clone(), opening: None }
    }
}

impl quic::OpenStreams<Bytes> for Link {
    type BidiStream = Both;
    type SendStream = Sending;

    fn poll_open_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both, StreamErrorIncoming>> {
        self.opener.poll_open_bidi(cx)
    }

    fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<Sending, StreamErrorIncoming>> {
        self.opener.poll_open_send(cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.opener.close(code, reason);
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<quinn::SendStream, ConnectionError>> + Send>>;

/// Opens streams on a connection.
pub(super) struct Opener {
    connection: quinn::Connection,
    opening: Option<Opening>,
}

impl quic::OpenStreams<Bytes> for Opener {
    type BidiStream = Both;
    type SendStream = Sending;

    fn poll_open_bidi(&mut self, _: &mut Context<'_>) -> Poll<Result<Both, StreamErrorIncoming>> {
        // Requests are the client's to open (RFC 9114 section 6.1).
        Poll::Ready(Err(StreamErrorIncoming::Unknown("a server opens no requests".into())))
    }

    fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<Sending, StreamErrorIncoming>> {
        let opening = self.opening.get_or_insert_with(|| {
            let connection = self.connection.clone();
            Box::pin(async move { connection.open_uni().await })
        });
        let opened = ready!(opening.as_mut().poll(cx));
        self.opening = None;
        Poll::Ready(opened.map(Sending::new).map_err(lost))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.connection.close(number(code.value()), reason);
    }
}

/// A stream of a request and its answer.
pub(super) struct Both {
    sending: Sending,
    receiving: Receiving,
}

impl quic::BidiStream<Bytes> for Both {
    type SendStream = Sending;
    type RecvStream = Receiving;

    fn split(self) -> (Sending, Receiving) {
        (self.sending, self.receiving)
    }
}

impl quic::SendStream<Bytes> for Both {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.sending.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.sending.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.sending.poll_finish(cx)
    }

    fn reset(&mut self, code: u64) {
        self.sending.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.sending.send_id()
    }
}

impl quic::RecvStream for Both {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.receiving.poll_data(cx)
    }

    fn stop_sending(&mut self, code: u64) {
        self.receiving.stop_sending(code);
    }

    fn recv_id(&self) -> StreamId {
        self.receiving.recv_id()
    }
}

/// The direction of a stream that goes to the client.
pub(super) struct Sending {
    stream: quinn::SendStream,
    data: Option<WriteBuf<Bytes>>,
    /// Set when all is handed over: the client's word that it has everything.
    finishing: Option<Stopped>,
}

impl Sending {
    fn new(stream: quinn::SendStream) -> Self {
        Self { stream, data: None, finishing: None }
    }
}

impl quic::SendStream<Bytes> for Sending {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        while let Some(data) = self.data.as_mut().filter(Buf::has_remaining) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, data.chunk())).map_err(unwritten)?;
            data.advance(written);
        }
        self.data = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        if self.data.is_some() {
            return Err(StreamErrorIncoming::Unknown("what came before is not sent yet".into()));
        }
        self.data = Some(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        ready!(self.poll_ready(cx))?;
        if self.finishing.is_none() {
            self.stream.finish().map_err(|error| StreamErrorIncoming::Unknown(error.into()))?;
        }
        let stream = &self.stream;
        let finishing = self.finishing.get_or_insert_with(|| Box::pin(stream.stopped()));
        Poll::Ready(match ready!(finishing.as_mut().poll(cx)) {
            Ok(None) => Ok(()),
            Ok(Some(code)) => Err(StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() }),
            Err(StoppedError::ConnectionLost(error)) => Err(lost(error)),
            Err(error) => Err(StreamErrorIncoming::Unknown(error.into())),
        })
    }

    fn reset(&mut self, code: u64) {
        // One that is closed already needs no reset.
        let _ = self.stream.reset(number(code));
    }

    fn send_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.finishing.is_none() {
            // Otherwise quinn ends the stream as if it were complete.
            let _ = self.stream.reset(number(Code::H3_REQUEST_CANCELLED.value()));
        }
    }
}

/// The direction of a stream that comes from the client.
pub(super) struct Receiving {
    stream: quinn::RecvStream,
    frames: Frames,
    ended: bool,
}

impl quic::RecvStream for Receiving {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        // A read that is given up loses nothing.
        let read = ready!(std::pin::pin!(self.stream.read_chunk(CHUNK, true)).poll(cx));
        match read {
            Ok(Some(chunk)) => match self.frames.look(&chunk.bytes) {
                Ok(()) => Poll::Ready(Ok(Some(chunk.bytes))),
                Err(refused) => {
                    self.stop_sending(Code::H3_EXCESSIVE_LOAD.value());
                    Poll::Ready(Err(StreamErrorIncoming::Unknown(refused.into())))
                }
            },
            Ok(None) => {
                self.ended = true;
                Poll::Ready(Ok(None))
            }
            Err(ReadError::Reset(code)) => {
                self.ended = true;
                Poll::Ready(Err(StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() }))
            }
            Err(ReadError::ConnectionLost(error)) => Poll::Ready(Err(lost(error))),
            Err(error) => Poll::Ready(Err(StreamErrorIncoming::Unknown(error.into()))),
        }
    }

    fn stop_sending(&mut self, code: u64) {
        self.ended = true;
        // One that has ended already needs no stop.
        let _ = self.stream.stop(number(code));
    }

    fn recv_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if !self.ended {
            // Nothing is wrong with what the client still sends: nobody needs it (RFC 9114 section 4.1).
            let _ = self.stream.stop(number(Code::H3_NO_ERROR.value()));
        }
    }
}

fn number(code: u64) -> VarInt {
    VarInt::from_u64(code).unwrap_or(VarInt::MAX)
}

#[expect(clippy::expect_used, reason = "a number of QUIC is always one of HTTP/3")]
fn stream_id(id: quinn::StreamId) -> StreamId {
    StreamId::try_from(VarInt::from(id).into_inner()).expect("both are the same 62 bits")
}

fn broken(error: ConnectionError) -> ConnectionErrorIncoming {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: close.error_code.into_inner() }
        }
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        error => ConnectionErrorIncoming::Undefined(Arc::new(error)),
    }
}

fn lost(error: ConnectionError) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: broken(error) }
}

fn unwritten(error: WriteError) -> StreamErrorIncoming {
    match error {
        WriteError::Stopped(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() },
        WriteError::ConnectionLost(error) => lost(error),
        error => StreamErrorIncoming::Unknown(error.into()),
    }
}
