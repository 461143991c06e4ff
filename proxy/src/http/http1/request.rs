//! Heads of requests, read to the letter (RFC 9112 sections 3 and 5): what two readers might read in two ways is refused.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};

use crate::http::headers;
use crate::wire::decode::Decoder;
use crate::wire::fields::{self, BadFields, Lines, Manner};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;

/// Longest target.
pub(super) const MOST_TARGET: usize = 65_534;

/// A request's head, and what it says about the connection.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    /// The path goes on with a `#`, which is not in `uri`.
    pub(super) has_fragment: bool,
    /// Finds the end of its body.
    pub(super) body: Decoder,
    /// Whether the client leaves the connection open.
    pub(super) keeps_alive: bool,
    /// Its body comes when it is asked for.
    pub(super) expects: bool,
    /// It names a protocol to go on in.
    pub(super) upgrades: bool,
}

/// Why a request is answered by an error before anybody sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("it is no request of HTTP/1")]
    Malformed,
    #[error("its target is longer than {MOST_TARGET} bytes")]
    LongTarget,
    #[error("its head is too large")]
    TooLarge,
}

impl Refused {
    /// The status of the answer.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::LongTarget => StatusCode::URI_TOO_LONG,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }
}

impl From<BadFields> for Refused {
    fn from(bad: BadFields) -> Self {
        match bad {
            BadFields::Field => Self::Malformed,
            BadFields::TooMany => Self::TooLarge,
        }
    }
}

/// The parts of a request line.
struct Line<'a> {
    method: &'a [u8],
    target: &'a [u8],
    version: Version,
}

impl<'a> Line<'a> {
    fn read(line: &'a [u8]) -> Result<Self, Refused> {
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refused::Malformed);
        };
        let version = match version {
            b"HTTP/1.1" => Version::HTTP_11,
            b"HTTP/1.0" => Version::HTTP_10,
            _ => return Err(Refused::Malformed),
        };
        if target.len() > MOST_TARGET {
            return Err(Refused::LongTarget);
        }
        Ok(Self { method, target, version })
    }
}

/// Whether what has come so far, which is no whole head, may become one.
///
/// # Errors
/// It may not.
pub(super) fn may_become_one(bytes: &[u8]) -> Result<(), Refused> {
    match Lines::new(bytes).next() {
        Some((_, line)) if line.len() < bytes.len() && bytes.contains(&b'\n') => Line::read(line).map(drop),
        // The longest method is refused later on, with an answer of its own.
        Some((_, line)) if line.len() > 2 * MOST_TARGET => Err(Refused::LongTarget),
        Some((_, line)) if !line.first().is_none_or(u8::is_ascii_graphic) => Err(Refused::Malformed),
        _ => Ok(()),
    }
}

/// Reads a whole head, up to its empty line.
///
/// # Errors
/// It is none, or nobody could say where its body ends.
pub(super) fn read(bytes: &Bytes) -> Result<Head, Refused> {
    let mut lines = Lines::new(bytes);
    let (_, first) = lines.next().ok_or(Refused::Malformed)?;
    let line = Line::read(first)?;
    let method = Method::from_bytes(line.method).map_err(|_| Refused::Malformed)?;
    let (target, has_fragment) = target(line.target)?;
    let uri = match target {
        // The target lies in the head as it is: behind the method and a space.
        Cow::Borrowed(target) if target.len() == line.target.len() => {
            let start = line.method.len() + 1;
            Uri::from_maybe_shared(bytes.slice(start..start + target.len()))
        }
        target => Uri::from_maybe_shared(Bytes::from(target.into_owned())),
    };
    let uri = uri.map_err(|_| Refused::Malformed)?;
    let mut headers = fields::read(bytes, lines, Manner::Strict)?;
    let (body, ambiguous) = framing(&mut headers, line.version)?;
    let says = |wanted: &str| {
        let mut said = headers.get_all(CONNECTION).iter().flat_map(headers::tokens);
        said.any(|token| token.eq_ignore_ascii_case(wanted))
    };
    let modern = line.version == Version::HTTP_11;
    let keeps_alive = !ambiguous && !says("close") && (modern || says("keep-alive"));
    let continues = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    let expects = modern && !body.is_over() && headers.get(EXPECT).is_some_and(continues);
    let upgrades = modern && headers.contains_key(UPGRADE);
    Ok(Head { method, uri, version: line.version, headers, has_fragment, body, keeps_alive, expects, upgrades })
}

/// Characters that some clients send as they are, and that a URI does not have.
const fn must_be_encoded(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'`' | b'"')
}

