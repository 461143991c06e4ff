//! What a client is sent beside its answers: informational answers (RFC 9110 section 15.2), which hyper cannot send, and over HTTP/1.1
//! trailers (RFC 9112 section 7.1.2), which it sends to few clients only.
//!
//! The handler or the body puts something here and waits until all that hyper had to write is on its way; then the
//! connection's [`Wire`](super::wire::Wire) knows that the next byte is its own to place.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING};

use crate::upstream::http1::Interim;

use super::headers::write_field;

/// The end of a chunked body without trailers, as hyper writes it.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Informational answers that may wait at once.
const MOST_WAITING: usize = 8;

const NOBODY: u8 = 0;
const ASKED: u8 = 1;
const FLUSHED: u8 = 2;

/// What is to be sent, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Whether there is something; the rest is looked at only then.
    filled: AtomicBool,
    contents: Mutex<Contents>,
    flush: AtomicU8,
    waiting: AtomicWaker,
}

#[derive(Debug, Default)]
struct Contents {
    interim: Vec<Interim>,
    end: Option<Vec<u8>>,
}

impl Outbox {
    /// Adds an informational answer. A client that does not take them gets only the first few: nobody's memory is for servers to
    /// fill.
    pub(crate) fn inform(&self, interim: Interim) {
        self.change(|contents| {
            if contents.interim.len() < MOST_WAITING {
                contents.interim.push(interim);
            }
        });
    }

    /// The chunked body whose end hyper writes next ends with these trailers.
    pub(crate) fn end_with(&self, trailers: &HeaderMap) {
        let mut bytes = b"0\r\n".to_vec();
        write_fields(&mut bytes, trailers);
        bytes.extend_from_slice(b"\r\n");
        self.change(|contents| contents.end = Some(bytes));
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut self.contents.lock().unwrap_or_else(PoisonError::into_inner));
        self.filled.store(true, Relaxed);
    }

    /// Whether informational answers wait to be taken.
    pub(crate) fn informs(&self) -> bool {
        self.filled.load(Relaxed) && !self.contents.lock().unwrap_or_else(PoisonError::into_inner).interim.is_empty()
    }

    /// Informational answers to be written now.
    pub(crate) fn take_interim(&self) -> Vec<Interim> {
        if !self.filled.load(Relaxed) {
            return Vec::new();
        }
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        self.filled.store(contents.end.is_some(), Relaxed);
        std::mem::take(&mut contents.interim)
    }

    /// What to write instead of the end of a chunked body.
    pub(crate) fn take_end(&self) -> Option<Vec<u8>> {
        if !self.filled.load(Relaxed) {
            return None;
        }
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        self.filled.store(!contents.interim.is_empty(), Relaxed);
        contents.end.take()
    }

    /// Waits until everything written before is on its way, informational answers among it.
    pub(crate) fn poll_flushed(&self, cx: &Context<'_>) -> Poll<()> {
        self.waiting.register(cx.waker());
        match self.flush.load(Relaxed) {
            FLUSHED => {
                self.flush.store(NOBODY, Relaxed);
                Poll::Ready(())
            }
            _ => {
                self.flush.store(ASKED, Relaxed);
                Poll::Pending
            }
        }
    }

    /// Everything written is on its way.
    pub(crate) fn flushed(&self) {
        if self.flush.load(Relaxed) == ASKED {
            self.flush.store(FLUSHED, Relaxed);
            self.waiting.wake();
        }
    }
}

/// Informational answers as HTTP/1.1 has them.
pub(crate) fn encode(interim: &[Interim]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Interim { status, headers } in interim {
        bytes.extend_from_slice(b"HTTP/1.1 ");
        bytes.extend_from_slice(status.as_str().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        bytes.extend_from_slice(b"\r\n");
        write_fields(&mut bytes, headers);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Writes header fields as HTTP/1.1 has them, without those that frame messages or choose where they go.
fn write_fields(bytes: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if [CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER, TE, HOST].contains(name) {
            continue;
        }
        write_field(bytes, name, value);
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_LENGTH, LINK};
    use http::{HeaderValue, StatusCode};

    use super::*;

    #[test]
    fn what_is_put_in_comes_out_once() {
        let outbox = Outbox::default();
        assert!(!outbox.informs());
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_static("</a>"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        outbox.inform(Interim { status: StatusCode::from_u16(103).unwrap_or_default(), headers: headers.clone() });
        outbox.end_with(&headers);
        assert!(outbox.informs());
        assert_eq!(encode(&outbox.take_interim()), b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        assert!(!outbox.informs());
        assert_eq!(outbox.take_end().as_deref(), Some(&b"0\r\nLink: </a>\r\n\r\n"[..]));
        assert_eq!((outbox.take_end(), outbox.take_interim()), (None, Vec::new()));
    }

    #[test]
    fn a_flush_counts_only_once_asked_for() {
        let outbox = Outbox::default();
        let cx = Context::from_waker(std::task::Waker::noop());
        outbox.flushed();
        assert!(outbox.poll_flushed(&cx).is_pending());
        outbox.flushed();
        assert!(outbox.poll_flushed(&cx).is_ready());
        assert!(outbox.poll_flushed(&cx).is_pending());
    }
}
