//! Query strings as Go reads them: `application/x-www-form-urlencoded`, pairs that cannot be read left out.

use std::borrow::Cow;

/// Keys and values, still encoded, in their order. A pair with a `;` or a bad escape does not count.
pub(super) fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty() && !pair.contains(&b';')).filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (key, value) = (pair.get(..at)?, pair.get(at + 1..).unwrap_or_default());
        (well_formed(key) && well_formed(value)).then_some((key, value))
    })
}

fn well_formed(encoded: &[u8]) -> bool {
    let mut rest = encoded;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let (Some(high), Some(low)) = (rest.get(at + 1), rest.get(at + 2)) else {
            return false;
        };
        if !high.is_ascii_hexdigit() || !low.is_ascii_hexdigit() {
            return false;
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    true
}

/// The decoded bytes, one by one, of a well-formed text.
fn bytes(encoded: &[u8]) -> impl Iterator<Item = u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut rest = encoded.iter();
    std::iter::from_fn(move || match rest.next()? {
        b'+' => Some(b' '),
        b'%' => Some(rest.next().and_then(digit)? << 4 | rest.next().and_then(digit)?),
        byte => Some(*byte),
    })
}

/// Whether an encoded text says the same as a plain one.
pub(super) fn is(encoded: &[u8], plain: &[u8]) -> bool {
    bytes(encoded).eq(plain.iter().copied())
}

/// The decoded text, borrowed if there is nothing to decode.
pub(super) fn decode(encoded: &[u8]) -> Cow<'_, [u8]> {
    if encoded.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        Cow::Owned(bytes(encoded).collect())
    } else {
        Cow::Borrowed(encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, is, pairs};

    #[test]
    fn leaves_out_what_cannot_be_read() {
        let found: Vec<_> = pairs(b"a=1&b;c=2&%zz=3&&d&=e&f=%2").collect();
        assert_eq!(found, [(&b"a"[..], &b"1"[..]), (b"d", b""), (b"", b"e")]);
    }

    #[test]
    fn decodes_plus_and_percent() {
        assert!(is(b"x+%79%2B", b"x y+"));
        assert!(!is(b"x", b"xy"));
        assert_eq!(&*decode(b"a%20b+c"), b"a b c");
    }
}
