//! `grpcWeb`: gRPC for browsers, which know no trailers: they come as a last part of the body.
//!
//! Specification: gRPC over HTTP/2 and "gRPC Web", <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>.

use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, TRAILER, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::config::dynamic::GrpcWeb as Config;
use crate::http::body::{Body, BodyError, Changed, RequestBody};
use crate::http::buffer;
use crate::http::error_response::{status_text, text};
use crate::http::exchange::Exchange;

const WEB: &str = "application/grpc-web";
const WEB_TEXT: &str = "application/grpc-web-text";
/// Methods that pages may ask for.
const METHODS: [&str; 3] = ["GET", "POST", "HEAD"];
/// Most bytes of a request in base64, which is decoded as a whole.
const MOST: usize = 4 << 20;

/// Which pages may ask.
#[derive(Debug)]
pub(crate) struct GrpcWeb {
    origins: Vec<String>,
}

/// How the answer is to be written.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    kind: String,
    encoded: bool,
    origin: Option<HeaderValue>,
}

impl GrpcWeb {
    pub(crate) fn new(config: &Config) -> Self {
        Self { origins: config.allow_origins.clone() }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes())
    }

    /// Makes gRPC of the request; `Ok(None)` where it is something else.
    ///
    /// # Errors
    /// The answer to a browser that asks before it asks, or to what is no base64.
    pub(crate) async fn request(&self, exchange: &mut Exchange) -> Result<Option<Spoken>, Response<Body>> {
        let headers = &mut exchange.parts.headers;
        let origin = headers.get(ORIGIN).cloned();
        if exchange.parts.method == Method::OPTIONS
            && let Some(method) = headers.get(ACCESS_CONTROL_REQUEST_METHOD)
            && asks_for_web(headers)
        {
            return Err(self.preflight(headers, method, origin.as_ref()));
        }
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        if exchange.parts.method != Method::POST || !kind.starts_with(WEB) {
            return Ok(None);
        }
        let encoded = kind.starts_with(WEB_TEXT);
        let codec = kind.strip_prefix(if encoded { WEB_TEXT } else { WEB }).unwrap_or_default();
        if let Ok(value) = HeaderValue::from_str(&format!("application/grpc{codec}")) {
            headers.insert(CONTENT_TYPE, value);
        }
        headers.remove(CONTENT_LENGTH);
        if encoded {
            let bad = |_| status_text(StatusCode::BAD_REQUEST);
            let body = buffer::whole(&mut exchange.body, MOST).await.map_err(bad)?;
            let decoded = STANDARD.decode(&body).map_err(|_| status_text(StatusCode::BAD_REQUEST))?;
            exchange.body = RequestBody::held(decoded.into());
        }
        let origin = origin.filter(|origin| self.allows(origin));
        Ok(Some(Spoken { kind, encoded, origin }))
    }

    fn preflight(&self, asked: &HeaderMap, method: &HeaderValue, origin: Option<&HeaderValue>) -> Response<Body> {
        let mut response = text(StatusCode::OK, "");
        let headers = response.headers_mut();
        for name in ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] {
            headers.append(VARY, HeaderValue::from_static(name));
        }
        let method = METHODS.into_iter().find(|allowed| method.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()));
        if let Some(origin) = origin.filter(|origin| self.allows(origin))
            && let Some(method) = method
        {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(method));
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
            let names = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|names| names.to_str().ok());
            let names = names.map(|names| names.split(',').map(|name| spelled(&name.trim().to_ascii_lowercase())));
            if let Some(names) = names
                && let Ok(value) = HeaderValue::from_str(&names.collect::<Vec<_>>().join(", "))
            {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, value);
            }
        }
        response
    }
}

/// Whether a browser that asks before it asks will speak gRPC-Web; other such questions are for the service.
fn asks_for_web(headers: &HeaderMap) -> bool {
    let names = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|names| names.to_str().ok());
    names.is_some_and(|names| names.to_ascii_lowercase().contains("x-grpc-web"))
}

/// Makes gRPC-Web of the answer.
pub(crate) fn response(response: Response<Body>, spoken: &Spoken) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let headers = &mut parts.headers;
    let length = headers.remove(CONTENT_LENGTH).map(|_| "Content-Length");
    headers.remove(TRAILER);
    let grpc = headers.get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if let Some(kind) = HeaderValue::from_str(&spoken.kind).ok().filter(|_| grpc) {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = &spoken.origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    let names: Vec<String> = headers
        .keys()
        .map(|name| spelled(name.as_str()))
        .chain(length.into_iter().chain(["grpc-status", "grpc-message"]).map(str::to_owned))
        .collect();
    if let Ok(names) = HeaderValue::from_str(&names.join(", ")) {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
    }
    let body = Body::changed(Framed { body, encoded: spoken.encoded, ended: false });
    Response::from_parts(parts, body)
}

/// A header's name as Go spells it.
fn spelled(name: &str) -> String {
    name.split('-')
        .map(|word| word.get(..1).unwrap_or_default().to_ascii_uppercase() + word.get(1..).unwrap_or_default())
        .collect::<Vec<_>>()
        .join("-")
}

/// A body whose trailers are its last part.
#[derive(Debug)]
struct Framed {
    body: Body,
    encoded: bool,
    ended: bool,
}

impl Framed {
    fn written(&self, bytes: Bytes) -> Frame<Bytes> {
        Frame::data(if self.encoded { STANDARD.encode(&bytes).into() } else { bytes })
    }
}

impl Changed for Framed {}

impl HttpBody for Framed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let trailers = match polled {
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return Poll::Ready(Some(Ok(self.written(data)))),
                Err(frame) => frame.into_trailers().unwrap_or_default(),
            },
            None => HeaderMap::new(),
        };
        self.ended = true;
        Poll::Ready(Some(Ok(self.written(last_part(&trailers)))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Trailers as a part of the body: a flag, a length, lines.
fn last_part(trailers: &HeaderMap) -> Bytes {
    let mut lines = Vec::new();
    for (name, value) in trailers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    let mut part = BytesMut::with_capacity(lines.len() + 5);
    part.put_u8(0x80);
    part.put_u32(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    part.extend_from_slice(&lines);
    part.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_that_ask_before_they_ask() {
        let web = GrpcWeb { origins: vec!["http://o.test".to_owned()] };
        let (ours, evil) = (HeaderValue::from_static("http://o.test"), HeaderValue::from_static("http://evil"));
        let mut asked = HeaderMap::new();
        assert!(!asks_for_web(&asked));
        asked.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("content-type"));
        assert!(!asks_for_web(&asked));
        asked.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("content-type,X-Grpc-Web"));
        assert!(asks_for_web(&asked));
        for (method, origin, allowed) in
            [("POST", &ours, Some("POST")), ("get", &ours, Some("GET")), ("PUT", &ours, None), ("POST", &evil, None)]
        {
            let answer = web.preflight(&asked, &HeaderValue::from_static(method), Some(origin));
            let methods = answer.headers().get(ACCESS_CONTROL_ALLOW_METHODS);
            assert_eq!(methods.map(HeaderValue::as_bytes), allowed.map(str::as_bytes), "{method} {origin:?}");
            assert_eq!(answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), allowed.is_some());
        }
    }

    #[test]
    fn trailers_as_a_part() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        assert_eq!(&*last_part(&trailers), b"\x80\x00\x00\x00\x10grpc-status: 0\r\n");
    }
}
