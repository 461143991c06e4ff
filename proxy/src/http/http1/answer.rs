//! Heads of answers, and how the client finds the end of each (RFC 9112 sections 4 and 6).

use std::io::Write as _;

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode, Version, response};
use http_body::Body as _;

use crate::http::body::Body;
use crate::http::date;
use crate::http::headers::{tokens, write_field};
use crate::wire::output::{Framing, Output};

/// What an answer is to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// The method is `HEAD`.
    pub(super) head: bool,
    /// 1.0 or 1.1.
    pub(super) version: Version,
    /// Both sides leave the connection open, as far as is known.
    pub(super) keeps_alive: bool,
}

/// How an answer goes on after its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// How its body is sent; `None` where none is, whatever the head says about one.
    pub(super) framing: Option<Framing>,
    /// The connection ends with it.
    pub(super) last: bool,
}

/// Writes an answer's head.
pub(super) fn write(output: &mut Output, head: &response::Parts, body: &Body, asked: Asked) -> Plan {
    let status = head.status;
    let switches = status == StatusCode::SWITCHING_PROTOCOLS;
    let has_no_length = status.is_informational() || matches!(status.as_u16(), 204 | 304);
    let empty = body.is_end_stream();
    let known = if empty { Some(0) } else { body.size_hint().exact() };
    let said = head.headers.get(CONTENT_LENGTH).filter(|_| !empty || asked.head);
    let length = known.or_else(|| said?.to_str().ok()?.parse().ok());
    let modern = asked.version == Version::HTTP_11;
    let framing = match length {
        Some(length) => Framing::Length(length),
        None if modern => Framing::Chunked,
        None => Framing::UntilClose,
    };
    let framing = Some(framing).filter(|_| !asked.head && !has_no_length);
    let closes =
        head.headers.get_all(CONNECTION).iter().flat_map(tokens).any(|token| token.eq_ignore_ascii_case("close"));
    let last = !asked.keeps_alive || closes || framing == Some(Framing::UntilClose);

    let out = output.begin();
    let start = if modern { &b"HTTP/1.1 "[..] } else { b"HTTP/1.0 " };
    out.extend_from_slice(start);
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    phrase(out, status);
    out.extend_from_slice(b"\r\n");
    let mut dated = false;
    for (name, value) in &head.headers {
        // The framing is decided here, and what else the connection is told comes last.
        if *name == CONTENT_LENGTH
            || *name == TRANSFER_ENCODING
            || *name == CONNECTION
            // What has not changed is not described again (RFC 9110 section 15.4.5).
            || (*name == CONTENT_TYPE && status == StatusCode::NOT_MODIFIED)
            || (*name == TRAILER && (!modern || asked.head || has_no_length))
        {
            continue;
        }
        dated |= *name == DATE;
        write_field(out, name, value);
    }
    match (said, length, framing) {
        (Some(said), ..) if !has_no_length || asked.head => write_field(out, &CONTENT_LENGTH, said),
        (_, _, Some(Framing::Chunked)) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        // A buffer in memory takes everything.
        (None, Some(length), _) if !(has_no_length || asked.head && empty) => {
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        _ => {}
    }
    let word = match (last, modern) {
        _ if switches => None,
        (true, true) => Some("close").filter(|_| !closes),
        (false, false) => Some("keep-alive"),
        _ => None,
    };
    connection(out, head, word);
    if !dated {
        write_field(out, &DATE, &date::now());
    }
    out.extend_from_slice(b"\r\n");
    Plan { framing, last: last || switches }
}

/// Writes what Go says beside a status: some of it has kept its name of before.
fn phrase(out: &mut Vec<u8>, status: StatusCode) {
    let text = match status.as_u16() {
        203 => "Non-Authoritative Information",
        413 => "Request Entity Too Large",
        414 => "Request URI Too Long",
        416 => "Requested Range Not Satisfiable",
        _ => status.canonical_reason().unwrap_or_default(),
    };
    if text.is_empty() {
        out.extend_from_slice(b"status code ");
        out.extend_from_slice(status.as_str().as_bytes());
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Writes what the head says about the connection, and one word more.
fn connection(out: &mut Vec<u8>, head: &response::Parts, word: Option<&str>) {
    let said = head.headers.get_all(CONNECTION).iter().map(HeaderValue::as_bytes);
    for (index, part) in said.chain(word.map(str::as_bytes)).enumerate() {
        out.extend_from_slice(if index == 0 { b"Connection: " } else { b", " });
        out.extend_from_slice(part);
    }
    if word.is_some() || head.headers.contains_key(CONNECTION) {
        out.extend_from_slice(b"\r\n");
    }
}

/// A whole answer to what is no request that anybody could answer.
pub(super) fn refusal(status: StatusCode) -> Vec<u8> {
    let text = status.to_string();
    let length = text.len();
    format!(
        "HTTP/1.1 {text}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use bytes::Bytes;
    use http::Response;

    use super::*;

    const ASKED: Asked = Asked { head: false, version: Version::HTTP_11, keeps_alive: true };

    fn written(response: response::Builder, body: &'static str, asked: Asked) -> (String, Plan) {
        let response =
            response.header(DATE, "now").body(Body::from_bytes(Bytes::from_static(body.as_bytes()))).unwrap();
        let (head, body) = response.into_parts();
        let mut output = Output::default();
        let plan = write(&mut output, &head, &body, asked);
        (String::from_utf8(std::mem::take(output.begin())).unwrap(), plan)
    }

    #[test]
    fn the_end_of_an_answer_is_told() {
        let ok = || Response::builder().status(200);
        let of = |framing, last| Plan { framing: Some(framing), last };
        let (text, plan) = written(ok().header("x-a", "1"), "abc", ASKED);
        assert_eq!(text, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: now\r\nContent-Length: 3\r\n\r\n");
        assert_eq!(plan, of(Framing::Length(3), false));
        let (text, plan) = written(ok(), "", ASKED);
        assert!(text.contains("\r\nContent-Length: 0\r\n") && plan == of(Framing::Length(0), false));
        let (text, plan) = written(ok(), "abc", Asked { keeps_alive: false, ..ASKED });
        assert!(text.contains("\r\nConnection: close\r\n") && plan.last);
        let (text, plan) = written(ok().header(CONNECTION, "close"), "abc", ASKED);
        assert!(text.matches("close").count() == 1 && plan.last);
        for status in [204, 304] {
            let (text, plan) = written(Response::builder().status(status).header(CONTENT_LENGTH, "7"), "", ASKED);
            assert!(!text.contains("Length") && plan == Plan { framing: None, last: false }, "{text}");
        }
    }

    #[test]
    fn a_status_has_its_words() {
        let line = |status: u16| {
            let (text, _) = written(Response::builder().status(status), "", ASKED);
            text.lines().next().unwrap().to_owned()
        };
        assert_eq!(line(404), "HTTP/1.1 404 Not Found");
        assert_eq!(line(413), "HTTP/1.1 413 Request Entity Too Large");
        assert_eq!(line(599), "HTTP/1.1 599 status code 599");
    }

    #[test]
    fn what_has_not_changed_is_not_described_again() {
        let answer = |status: u16| {
            written(Response::builder().status(status).header(CONTENT_TYPE, "a/b").header("etag", "x"), "", ASKED).0
        };
        assert!(!answer(304).contains("a/b") && answer(304).contains("Etag: x") && answer(204).contains("a/b"));
    }

    #[test]
    fn head_and_old_clients_have_their_own_ways() {
        let ok = || Response::builder().status(200);
        let head = Asked { head: true, ..ASKED };
        let (text, plan) = written(ok().header(CONTENT_LENGTH, "7"), "", head);
        assert!(text.contains("\r\nContent-Length: 7\r\n") && plan.framing.is_none());
        let (text, _) = written(ok(), "", head);
        assert!(!text.contains("Content-Length"), "{text}");
        let old = Asked { version: Version::HTTP_10, ..ASKED };
        let (text, plan) = written(ok(), "abc", old);
        assert!(
            text.starts_with("HTTP/1.0 200 OK\r\n") && text.contains("\r\nConnection: keep-alive\r\n") && !plan.last
        );
        let (text, plan) = written(ok(), "abc", Asked { keeps_alive: false, ..old });
        assert!(!text.contains("Connection") && plan.last, "{text}");
    }

    #[test]
    fn a_refusal_says_why() {
        let text = String::from_utf8(refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)).unwrap();
        assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
        assert!(text.ends_with("Content-Length: 35\r\n\r\n431 Request Header Fields Too Large"), "{text}");
    }
}
