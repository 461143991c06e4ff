//! The request target, made canonical once: what is matched and what is forwarded come from the same bytes.
//!
//! Percent-encodings are upper-cased and those of unreserved characters decoded, characters that may not stand in a
//! path are encoded, then empty and dot segments are removed (RFC 3986 sections 6.2.2 and 5.2.4). The rules match
//! against the same path with every percent-encoding decoded except that of reserved characters, so that `%2F` never
//! becomes a separator.

use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// A percent sign that is not followed by two hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadEncoding;

/// A path in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CanonicalPath<'a> {
    /// What is forwarded.
    pub(crate) path: Cow<'a, str>,
    /// What rules match; `None` when it equals `path`.
    pub(crate) routing: Option<Vec<u8>>,
}

/// The canonical form of `path`; with `sanitize` empty and dot segments are removed.
///
/// # Errors
/// A malformed percent-encoding.
pub(crate) fn canonical_path(path: &str, sanitize: bool) -> Result<CanonicalPath<'_>, BadEncoding> {
    let path = if path.is_empty() { "/" } else { path };
    if is_canonical(path.as_bytes(), sanitize) {
        return Ok(CanonicalPath { path: Cow::Borrowed(path), routing: None });
    }
    let mut normal = normalize(path.as_bytes())?;
    if sanitize {
        normal = remove_dot_segments(&normal);
    }
    let routing = normal.contains('%').then(|| decode_unreserved(&normal));
    Ok(CanonicalPath { path: Cow::Owned(normal), routing })
}

/// The query as it is forwarded: a raw `;` becomes `&`, or `%3B` with `encode`.
pub(crate) fn canonical_query(query: &str, encode: bool) -> Cow<'_, str> {
    if query.contains(';') {
        Cow::Owned(query.replace(';', if encode { "%3B" } else { "&" }))
    } else {
        Cow::Borrowed(query)
    }
}

fn is_canonical(path: &[u8], sanitize: bool) -> bool {
    let mut previous = b' ';
    for &byte in path {
        if !allowed_raw(byte) || (sanitize && previous == b'/' && matches!(byte, b'/' | b'.')) {
            return false;
        }
        previous = byte;
    }
    true
}

fn normalize(path: &[u8]) -> Result<String, BadEncoding> {
    let mut out = String::with_capacity(path.len() + 8);
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let decoded = hex(bytes.next())? << 4 | hex(bytes.next())?;
            if unreserved(decoded) {
                out.push(char::from(decoded));
            } else {
                push_encoded(&mut out, decoded);
            }
        } else if allowed_raw(byte) {
            out.push(char::from(byte));
        } else {
            push_encoded(&mut out, byte);
        }
    }
    Ok(out)
}

fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &kept {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

fn decode_unreserved(path: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (high, low) = (bytes.next(), bytes.next());
        match (hex(high), hex(low)) {
            (Ok(h), Ok(l)) if !reserved(h << 4 | l) => out.push(h << 4 | l),
            _ => out.extend([Some(b'%'), high, low].into_iter().flatten()),
        }
    }
    out
}

fn push_encoded(out: &mut String, byte: u8) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    out.push('%');
    out.extend(DIGITS.get(usize::from(byte >> 4)));
    out.extend(DIGITS.get(usize::from(byte & 15)));
}

fn hex(byte: Option<u8>) -> Result<u8, BadEncoding> {
    byte.and_then(|b| char::from(b).to_digit(16)).and_then(|digit| u8::try_from(digit).ok()).ok_or(BadEncoding)
}

/// RFC 3986 section 2.3.
fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 section 2.2, and the percent sign itself.
fn reserved(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'/'
            | b'?'
            | b'#'
            | b'['
            | b']'
            | b'@'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b'%'
    )
}

fn allowed_raw(byte: u8) -> bool {
    unreserved(byte) || (reserved(byte) && !matches!(byte, b'?' | b'#' | b'%'))
}
