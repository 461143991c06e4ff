//! What every server has to take.

use super::super::frames::*;
use super::{Case, Due, Step, case, steps};

/// `no-cache`, `custom-key` and `custom-value` in Huffman code (RFC 7541 appendix C.4).
const NO_CACHE: [u8; 6] = [0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
const CUSTOM_KEY: [u8; 8] = [0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f];
const CUSTOM_VALUE: [u8; 9] = [0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf];

pub(super) fn cases() -> Vec<Case> {
    [states(), frames(), requests(), compression()].into_iter().flatten().collect()
}

fn states() -> Vec<Case> {
    let half_closed = |what, sent: Vec<u8>| case("generic 2", what, Due::Served(1), &[get(1), sent]);
    vec![
        case("generic 1", "preface", Due::GoesOn, &[]),
        case("generic 2", "PRIORITY on an idle stream", Due::Served(1), &[priority(1, 0, 255), get(1)]),
        half_closed("WINDOW_UPDATE on a half-closed stream", window_update(1, 100)),
        half_closed("PRIORITY on a half-closed stream", priority(1, 0, 255)),
        case("generic 2", "RST_STREAM on a half-closed stream", Due::GoesOn, &[get(1), reset(1, CANCEL)]),
        steps(
            "generic 2",
            "PRIORITY on a closed stream",
            Due::GoesOn,
            vec![Step::Send(get(1)), Step::Ended(1), Step::Send(priority(1, 0, 255))],
        ),
    ]
}

fn frames() -> Vec<Case> {
    let data = |flags, payload: &[u8]| frame(DATA, flags, 1, payload);
    let padded = [&[5][..], &request("GET", &[]), &[0; 5]].concat();
    let with_priority = [&[0, 0, 0, 0, 255][..], &request("GET", &[])].concat();
    let head = request("GET", &[("x", "y")]);
    let (first, rest) = head.split_at(10);
    let (second, third) = rest.split_at(10);
    let begun = frame(HEADERS, END_STREAM, 1, first);
    let end = |payload: &[u8]| frame(CONTINUATION, END_HEADERS, 1, payload);
    let headers = |flags, payload: &[u8]| frame(HEADERS, flags | END_HEADERS | END_STREAM, 1, payload);
    vec![
        case("generic 3.1", "DATA", Due::Served(1), &[post(1), data(END_STREAM, b"test")]),
        case("generic 3.1", "several DATA", Due::Served(1), &[post(1), data(0, b"test"), data(END_STREAM, b"test")]),
        case(
            "generic 3.1",
            "padded DATA",
            Due::Served(1),
            &[post(1), data(END_STREAM | PADDED, b"\x05test\0\0\0\0\0")],
        ),
        case("generic 3.2", "HEADERS", Due::Served(1), &[get(1)]),
        case("generic 3.2", "padded HEADERS", Due::Served(1), &[headers(PADDED, &padded)]),
        case("generic 3.2", "HEADERS with priority", Due::Served(1), &[headers(WITH_PRIORITY, &with_priority)]),
        case("generic 3.3", "PRIORITY of weight 1", Due::Served(1), &[priority(1, 0, 0), get(1)]),
        case("generic 3.3", "PRIORITY of weight 256", Due::Served(1), &[priority(1, 0, 255), get(1)]),
        case("generic 3.3", "PRIORITY with a dependency", Due::Served(3), &[get(1), priority(3, 1, 255), get(3)]),
        case("generic 3.3", "exclusive PRIORITY", Due::Served(3), &[priority(3, 1 << 31, 255), get(3)]),
        case(
            "generic 3.3",
            "PRIORITY on an idle stream, then a lower one",
            Due::Served(3),
            &[priority(5, 0, 9), get(3)],
        ),
        case("generic 3.4", "RST_STREAM", Due::GoesOn, &[post(1), reset(1, CANCEL)]),
        case("generic 3.5", "SETTINGS", Due::Acknowledges, &[settings(&[(3, 100)])]),
        case("generic 3.7", "PING", Due::GoesOn, &[]),
        // A client that says that it goes still gets its answers.
        case("generic 3.8", "GOAWAY", Due::Answered(1), &[get(1), frame(GOAWAY, 0, 0, &[0; 8])]),
        case("generic 3.9", "WINDOW_UPDATE of the connection", Due::Served(1), &[window_update(0, 1), get(1)]),
        case("generic 3.9", "WINDOW_UPDATE of a stream", Due::Served(1), &[get(1), window_update(1, 1)]),
        case("generic 3.10", "CONTINUATION", Due::Served(1), &[begun.clone(), end(rest)]),
        case(
            "generic 3.10",
            "several CONTINUATION",
            Due::Served(1),
            &[begun, frame(CONTINUATION, 0, 1, second), end(third)],
        ),
    ]
}

fn requests() -> Vec<Case> {
    let head = frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("HEAD", &[]));
    let announced = frame(HEADERS, END_HEADERS, 1, &request("POST", &[("trailer", "x-test")]));
    let trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, &field("x-test", "ok"));
    vec![
        case("generic 4", "GET", Due::Served(1), &[get(1)]),
        case("generic 4", "HEAD", Due::Served(1), &[head]),
        case("generic 4", "POST", Due::Served(1), &[post(1), frame(DATA, END_STREAM, 1, b"test")]),
        case("generic 4", "POST with trailers", Due::Served(1), &[announced, frame(DATA, 0, 1, b"test"), trailers]),
    ]
}

fn compression() -> Vec<Case> {
    let served = |what, before: &[u8], after: &[u8]| {
        let block = [before, &request("GET", &[]), after].concat();
        case("generic 5", what, Due::Served(1), &[frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)])
    };
    // GET, http and / by their entries of the static table, and `a.test` by the name's.
    let indexed = [&[0x82, 0x86, 0x84, 0x01][..], &text(b"a.test")].concat();
    let mut cases = vec![
        case("generic 5", "indexed", Due::Served(1), &[frame(HEADERS, END_HEADERS | END_STREAM, 1, &indexed)]),
        served("a table size update", &[0x20], &[]),
        served("several table size updates", &[0x20, 0x3f, 0xe1, 0x1f], &[]),
    ];
    // `cache-control` is entry 24: more than four bits hold.
    let kinds: [(&[u8], u8); 3] = [(&[0x40 | 24], 0x40), (&[0x0f, 9], 0), (&[0x1f, 9], 0x10)];
    let names = [
        [
            "incremental, indexed name",
            "incremental, indexed name, Huffman",
            "incremental, new name",
            "incremental, new name, Huffman",
        ],
        ["without, indexed name", "without, indexed name, Huffman", "without, new name", "without, new name, Huffman"],
        ["never, indexed name", "never, indexed name, Huffman", "never, new name", "never, new name, Huffman"],
    ];
    for ((by_index, new), names) in kinds.into_iter().zip(names) {
        cases.push(served(names[0], &[], &[by_index, &text(b"no-cache")].concat()));
        cases.push(served(names[1], &[], &[by_index, &coded(&NO_CACHE)].concat()));
        cases.push(served(names[2], &[], &[&[new][..], &text(b"custom-key"), &text(b"custom-value")].concat()));
        cases.push(served(names[3], &[], &[&[new][..], &coded(&CUSTOM_KEY), &coded(&CUSTOM_VALUE)].concat()));
    }
    cases
}
