//! What may come in which state of a stream (RFC 7540 section 5.1), and how many there may be.

use super::super::frames::*;
use super::{Case, Due, MOST_STREAMS, Step, case, steps};

const PROTOCOL: Due = Due::Connection(&[PROTOCOL_ERROR]);
const CLOSED: Due = Due::Stream(&[STREAM_CLOSED, PROTOCOL_ERROR]);

pub(super) fn cases() -> Vec<Case> {
    let data = || frame(DATA, END_STREAM, 1, b"test");
    let part = || frame(CONTINUATION, END_HEADERS | END_STREAM, 1, &field("x", "y"));
    let after_reset = |what, due, sent| case("5.1", what, due, &[post(1), reset(1, CANCEL), sent]);
    let after_end =
        |what, due, sent| steps("5.1", what, due, vec![Step::Send(get(1)), Step::Ended(1), Step::Send(sent)]);
    let too_many: Vec<Vec<u8>> = (0..=MOST_STREAMS).map(|count| post(2 * count + 1)).collect();
    vec![
        case("5.1", "idle: DATA", PROTOCOL, &[data()]),
        case("5.1", "idle: RST_STREAM", PROTOCOL, &[reset(1, CANCEL)]),
        case("5.1", "idle: WINDOW_UPDATE", PROTOCOL, &[window_update(1, 100)]),
        case("5.1", "idle: CONTINUATION", PROTOCOL, &[part()]),
        case("5.1", "half-closed: DATA", CLOSED, &[get(1), data()]),
        case("5.1", "half-closed: HEADERS", CLOSED, &[get(1), get(1)]),
        case("5.1", "half-closed: CONTINUATION", PROTOCOL, &[get(1), part()]),
        after_reset("closed by RST_STREAM: DATA", CLOSED, data()),
        after_reset("closed by RST_STREAM: HEADERS", CLOSED, get(1)),
        after_reset("closed by RST_STREAM: CONTINUATION", PROTOCOL, part()),
        after_end("closed: DATA", CLOSED, data()),
        after_end("closed: HEADERS", CLOSED, get(1)),
        after_end("closed: CONTINUATION", PROTOCOL, part()),
        case("5.1.1", "even id", PROTOCOL, &[get(2)]),
        case("5.1.1", "lower id", PROTOCOL, &[get(5), get(3)]),
        case("5.1.2", "more streams than are allowed", Due::Stream(&[PROTOCOL_ERROR, REFUSED_STREAM]), &too_many),
        // Beyond the 146: what RFC 9113 adds, and what other suites ask for.
        case("5.1", "half-closed: RST_STREAM twice", Due::GoesOn, &[get(1), reset(1, CANCEL), reset(1, CANCEL)]),
        after_end("closed: WINDOW_UPDATE", Due::GoesOn, window_update(1, 100)),
        after_end("closed: RST_STREAM", Due::GoesOn, reset(1, CANCEL)),
        case("5.1", "idle: PRIORITY of a far stream", Due::Served(1), &[priority(999, 0, 9), get(1)]),
        case("5.1.1", "lower id after a reset", PROTOCOL, &[post(5), reset(5, CANCEL), get(3)]),
        case("5.1.2", "as many streams as are allowed", Due::GoesOn, &too_many[..too_many.len() - 1]),
    ]
}
