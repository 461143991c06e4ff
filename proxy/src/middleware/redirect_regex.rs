//! `redirectRegex`: sends clients from URLs that fit a pattern to others.

use http::Response;
use regex::bytes::Regex;

use crate::http::body::Body;
use crate::http::error_response::Reason;
use crate::http::exchange::Exchange;
use crate::http::raw_path::{RawPath, unescape};
use crate::rule::pattern::{self, PatternError};

use super::redirect_scheme::{is_scheme, redirect};

/// The pattern and what takes its place.
#[derive(Debug, Clone)]
pub(crate) struct RedirectRegex {
    pattern: Regex,
    replacement: String,
    permanent: bool,
}

impl RedirectRegex {
    /// Compiles the pattern.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn new(regex: &str, replacement: &str, permanent: bool) -> Result<Self, PatternError> {
        Ok(Self { pattern: pattern::compile(regex)?, replacement: replacement.to_owned(), permanent })
    }

    pub(crate) fn request(&self, exchange: &Exchange) -> Option<Response<Body>> {
        let host = exchange.host.value.to_str().unwrap_or_default();
        let old = format!("{}://{host}{}", exchange.scheme(), exchange.target.as_sent());
        if !self.pattern.is_match(old.as_bytes()) {
            return None;
        }
        let new = self.pattern.replace_all(old.as_bytes(), self.replacement.as_bytes()).into_owned();
        let new = String::from_utf8_lossy(&new).into_owned();
        if new == old {
            return None;
        }
        let Some(location) = location(&new) else {
            return Some(exchange.client.worker.refusal(Reason::BadGateway));
        };
        redirect(&location, &exchange.parts.method, self.permanent)
    }
}

/// A URL as it may stand in a header, written as Go writes one that it has read; `None` where it is none.
fn location(url: &str) -> Option<String> {
    if url.chars().any(char::is_control) {
        return None;
    }
    let (scheme, rest) = match url.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (format!("{}:", scheme.to_ascii_lowercase()), rest),
        _ => (String::new(), url),
    };
    let first = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme.is_empty() && first.contains(':') {
        return None;
    }
    let (slashes, authority, rest) = match rest.strip_prefix("//") {
        Some(after) => {
            let (authority, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
            ("//", authority, rest)
        }
        None => ("", "", rest),
    };
    if !is_host(authority.rsplit_once('@').map_or(authority, |(_, host)| host)) {
        return None;
    }
    unescape(rest.split_once('#').map_or("", |(_, fragment)| fragment)).ok()?;
    let (path, rest) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let path = RawPath { decoded: unescape(path).ok()?, raw: path.to_owned() }.escaped();
    let mut out = scheme + slashes;
    encode(authority, &mut out);
    out.push_str(&path);
    encode(rest, &mut out);
    Some(out)
}

/// Whether a text is a host, with or without a port, as Go reads one: only what is not ASCII may be encoded, and the `%` before
/// an address's zone.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.rsplit_once(']') {
            Some((address, "")) => (address, ""),
            Some((address, port)) => match port.strip_prefix(':') {
                Some(port) => (address, port),
                None => return false,
            },
            None => return false,
        },
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => return false,
            Some(both) => both,
            None => (text, ""),
        },
    };
    let is_encoded_well = |after: &str| {
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        code.is_some_and(|code| code >= 0x80 || (code == b'%' && text.starts_with('[')))
    };
    port.bytes().all(|byte| byte.is_ascii_digit())
        && !name.contains([' ', '<', '>', '"', '\\', '^', '`', '{', '|', '}', '[', ']'])
        && name.split('%').skip(1).all(is_encoded_well)
}

/// Writes a text, with what may not stand in a URL encoded.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::location;

    #[test]
    fn only_urls_are_redirected_to() {
        assert_eq!(location("https://a.test/\u{e9} x").as_deref(), Some("https://a.test/%C3%A9%20x"));
        assert_eq!(location("/rel?x=1").as_deref(), Some("/rel?x=1"));
        assert_eq!(location("//a.test/b").as_deref(), Some("//a.test/b"));
        assert_eq!(location("HTTPS://A.test/a%2Fb?c=%2F#d").as_deref(), Some("https://A.test/a%2Fb?c=%2F#d"));
        assert_eq!(location("https://a.test/\u{e9}/a%2Fb").as_deref(), Some("https://a.test/%C3%A9/a/b"));
        for good in
            ["http://[::1]:80/", "http://[fe80::1%25en0]/", "http://u:p@a.test/x", "http://a.test:/", "./a:b", "a:b"]
        {
            assert_eq!(location(good).as_deref(), Some(good));
        }
        for bad in ["http://x test/", "http://a.test/%zz", "http://a.test:x/", "http://a.test/\n", "http://a:80:90/"] {
            assert_eq!(location(bad), None, "{bad}");
        }
        for bad in
            ["http://[::1/", "http://[::1]x/", "http://::1]/", "http://a[::1]/", "http://%41/", "http://[::1%en0]/"]
        {
            assert_eq!(location(bad), None, "{bad}");
        }
        for bad in [":foo", "1a:foo", "a_b:c", "x y:z", "http://a.test/#%zz"] {
            assert_eq!(location(bad), None, "{bad}");
        }
    }
}
