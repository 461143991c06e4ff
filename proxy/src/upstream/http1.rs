//! HTTP/1.1 to servers (RFC 9112), the client's side.
//!
//! A connection is driven by the task that uses it: no task of its own, no channel, no wake-up from one task to another. While
//! idle nobody polls it and it holds no buffer.

mod encode;
pub(crate) mod head;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::{Body as _, Frame};
use tokio::io::{AsyncRead, ReadBuf};

use crate::http::body::{BodyError, RequestBody};
use crate::wire::decode::{Decoder, Piece};
use crate::wire::input::Input;
use crate::wire::output::{Framing, Output};

use super::call::Call;
use super::dial::UpstreamStream;
use super::failure::Failure;
use super::head_timeout::HeadTimeout;

#[cfg(test)]
mod tests;

use head::{BadHead, Head};

/// Most bytes of an answer's head.
const MOST_HEAD: usize = 1 << 20;
/// Informational answers to one request: servers send one or two, one that floods is given up.
pub(crate) const MOST_INTERIM: usize = 64;

/// An informational answer: any 1xx but 101 (RFC 9110 section 15.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interim {
    /// 100, 102 to 199.
    pub(crate) status: StatusCode,
    /// What came with it.
    pub(crate) headers: HeaderMap,
}

/// A connection to a server, and the exchange that is under way over it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UpstreamStream,
    /// What was read and is not used yet.
    input: Input,
    output: Output,
    /// The request's body, as long as it is not all in `output`.
    sending: Option<Sending>,
    /// Finds the end of the answer.
    decoder: Decoder,
    asked_for_head: bool,
    interims: usize,
    /// Whether both sides leave it open after this exchange.
    keeps_alive: bool,
}

#[derive(Debug)]
struct Sending {
    body: RequestBody,
    framing: Framing,
    /// What was taken from the body before a byte of the request was written.
    first: Option<Bytes>,
    /// All of the body was taken.
    complete: bool,
}

/// A request that got no answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// Not a byte of the request was sent: it is as it was.
    pub(crate) untouched: bool,
    /// Why.
    pub(crate) failure: Failure,
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self { untouched: false, failure }
    }
}

impl Connection {
    /// A connection over which nothing was sent yet.
    pub(crate) fn new(stream: UpstreamStream) -> Self {
        Self {
            stream,
            input: Input::default(),
            output: Output::default(),
            sending: None,
            decoder: Decoder::Length(0),
            asked_for_head: false,
            interims: 0,
            keeps_alive: true,
        }
    }

    /// Sends `call` and waits for the head of its answer; `inform` is told what the server says before. What is untouched
    /// stays in `call`; otherwise the body is gone from it.
    pub(crate) async fn exchange(
        &mut self,
        call: &mut Call,
        inform: &mut (dyn FnMut(Interim) + Send),
        mut head_timeout: HeadTimeout,
    ) -> Result<Head, Unanswered> {
        self.begin(call);
        let answered = std::future::poll_fn(|cx| match self.poll_head(cx, inform) {
            Poll::Pending if self.is_sent() => head_timeout.poll_elapsed(cx).map(Err),
            polled => polled,
        });
        answered.await.map_err(|failure| {
            let untouched = matches!(failure, Failure::HungUp(_)) && !self.output.begun;
            if untouched {
                self.take_back(call);
            }
            Unanswered { untouched, failure }
        })
    }

    /// Whether all of the request is on its way.
    fn is_sent(&self) -> bool {
        self.sending.is_none() && self.output.is_empty()
    }

    fn begin(&mut self, call: &mut Call) {
        self.asked_for_head = call.method == Method::HEAD;
        self.interims = 0;
        if let Some(framing) = encode::head(&mut self.output, call) {
            let body = std::mem::take(&mut call.body);
            self.sending = Some(Sending { body, framing, first: None, complete: false });
        }
    }

    /// Gives back a body of which nothing was written.
    fn take_back(&mut self, call: &mut Call) {
        let Some(mut sending) = self.sending.take() else { return };
        if let Some(first) = sending.first {
            sending.body.put_back(first);
        }
        call.body = sending.body;
    }

