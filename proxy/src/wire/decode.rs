//! Bodies (RFC 9112 sections 6 and 7), taken out of what was read without a copy.

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};

use super::fields::{self, BadFields, Lines, Manner};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;

/// Most bytes of a line that tells a chunk's size, with its extensions.
const MOST_LINE: usize = 16 * 1024;
/// Most bytes of trailers.
const MOST_TRAILERS: usize = 64 * 1024;

/// What frames a message, or belongs to a connection, says nothing behind a body (RFC 9110 section 6.5.1).
const NO_TRAILERS: [HeaderName; 8] =
    [CONNECTION, CONTENT_LENGTH, HOST, HeaderName::from_static("keep-alive"), TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Finds the end of a body.
#[derive(Debug, Clone)]
pub(crate) enum Decoder {
    /// So many bytes are left.
    Length(u64),
    /// In pieces.
    Chunked(Chunk, Manner),
    /// It ends where the connection ends.
    UntilClose,
}

/// Where in a chunk the next byte belongs.
#[derive(Debug, Clone)]
pub(crate) enum Chunk {
    /// To the line with its size.
    Size,
    /// To its data, of which so many bytes are left.
    Data(u64),
    /// To the end of line behind it.
    End,
    /// To the trailers, of which so many bytes are known not to hold their end.
    Trailers(usize),
    /// To nothing: the body is complete.
    Over,
}

/// What comes next of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Some of it.
    Data(Bytes),
    /// What ends it.
    Trailers(HeaderMap),
    /// Nothing: it is complete.
    Nothing,
    /// More has to be read first.
    Unread,
}

/// Why a body cannot be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadBody {
    #[error("a chunk does not begin with its size")]
    Size,
    #[error("a chunk is longer than its size")]
    End,
    #[error("in the trailers, {0}")]
    Trailers(BadFields),
    #[error("the trailers are longer than {} KiB", MOST_TRAILERS / 1024)]
    LongTrailers,
}

impl Decoder {
    /// A body in chunks, of which nothing was read; its trailers are read in this manner.
    pub(crate) fn chunked(manner: Manner) -> Self {
        Self::Chunked(Chunk::Size, manner)
    }

    /// Whether the body is complete.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Over, _))
    }

    /// The bytes that are to come, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(Chunk::Over, _) => Some(0),
            Self::Chunked(..) | Self::UntilClose => None,
        }
    }

    /// Takes the next piece out of `input`.
    ///
    /// # Errors
    /// It breaks the coding.
    pub(crate) fn take(&mut self, input: &mut BytesMut) -> Result<Piece, BadBody> {
        match self {
            Self::Length(left) => {
                Ok(take(left, input).map_or(if *left == 0 { Piece::Nothing } else { Piece::Unread }, Piece::Data))
            }
            Self::UntilClose if input.is_empty() => Ok(Piece::Unread),
            Self::UntilClose => Ok(Piece::Data(input.split().freeze())),
            Self::Chunked(chunk, manner) => chunk.take(input, *manner),
        }
    }
}

/// As much as there is of the `left` bytes; `None` if that is nothing.
fn take(left: &mut u64, input: &mut BytesMut) -> Option<Bytes> {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    *left -= count as u64;
    (count > 0).then(|| input.split_to(count).freeze())
}

impl Chunk {
    fn take(&mut self, input: &mut BytesMut, manner: Manner) -> Result<Piece, BadBody> {
        loop {
            match self {
                Self::Size => {
                    let Some(line) = memchr::memchr(b'\n', input) else {
                        return if input.len() > MOST_LINE { Err(BadBody::Size) } else { Ok(Piece::Unread) };
                    };
                    let text = input.get(..line).filter(|text| text.len() <= MOST_LINE);
                    let size = text.and_then(size).ok_or(BadBody::Size)?;
                    input.advance(line + 1);
                    *self = if size == 0 { Self::Trailers(0) } else { Self::Data(size) };
                }
                Self::Data(left) => {
                    let piece = take(left, input).map_or(Piece::Unread, Piece::Data);
                    if *left == 0 {
                        *self = Self::End;
                    }
                    return Ok(piece);
                }
                Self::End => match &**input {
                    [b'\r', b'\n', ..] => {
                        input.advance(2);
                        *self = Self::Size;
                    }
                    [] | [b'\r'] => return Ok(Piece::Unread),
                    _ => return Err(BadBody::End),
                },
                Self::Trailers(scanned) => {
                    let end = match &**input {
                        [b'\r', b'\n', ..] => 2,
                        bytes => match fields::end(bytes, *scanned) {
                            Some(end) if end <= MOST_TRAILERS => end,
                            None if bytes.len() <= MOST_TRAILERS => {
                                *scanned = bytes.len().saturating_sub(fields::END - 1);
                                return Ok(Piece::Unread);
                            }
                            _ => return Err(BadBody::LongTrailers),
                        },
                    };
                    let bytes = input.split_to(end).freeze();
                    let mut trailers = fields::read(&bytes, Lines::new(&bytes), manner).map_err(BadBody::Trailers)?;
                    NO_TRAILERS.iter().for_each(|name| drop(trailers.remove(name)));
                    *self = Self::Over;
                    return Ok(if trailers.is_empty() { Piece::Nothing } else { Piece::Trailers(trailers) });
                }
                Self::Over => return Ok(Piece::Nothing),
            }
        }
    }
}

