//! The heads of a server's answers (RFC 9112 sections 2 to 5).
//!
//! What Traefik puts up with is put up with: names with spaces in them are dropped, folded lines joined (section 5.2),
//! lines that end in a line feed alone, a version with two other digits read as the nearest.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode, Version};

use crate::http::headers;

use crate::upstream::failure::Failure;
use crate::wire::decode::Decoder;
use crate::wire::fields::{self, BadFields, Lines, MOST_FIELDS, Manner};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;

/// What an answer begins with.
#[derive(Debug)]
pub(crate) struct Head {
    /// 100 to 999.
    pub(crate) status: StatusCode,
    /// 1.0 or 1.1.
    pub(crate) version: Version,
    /// Its fields.
    pub(crate) headers: HeaderMap,
}

/// Why a head is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadHead {
    /// It does not begin as answers do.
    #[error("it does not begin with an HTTP version and a status")]
    Start,
    /// The status is below 100.
    #[error("the status is below 100")]
    LowStatus,
    /// A line is no header field.
    #[error("a line of its head is no header field")]
    Field,
    /// It has more fields than [`MOST_FIELDS`].
    #[error("it has more than {MOST_FIELDS} header fields")]
    TooMany,
    /// It has no end.
    #[error("its head is longer than {} KiB", super::MOST_HEAD / 1024)]
    TooLong,
    /// One informational answer follows another.
    #[error("it sends nothing but informational answers")]
    Interim,
    /// A body in pieces, which version 1.0 does not have.
    #[error("it has a transfer coding in HTTP/1.0")]
    Coding,
    /// The length is no number.
    #[error("its length is no number")]
    Length,
}

impl From<BadFields> for BadHead {
    fn from(bad: BadFields) -> Self {
        match bad {
            BadFields::Field => Self::Field,
            BadFields::TooMany => Self::TooMany,
        }
    }
}

/// Whether `bytes` may become an answer's head.
pub(super) fn is_begun(bytes: &[u8]) -> bool {
    bytes.iter().zip(b"HTTP/").all(|(found, expected)| found == expected)
}

/// Reads a whole head, up to its empty line.
///
/// # Errors
/// It is none.
pub(super) fn read(bytes: &Bytes) -> Result<Head, BadHead> {
    let mut lines = Lines::new(bytes);
    let (_, first) = lines.next().ok_or(BadHead::Start)?;
    let (version, rest) = first.split_at_checked(8).ok_or(BadHead::Start)?;
    let version = match version {
        [b'H', b'T', b'T', b'P', b'/', b'0', b'.', b'0'..=b'9'] | b"HTTP/1.0" => Version::HTTP_10,
        [b'H', b'T', b'T', b'P', b'/', b'1'..=b'9', b'.', b'0'..=b'9'] => Version::HTTP_11,
        _ => return Err(BadHead::Start),
    };
    let rest = rest.strip_prefix(b" ").ok_or(BadHead::Start)?.trim_ascii_start();
    let code = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    if matches!(code, [b'0', b'0'..=b'9', b'0'..=b'9']) {
        return Err(BadHead::LowStatus);
    }
    let status = StatusCode::from_bytes(code).map_err(|_| BadHead::Start)?;
    let headers = fields::read(bytes, lines, Manner::Lenient)?;
    Ok(Head { status, version, headers })
}

impl Head {
    /// How the body is to be read that follows the head (RFC 9112 section 6.3); `asked_for_head` when the request was `HEAD`.
    ///
    /// # Errors
    /// It cannot be known.
    pub(super) fn framing(&mut self, asked_for_head: bool) -> Result<Decoder, Failure> {
        let chunked = headers::is_chunked(&self.headers).map_err(|_| Failure::BadCoding)?;
        let length = self.length()?;
        if asked_for_head || matches!(self.status.as_u16(), 101 | 204 | 304) {
            return Ok(Decoder::Length(0));
        }
        match (chunked, length) {
            (true, _) if self.version == Version::HTTP_10 => Err(Failure::BadHead(BadHead::Coding)),
            (true, _) => Ok(Decoder::chunked(Manner::Lenient)),
            (false, Some(length)) => Ok(Decoder::Length(length)),
            (false, None) => Ok(Decoder::UntilClose),
        }
    }

    /// `Content-Length`, which may be said more than once as long as it says the same.
    fn length(&mut self) -> Result<Option<u64>, Failure> {
        let mut lines = self.headers.get_all(CONTENT_LENGTH).iter();
        let Some(first) = lines.next() else { return Ok(None) };
        let mut repeated = false;
        for other in lines {
            repeated = true;
            if other != first {
                return Err(Failure::BadLength);
            }
        }
        if first.as_bytes().contains(&b',') {
            return Err(Failure::BadLength);
        }
        let number = first.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = number.and_then(|text| text.parse().ok()).ok_or(Failure::BadHead(BadHead::Length))?;
        if repeated {
            let first = first.clone();
            self.headers.insert(CONTENT_LENGTH, first);
        }
        Ok(Some(number))
    }

