//! Trailers of requests (RFC 9110 section 6.5): what comes after a body is not looked at by rules, middlewares and most checks of servers, so
//! only fields that mean nothing to any of these are passed on.

use bytes::Bytes;
use http::header;
use http::{HeaderMap, HeaderName};
use http_body::Frame;

use super::headers::is_managed;

/// Fields that frame or route a message, say who sends it, or how its content is to be read (RFC 9110 section 6.5.1).
const HEAD_ONLY: [HeaderName; 27] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::EXPECT,
    header::FORWARDED,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::MAX_FORWARDS,
    header::ORIGIN,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::SET_COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// A frame of a request's body as it is passed on; `None` for trailers of which nothing is left.
pub(super) fn passed_on(frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
    let trailers = match frame.into_trailers() {
        Ok(trailers) => trailers,
        Err(data) => return Some(data),
    };
    let mut allowed = HeaderMap::new();
    for (name, value) in trailers.iter().filter(|(name, _)| is_allowed(name)) {
        allowed.append(name.clone(), value.clone());
    }
    (!allowed.is_empty()).then(|| Frame::trailers(allowed))
}

fn is_allowed(name: &HeaderName) -> bool {
    // Some servers read an underscore as a hyphen.
    let text = name.as_str().replace('_', "-");
    !is_managed(&text) && !text.starts_with("proxy-") && !HEAD_ONLY.iter().any(|banned| *banned == text.as_str())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn left(names: &[&'static str]) -> Vec<String> {
        let mut trailers = HeaderMap::new();
        for name in names {
            trailers.append(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        let frame = passed_on(Frame::trailers(trailers)).and_then(|frame| frame.into_trailers().ok());
        frame.iter().flat_map(HeaderMap::keys).map(ToString::to_string).collect()
    }

    #[test]
    fn what_servers_could_take_for_a_head_is_not_passed_on() {
        assert_eq!(left(&["x-checksum", "grpc-status", "digest"]), ["x-checksum", "grpc-status", "digest"]);
        let banned =
            ["content-length", "content_length", "x-forwarded-for", "x_forwarded_for", "cookie", "proxy-x", "host"];
        assert_eq!(left(&banned), [""; 0]);
        assert!(passed_on(Frame::data(Bytes::new())).is_some_and(|frame| frame.is_data()));
    }
}
