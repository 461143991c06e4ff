//! Looks at the frames of a client's HTTP/2 connection before `h2` does, for what that lets pass: floods of frames that cost the sender
//! nothing (RFC 9113 section 10.5), wrong sizes, which it reports by another code (section 4.2), pseudo-header fields in trailers, which it
//! drops in silence (section 8.1).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};

use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::pass_through::pass_through;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;

#[cfg(test)]
mod tests;

/// Bytes of the client's preface (RFC 9113 section 3.4).
const PREFACE: usize = 24;
/// Bytes of a frame's head.
const HEAD: usize = 9;
/// How much of a payload is looked at: padding length, priority, table size updates and the first field's name.
const PEEKED: usize = 24;
/// What a client may spend at once, and how much it earns a second. A browser that leaves a page spends some hundred.
const MOST_CREDIT: u32 = 4_000;
const CREDIT_A_SECOND: u32 = 400;
/// Bytes of answers by which it earns one more: who takes much has to say so by WINDOW_UPDATE frames.
const BYTES_A_CREDIT: u32 = 512;

/// What was found; shared by the stream, which `h2` owns, and the connection that it is part of.
#[derive(Debug, Default)]
pub(super) struct Verdict(AtomicU32);

impl Verdict {
    /// Why the connection has to end, if it has to.
    pub(super) fn reason(&self) -> Option<Reason> {
        match self.0.load(Relaxed) {
            0 => None,
            code => Some(Reason::from(code)),
        }
    }
}

/// A connection whose frames are looked at. From a bad one on nothing more is read.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    frames: Frames,
    verdict: Arc<Verdict>,
}

