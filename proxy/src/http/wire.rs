//! The bytes of an HTTP/1 connection, where hyper alone does not do: a fragment in a request's target, which hyper drops
//! in silence, is noticed; characters that ought to be encoded are; an answer that hyper gives by itself, to what is no request, gets a text; what is in
//! the [`Outbox`] is put where it belongs; a head with more fields than hyper has room for is held until it has more.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::meter::Meter;
use super::outbox::{LAST_CHUNK, Outbox, encode};

/// A request line longer than this is not looked at.
const LONGEST_LINE: usize = 16 * 1024;
/// Lines of a head for which hyper has room that costs nothing: the request line, 100 fields, and the empty line.
const FEW_LINES: usize = 102;

/// An HTTP/1 stream on its way to hyper.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    meter: Arc<Meter>,
    outbox: Arc<Outbox>,
    /// Requests that had begun when the current line was begun; `None` before the first.
    line_of: Option<u32>,
    /// The beginning of a request line that came in pieces.
    line: Vec<u8>,
    reading: bool,
    answer: Option<Answer>,
    /// Informational answers that are being sent.
    interim: Vec<u8>,
    /// Requests that had begun when lines were last counted, and lines that have come since; `None`: any number may.
    lines: Option<(u32, usize)>,
    /// What came last of too many lines.
    held: Vec<u8>,
}

#[derive(Debug)]
struct Answer {
    bytes: Vec<u8>,
    sent: usize,
    /// Bytes that hyper believes to have sent.
    stands_for: usize,
}

impl<S> Wire<S> {
    /// `stream`, whose requests are counted by `meter`, and to which the contents of `outbox` go too.
    pub(crate) fn new(stream: S, meter: Arc<Meter>, outbox: Arc<Outbox>) -> Self {
        Self {
            stream,
            meter,
            outbox,
            line_of: None,
            line: Vec::new(),
            reading: false,
            answer: None,
            interim: Vec::new(),
            lines: Some((0, 0)),
            held: Vec::new(),
        }
    }

    /// What is held of a crowded head ([`Meter::is_crowded`]). From now on there is room for any.
    pub(crate) fn make_room(&mut self) -> Vec<u8> {
        self.lines = None;
        std::mem::take(&mut self.held)
    }

    /// Whether there are more lines than there is room for, with those in `bytes`. Where requests come before the answer to
    /// the one before, only those of the first are counted.
    fn is_crowded_by(&mut self, bytes: &[u8]) -> bool {
        let Some((begun, lines)) = &mut self.lines else { return false };
        if !self.meter.awaits_head() {
            return false;
        }
        if *begun != self.meter.begun() {
            (*begun, *lines) = (self.meter.begun(), 0);
        }
        *lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        *lines > FEW_LINES
    }

    /// The stream itself.
    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Looks for a fragment in the request line, if one begins or goes on here. Returns the length of a line that is
    /// here as a whole.
    fn look(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.reading {
            let begun = self.meter.begun();
            if self.line_of == Some(begun) || !self.meter.awaits_head() {
                return None;
            }
            self.line_of = Some(begun);
            self.reading = true;
            self.line.clear();
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if end.is_some() && self.line.is_empty() {
            self.reading = false;
            if part.contains(&b'#') {
                self.meter.saw_fragment(part.to_vec());
            }
            return end;
        }
        self.line.extend_from_slice(part);
        if end.is_some() || self.line.len() > LONGEST_LINE {
            self.reading = false;
            if self.line.contains(&b'#') {
                self.meter.saw_fragment(std::mem::take(&mut self.line));
            }
        }
        None
    }
}

/// Characters that some clients send as they are and that hyper would refuse.
fn must_be_encoded(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'`' | b'"')
}

/// Encodes such characters in the target of the request line of `length` bytes from `start` on, if there is room.
fn encode_line(buf: &mut ReadBuf<'_>, start: usize, length: usize) {
    // In methods they stand for themselves.
    let Some(method) = buf.filled().get(start..).and_then(|line| line.iter().position(|byte| *byte == b' ')) else {
        return;
    };
    let (start, length) = (start + method, length.saturating_sub(method));
    let length = length - remove_empty_authority(buf, start, length);
    let Some(line) = buf.filled().get(start..start + length) else { return };
    let count = line.iter().filter(|byte| must_be_encoded(**byte)).count();
    if count == 0 || buf.remaining() < 2 * count {
        return;
    }
    let mut changed = Vec::with_capacity(buf.filled().len() - start + 2 * count);
    for &byte in line {
        if must_be_encoded(byte) {
            changed.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            changed.push(byte);
        }
    }
    changed.extend_from_slice(buf.filled().get(start + length..).unwrap_or_default());
    buf.set_filled(start);
    buf.put_slice(&changed);
}

/// Makes `/path` of `scheme:///path`, a target in absolute form that leaves the host to the `Host` header. Returns the number of
/// bytes removed from the line that goes on with a space at `start` and has `length` bytes left.
fn remove_empty_authority(buf: &mut ReadBuf<'_>, start: usize, length: usize) -> usize {
    let Some([b' ', target @ ..]) = buf.filled().get(start..start + length) else { return 0 };
    let scheme = target.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    let absolute = target.first().is_some_and(u8::is_ascii_alphabetic)
        && target.get(scheme..).is_some_and(|rest| rest.starts_with(b":///"));
    if !absolute {
        return 0;
    }
    let removed = scheme + 3;
    let rest = buf.filled().get(start + 1 + removed..).unwrap_or_default().to_vec();
    buf.set_filled(start + 1);
    buf.put_slice(&rest);
    removed
}

