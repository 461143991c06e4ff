//! A path as Traefik's middlewares see it: decoded, and beside it the encoded text where that is not the usual encoding of
//! the decoded one. Middlewares change both; what is sent is the encoded text as long as it still means the decoded one.
//!
//! Specification: Go's package `net/url`, `URL.Path`, `URL.RawPath` and `URL.EscapedPath`.

/// A decoded path with its encoded text, where that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawPath {
    /// Decoded.
    pub(crate) decoded: Vec<u8>,
    /// As it was sent, if the usual encoding of `decoded` is another; else empty.
    pub(crate) raw: String,
}

impl RawPath {
    /// The path of a canonical target.
    pub(crate) fn new(path: &str) -> Self {
        let decoded = unescape(path).unwrap_or_else(|_| path.as_bytes().to_vec());
        let raw = if escape(&decoded) == path { String::new() } else { path.to_owned() };
        Self { decoded, raw }
    }

    /// The encoded path, as it is sent on.
    pub(crate) fn escaped(&self) -> String {
        let usable = !self.raw.is_empty()
            && self.raw.bytes().all(|byte| byte == b'%' || is_plain(byte) || b"!'()*[]".contains(&byte))
            && unescape(&self.raw).is_ok_and(|decoded| decoded == self.decoded);
        if usable { self.raw.clone() } else { escape(&self.decoded) }
    }
}

/// The path with a slash in front.
pub(crate) fn rooted(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// The same for bytes.
pub(crate) fn rooted_bytes(path: &[u8]) -> Vec<u8> {
    if path.first() == Some(&b'/') { path.to_vec() } else { [b"/", path].concat() }
}

/// Decodes percent-encodings; fails with the malformed one.
///
/// # Errors
/// The first encoding that is none, as it stands in the text.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let digit = |offset: usize| bytes.get(at + offset).and_then(|b| char::from(*b).to_digit(16));
            let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                let wrong = bytes.get(at..bytes.len().min(at + 3)).unwrap_or_default();
                return Err(String::from_utf8_lossy(wrong).into_owned());
            };
            out.extend(u8::try_from(high << 4 | low));
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    Ok(out)
}

/// Go's encoding of a path.
pub(crate) fn escape(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for &byte in path {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.extend(char::from_digit(u32::from(nibble), 16).map(|c| c.to_ascii_uppercase()));
            }
        }
    }
    out
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_the_encoded_text_as_long_as_it_fits() {
        assert_eq!(RawPath::new("/a%20b").raw, "");
        assert_eq!(RawPath::new("/a%2Fb").raw, "/a%2Fb");
        let mut path = RawPath::new("/a%2Fb");
        assert_eq!(path.escaped(), "/a%2Fb");
        path.decoded = b"/x".to_vec();
        assert_eq!(path.escaped(), "/x");
        assert_eq!(RawPath { decoded: b"/p q".to_vec(), raw: "/p q".to_owned() }.escaped(), "/p%20q");
        assert_eq!(unescape("/%zz"), Err("%zz".to_owned()));
    }
}