impl<S> Guarded<S> {
    /// `stream` at its beginning, and where it will be said why it has to end.
    pub(super) fn new(stream: S) -> (Self, Arc<Verdict>) {
        let verdict = Arc::new(Verdict::default());
        (Self { stream, frames: Frames::new(), verdict: Arc::clone(&verdict) }, verdict)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.verdict.reason().is_some() {
            // The connection is about to end; whoever polls it looks at the verdict.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let new = buf.filled().get(before..).unwrap_or_default();
        if let Err(Bad { reason, good }) = self.frames.look(new) {
            self.verdict.0.store(reason.into(), Relaxed);
            buf.set_filled(before + good);
            if good == 0 {
                // An empty read would be the end of the connection.
                return Poll::Pending;
            }
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    pass_through!(is_write_vectored, poll_flush, poll_shutdown);

    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.frames.earn(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.frames.earn(&polled);
        polled
    }
}

/// A frame that ends the connection, and how many of the bytes come before it.
#[derive(Debug, PartialEq, Eq)]
struct Bad {
    reason: Reason,
    good: usize,
}

/// Where in the stream of frames a connection is.
#[derive(Debug)]
struct Frames {
    /// Bytes of the preface that are still to come.
    preface: usize,
    /// The head of the current frame and how much of it is there.
    head: [u8; HEAD],
    headed: usize,
    /// Bytes of the current payload that are still to come, and its beginning where that is looked at.
    left: usize,
    peek: Option<Vec<u8>>,
    /// The highest stream that the client has opened.
    opened: u32,
    credit: u32,
    paid: Instant,
    /// Bytes sent since the last credit for such.
    sent: u32,
}

impl Frames {
    fn new() -> Self {
        Self {
            preface: PREFACE,
            head: [0; HEAD],
            headed: 0,
            left: 0,
            peek: None,
            opened: 0,
            credit: MOST_CREDIT,
            paid: Instant::now(),
            sent: 0,
        }
    }

    /// Looks at what came.
    fn look(&mut self, bytes: &[u8]) -> Result<(), Bad> {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        let mut rest = bytes.get(skipped..).unwrap_or_default();
        let mut good = skipped;
        while !rest.is_empty() {
            if self.left == 0 {
                let missing = HEAD - self.headed;
                let taken = missing.min(rest.len());
                for (to, from) in self.head.iter_mut().skip(self.headed).zip(rest) {
                    *to = *from;
                }
                self.headed += taken;
                rest = rest.get(taken..).unwrap_or_default();
                if self.headed < HEAD {
                    return Ok(());
                }
                self.headed = 0;
                self.begin().map_err(|reason| Bad { reason, good })?;
            }
            let taken = self.left.min(rest.len());
            if let Some(peek) = &mut self.peek {
                peek.extend(rest.iter().take(taken.min(PEEKED - peek.len())));
                if (peek.len() == PEEKED || taken == self.left)
                    && self.peek.take().is_some_and(|peek| begins_pseudo(self.head[4], &peek))
                {
                    return Err(Bad { reason: Reason::PROTOCOL_ERROR, good });
                }
            }
            self.left -= taken;
            rest = rest.get(taken..).unwrap_or_default();
            if self.left == 0 {
                good = bytes.len() - rest.len();
            }
        }
        Ok(())
    }

    /// Judges a frame by its head.
    fn begin(&mut self) -> Result<(), Reason> {
        let [high, middle, low, kind, flags, id @ ..] = self.head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let stream = u32::from_be_bytes(id) & 0x7fff_ffff;
        self.left = length;
        let (fits, cost) = match kind {
            DATA => (true, if length == 0 && flags & END_STREAM == 0 { 4 } else { 0 }),
            HEADERS => {
                // Trailers are header blocks of streams that have one already.
                self.peek = (stream <= self.opened && length > 0).then(Vec::new);
                self.opened = self.opened.max(stream);
                (true, 0)
            }
            PRIORITY => (length == 5, 1),
            RST_STREAM => (length == 4, 2),
            SETTINGS if flags & ACK != 0 => (length == 0, 1),
            SETTINGS => (length % 6 == 0, 2),
            PING => (length == 8, 1),
            WINDOW_UPDATE => (length == 4, 1),
            CONTINUATION => (true, u32::from(length == 0)),
            _ => (true, 1),
        };
        if !fits {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        self.spend(cost)
    }

    fn spend(&mut self, cost: u32) -> Result<(), Reason> {
        if self.credit < cost {
            // Only who spends much has the time looked at.
            let millis = u32::try_from(self.paid.elapsed().as_millis()).unwrap_or(u32::MAX);
            let earned = millis.saturating_mul(CREDIT_A_SECOND) / 1000;
            self.credit = self.credit.saturating_add(earned).min(MOST_CREDIT);
            if earned > 0 {
                self.paid = Instant::now();
            }
        }
        self.credit = self.credit.checked_sub(cost).ok_or(Reason::ENHANCE_YOUR_CALM)?;
        Ok(())
    }

    fn earn(&mut self, written: &Poll<io::Result<usize>>) {
        let Poll::Ready(Ok(count)) = written else { return };
        self.sent = self.sent.saturating_add(u32::try_from(*count).unwrap_or(u32::MAX));
        self.credit = self.credit.saturating_add(self.sent / BYTES_A_CREDIT).min(MOST_CREDIT);
        self.sent %= BYTES_A_CREDIT;
    }
}

/// Frame types and flags (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 0x20;

/// Whether the first field of a header block is a pseudo-header field, as far as can be told without the dynamic table: further behind `h2`
/// refuses them. `payload` is the beginning of a HEADERS frame's.
fn begins_pseudo(flags: u8, payload: &[u8]) -> bool {
    let before = usize::from(flags & PADDED != 0) + if flags & WITH_PRIORITY == 0 { 0 } else { 5 };
    let mut block = payload.get(before..).unwrap_or_default();
    while let [first @ 0x20..=0x3f, rest @ ..] = block {
        block = rest;
        if *first == 0x3f {
            let more = block.iter().take_while(|byte| **byte & 0x80 != 0).count();
            block = block.get(more + 1..).unwrap_or_default();
        }
    }
    match block {
        // Entries 1 to 14 of the static table, whole or as a name (RFC 7541 appendix A and section 6).
        [0x81..=0x8e | 0x41..=0x4e | 0x01..=0x0e | 0x11..=0x1e, ..] => true,
        // A name of its own, plain or in Huffman code, in which a colon is 1011100.
        [0x00 | 0x10 | 0x40, 0x00..=0x7f, first, ..] => *first == b':',
        [0x00 | 0x10 | 0x40, _, first, ..] => *first >> 1 == 0b101_1100,
        _ => false,
    }
}