    /// Sends what there is of the request and reads the head of the answer.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        inform: &mut (dyn FnMut(Interim) + Send),
    ) -> Poll<Result<Head, Failure>> {
        if let Poll::Ready(Err(failure)) = self.poll_send(cx) {
            return Poll::Ready(Err(failure));
        }
        loop {
            while let Some(mut head) = self.take_head()? {
                if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                    self.decoder = head.framing(self.asked_for_head)?;
                    self.keeps_alive &= head.keeps_alive() && head.status != StatusCode::SWITCHING_PROTOCOLS;
                    return Poll::Ready(Ok(head));
                }
                self.interims += 1;
                if self.interims > MOST_INTERIM {
                    return Poll::Ready(Err(Failure::BadHead(BadHead::Interim)));
                }
                inform(Interim { status: head.status, headers: head.headers });
            }
            if ready!(self.input.poll_read(&mut self.stream, cx)).map_err(Failure::HungUp)? == 0 {
                let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed");
                return Poll::Ready(Err(Failure::HungUp(cut)));
            }
        }
    }

    fn take_head(&mut self) -> Result<Option<Head>, Failure> {
        let Some(end) = self.input.head_end() else {
            if !head::is_begun(&self.input) {
                return Err(Failure::BadHead(BadHead::Start));
            }
            if self.input.len() > MOST_HEAD {
                return Err(Failure::BadHead(BadHead::TooLong));
            }
            return Ok(None);
        };
        let bytes = self.input.take(end);
        match head::read(&bytes) {
            Ok(head) => Ok(Some(head)),
            Err(BadHead::LowStatus) => Err(Failure::LowStatus),
            Err(bad) => Err(Failure::BadHead(bad)),
        }
    }

    /// Writes as much of the request as there is and the server takes. That a server takes no more is no failure as long as
    /// it may still answer.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            while let Some(sending) = &mut self.sending
                && sending.may_go_on(&self.output)
            {
                match sending.poll_next(&mut self.output, cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Failure::from_body(&error))),
                    Poll::Pending => break,
                }
            }
            if self.output.is_empty() {
                return if self.sending.is_none() { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            match ready!(self.output.poll_write(&mut self.stream, cx)) {
                Ok(()) => self.sending.take_if(|sending| sending.complete),
                Err(error) if !self.output.begun => return Poll::Ready(Err(Failure::HungUp(error))),
                Err(_) => {
                    self.keeps_alive = false;
                    self.output.give_up();
                    self.sending.take()
                }
            };
        }
    }

    /// The next frame of the answer's body; `None` at its end.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let broken = |error| Poll::Ready(Some(Err(BodyError::Server(error))));
        // The server may answer while it still reads.
        if !self.is_sent()
            && let Poll::Ready(Err(failure)) = self.poll_send(cx)
        {
            return broken(io::Error::other(failure));
        }
        loop {
            match self.decoder.take(self.input.bytes()) {
                Ok(Piece::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Piece::Trailers(trailers)) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Ok(Piece::Nothing) => return Poll::Ready(None),
                Ok(Piece::Unread) => {}
                Err(bad) => return broken(io::Error::new(io::ErrorKind::InvalidData, bad)),
            }
            match ready!(self.input.poll_read(&mut self.stream, cx)) {
                Ok(0) if matches!(self.decoder, Decoder::UntilClose) => {
                    self.decoder = Decoder::Length(0);
                    self.keeps_alive = false;
                }
                Ok(0) => return broken(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) => return broken(error),
            }
        }
    }

    /// Whether the answer's body is complete.
    pub(crate) fn is_over(&self) -> bool {
        self.decoder.is_over()
    }

    /// The bytes that are left of the answer's body, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        self.decoder.left()
    }

    /// Makes it ready for another request; false if it can carry none, so that neither an unread answer nor an unsent request
    /// can leak into the next exchange.
    pub(crate) fn rest(&mut self) -> bool {
        let used = self.keeps_alive && self.is_over() && self.input.is_empty();
        self.input.reset();
        used && self.is_sent()
    }

    /// Whether an idle connection is still open, as far as is known.
    pub(crate) fn is_open(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(Waker::noop());
        // A byte that nobody asked for ends it as the end of the stream does.
        Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer).is_pending()
    }

    /// After an answer 101: the connection itself, and what came right behind the answer.
    pub(crate) fn into_switched(mut self) -> (UpstreamStream, Bytes) {
        (self.stream, self.input.take(usize::MAX))
    }
}

impl Sending {
    /// Whether more of the body is to be taken. Before a byte is written only one piece is, which can be given back.
    fn may_go_on(&self, output: &Output) -> bool {
        !self.complete && output.has_room() && (output.begun || self.first.is_none())
    }

    /// Puts the next of the body into `output`.
    fn poll_next(&mut self, output: &mut Output, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()?;
        self.first = None;
        if let Some(Ok(mut data)) = frame.map(Frame::into_data) {
            if !output.begun {
                self.first = Some(data.clone());
            }
            if let Framing::Length(left) = &mut self.framing {
                data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data.len() as u64;
            }
            output.data(data, self.framing);
            self.complete = self.framing == Framing::Length(0);
            return Poll::Ready(Ok(()));
        }
        // As by Traefik, trailers are for servers of HTTP/2 alone.
        self.complete = true;
        match self.framing {
            Framing::Chunked => output.end(b""),
            Framing::Length(0) | Framing::UntilClose => {}
            Framing::Length(_) => return Poll::Ready(Err(BodyError::Length)),
        }
        Poll::Ready(Ok(()))
    }
}
