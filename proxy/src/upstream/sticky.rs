//! Sticky sessions: a cookie names the server that the next requests go to.

use std::fmt::Write as _;

use http::header::COOKIE;
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

/// The value that stands for a server: the first 16 hexadecimal digits of its URL's SHA-256.
pub(crate) fn value(url: &str) -> String {
    Sha256::digest(url.as_bytes()).iter().take(8).fold(String::with_capacity(16), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

impl Sticky {
    /// The cookie of a service (qualified name). Without a name of its own it is called as Traefik calls it.
    pub(crate) fn new(service: &str, config: &Cookie) -> Self {
        let name = if config.name.is_empty() { default_name(service) } else { config.name.clone() };
        let mut attributes = String::new();
        let mut add = |text: &str| attributes.push_str(text);
        add(&format!("; Path={}", if config.path.is_empty() { "/" } else { &config.path }));
        if !config.domain.is_empty() {
            add(&format!("; Domain={}", config.domain));
        }
        if config.max_age > 0 {
            add(&format!("; Max-Age={}", config.max_age));
        } else if config.max_age < 0 {
            add("; Max-Age=0");
        }
        if config.http_only {
            add("; HttpOnly");
        }
        if config.secure {
            add("; Secure");
        }
        match config.same_site.as_str() {
            "none" => add("; SameSite=None"),
            "lax" => add("; SameSite=Lax"),
            "strict" => add("; SameSite=Strict"),
            _ => {}
        }
        Self { name, attributes }
    }

    /// The value that the client sent.
    pub(crate) fn sent<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';')).find_map(
            |pair| {
                let (name, value) = pair.trim().split_once('=')?;
                (name == self.name).then(|| value.trim_matches('"'))
            },
        )
    }

    /// The `Set-Cookie` value that pins a client to the server with `value`.
    pub(crate) fn set(&self, value: &str) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("{}={value}{}", self.name, self.attributes)).ok()
    }
}

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn a_value_is_sixteen_hexadecimal_digits() {
        assert_eq!(value("http://10.0.0.1:80").len(), 16);
        assert_ne!(value("http://10.0.0.1:80"), value("http://10.0.0.2:80"));
    }
}
