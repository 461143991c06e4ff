//! The heads of a server's answers (RFC 9112 sections 2 to 5).
//!
//! What Traefik puts up with is put up with: names with spaces in them are dropped, folded lines joined (section 5.2),
//! lines that end in a line feed alone, a version with two other digits read as the nearest.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};

use crate::http::headers;

use super::decode::Decoder;
use crate::upstream::failure::Failure;

/// Most header fields that an answer may have.
const MOST_FIELDS: usize = 1600;

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

/// Where the first empty line ends, not looking before `from`.
pub(super) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr(b'\n', bytes.get(at..)?)? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
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
    let headers = fields(bytes, lines)?;
    Ok(Head { status, version, headers })
}

/// Reads trailers: header fields up to an empty line.
///
/// # Errors
/// A line is no field, or there are too many.
pub(super) fn trailers(bytes: &Bytes) -> Result<HeaderMap, BadHead> {
    fields(bytes, Lines::new(bytes))
}

/// Lines without their ends, each with its place.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest);
        let line = rest.get(..length.unwrap_or(rest.len()))?;
        let at = self.at;
        self.at += length.map_or(rest.len(), |length| length + 1);
        Some((at, line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// A field that the next line may go on with.
struct Field {
    /// `None` for a name with a space in it, which drops the field.
    name: Option<HeaderName>,
    value: Value,
}

enum Value {
    /// Part of the head.
    Whole(Bytes),
    /// Joined of several lines.
    Folded(Vec<u8>),
}

impl Field {
    fn put(self, headers: &mut HeaderMap) -> Result<(), BadHead> {
        let Some(name) = self.name else { return Ok(()) };
        let value = match self.value {
            Value::Whole(bytes) => HeaderValue::from_maybe_shared(bytes),
            Value::Folded(bytes) => HeaderValue::from_maybe_shared(Bytes::from(bytes)),
        };
        headers.append(name, value.map_err(|_| BadHead::Field)?);
        Ok(())
    }
}

fn fields<'a>(bytes: &Bytes, lines: impl Iterator<Item = (usize, &'a [u8])>) -> Result<HeaderMap, BadHead> {
    let mut headers = HeaderMap::with_capacity(12);
    let mut open: Option<Field> = None;
    for (count, (at, line)) in lines.take_while(|(_, line)| !line.is_empty()).enumerate() {
        if count >= MOST_FIELDS {
            return Err(BadHead::TooMany);
        }
        if let [b' ' | b'\t', ..] = line {
            let field = open.as_mut().ok_or(BadHead::Field)?;
            let mut joined = match std::mem::replace(&mut field.value, Value::Folded(Vec::new())) {
                Value::Whole(bytes) => bytes.to_vec(),
                Value::Folded(bytes) => bytes,
            };
            joined.push(b' ');
            joined.extend_from_slice(line.trim_ascii());
            field.value = Value::Folded(joined);
            continue;
        }
        if let Some(field) = open.take() {
            field.put(&mut headers)?;
        }
        let colon = memchr::memchr(b':', line).ok_or(BadHead::Field)?;
        let (name, value) = line.split_at_checked(colon).ok_or(BadHead::Field)?;
        let name = match HeaderName::from_bytes(name) {
            Ok(name) => Some(name),
            Err(_) if is_spaced(name) => None,
            Err(_) => return Err(BadHead::Field),
        };
        let value = value.get(1..).unwrap_or_default();
        let begin = at + colon + 1 + (value.len() - value.trim_ascii_start().len());
        let value = bytes.slice(begin..begin + value.trim_ascii().len());
        open = Some(Field { name, value: Value::Whole(value) });
    }
    if let Some(field) = open {
        field.put(&mut headers)?;
    }
    Ok(headers)
}

/// Whether a name would be one (RFC 9110 section 5.1) without the spaces in it.
fn is_spaced(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b" !#$%&'*+-.^_`|~".contains(byte))
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
            (true, _) => Ok(Decoder::chunked()),
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
    fn an_end_is_found_once_it_is_there() {
        assert_eq!(end(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r", 0), None);
        assert_eq!(end(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\nrest", 0), Some(25));
        assert_eq!(end(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\nrest", 20), Some(25));
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
