//! Frames: where they may come, how long they are, what they hold (RFC 7540 sections 3.5, 4, 5.4 to 7).

use super::super::frames::*;
use super::{Case, Due, Step, case, steps};

const PROTOCOL: Due = Due::Connection(&[PROTOCOL_ERROR]);
const SIZE: Due = Due::Connection(&[FRAME_SIZE_ERROR]);
const FLOW: Due = Due::Connection(&[FLOW_CONTROL_ERROR, PROTOCOL_ERROR]);

pub(super) fn cases() -> Vec<Case> {
    [general(), data_and_headers(), small(), windows(), continuation()].into_iter().flatten().collect()
}

fn general() -> Vec<Case> {
    let unfinished = || frame(HEADERS, END_STREAM, 1, &request("GET", &[]));
    let large = |kind, flags| frame(kind, flags, 1, &[0; (1 << 14) + 1]);
    let broken = frame(HEADERS, END_HEADERS | END_STREAM, 1, &[&request("GET", &[])[..], &[0, 5, b'x']].concat());
    let unknown = || frame(0xff, 0, 0, &[0; 8]);
    vec![
        case("3.5", "preface", Due::GoesOn, &[]),
        case("3.5", "wrong preface", PROTOCOL, &[b"INVALID CONNECTION PREFACE\r\n\r\n".to_vec()]).without_greeting(),
        case("4.1", "unknown type", Due::Served(1), &[unknown(), get(1)]),
        case("4.1", "undefined flags", Due::GoesOn, &[frame(SETTINGS, 0xfe, 0, &[])]),
        case("4.1", "reserved bit", Due::Served(1), &[frame(WINDOW_UPDATE, 0, 1 << 31, &[0, 0, 0, 1]), get(1)]),
        case("4.2", "DATA of 2^14 bytes", Due::Served(1), &[post(1), frame(DATA, END_STREAM, 1, &[b'x'; 1 << 14])]),
        case("4.2", "DATA of more", Due::Stream(&[FRAME_SIZE_ERROR]), &[post(1), large(DATA, END_STREAM)]),
        case("4.2", "HEADERS of more", SIZE, &[large(HEADERS, END_HEADERS | END_STREAM)]),
        case("4.3", "broken fragment", Due::Connection(&[COMPRESSION_ERROR, PROTOCOL_ERROR]), &[broken]),
        case("4.3", "PRIORITY inside of a header block", PROTOCOL, &[unfinished(), priority(1, 0, 255)]),
        case("4.3", "another stream's HEADERS inside of it", PROTOCOL, &[unfinished(), get(3)]),
        case("5.4.1", "a bad PING ends the connection", PROTOCOL, &[frame(PING, 0, 3, &[0; 8])]),
        case("5.5", "unknown frame", Due::Served(1), &[unknown(), get(1)]),
        case("5.5", "unknown frame inside of a header block", PROTOCOL, &[unfinished(), unknown()]),
    ]
}

fn data_and_headers() -> Vec<Case> {
    let begun = || frame(HEADERS, 0, 1, &request("GET", &[]));
    let padding = |kind, flags| frame(kind, flags | PADDED, 1, &[200, 1, 2, 3]);
    let depends = |stream| {
        frame(
            HEADERS,
            END_HEADERS | END_STREAM | WITH_PRIORITY,
            stream,
            &[&stream.to_be_bytes()[..], &[9], &request("GET", &[])].concat(),
        )
    };
    vec![
        case("6.1", "DATA on 0", PROTOCOL, &[frame(DATA, END_STREAM, 0, b"test")]),
        case(
            "6.1",
            "DATA on a half-closed stream",
            Due::Stream(&[STREAM_CLOSED, PROTOCOL_ERROR]),
            &[get(1), frame(DATA, END_STREAM, 1, b"test")],
        ),
        case("6.1", "padding longer than DATA", PROTOCOL, &[post(1), padding(DATA, END_STREAM)]),
        case("6.2", "PRIORITY instead of CONTINUATION", PROTOCOL, &[begun(), priority(1, 0, 255)]),
        case("6.2", "another stream's HEADERS instead of it", PROTOCOL, &[begun(), get(3)]),
        case("6.2", "HEADERS on 0", PROTOCOL, &[get(0)]),
        case("6.2", "padding longer than HEADERS", PROTOCOL, &[padding(HEADERS, END_HEADERS | END_STREAM)]),
        case("5.3.1", "HEADERS that depend on themselves", Due::Stream(&[PROTOCOL_ERROR]), &[depends(1)]),
        case("5.3.1", "PRIORITY that depends on itself", Due::Stream(&[PROTOCOL_ERROR]), &[get(1), priority(1, 1, 9)]),
    ]
}

