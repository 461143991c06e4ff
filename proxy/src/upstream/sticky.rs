//! Sticky sessions: a cookie names the server that the next requests go to.

use std::collections::HashMap;
use std::fmt::Write as _;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use crate::config::dynamic::Cookie;

/// A sticky cookie as configured.
#[derive(Debug, Clone)]
pub(crate) struct Sticky {
    /// The cookie's name.
    pub(crate) name: String,
    /// Everything after the value: `; Path=/; HttpOnly` and the like.
    pub(crate) attributes: String,
}

/// `_` and the first five hexadecimal digits of a SHA-1, as Traefik names its cookies.
fn default_name(service: &str) -> String {
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("_TRAEFIK_BACKEND_{service}").as_bytes(),
    );
    let hex = digest.as_ref().iter().take(3).fold(String::with_capacity(6), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    });
    format!("_{}", hex.get(..5).unwrap_or_default())
}

/// A name without the characters that no cookie's name may have (RFC 6265 section 4.1.1, RFC 9110 section 5.6.2).
fn clean_name(name: &str) -> String {
    let clean = |c: char| if c.is_ascii_alphanumeric() || "!#$%&'*+-.^`|~".contains(c) { c } else { '_' };
    name.chars().map(clean).collect()
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 255 && text.split('.').all(is_label)
}

