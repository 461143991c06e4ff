#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bollard_buildkit_proto::moby::buildkit::v1::StatusRequest;
use bytes::BytesMut;
use http::{HeaderMap, HeaderValue};
use prost::Message as _;

use super::{INVALID, NOT_FOUND, Status, UNIMPLEMENTED, decoded, encoded, frame, unframe};

#[test]
fn messages_are_cut_out_of_what_arrives() {
    let messages = ["a", "", "b".repeat(300).as_str()].map(|text| StatusRequest { r#ref: text.to_owned() });
    let bytes: Vec<u8> = messages.iter().flat_map(frame).collect();
    // Byte by byte: each message is there with its last byte, and not before.
    let mut buffer = BytesMut::new();
    let mut found = Vec::new();
    for byte in bytes {
        buffer.extend_from_slice(&[byte]);
        while let Some(message) = unframe(&mut buffer).unwrap() {
            found.push(StatusRequest::decode(message).unwrap());
        }
    }
    assert_eq!(found, messages);
    assert!(buffer.is_empty());
}

#[test]
fn what_cannot_be_a_message_is_refused() {
    let mut compressed = BytesMut::from(&[1, 0, 0, 0, 1, 9][..]);
    assert_eq!(unframe(&mut compressed).unwrap_err().code, UNIMPLEMENTED);
    let mut endless = BytesMut::from(&[0, 255, 255, 255, 255][..]);
    assert_eq!(unframe(&mut endless).unwrap_err().code, INVALID);
}

#[test]
fn a_status_survives_the_trailers() {
    let status = Status::new(NOT_FOUND, "secret `é` is not\nthere: 100%");
    assert_eq!(Status::of(&status.trailers()), Some(status));
    assert_eq!(Status::of(&HeaderMap::new()), None);
}

#[test]
fn details_come_with_padding_or_without() {
    for text in ["AQI", "AQI="] {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", HeaderValue::from_static("2"));
        headers.insert("grpc-status-details-bin", HeaderValue::from_static(text));
        assert_eq!(Status::of(&headers).unwrap().details, [1, 2]);
    }
}

#[test]
fn what_is_not_encoded_stays_as_it_is() {
    assert_eq!(encoded("a b%é"), "a b%25%C3%A9");
    for text in ["%", "%4", "%zz", "100% é"] {
        assert_eq!(decoded(text), text);
    }
}
