//! The bytes of an HTTP/1 connection, where hyper alone does not do: a fragment in a request's target, which hyper drops
//! in silence, is noticed; characters that ought to be encoded are; an answer that hyper gives by itself, to what is no request, gets a text.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::meter::Meter;

/// A request line longer than this is not looked at.
const LONGEST_LINE: usize = 16 * 1024;

/// An HTTP/1 stream on its way to hyper.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    meter: Arc<Meter>,
    /// Requests that had begun when the current line was begun; `None` before the first.
    line_of: Option<u32>,
    /// The beginning of a request line that came in pieces.
    line: Vec<u8>,
    reading: bool,
    answer: Option<Answer>,
}

#[derive(Debug)]
struct Answer {
    bytes: Vec<u8>,
    sent: usize,
    /// Bytes that hyper believes to have sent.
    stands_for: usize,
}

impl<S> Wire<S> {
    /// `stream`, whose requests are counted by `meter`.
    pub(crate) fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self { stream, meter, line_of: None, line: Vec::new(), reading: false, answer: None }
    }

    /// Looks for a fragment in the request line, if one begins or goes on here. Returns the length of a line that is
    /// here as a whole.
    fn look(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.reading {
            let begun = self.meter.begun();
            if self.line_of == Some(begun) || !self.meter.is_idle() {
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
    matches!(byte, b'<' | b'>' | b'`')
}

/// Encodes such characters in the target of the request line of `length` bytes from `start` on, if there is room.
fn encode_line(buf: &mut ReadBuf<'_>, start: usize, length: usize) {
    // In methods they stand for themselves.
    let Some(method) = buf.filled().get(start..).and_then(|line| line.iter().position(|byte| *byte == b' ')) else {
        return;
    };
    let (start, length) = (start + method, length.saturating_sub(method));
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
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(new) = buf.filled().get(before..).filter(|new| !new.is_empty())
            && let Some(length) = self.look(new)
        {
            encode_line(buf, before, length);
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

    /// Whether `buf` is an answer of hyper's own: nothing of ours is under way, all that was has been sent.
    fn replace(&mut self, buf: &[u8]) -> bool {
        if self.answer.is_none() && self.meter.is_settled() {
            self.answer = explained(buf).map(|bytes| Answer { bytes, sent: 0, stands_for: buf.len() });
        }
        self.answer.is_some()
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
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
        // hyper's own answers come in one piece.
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
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.meter.flushed();
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::ReadBuf;

    use super::{encode_line, explained};

    #[test]
    fn characters_that_clients_ought_to_encode() {
        let mut memory = [0; 64];
        let mut buf = ReadBuf::new(&mut memory);
        buf.put_slice(b"xG`T /<a>?`=1 HTTP/1.1\r\nHost: <\r\n");
        encode_line(&mut buf, 1, 20);
        assert_eq!(buf.filled(), b"xG`T /%3Ca%3E?%60=1 HTTP/1.1\r\nHost: <\r\n");
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