/// The answer with a text instead of hyper's without one; `None` for anything but an error's head.
fn explained(head: &[u8]) -> Option<Vec<u8>> {
    let code = head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let status = StatusCode::from_bytes(code).ok().filter(StatusCode::is_client_error)?;
    let text = status.to_string();
    let length = text.len();
    Some(
        format!(
            "HTTP/1.1 {text}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
        )
        .into_bytes(),
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() {
            // Whoever watches the connection makes room.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let Some(new) = buf.filled().get(before..).filter(|new| !new.is_empty()) else { return polled };
        let crowded = self.is_crowded_by(new);
        if let Some(length) = self.look(new) {
            encode_line(buf, before, length);
        }
        if crowded {
            self.held = buf.filled().get(before..).unwrap_or_default().to_vec();
            buf.set_filled(before);
            self.meter.crowd();
            return Poll::Pending;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(answer) = &mut self.answer else { return Poll::Ready(Ok(0)) };
        while let Some(rest) = answer.bytes.get(answer.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => answer.sent += count,
            }
        }
        let stands_for = answer.stands_for;
        self.answer = None;
        Poll::Ready(Ok(stands_for))
    }

    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.interim.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.interim))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => drop(self.interim.drain(..count)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whether something else is sent than `buf`: it is the end of a body that has trailers; or an answer of hyper's own, for
    /// nothing of ours is under way, all that was has been sent.
    fn replace(&mut self, buf: &[u8]) -> bool {
        if self.answer.is_none()
            && let Some(bytes) = self.outbox.take_end()
            && buf.starts_with(LAST_CHUNK)
        {
            self.answer = Some(Answer { bytes, sent: 0, stands_for: LAST_CHUNK.len() });
        }
        if self.answer.is_none() && self.meter.is_settled() {
            self.answer = explained(buf).map(|bytes| Answer { bytes, sent: 0, stands_for: buf.len() });
        }
        self.answer.is_some()
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_interim(cx))?;
        if self.replace(buf) {
            return self.poll_answer(cx);
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_interim(cx))?;
        // hyper's own answers and the ends of its bodies come in one piece.
        if let Some(first) = bufs.iter().find(|buf| !buf.is_empty())
            && self.replace(first)
        {
            return self.poll_answer(cx);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it has nothing left to write.
        if self.interim.is_empty() {
            self.interim = encode(&self.outbox.take_interim());
        }
        ready!(self.poll_interim(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.meter.flushed();
        self.outbox.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What a line looks like to hyper that comes after the answer to a request with a body.
    async fn after_an_answer(whole: bool, line: &str) -> String {
        let meter = Meter::new();
        let (mut client, stream) = tokio::io::duplex(4096);
        let mut wire = Wire::new(stream, Arc::clone(&meter), Arc::default());
        client.write_all(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n").await.unwrap();
        let mut bytes = [0; 1024];
        let _ = wire.read(&mut bytes).await.unwrap();
        meter.begin();
        meter.has_body(true);
        if whole {
            meter.has_whole_body();
        }
        meter.end();
        client.write_all(line.as_bytes()).await.unwrap();
        let count = wire.read(&mut bytes).await.unwrap();
        String::from_utf8_lossy(bytes.get(..count).unwrap()).into_owned()
    }

    #[tokio::test]
    async fn a_body_that_comes_after_its_answer_is_no_head() {
        let line = "GET <a> HTTP/1.1\r\n";
        assert_eq!(after_an_answer(false, line).await, line);
        assert_eq!(after_an_answer(true, line).await, "GET %3Ca%3E HTTP/1.1\r\n");
        let lines = "\n".repeat(300);
        assert_eq!(after_an_answer(false, &lines).await, lines);
    }

    #[test]
    fn characters_that_clients_ought_to_encode() {
        let mut memory = [0; 64];
        let mut buf = ReadBuf::new(&mut memory);
        buf.put_slice(b"xG`T /<a>?`=1 HTTP/1.1\r\nHost: <\r\n");
        encode_line(&mut buf, 1, 20);
        assert_eq!(buf.filled(), b"xG`T /%3Ca%3E?%60=1 HTTP/1.1\r\nHost: <\r\n");
    }

    #[test]
    fn an_empty_authority_is_none() {
        for (line, changed) in [
            ("GET http:///x HTTP/1.1\r\nHost: a\r\n", "GET /x HTTP/1.1\r\nHost: a\r\n"),
            ("GET http://h/x HTTP/1.1\r\n", "GET http://h/x HTTP/1.1\r\n"),
            ("GET /a:///x HTTP/1.1\r\n", "GET /a:///x HTTP/1.1\r\n"),
        ] {
            let mut memory = [0; 64];
            let mut buf = ReadBuf::new(&mut memory);
            buf.put_slice(line.as_bytes());
            encode_line(&mut buf, 0, line.find('\n').unwrap_or_default());
            assert_eq!(buf.filled(), changed.as_bytes());
        }
    }

    #[test]
    fn only_errors_are_explained() {
        assert_eq!(explained(b"HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(explained(b"<html>"), None);
        let answer = explained(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n");
        let text = answer.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        assert!(text.ends_with("Content-Length: 35\r\n\r\n431 Request Header Fields Too Large"), "{text}");
    }
}