/// The value that stands for a server or service: the first 16 hexadecimal digits of the SHA-256 of its URL or name.
pub(crate) fn value(name: &str) -> String {
    Sha256::digest(name.as_bytes()).iter().take(8).fold(String::with_capacity(16), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Which choice a cookie's value stands for.
#[derive(Debug, Default)]
pub(crate) struct Pins(HashMap<String, usize>);

impl Pins {
    /// Choices by URL or name; `None` for those that nobody can be sent to. Besides its value each is known by what earlier
    /// versions of Traefik put into cookies: its name, and its name hashed once and twice.
    pub(crate) fn new<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut pins = HashMap::new();
        for (index, name) in names.enumerate() {
            let Some(name) = name else { continue };
            let once = fnv(name);
            for value in [value(name), fnv(&once), once, name.to_owned()] {
                pins.insert(value, index);
            }
        }
        Self(pins)
    }

    /// The index of the choice.
    pub(crate) fn find(&self, value: &str) -> Option<usize> {
        self.0.get(value).copied()
    }
}

/// FNV-1, 64 bits, in hexadecimal digits without leading zeros.
fn fnv(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
    format!("{hash:x}")
}

/// Puts cookies before those that are there, in their order.
pub(crate) fn put_first(headers: &mut HeaderMap, cookies: Vec<HeaderValue>) {
    if cookies.is_empty() {
        return;
    }
    let theirs: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    headers.remove(SET_COOKIE);
    for cookie in cookies.into_iter().chain(theirs) {
        headers.append(SET_COOKIE, cookie);
    }
}

impl Sticky {
    /// The cookie of a service (qualified name). Without a name of its own it is called as Traefik calls it.
    pub(crate) fn new(service: &str, config: &Cookie) -> Self {
        let name = if config.name.is_empty() { default_name(service) } else { clean_name(&config.name) };
        let unfit = |what: &str, value: &str| {
            tracing::warn!(service, value, "the sticky cookie's {what} is not valid and left out");
        };
        let mut attributes = String::new();
        let mut add = |text: &str| attributes.push_str(text);
        let path: String = config.path.chars().filter(|c| matches!(c, ' '..='~') && *c != ';').collect();
        if path != config.path {
            tracing::warn!(
                service,
                path = config.path,
                used = path,
                "the sticky cookie's path has characters that none may have"
            );
        }
        if !config.path.is_empty() {
            add(&format!("; Path={}", if path.is_empty() { "/" } else { &path }));
        }
        // Browsers take a domain with and without its dot for the same (RFC 6265 section 5.2.3).
        let domain = config.domain.strip_prefix('.').unwrap_or(&config.domain);
        if is_domain(domain) {
            add(&format!("; Domain={domain}"));
        } else if !domain.is_empty() {
            unfit("domain", &config.domain);
        }
        if config.max_age > 0 {
            add(&format!("; Max-Age={}", config.max_age));
        } else if config.max_age < 0 {
            add("; Max-Age=0");
        }
        if config.expires != 0 {
            tracing::warn!(service, "the sticky cookie's `expires` has no effect; `maxAge` limits its life");
        }
        if config.http_only {
            add("; HttpOnly");
        }
        if config.secure {
            add("; Secure");
        }
        match config.same_site.to_ascii_lowercase().as_str() {
            "none" => add("; SameSite=None"),
            "lax" => add("; SameSite=Lax"),
            "strict" => add("; SameSite=Strict"),
            "" => {}
            _ => unfit("sameSite", &config.same_site),
        }
        Self { name, attributes }
    }

    /// The value that the client sent. Cookies beside it may hold anything, which is none of its business.
    pub(crate) fn sent<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        pairs.filter_map(|pair| std::str::from_utf8(pair).ok()).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.name).then(|| value.trim_matches('"'))
        })
    }

    /// The `Set-Cookie` value that pins a client to the server with `value`.
    pub(crate) fn set(&self, value: &str) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("{}={value}{}", self.name, self.attributes)).ok()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let sticky = Sticky { name: "_a".to_owned(), attributes: "; Path=/".to_owned() };
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("x=1; _ab=2"));
        assert_eq!(sticky.sent(&headers), None);
        headers.append(COOKIE, HeaderValue::from_static("y=3; _a=\"v\""));
        assert_eq!(sticky.sent(&headers), Some("v"));
        assert_eq!(sticky.set("v"), Some(HeaderValue::from_static("_a=v; Path=/")));
        for other in [&b"x=\xff; _a=w"[..], b"x=\xc3\xa9; _a=w"] {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(other).unwrap())]);
            assert_eq!(sticky.sent(&headers), Some("w"), "{other:?}");
        }
    }

    #[test]
    fn what_no_cookie_may_have_is_left_out() {
        let cookie = |name: &str, domain: &str, path: &str, same_site: &str| {
            let config = Cookie {
                name: name.to_owned(),
                domain: domain.to_owned(),
                path: path.to_owned(),
                same_site: same_site.to_owned(),
                ..Cookie::default()
            };
            let sticky = Sticky::new("s@file", &config);
            format!("{}{}", sticky.name, sticky.attributes)
        };
        assert_eq!(cookie("a b", ".example.com", "/x;y", "Lax"), "a_b; Path=/xy; Domain=example.com; SameSite=Lax");
        assert_eq!(cookie("a", "not valid", "", "odd"), "a", "the browser chooses");
    }

    #[test]
    fn a_value_is_sixteen_hexadecimal_digits() {
        assert_eq!(value("http://10.0.0.1:80").len(), 16);
        assert_ne!(value("http://10.0.0.1:80"), value("http://10.0.0.2:80"));
        assert_eq!(value("http://127.0.0.1:21100"), "454ec911fd449a65");
    }

    #[test]
    fn what_older_versions_set_is_understood() {
        let pins = Pins::new([Some("http://10.0.0.1:80"), None, Some("b")].into_iter());
        for value in [value("b"), "b".to_owned(), fnv("b"), fnv(&fnv("b"))] {
            assert_eq!(pins.find(&value), Some(2), "{value}");
        }
        assert_eq!(fnv("b"), "af63bd4c8601b7bd");
        assert_eq!(pins.find("c"), None);
    }

    #[test]
    fn cookies_of_the_gateway_come_first() {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("theirs=1"));
        put_first(&mut headers, vec![HeaderValue::from_static("a=1"), HeaderValue::from_static("b=1")]);
        let all: Vec<_> = headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap_or_default()).collect();
        assert_eq!(all, ["a=1", "b=1", "theirs=1"]);
    }
}