    /// Whether the connection can be used again after the answer (RFC 9112 section 9.3).
    pub(super) fn keeps_alive(&self) -> bool {
        let says = |wanted: &str| {
            self.headers
                .get_all(CONNECTION)
                .iter()
                .flat_map(headers::tokens)
                .any(|said| said.eq_ignore_ascii_case(wanted))
        };
        match self.version {
            Version::HTTP_10 => says("keep-alive") && !says("close"),
            _ => !says("close"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::wire::fields::end;

    fn shown(head: &str) -> Result<String, BadHead> {
        let bytes = Bytes::copy_from_slice(head.as_bytes());
        assert_eq!(end(&bytes, 0), Some(bytes.len()), "{head:?}");
        let head = read(&bytes)?;
        let fields = head.headers.iter().map(|(name, value)| format!(" {name}={}", value.to_str().unwrap()));
        Ok(format!("{:?} {}{}", head.version, head.status.as_u16(), fields.collect::<String>()))
    }

    #[test]
    fn heads_are_read_as_servers_write_them() {
        for (sent, read) in [
            ("HTTP/1.1 200 OK\r\nX-lower: 1\r\nA:2 \r\nA: 3\r\n\r\n", "HTTP/1.1 200 x-lower=1 a=2 a=3"),
            ("HTTP/1.0 404\r\n\r\n", "HTTP/1.0 404"),
            ("HTTP/1.1 200 OK\r\nX Y: 1\r\n folded\r\nX-Y : 2\r\nA: 3\r\n\r\n", "HTTP/1.1 200 a=3"),
            ("HTTP/1.1 200 OK\r\nA: 1\r\n\t  folded\r\n twice\r\nB: 2\r\n\r\n", "HTTP/1.1 200 a=1 folded twice b=2"),
            ("HTTP/2.0 200 OK\nA: 1\nEmpty:\n\n", "HTTP/1.1 200 a=1 empty="),
            ("HTTP/0.9  299 Strange\r\n\r\n", "HTTP/1.0 299"),
        ] {
            assert_eq!(shown(sent).as_deref(), Ok(read));
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for (sent, why) in [
            ("ICY 200 OK\r\n\r\n", BadHead::Start),
            ("HTTP/1.1 20 OK\r\n\r\n", BadHead::Start),
            ("HTTP/1.1\r\n\r\n", BadHead::Start),
            ("HTTP/1.1 099 OK\r\n\r\n", BadHead::LowStatus),
            ("HTTP/1.1 200 OK\r\n: 1\r\n\r\n", BadHead::Field),
            ("HTTP/1.1 200 OK\r\n folded\r\n\r\n", BadHead::Field),
            ("HTTP/1.1 200 OK\r\nnothing\r\n\r\n", BadHead::Field),
            ("HTTP/1.1 200 OK\r\nA: 1\0\r\n\r\n", BadHead::Field),
            ("HTTP/1.1 200 OK\r\nA: 1\rB: 2\r\n\r\n", BadHead::Field),
        ] {
            assert_eq!(shown(sent), Err(why), "{sent:?}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: 1\r\n".repeat(MOST_FIELDS + 1));
        assert_eq!(shown(&many), Err(BadHead::TooMany));
    }

    #[test]
    fn a_head_is_known_by_its_first_bytes() {
        assert!(is_begun(b"HT") && is_begun(b"HTTP/1.1 2") && is_begun(b"") && !is_begun(b"SSH-2.0"));
    }

    #[test]
    fn a_body_is_framed_by_the_head_alone() {
        let framing = |head: &str, asked: bool| {
            let mut head = read(&Bytes::copy_from_slice(head.as_bytes())).unwrap();
            let framed = head.framing(asked).map_err(|failure| failure.to_string());
            framed.map(|decoder| (format!("{decoder:?}"), head.headers.get_all(CONTENT_LENGTH).iter().count()))
        };
        let of = |text: &str, lines: usize| Ok((text.to_owned(), lines));
        assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false), of("Length(5)", 1));
        assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true), of("Length(0)", 1));
        assert_eq!(framing("HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n", false), of("Length(0)", 1));
        let twice = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(framing(twice, false), of("Length(5)", 1));
        assert_eq!(framing("HTTP/1.1 200 OK\r\n\r\n", false), of("UntilClose", 0));
        let both = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: Chunked\r\n\r\n";
        assert!(framing(both, false).unwrap().0.starts_with("Chunked"));
        for bad in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert!(framing(bad, false).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn connections_are_kept_as_the_version_says() {
        let keeps = |head: &str| read(&Bytes::copy_from_slice(head.as_bytes())).unwrap().keeps_alive();
        assert!(keeps("HTTP/1.1 200 OK\r\n\r\n"));
        assert!(!keeps("HTTP/1.1 200 OK\r\nConnection: x, Close\r\nConnection: keep-alive\r\n\r\n"));
        assert!(!keeps("HTTP/1.0 200 OK\r\n\r\n"));
        assert!(keeps("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n"));
    }
}