/// The size that a line without its line feed tells; extensions are passed over.
fn size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r")?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_checked(digits)?;
    let rest = rest.trim_ascii_start();
    if !(rest.is_empty() || rest.starts_with(b";")) || rest.contains(&b'\r') {
        return None;
    }
    // Sixteen digits fit; leading zeros without end are nobody's way of counting.
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() <= 16)?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// What a body in chunks comes to when it is read in pieces of `step` bytes, and what is left of the input.
    fn read(body: &[u8], step: usize) -> Result<(Vec<u8>, usize, usize), BadBody> {
        let (mut decoder, mut input, mut data, mut trailers) =
            (Decoder::chunked(Manner::Strict), BytesMut::new(), Vec::new(), 0);
        let mut rest = body.chunks(step);
        loop {
            match decoder.take(&mut input)? {
                Piece::Data(bytes) => data.extend_from_slice(&bytes),
                Piece::Trailers(fields) => trailers = fields.len(),
                Piece::Nothing => {
                    assert!(decoder.is_over());
                    return Ok((data, trailers, input.len() + rest.map(<[u8]>::len).sum::<usize>()));
                }
                Piece::Unread => match rest.next() {
                    Some(more) => input.extend_from_slice(more),
                    None => return Ok((data, trailers, usize::MAX)),
                },
            }
        }
    }

    #[test]
    fn chunks_come_to_the_same_however_they_are_cut() {
        let body = b"5\r\nhello\r\n00A ; name=\"v\"\r\n, my world\r\n0\r\nA: 1\r\nB: 2\r\n\r\nnext";
        for step in 1..body.len() {
            assert_eq!(read(body, step), Ok((b"hello, my world".to_vec(), 2, 4)), "{step}");
        }
        assert_eq!(read(b"0\r\n\r\n", 1), Ok((Vec::new(), 0, 0)));
        let framed = b"0\r\nA: 1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: x\r\n\r\n";
        assert_eq!(read(framed, 100), Ok((Vec::new(), 1, 0)));
        assert_eq!(read(b"5\r\nhel", 2), Ok((b"hel".to_vec(), 0, usize::MAX)));
    }

    #[test]
    fn trailers_that_come_slowly_are_looked_at_once() {
        let (mut decoder, mut input) = (Decoder::chunked(Manner::Strict), BytesMut::from(&b"0\r\n"[..]));
        for line in [&b"a: b\r\n"[..], b"c: d\r\n\r"] {
            input.extend_from_slice(line);
            assert_eq!(decoder.take(&mut input).unwrap(), Piece::Unread);
            let Decoder::Chunked(Chunk::Trailers(scanned), _) = decoder else { unreachable!("{decoder:?}") };
            assert_eq!(scanned, input.len() - 3);
        }
        input.extend_from_slice(b"\nnext");
        let Piece::Trailers(trailers) = decoder.take(&mut input).unwrap() else { unreachable!() };
        assert_eq!((trailers.len(), &input[..]), (2, &b"next"[..]));
    }

    #[test]
    fn what_breaks_the_coding_is_refused() {
        for bad in [
            &b"\r\n"[..],
            b"5\nhello\r\n",
            b"-1\r\n",
            b"0x5\r\nhello\r\n",
            b"5 5\r\n",
            b"10000000000000000\r\n",
            b"5;\rname\r\nhello\r\n",
        ] {
            assert_eq!(read(bad, 3), Err(BadBody::Size), "{bad:?}");
        }
        assert_eq!(read(b"5\r\nhello!\r\n", 100), Err(BadBody::End));
        assert_eq!(read(&b"1".repeat(MOST_LINE + 2), 1000), Err(BadBody::Size));
        assert_eq!(read(b"0\r\nbad\r\n\r\n", 100), Err(BadBody::Trailers(BadFields::Field)));
        let long = [b"0\r\n".to_vec(), b"a: b\r\n".repeat(MOST_TRAILERS / 6 + 2)].concat();
        assert_eq!(read(&long, 1000), Err(BadBody::LongTrailers));
    }

    #[test]
    fn a_length_leaves_what_follows() {
        let (mut decoder, mut input) = (Decoder::Length(3), BytesMut::from(&b"ab"[..]));
        assert_eq!(decoder.take(&mut input).unwrap(), Piece::Data(Bytes::from_static(b"ab")));
        assert_eq!((decoder.take(&mut input).unwrap(), decoder.left()), (Piece::Unread, Some(1)));
        input.extend_from_slice(b"cd");
        assert_eq!(decoder.take(&mut input).unwrap(), Piece::Data(Bytes::from_static(b"c")));
        assert_eq!((decoder.take(&mut input).unwrap(), &input[..]), (Piece::Nothing, &b"d"[..]));
    }
}
