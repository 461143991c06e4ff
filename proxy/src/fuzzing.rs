//! What the fuzz targets in `proxy/fuzz` call: the parts that read what the internet sends, each with what must hold of it.
//!
//! A property that does not hold is a panic, which is how a fuzzer hears of it. It stands beside what it is about; the tests
//! here try the inputs that fuzzers have found, and changes of them.

#[cfg(test)]
mod tests;

use http::HeaderMap;
use http::header::{SET_COOKIE, TRANSFER_ENCODING};

use crate::config::dynamic::Cookie;
use crate::http::headers;
use crate::upstream::sticky::{Pins, Sticky, put_first, value};
use crate::wire::fields::{self, Lines, Manner};

/// A body in chunks.
pub fn chunked(input: &[u8]) {
    crate::wire::decode::properties::chunked(input);
}

/// The head of a client's request.
pub fn request(input: &[u8]) {
    crate::http::http1::request::properties::request(input);
}

/// The head of a server's answer.
pub fn answer(input: &[u8]) {
    crate::upstream::http1::head::properties::answer(input);
}

/// A name server's message.
pub fn dns(input: &[u8]) {
    crate::dns::message::properties::dns(input);
}

/// A client's TLS hello.
pub fn hello(input: &[u8]) {
    crate::tcp::hello::properties::hello(input);
}

/// A client's frames of HTTP/2.
pub fn http2(input: &[u8]) {
    crate::http::frame_guard::properties::http2(input);
}

/// A client's frames of HTTP/3.
pub fn http3(input: &[u8]) {
    crate::http::http3::frames::properties::http3(input);
}

/// A header of the PROXY protocol.
pub fn proxied(input: &[u8]) {
    crate::listen::proxied::properties::proxied(input);
}

/// A rule of a router.
pub fn rule(input: &[u8]) {
    crate::rule::properties::rule(input);
}

/// A template in a dynamic file or a label.
pub fn template(input: &[u8]) {
    crate::config::template::properties::template(input);
}

/// Header fields, and what is looked for in them on the way: cookies, what belongs to a connection, what proxies say.
pub fn headers(input: &[u8]) {
    let bytes = bytes::Bytes::copy_from_slice(input);
    for manner in [Manner::Strict, Manner::Lenient] {
        let Ok(read) = fields::read(&bytes, Lines::new(&bytes), manner) else { continue };
        let sticky = Sticky::new("app@file", &Cookie { name: "_a".to_owned(), ..Cookie::default() });
        let pins = Pins::new([Some("http://10.0.0.1:80"), None].into_iter());
        if let Some(sent) = sticky.sent(&read) {
            assert!(!sent.contains(';') && pins.find(sent).is_none_or(|pin| pin == 0), "{sent:?}");
        }
        connection(&read);
        let mut cookies = read.clone();
        headers::join_cookies(&mut cookies);
        assert_eq!(sticky.sent(&cookies), sticky.sent(&read), "of all lines together");
        put_first(&mut cookies, sticky.set(&value("x")).into_iter().collect());
        let first = cookies.get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
        assert!(first.is_some_and(|first| first.starts_with("_a=")));
        let joined = headers::forwarded_for(&read);
        assert!(joined.is_none_or(|joined| joined.len() <= 2 * input.len() + 2));
    }
}

/// Nothing of a connection goes on to the next one.
fn connection(read: &HeaderMap) {
    for kept in [false, true] {
        let mut left = read.clone();
        let kept: Vec<_> = read.keys().filter(|_| kept).cloned().collect();
        let upgrade = headers::strip_request(&mut left, true, &kept);
        let _ = headers::is_websocket(upgrade.as_ref());
        headers::strip_kept(&mut left);
        for name in ["connection", "keep-alive", "proxy-connection", "upgrade", TRANSFER_ENCODING.as_str()] {
            assert!(!left.contains_key(name), "{name} of {read:?}");
        }
        let mut left = read.clone();
        headers::strip_response(&mut left, headers::HopByHop::Named);
        assert!(!left.contains_key("connection") && !left.contains_key(TRANSFER_ENCODING), "{read:?}");
    }
    let _ = headers::is_chunked(read);
}
