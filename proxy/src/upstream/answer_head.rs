//! The heads of a server's answers, on their way to hyper: informational answers (RFC 9110 section 15.2), which hyper would
//! drop, are taken out and told; what Traefik puts up with and hyper does not is put right: names with spaces in them are
//! dropped, folded lines joined (RFC 9112 section 5.2), a version with two other digits read as the nearest.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::UpstreamStream;

#[cfg(test)]
mod tests;

/// Most bytes of a head; with more, hyper refuses it.
const MOST: usize = 1 << 20;
/// Informational answers to one request: servers send one or two, one that floods is given up.
const MOST_INTERIM: usize = 64;

/// An informational answer: any 1xx but 101.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interim {
    /// 100, 102 to 199.
    pub(crate) status: StatusCode,
    /// What came with it.
    pub(crate) headers: HeaderMap,
}

/// What the user of a connection and its stream tell each other.
#[derive(Debug, Default)]
pub(crate) struct Awaited {
    head: AtomicBool,
    told: AtomicBool,
    low: AtomicBool,
    interim: Mutex<Vec<Interim>>,
}

impl Awaited {
    /// A request is being sent: what comes next is the head of its answer.
    pub(crate) fn expect(&self) {
        self.head.store(true, Relaxed);
    }

    /// Informational answers since the last call; usually none, which costs nothing.
    pub(crate) fn take(&self) -> Vec<Interim> {
        if !self.told.load(Relaxed) {
            return Vec::new();
        }
        self.told.store(false, Relaxed);
        std::mem::take(&mut *self.interim.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the answer has a status below 100, which is none.
    pub(crate) fn has_low_status(&self) -> bool {
        self.low.load(Relaxed)
    }

    fn tell(&self, interim: Interim) {
        self.interim.lock().unwrap_or_else(PoisonError::into_inner).push(interim);
        self.told.store(true, Relaxed);
    }
}

/// An HTTP/1.1 connection to a server, as hyper reads it.
#[derive(Debug)]
pub(crate) struct AnswerStream {
    stream: UpstreamStream,
    awaited: Arc<Awaited>,
    /// A head that came in pieces or has to be changed, and what came behind it.
    held: Vec<u8>,
    /// How much of `held` hyper has.
    given: usize,
    /// How much of `held` is known not to hold the end of a head.
    scanned: usize,
    /// Informational answers since the request.
    interims: usize,
}

impl AnswerStream {
    /// `stream`, whose user says through `awaited` when an answer is due.
    pub(crate) fn new(stream: UpstreamStream, awaited: Arc<Awaited>) -> Self {
        Self { stream, awaited, held: Vec::new(), given: 0, scanned: 0, interims: 0 }
    }

    /// The connection itself, and what was read of it but not yet by hyper.
    pub(crate) fn into_parts(mut self) -> (UpstreamStream, Vec<u8>) {
        self.held.drain(..self.given);
        (self.stream, self.held)
    }

    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let rest = self.held.get(self.given..).unwrap_or_default();
        let count = rest.len().min(buf.remaining());
        buf.put_slice(rest.get(..count).unwrap_or_default());
        self.given += count;
        if self.given == self.held.len() {
            self.held = Vec::new();
            self.given = 0;
        }
    }

    /// Works on the heads in `held`, until hyper can have what is there or more has to be read.
    ///
    /// # Errors
    /// Too many informational answers.
    fn settle(&mut self) -> io::Result<()> {
        loop {
            let Some(end) = head_end(&self.held, self.scanned) else {
                self.scanned = self.held.len().saturating_sub(3);
                if self.held.len() > MOST || !begins_like_an_answer(&self.held) {
                    // hyper says what is wrong with it.
                    self.awaited.head.store(false, Relaxed);
                }
                return Ok(());
            };
            self.scanned = 0;
            match read(self.held.get(..end).unwrap_or_default()) {
                Some(Head::Interim(interim)) => {
                    self.interims += 1;
                    if self.interims > MOST_INTERIM {
                        let text = "the server sends nothing but informational answers";
                        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                    }
                    self.awaited.tell(interim);
                    self.held.drain(..end);
                    if self.held.is_empty() {
                        return Ok(());
                    }
                }
                Some(Head::Final(bytes)) => {
                    self.held.splice(..end, bytes);
                    self.interims = 0;
                    self.awaited.head.store(false, Relaxed);
                    return Ok(());
                }
                // Not HTTP: hyper says what is wrong with it.
                None => {
                    self.awaited.low.store(is_low(&self.held), Relaxed);
                    self.awaited.head.store(false, Relaxed);
                    return Ok(());
                }
            }
        }
    }
}

impl AsyncRead for AnswerStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.awaited.head.load(Relaxed) {
                if this.held.is_empty() {
                    return Pin::new(&mut this.stream).poll_read(cx, buf);
                }
                this.give(buf);
                return Poll::Ready(Ok(()));
            }
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
            let new = buf.filled().get(before..).unwrap_or_default();
            if new.is_empty() {
                if this.held.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                // A head that was cut off: hyper says so.
                this.awaited.head.store(false, Relaxed);
                continue;
            }
            if this.held.is_empty() && is_plain(new) {
                this.interims = 0;
                this.awaited.head.store(false, Relaxed);
                return Poll::Ready(Ok(()));
            }
            this.held.extend_from_slice(new);
            buf.set_filled(before);
            this.settle()?;
        }
    }
}

