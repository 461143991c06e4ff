//! A request's body over HTTP/3.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h3::server::RequestStream;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method};
use http_body::{Frame, SizeHint};

use super::link::Receiving;
use crate::http::body::BodyError;

/// How long a request that has no body by its method may take to say so, before one is awaited.
const PROBE: Duration = Duration::from_millis(200);

/// A body that is being received.
pub(crate) struct Upload {
    stream: RequestStream<Receiving, Bytes>,
    /// What came while it was found out whether there is a body.
    first: Option<Bytes>,
    /// Bytes left of the length that was announced.
    left: Option<u64>,
    ended: bool,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("left", &self.left).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Upload {
    /// The body on `stream`, after a head with these headers. `None` if there is none.
    ///
    /// # Errors
    /// The announced length is none, or not that of the body (RFC 9114 section 4.1.2).
    pub(super) async fn begin(
        stream: RequestStream<Receiving, Bytes>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<Box<Self>>, BodyError> {
        let left = length(headers)?;
        let mut upload = Box::new(Self { stream, first: None, left, ended: false });
        if left.is_some_and(|left| left > 0) {
            return Ok(Some(upload));
        }
        // That nothing follows may come a moment after the head. Where no body is expected a server should not be told of one
        // that is not there; where one is, it should not wait.
        let expected =
            left.is_none() && !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE);
        let first = std::future::poll_fn(|cx| match upload.poll_data(cx) {
            Poll::Pending if expected => Poll::Ready(None),
            polled => polled.map(Some),
        });
        match tokio::time::timeout(PROBE, first).await {
            Ok(Some(None)) => Ok(None),
            Ok(Some(Some(data))) => {
                upload.first = Some(data?);
                Ok(Some(upload))
            }
            Ok(None) | Err(_) => Ok(Some(upload)),
        }
    }

    /// The next part of it.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => self.poll_data(cx).map(|data| data.map(|data| data.map(Frame::data))),
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Some(mut data) = ready!(self.stream.poll_recv_data(cx))? else {
            self.ended = true;
            return Poll::Ready(match self.left {
                Some(1..) => Some(Err(BodyError::Length)),
                _ => None,
            });
        };
        let data = data.copy_to_bytes(data.remaining());
        if let Some(left) = &mut self.left {
            let Some(rest) = left.checked_sub(data.len() as u64) else {
                self.ended = true;
                return Poll::Ready(Some(Err(BodyError::Length)));
            };
            *left = rest;
        }
        Poll::Ready(Some(Ok(data)))
    }

    /// Whether all of it has come.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.ended && self.first.is_none()
    }

    /// What is known about its length.
    pub(crate) fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        self.left.map_or_else(SizeHint::default, |left| SizeHint::with_exact(left + first))
    }
}

/// The announced length: one number, however often it is said.
fn length(headers: &HeaderMap) -> Result<Option<u64>, BodyError> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().map(|value| {
        let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|digits| digits.parse::<u64>().ok()).ok_or(BodyError::Length)
    });
    let Some(first) = lengths.next().transpose()? else { return Ok(None) };
    for length in lengths {
        if length? != first {
            return Err(BodyError::Length);
        }
    }
    Ok(Some(first))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn one_length() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_LENGTH, http::HeaderValue::from_static(value));
            }
            length(&headers)
        };
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&["7", "7"]).unwrap(), Some(7));
        for bad in [["7", "8"], ["+7", "+7"], ["", ""], ["99999999999999999999", "7"]] {
            assert!(of(&bad).is_err(), "{bad:?}");
        }
    }
}
