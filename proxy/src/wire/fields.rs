//! Header fields and trailers (RFC 9112 section 5).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Most header fields that a message may have.
pub(crate) const MOST_FIELDS: usize = 1600;

/// How closely the rules are kept to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// To the letter: what clients send is passed on to others, who must not read it differently.
    Strict,
    /// As Traefik puts up with servers: names with spaces in them are dropped, folded lines joined (section 5.2).
    Lenient,
}

/// Why lines are no header fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFields {
    /// One of them is none.
    #[error("a line is no header field")]
    Field,
    /// There are more than [`MOST_FIELDS`].
    #[error("there are more than {MOST_FIELDS} header fields")]
    TooMany,
}

/// Most bytes of the end of a line and the empty line behind it.
pub(crate) const END: usize = 4;

/// Where the first empty line ends, not looking before `from`.
pub(crate) fn end(bytes: &[u8], from: usize) -> Option<usize> {
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

/// Lines without their ends, each with its place.
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// The lines of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
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
    fn put(self, headers: &mut HeaderMap) -> Result<(), BadFields> {
        let Some(name) = self.name else { return Ok(()) };
        let value = match self.value {
            Value::Whole(bytes) => HeaderValue::from_maybe_shared(bytes),
            Value::Folded(bytes) => HeaderValue::from_maybe_shared(Bytes::from(bytes)),
        };
        headers.append(name, value.map_err(|_| BadFields::Field)?);
        Ok(())
    }
}

/// Reads header fields up to an empty line: what is left of `lines`, which are those of `bytes`.
///
/// # Errors
/// A line is no field, or there are too many.
pub(crate) fn read<'a>(
    bytes: &Bytes,
    lines: impl Iterator<Item = (usize, &'a [u8])>,
    manner: Manner,
) -> Result<HeaderMap, BadFields> {
    let mut headers = HeaderMap::with_capacity(12);
    let mut open: Option<Field> = None;
    for (count, (at, line)) in lines.take_while(|(_, line)| !line.is_empty()).enumerate() {
        if count >= MOST_FIELDS {
            return Err(BadFields::TooMany);
        }
        if let [b' ' | b'\t', ..] = line {
            let field = open.as_mut().filter(|_| manner == Manner::Lenient).ok_or(BadFields::Field)?;
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
        let colon = memchr::memchr(b':', line).ok_or(BadFields::Field)?;
        let (name, value) = line.split_at_checked(colon).ok_or(BadFields::Field)?;
        let name = match HeaderName::from_bytes(name) {
            Ok(name) => Some(name),
            Err(_) if manner == Manner::Lenient && is_spaced(name) => None,
            Err(_) => return Err(BadFields::Field),
        };
        let value = value.get(1..).unwrap_or_default();
        let before = value.iter().take_while(|byte| is_blank(**byte)).count();
        let behind = value.iter().rev().take_while(|byte| is_blank(**byte)).count();
        let begin = at + colon + 1 + before;
        // One that is blank as a whole is counted twice.
        let value = bytes.slice(begin..begin + value.len().saturating_sub(before + behind));
        open = Some(Field { name, value: Value::Whole(value) });
    }
    if let Some(field) = open {
        field.put(&mut headers)?;
    }
    Ok(headers)
}

/// White space around a field's value (RFC 9110 section 5.5).
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Whether a name would be one (RFC 9110 section 5.1) without the spaces in it.
fn is_spaced(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b" !#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_end_is_found_once_it_is_there() {
        assert_eq!(end(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r", 0), None);
        assert_eq!(end(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\nrest", 0), Some(25));
        assert_eq!(end(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\nrest", 20), Some(25));
    }

    #[test]
    fn what_clients_send_is_read_to_the_letter() {
        let shown = |text: &'static [u8]| {
            let bytes = Bytes::from_static(text);
            read(&bytes, Lines::new(&bytes), Manner::Strict).map(|fields| {
                let line = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}={}|", value.to_str().unwrap());
                fields.iter().map(line).collect::<String>()
            })
        };
        assert_eq!(
            shown(b"A:1\r\nB: \t2 x \t\r\nEmpty:\r\nBlank:  \r\n\r\n").as_deref(),
            Ok("a=1|b=2 x|empty=|blank=|")
        );
        for bad in [
            &b"A: 1\r\n folded\r\n\r\n"[..],
            b" A: 1\r\n\r\n",
            b"A : 1\r\n\r\n",
            b"A B: 1\r\n\r\n",
            b": 1\r\n\r\n",
            b"A\r\n\r\n",
            b"A: 1\r\r\n\r\n",
            b"A: \x0cchunked\r\n\r\n",
            b"A: \x7f\r\n\r\n",
        ] {
            assert_eq!(shown(bad), Err(BadFields::Field), "{bad:?}");
        }
    }
}
