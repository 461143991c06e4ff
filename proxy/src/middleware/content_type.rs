//! `contentType`: a type for answers that come without one, from their first bytes.
//!
//! Specification: WHATWG "MIME Sniffing", section 7, as far as Go's `net/http.DetectContentType` goes.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::http::body::{Body, BodyError, Changed};

/// Bytes that are looked at.
const LOOKED_AT: usize = 512;

/// Gives the answer a type where it has none.
pub(crate) async fn response(response: Response<Body>) -> Response<Body> {
    let known = response.headers().contains_key(CONTENT_TYPE) || response.headers().contains_key(CONTENT_ENCODING);
    if known || response.body().is_end_stream() || response.status().is_informational() {
        return response;
    }
    let (mut response, kind) = look(response).await;
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// The answer again, and what its first bytes look like.
pub(super) async fn look(response: Response<Body>) -> (Response<Body>, Option<&'static str>) {
    let (parts, mut body) = response.into_parts();
    let length = body.size_hint();
    let first = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
    let kind = first.as_ref().and_then(|first| first.as_ref().ok()?.data_ref()).map(|data| detect(data));
    (Response::from_parts(parts, Body::changed(Begun { first, rest: body, length })), kind)
}

/// A body whose beginning has been read.
#[derive(Debug)]
struct Begun {
    first: Option<Result<Frame<Bytes>, BodyError>>,
    rest: Body,
    length: SizeHint,
}

impl Changed for Begun {}

impl HttpBody for Begun {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.first.is_some() { self.length } else { self.rest.size_hint() }
    }
}

/// Tags that begin an HTML text.
const TAGS: [&str; 17] = [
    "<!DOCTYPE HTML",
    "<HTML",
    "<HEAD",
    "<SCRIPT",
    "<IFRAME",
    "<H1",
    "<DIV",
    "<FONT",
    "<TABLE",
    "<A",
    "<STYLE",
    "<TITLE",
    "<B",
    "<BODY",
    "<BR",
    "<P",
    "<!--",
];

/// Beginnings and what they mean.
const MAGIC: [(&[u8], &str); 20] = [
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\xfe\xff", "text/plain; charset=utf-16be"),
    (b"\xff\xfe", "text/plain; charset=utf-16le"),
    (b"\xef\xbb\xbf", "text/plain; charset=utf-8"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"\x00\x00\x02\x00", "image/x-icon"),
    (b"BM", "image/bmp"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"OggS\x00", "application/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x1f\x8b\x08", "application/x-gzip"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x00asm", "application/wasm"),
];

fn detect(data: &[u8]) -> &'static str {
    let data = data.get(..LOOKED_AT).unwrap_or(data);
    let start = data.iter().position(|byte| !matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ')).unwrap_or(data.len());
    let text = data.get(start..).unwrap_or_default();
    let tag = |tag: &&str| {
        let head = text.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag.as_bytes()));
        head && matches!(text.get(tag.len()), Some(b' ' | b'>'))
    };
    if TAGS.iter().any(tag) {
        return "text/html; charset=utf-8";
    }
    if text.starts_with(b"<?xml") {
        return "text/xml; charset=utf-8";
    }
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| data.starts_with(magic)) {
        return kind;
    }
    match (data.get(..4), data.get(8..12)) {
        (Some(b"RIFF"), Some(b"WEBP")) => return "image/webp",
        (Some(b"RIFF"), Some(b"WAVE")) => return "audio/wave",
        (Some(b"RIFF"), Some(b"AVI ")) => return "video/avi",
        _ if data.get(4..8) == Some(b"ftyp") => return "video/mp4",
        _ => {}
    }
    let binary = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if data.iter().any(binary) { "application/octet-stream" } else { "text/plain; charset=utf-8" }
}

#[cfg(test)]
mod tests {
    use super::detect;

    #[test]
    fn types_by_their_first_bytes() {
        for (data, kind) in [
            (&b" <html><body>"[..], "text/html; charset=utf-8"),
            (b"<htmlx>", "text/plain; charset=utf-8"),
            (b"\x89PNG\r\n\x1a\n0000", "image/png"),
            (b"plain", "text/plain; charset=utf-8"),
            (b"\x00\x01", "application/octet-stream"),
            (b"RIFF....WEBPVP8", "image/webp"),
        ] {
            assert_eq!(detect(data), kind);
        }
    }
}
