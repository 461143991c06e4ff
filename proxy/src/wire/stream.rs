//! Bodies over streams of HTTP/2 (RFC 9113 section 8.1).

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};

use crate::timeout::with_timeout;

/// A body that comes over a stream.
#[derive(Debug)]
pub(crate) struct Incoming {
    stream: RecvStream,
    /// Bytes to come, where that was announced.
    left: Option<u64>,
}

impl Incoming {
    /// The body of a message with these header fields.
    pub(crate) fn new(stream: RecvStream, headers: &HeaderMap) -> Self {
        let announced = || headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        // Answers to HEAD announce what does not come.
        let left = if stream.is_end_stream() { Some(0) } else { announced() };
        Self { stream, left }
    }

    /// The next frame; `None` at the end.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(polled) = ready!(self.stream.poll_data(cx)) else {
            let trailers = ready!(self.stream.poll_trailers(cx)).transpose();
            return Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)));
        };
        let data = polled.and_then(|data| {
            // It is passed on before more is read: that is what holds the sender back.
            self.stream.flow_control().release_capacity(data.len())?;
            Ok(data)
        });
        if let (Ok(data), Some(left)) = (&data, &mut self.left) {
            *left = left.saturating_sub(data.len() as u64);
        }
        Poll::Ready(Some(data.map(Frame::data)))
    }

    /// Whether all of it has been read.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// What is known of the bytes that are to come.
    pub(crate) fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// How the sending of a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent<E> {
    /// All of it was sent, its end included.
    Whole,
    /// The receiver wants no more of it, or is gone.
    Unwanted,
    /// The receiver has taken nothing for too long; it still waits for the end.
    Stalled,
    /// It ended early; the receiver still waits for the end.
    Broken(E),
}

/// Sends a body as fast as its receiver takes it, who must not make it wait for longer than `stall` (zero: no limit).
pub(crate) async fn send<B>(body: &mut B, stream: &mut SendStream<Bytes>, stall: Duration) -> Sent<B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        stream.reserve_capacity(1);
        if stream.capacity() == 0 {
            match with_timeout(stall, poll_fn(|cx| poll_room(stream, cx))).await {
                Some(true) => {}
                Some(false) => return Sent::Unwanted,
                None => return Sent::Stalled,
            }
        }
        let Some(frame) = poll_fn(|cx| poll_next(body, stream, cx)).await else { return Sent::Unwanted };
        let (sent, last) = match frame {
            None => (stream.send_data(Bytes::new(), true), true),
            Some(Err(error)) => return Sent::Broken(error),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let last = body.is_end_stream();
                    if data.is_empty() && !last {
                        continue;
                    }
                    (stream.send_data(data, last), last)
                }
                Err(frame) => match frame.into_trailers() {
                    Ok(trailers) => (stream.send_trailers(trailers), true),
                    Err(_) => continue,
                },
            },
        };
        match sent {
            Ok(()) if last => return Sent::Whole,
            Ok(()) => {}
            // Who is gone needs no more.
            Err(_) => return Sent::Unwanted,
        }
    }
}

/// Whether there is room for some of a body, once that is known; the receiver may want no more.
fn poll_room(stream: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> Poll<bool> {
    loop {
        match ready!(stream.poll_capacity(cx)) {
            Some(Ok(0)) => {}
            Some(Ok(_)) => return Poll::Ready(true),
            Some(Err(_)) | None => return Poll::Ready(false),
        }
    }
}

type Next<E> = Option<Result<Frame<Bytes>, E>>;

/// The next frame of a body; `None` when the receiver wants no more.
fn poll_next<B>(body: &mut B, stream: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> Poll<Option<Next<B::Error>>>
where
    B: Body<Data = Bytes> + Unpin,
{
    if stream.poll_reset(cx).is_ready() {
        return Poll::Ready(None);
    }
    Pin::new(body).poll_frame(cx).map(Some)
}
