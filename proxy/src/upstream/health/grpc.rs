//! The question of gRPC's health checking protocol (grpc.health.v1): one empty message, one message with one number.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, TE};
use http::{HeaderMap, StatusCode};

/// Path of the question.
pub(super) const PATH: &str = "/grpc.health.v1.Health/Check";
/// `HealthCheckRequest` without a service's name: not compressed, of length 0.
pub(super) const QUESTION: Bytes = Bytes::from_static(&[0; 5]);
/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: u8 = 1;

/// Fields that the question has.
pub(super) fn headers(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
}

/// Whether an answer means that the server works; `trailers` may be the fields of the head, where there is nothing but a
/// head.
///
/// # Errors
/// Why it does not.
pub(super) fn judge(status: StatusCode, trailers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    if status != StatusCode::OK {
        return Err(format!("it answered {}", status.as_u16()));
    }
    match trailers.get("grpc-status").map(HeaderValue::as_bytes) {
        Some(b"0") => {}
        Some(b"12") => return Err("it does not have gRPC's health service".to_owned()),
        Some(code) => return Err(format!("it answered with gRPC status {}", String::from_utf8_lossy(code))),
        None => return Err("its answer is not gRPC's".to_owned()),
    }
    match serving_status(body) {
        Some(SERVING) => Ok(()),
        Some(other) => Err(format!("it says that it is not serving (status {other})")),
        None => Err("its answer is not that of gRPC's health service".to_owned()),
    }
}

/// The number in the message: field 1, a varint. What is left out is 0.
fn serving_status(body: &[u8]) -> Option<u8> {
    let (head, message) = body.split_at_checked(5)?;
    let length = u32::from_be_bytes(head.get(1..)?.try_into().ok()?);
    if head.first() != Some(&0) || usize::try_from(length).ok()? != message.len() {
        return None;
    }
    match message {
        [] => Some(0),
        [0x08, status @ 0..0x80] => Some(*status),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_serves_is_healthy() {
        let trailers = |code: &'static str| {
            HeaderMap::from_iter(
                [("grpc-status", code)]
                    .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value))),
            )
        };
        let ok = trailers("0");
        assert_eq!(judge(StatusCode::OK, &ok, &[0, 0, 0, 0, 2, 8, 1]), Ok(()));
        for (status, trailers, body) in [
            (StatusCode::BAD_GATEWAY, &ok, &[0, 0, 0, 0, 2, 8, 1][..]),
            (StatusCode::OK, &trailers("12"), &[]),
            (StatusCode::OK, &HeaderMap::new(), &[0, 0, 0, 0, 2, 8, 1]),
            (StatusCode::OK, &ok, &[0, 0, 0, 0, 2, 8, 2]),
            (StatusCode::OK, &ok, &[0, 0, 0, 0, 0]),
            (StatusCode::OK, &ok, &[1, 0, 0, 0, 2, 8, 1]),
            (StatusCode::OK, &ok, &[0, 0, 0, 0, 9, 8, 1]),
            (StatusCode::OK, &ok, &[]),
        ] {
            assert!(judge(status, trailers, body).is_err(), "{status} {body:?}");
        }
    }
}
