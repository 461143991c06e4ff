//! Requests: pseudo-header fields, header fields, lengths (RFC 7540 section 8).

use super::super::frames::*;
use super::{Case, Due, case};

const BAD: Due = Due::Stream(&[PROTOCOL_ERROR]);

pub(super) fn cases() -> Vec<Case> {
    let block =
        |section, what, fields: &[u8]| case(section, what, BAD, &[frame(HEADERS, END_HEADERS | END_STREAM, 1, fields)]);
    let with = |section, what, name, value| block(section, what, &request("GET", &[(name, value)]));
    let pseudo = |what, list: &[(&str, &str)]| block("8.1.2.3", what, &fields(list));
    let (method, scheme, path, authority) =
        ((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a.test"));
    let long = |length, data: &[&[u8]]| {
        let mut frames = vec![frame(HEADERS, END_HEADERS, 1, &request("POST", &[("content-length", length)]))];
        for (index, piece) in data.iter().enumerate() {
            frames.push(frame(DATA, u8::from(index + 1 == data.len()), 1, piece));
        }
        frames
    };
    let trailers = |flags, fields: &[u8]| frame(HEADERS, END_HEADERS | flags, 1, fields);
    let promise = frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2][..], &request("GET", &[])].concat());
    vec![
        case(
            "8.1",
            "second HEADERS without END_STREAM",
            BAD,
            &[post(1), trailers(0, &field("x-test", "ok")), frame(DATA, END_STREAM, 1, b"x")],
        ),
        with("8.1.2", "upper-case name", "X-TEST", "ok"),
        with("8.1.2.1", "unknown pseudo-header field", ":test", "ok"),
        with("8.1.2.1", "pseudo-header field of answers", ":status", "200"),
        case(
            "8.1.2.1",
            "pseudo-header field in trailers",
            BAD,
            &[post(1), frame(DATA, 0, 1, b"x"), trailers(END_STREAM, &field(":method", "GET"))],
        ),
        block(
            "8.1.2.1",
            "pseudo-header field behind others",
            &fields(&[method, scheme, authority, ("x-test", "ok"), path]),
        ),
        with("8.1.2.2", "connection", "connection", "keep-alive"),
        with("8.1.2.2", "te other than trailers", "te", "trailers, deflate"),
        pseudo("empty path", &[method, scheme, (":path", ""), authority]),
        pseudo("no method", &[scheme, path, authority]),
        pseudo("no scheme", &[method, path, authority]),
        pseudo("no path", &[method, scheme, authority]),
        pseudo("two methods", &[method, method, scheme, path, authority]),
        pseudo("two schemes", &[method, scheme, scheme, path, authority]),
        pseudo("two paths", &[method, scheme, path, path, authority]),
        case("8.1.2.6", "content-length that is not DATA's", BAD, &long("1", &[b"test"])),
        case("8.1.2.6", "content-length that is not all DATA's", BAD, &long("1", &[b"test", b"test"])),
        case("8.2", "PUSH_PROMISE of a client", Due::Connection(&[PROTOCOL_ERROR]), &[promise]),
    ]
}