impl AsyncWrite for AnswerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Where the first empty line ends, not looking before `from`.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'\n')? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

fn begins_like_an_answer(bytes: &[u8]) -> bool {
    bytes.iter().zip(b"HTTP/").all(|(found, expected)| found == expected)
}

/// Whether an answer has a status of three digits below 100.
fn is_low(bytes: &[u8]) -> bool {
    matches!(bytes.get(8..12), Some([b' ', b'0', b'0'..=b'9', b'0'..=b'9']))
        && matches!(bytes.get(12), Some(b' ' | b'\r' | b'\n'))
}

/// Whether `bytes` begin with a whole head that hyper reads as it is, and that is final.
fn is_plain(bytes: &[u8]) -> bool {
    if !matches!(bytes, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', b'2'..=b'9', ..]) {
        return false;
    }
    let mut rest = bytes;
    let mut first = true;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = rest.get(..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        if std::mem::take(&mut first) {
            continue;
        }
        if matches!(line, [] | [b'\r']) {
            return true;
        }
        let name = line.iter().position(|byte| !is_token(*byte));
        if name.is_none_or(|end| end == 0 || line.get(end) != Some(&b':')) {
            return false;
        }
    }
    false
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

enum Head {
    Interim(Interim),
    /// The head as hyper is to read it.
    Final(Vec<u8>),
}

/// Reads a whole head; `None` if it is none.
fn read(head: &[u8]) -> Option<Head> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let (version, rest) = lines.next()?.split_at_checked(8)?;
    let version: &[u8] = match version {
        [b'H', b'T', b'T', b'P', b'/', b'0', b'.', b'0'..=b'9'] | b"HTTP/1.0" => b"HTTP/1.0",
        [b'H', b'T', b'T', b'P', b'/', b'1'..=b'9', b'.', b'0'..=b'9'] => b"HTTP/1.1",
        _ => return None,
    };
    let rest = rest.strip_prefix(b" ")?.trim_ascii_start();
    let (code, reason) = rest.split_at(rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len()));
    let status = StatusCode::from_bytes(code).ok()?;
    let fields = fields(lines)?;
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        let headers = fields
            .iter()
            .filter_map(|(name, value)| {
                Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
            })
            .collect();
        return Some(Head::Interim(Interim { status, headers }));
    }
    let mut out = Vec::with_capacity(head.len() + 8);
    for part in [version, b" ", code, reason, b"\r\n"] {
        out.extend_from_slice(part);
    }
    for (name, value) in &fields {
        for part in [name, b": ".as_slice(), value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(b"\r\n");
    Some(Head::Final(out))
}

/// The header fields, without those whose name holds a space; `None` where a line is no field at all.
fn fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Vec<(&'a [u8], Vec<u8>)>> {
    let mut fields: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            let (_, value) = fields.last_mut()?;
            value.push(b' ');
            value.extend_from_slice(line.trim_ascii());
            continue;
        }
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte) || *byte == b' ') {
            return None;
        }
        fields.push((name, value.get(1..)?.trim_ascii().to_vec()));
    }
    fields.retain(|(name, _)| !name.contains(&b' '));
    Some(fields)
}