fn small() -> Vec<Case> {
    let setting = |id, value| settings(&[(id, value)]);
    vec![
        case("6.3", "PRIORITY on 0", PROTOCOL, &[priority(0, 0, 255)]),
        case(
            "6.3",
            "PRIORITY of 4 bytes",
            Due::Stream(&[FRAME_SIZE_ERROR]),
            &[post(1), frame(PRIORITY, 0, 1, &[0; 4])],
        ),
        case("6.4", "RST_STREAM on 0", PROTOCOL, &[reset(0, CANCEL)]),
        case("6.4", "RST_STREAM on an idle stream", PROTOCOL, &[reset(1, CANCEL)]),
        case("6.4", "RST_STREAM of 3 bytes", SIZE, &[post(1), frame(RST_STREAM, 0, 1, &[0; 3])]),
        case("6.5", "acknowledgement with a payload", SIZE, &[frame(SETTINGS, ACK, 0, &[0; 6])]),
        case("6.5", "SETTINGS on a stream", PROTOCOL, &[frame(SETTINGS, 0, 1, &[])]),
        case("6.5", "SETTINGS of 3 bytes", SIZE, &[frame(SETTINGS, 0, 0, &[0; 3])]),
        case("6.5.2", "ENABLE_PUSH of 2", PROTOCOL, &[setting(ENABLE_PUSH, 2)]),
        case("6.5.2", "INITIAL_WINDOW_SIZE of 2^31", FLOW, &[setting(INITIAL_WINDOW, 1 << 31)]),
        case("6.5.2", "MAX_FRAME_SIZE below 2^14", PROTOCOL, &[setting(MAX_FRAME, (1 << 14) - 1)]),
        case("6.5.2", "MAX_FRAME_SIZE of 2^24", PROTOCOL, &[setting(MAX_FRAME, 1 << 24)]),
        case("6.5.2", "unknown setting", Due::Acknowledges, &[setting(0xff, 1)]),
        steps(
            "6.5.3",
            "values are applied in order",
            Due::GoesOn,
            vec![Step::Send([settings(&[(INITIAL_WINDOW, 100), (INITIAL_WINDOW, 1)]), get(1)].concat()), Step::Data(1)],
        ),
        case("6.5.3", "an acknowledgement is sent", Due::Acknowledges, &[settings(&[])]),
        case("6.7", "PING is answered", Due::GoesOn, &[]),
        case("6.7", "an acknowledgement is not answered", Due::GoesOn, &[frame(PING, ACK, 0, b"nothing?")]),
        case("6.7", "PING on a stream", PROTOCOL, &[frame(PING, 0, 1, &[0; 8])]),
        case("6.7", "PING of 6 bytes", SIZE, &[frame(PING, 0, 0, &[0; 6])]),
        case("6.8", "GOAWAY on a stream", PROTOCOL, &[frame(GOAWAY, 0, 1, &[0; 8])]),
        case(
            "7",
            "unknown error code in GOAWAY",
            Due::GoesOn,
            &[post(1), frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0xff])],
        ),
        case("7", "unknown error code in RST_STREAM", Due::GoesOn, &[post(1), reset(1, 0xff)]),
    ]
}

fn windows() -> Vec<Case> {
    let window = |size| settings(&[(INITIAL_WINDOW, size)]);
    let most = (1 << 31) - 1;
    let stream_flow = Due::Stream(&[FLOW_CONTROL_ERROR]);
    vec![
        case("6.9", "increment of 0 on 0", PROTOCOL, &[window_update(0, 0)]),
        case("6.9", "increment of 0 on a stream", Due::Stream(&[PROTOCOL_ERROR]), &[post(1), window_update(1, 0)]),
        case("6.9", "WINDOW_UPDATE of 3 bytes", SIZE, &[frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1])]),
        steps("6.9.1", "a window of 1", Due::GoesOn, vec![Step::Send([window(1), get(1)].concat()), Step::Data(1)]),
        case("6.9.1", "the connection's window over 2^31-1", FLOW, &[window_update(0, most), window_update(0, most)]),
        case(
            "6.9.1",
            "a stream's window over 2^31-1",
            stream_flow,
            &[post(1), window_update(1, most), window_update(1, most)],
        ),
        steps(
            "6.9.2",
            "a changed window",
            Due::GoesOn,
            vec![Step::Send([window(0), get(1), window(1)].concat()), Step::Data(1)],
        ),
        steps(
            "6.9.2",
            "a window below zero",
            Due::GoesOn,
            vec![
                Step::Send([window(3), get(1)].concat()),
                Step::Data(3),
                Step::Send([window(2), window_update(1, 2)].concat()),
                Step::Data(1),
            ],
        ),
        case("6.9.2", "INITIAL_WINDOW_SIZE over the most", FLOW, &[window(1 << 31)]),
    ]
}

fn continuation() -> Vec<Case> {
    let part = |flags, stream| frame(CONTINUATION, flags, stream, &field("x", "y"));
    let begun = || frame(HEADERS, END_STREAM, 1, &request("GET", &[]));
    let data = || frame(DATA, END_STREAM, 1, b"test");
    vec![
        case("6.10", "several", Due::Served(1), &[begun(), part(0, 1), part(0, 1), part(END_HEADERS, 1)]),
        case("6.10", "followed by another frame", PROTOCOL, &[begun(), part(0, 1), data()]),
        case("6.10", "on 0", PROTOCOL, &[begun(), part(END_HEADERS, 0)]),
        case("6.10", "after HEADERS that end", PROTOCOL, &[post(1), part(END_HEADERS, 1)]),
        case(
            "6.10",
            "after a CONTINUATION that ends",
            PROTOCOL,
            &[frame(HEADERS, 0, 1, &request("POST", &[])), part(END_HEADERS, 1), part(END_HEADERS, 1)],
        ),
        case("6.10", "after DATA", PROTOCOL, &[post(1), data(), part(END_HEADERS, 1)]),
    ]
}