/// A request's target as a URI, and whether its path went on with a `#`: in a query that is a character like others.
fn target(sent: &[u8]) -> Result<(Cow<'_, [u8]>, bool), Refused> {
    if sent.is_empty() || !sent.iter().all(|byte| matches!(byte, 0x21..=0x7e | 0x80..)) {
        return Err(Refused::Malformed);
    }
    let sent = without_empty_authority(sent);
    let is_text = std::str::from_utf8(sent).is_ok();
    let odd = |byte: &u8| must_be_encoded(*byte) || *byte == b'#' || (!is_text && !byte.is_ascii());
    if !sent.iter().any(odd) {
        return Ok((Cow::Borrowed(sent), false));
    }
    let mut changed = Vec::with_capacity(sent.len() + 8);
    let mut in_query = false;
    for &byte in sent {
        match byte {
            b'#' if !in_query => return Ok((Cow::Owned(changed), true)),
            _ if odd(&byte) => changed.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            _ => changed.push(byte),
        }
        in_query |= byte == b'?';
    }
    Ok((Cow::Owned(changed), false))
}

/// `/path` of `scheme:///path`, a target in absolute form that leaves the host to the `Host` header.
fn without_empty_authority(target: &[u8]) -> &[u8] {
    if !target.first().is_some_and(u8::is_ascii_alphabetic) {
        return target;
    }
    let scheme = target.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    match target.get(scheme..) {
        Some([b':', b'/', b'/', path @ ..]) if path.starts_with(b"/") => path,
        _ => target,
    }
}

/// Where the body ends (RFC 9112 section 6.3), and whether others might see it end elsewhere: then the connection ends, too.
fn framing(headers: &mut HeaderMap, version: Version) -> Result<(Decoder, bool), Refused> {
    let chunked = headers::is_chunked(headers);
    if chunked != Ok(false) {
        if version == Version::HTTP_10 {
            return Err(Refused::Malformed);
        }
        // Other codings are refused where requests are admitted.
        let doubtful = headers.remove(CONTENT_LENGTH).is_some() || chunked.is_err();
        return Ok((Decoder::chunked(Manner::Strict), doubtful));
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok((Decoder::Length(0), false)) };
    let length = length(first).ok_or(Refused::Malformed)?;
    let mut repeated = false;
    for other in lengths {
        repeated = true;
        if self::length(other) != Some(length) {
            return Err(Refused::Malformed);
        }
    }
    if repeated {
        let first = first.clone();
        headers.insert(CONTENT_LENGTH, first);
    }
    Ok((Decoder::Length(length), false))
}

/// Digits and nothing else.
fn length(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn head(text: &str) -> Result<Head, Refused> {
        read(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn targets_become_uris() {
        for (sent, uri, fragment) in [
            ("/a?b", "/a?b", false),
            ("/<a>?`=\"1", "/%3Ca%3E?%60=%221", false),
            ("/a#b", "/a", true),
            ("/a?b#c#d", "/a?b%23c%23d", false),
            ("http:///x", "/x", false),
            ("http://h/x", "http://h/x", false),
            ("/a:///x", "/a:///x", false),
            ("*", "*", false),
        ] {
            let head = head(&format!("GET {sent} HTTP/1.1\r\n\r\n")).unwrap();
            assert_eq!((head.uri.to_string().as_str(), head.has_fragment), (uri, fragment), "{sent}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(MOST_TARGET));
        assert_eq!(head(&long).err(), Some(Refused::LongTarget));
    }

    #[test]
    fn bytes_that_are_no_text_are_encoded() {
        for (sent, uri) in
            [(&b"/\xe9?\xe9"[..], "/%E9?%E9"), (b"/\xc3\xa9", "/\u{e9}"), (b"/\xc3\xa9\xe9", "/%C3%A9%E9")]
        {
            let head = read(&Bytes::from([b"GET ", sent, b" HTTP/1.1\r\n\r\n"].concat())).unwrap();
            assert_eq!(head.uri.to_string(), uri);
        }
    }

    #[test]
    fn what_is_doubtful_is_refused() {
        for bad in [
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1 \r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET\t/ HTTP/1.1\r\n\r\n",
            "G\"T / HTTP/1.1\r\n\r\n",
            "GET /\x7f HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
            "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(head(bad).err(), Some(Refused::Malformed), "{bad:?}");
        }
        for (so_far, may) in
            [("", true), ("GE", true), ("GET / HTTP/1.1\r\nA", true), ("GET /\r\n", false), ("\x16\x03", false)]
        {
            assert_eq!(may_become_one(so_far.as_bytes()).is_ok(), may, "{so_far:?}");
        }
    }

    #[test]
    fn connections_stay_open_as_the_version_says() {
        let keeps = |text: &str| head(text).unwrap().keeps_alive;
        assert!(keeps("GET / HTTP/1.1\r\n\r\n") && !keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.1\r\nConnection: x, Close\r\nConnection: keep-alive\r\n\r\n"));
        let both = head("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: Chunked\r\n\r\n").unwrap();
        assert!(!both.keeps_alive && !both.headers.contains_key(CONTENT_LENGTH) && both.body.left().is_none());
        let twice =
            head("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n").unwrap();
        assert!(
            twice.expects && twice.body.left() == Some(5) && twice.headers.get_all(CONTENT_LENGTH).iter().count() == 1
        );
    }
}
