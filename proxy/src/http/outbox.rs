//! Informational answers (RFC 9110 section 15.2) on their way to a client: whoever forwards its request puts them here, whoever
//! serves its connection sends them before the answer.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING};

use crate::upstream::http1::Interim;

use super::headers::write_field;

/// Informational answers that may wait at once.
const MOST_WAITING: usize = 8;

/// What is to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Whether there is something; the rest is looked at only then.
    filled: AtomicBool,
    interim: Mutex<Vec<Interim>>,
}

impl Outbox {
    /// Adds an informational answer. A client that does not take them gets only the first few: nobody's memory is for servers to
    /// fill.
    pub(crate) fn inform(&self, interim: Interim) {
        let mut waiting = self.interim.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING {
            waiting.push(interim);
        }
        self.filled.store(true, Relaxed);
    }

    /// Informational answers to be written now.
    pub(crate) fn take_interim(&self) -> Vec<Interim> {
        if !self.filled.load(Relaxed) {
            return Vec::new();
        }
        let mut waiting = self.interim.lock().unwrap_or_else(PoisonError::into_inner);
        self.filled.store(false, Relaxed);
        std::mem::take(&mut *waiting)
    }
}

/// Writes informational answers as HTTP/1.1 has them.
pub(crate) fn encode(bytes: &mut Vec<u8>, interim: &[Interim]) {
    for Interim { status, headers } in interim {
        bytes.extend_from_slice(b"HTTP/1.1 ");
        bytes.extend_from_slice(status.as_str().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        bytes.extend_from_slice(b"\r\n");
        write_fields(bytes, headers);
        bytes.extend_from_slice(b"\r\n");
    }
}

/// Writes header fields as HTTP/1.1 has them, without those that frame messages or choose where they go.
pub(crate) fn write_fields(bytes: &mut Vec<u8>, headers: &HeaderMap) {
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
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_static("</a>"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        outbox.inform(Interim { status: StatusCode::from_u16(103).unwrap_or_default(), headers });
        let mut bytes = Vec::new();
        encode(&mut bytes, &outbox.take_interim());
        assert_eq!(bytes, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        assert_eq!(outbox.take_interim(), Vec::new());
    }
}
