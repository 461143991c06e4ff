//! Answers that servers compressed for the gateway and not for the client: as Traefik, the gateway takes gzip where the client
//! says nothing of encodings, and unpacks what comes of it.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, RANGE};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::body::{Body, BodyError, Changed};

/// Bytes that are unpacked at once: a thousand times as many may come out.
const CHUNK: usize = 2048;
/// Unpacked bytes that are passed on at once while there is more.
const ENOUGH: usize = 32 * 1024;

/// Says that gzip is fine where the client says nothing; true if it did.
pub(super) fn ask(method: &Method, headers: &mut HeaderMap) -> bool {
    let silent = headers.get(ACCEPT_ENCODING).is_none_or(HeaderValue::is_empty);
    let asks = silent && *method != Method::HEAD && headers.get(RANGE).is_none_or(HeaderValue::is_empty);
    if asks {
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    asks
}

/// Takes back what [`ask`] said.
pub(super) fn take_back(headers: &mut HeaderMap) {
    let sent = headers.get(ACCEPT_ENCODING).filter(|value| value.is_empty()).cloned();
    headers.remove(ACCEPT_ENCODING);
    if let Some(empty) = sent {
        headers.insert(ACCEPT_ENCODING, empty);
    }
}

/// Unpacks an answer to a request for which [`ask`] spoke.
pub(super) fn response(mut response: Response<Body>) -> Response<Body> {
    let packed =
        response.headers().get(CONTENT_ENCODING).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !packed || response.body().is_end_stream() {
        return response;
    }
    response.headers_mut().remove(CONTENT_ENCODING);
    response.headers_mut().remove(CONTENT_LENGTH);
    response.map(|body| Body::changed(Unpacked::new(body)))
}

/// A body that is unpacked as it passes.
#[derive(Debug)]
struct Unpacked {
    body: Body,
    /// `None` after the end.
    decoder: Option<MultiGzDecoder<Vec<u8>>>,
    /// What is still to be unpacked.
    packed: Bytes,
    /// What ended the packed body.
    trailers: Option<HeaderMap>,
    begun: bool,
}

impl Unpacked {
    fn new(body: Body) -> Self {
        let decoder = Some(MultiGzDecoder::new(Vec::new()));
        Self { body, decoder, packed: Bytes::new(), trailers: None, begun: false }
    }

    /// Unpacks some of what is there; nothing where more is needed.
    fn unpack(&mut self) -> io::Result<Option<Bytes>> {
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        while !self.packed.is_empty() && decoder.get_ref().len() < ENOUGH {
            let piece = self.packed.split_to(self.packed.len().min(CHUNK));
            decoder.write_all(&piece)?;
        }
        if self.packed.is_empty() {
            decoder.flush()?;
        }
        let out = std::mem::take(decoder.get_mut());
        Ok((!out.is_empty()).then(|| out.into()))
    }

    /// The last of it.
    fn finish(&mut self) -> io::Result<Option<Bytes>> {
        let Some(decoder) = self.decoder.take() else { return Ok(None) };
        if !self.begun {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let rest = decoder.finish()?;
        Ok((!rest.is_empty()).then(|| rest.into()))
    }
}

impl Changed for Unpacked {}

impl HttpBody for Unpacked {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        while this.decoder.is_some() {
            match this.unpack() {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(None) => {}
                Err(error) => {
                    this.decoder = None;
                    return Poll::Ready(Some(Err(BodyError::Encoding(error))));
                }
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        this.begun |= !data.is_empty();
                        this.packed = data;
                    }
                    Err(frame) => this.trailers = frame.into_trailers().ok(),
                },
                Some(Err(error)) => {
                    this.decoder = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => match this.finish() {
                    Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(Some(Err(BodyError::Encoding(error)))),
                },
            }
        }
        Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.decoder.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use flate2::write::GzEncoder;
    use http_body_util::BodyExt;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn answer(body: Vec<u8>) -> Response<Body> {
        let mut response = Response::new(Body::from_bytes(body.into()));
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("GZIP"));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("1"));
        self::response(response)
    }

    #[tokio::test]
    async fn what_is_packed_is_unpacked_in_small_pieces() {
        let zeros = vec![0; 20 << 20];
        let response = answer([packed(b"hello "), packed(&zeros)].concat());
        assert!(response.headers().is_empty());
        let (mut body, mut size) = (response.into_body(), 0);
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.len() < 4 << 20, "{}", data.len());
            size += data.len();
        }
        assert_eq!(size, 6 + zeros.len());
    }

    #[tokio::test]
    async fn what_is_cut_off_or_is_not_packed_ends_with_an_error() {
        let whole = packed(b"hello");
        for broken in [whole.split_at(whole.len() - 3).0.to_vec(), b"hello".to_vec()] {
            assert!(answer(broken).into_body().collect().await.is_err());
        }
    }

    #[test]
    fn only_silence_is_filled() {
        let headers = |pairs: &[(http::HeaderName, &'static str)]| {
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect::<HeaderMap>()
        };
        let mut silent = HeaderMap::new();
        assert!(ask(&Method::GET, &mut silent) && silent.len() == 1);
        take_back(&mut silent);
        assert!(silent.is_empty());
        let mut empty = headers(&[(ACCEPT_ENCODING, "")]);
        assert!(ask(&Method::GET, &mut empty) && empty.len() == 2);
        take_back(&mut empty);
        assert_eq!(empty, headers(&[(ACCEPT_ENCODING, "")]));
        assert!(!ask(&Method::HEAD, &mut HeaderMap::new()));
        assert!(!ask(&Method::GET, &mut headers(&[(RANGE, "bytes=0-1")])));
        assert!(!ask(&Method::GET, &mut headers(&[(ACCEPT_ENCODING, "identity")])));
    }
}
