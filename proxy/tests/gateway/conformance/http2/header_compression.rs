//! Header blocks that cannot be decoded (RFC 7541).

use super::super::frames::*;
use super::{Case, Due, case};

pub(super) fn cases() -> Vec<Case> {
    let bad = |section, what, before: &[u8], after: &[u8]| {
        let block = [before, &request("GET", &[]), after].concat();
        let due = Due::Connection(&[COMPRESSION_ERROR, PROTOCOL_ERROR]);
        case(section, what, due, &[frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)])
    };
    // `cache-control: no-cache`, whose last five bits are padding.
    let padded = |bytes: &[u8]| [&[0x58][..], &coded(bytes)].concat();
    vec![
        bad("HPACK 2.3.3", "index out of range", &[], &[0xff, 0x80, 0x01]),
        bad("HPACK 2.3.3", "index of a name out of range", &[], &[&[0x7f, 0x80, 0x01][..], &text(b"x")].concat()),
        bad("HPACK 4.2", "size update at the end of a block", &[], &[0x20]),
        bad("HPACK 5.2", "more than 7 bits of padding", &[], &padded(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf, 0xff])),
        // `a` and three zeros; five would be a character.
        bad("HPACK 5.2", "padding of zeros", &[], &padded(&[0x18])),
        bad("HPACK 5.2", "the end of string symbol", &[], &padded(&[0xff, 0xff, 0xff, 0xff])),
        bad("HPACK 6.1", "index 0", &[], &[0x80]),
        bad("HPACK 6.3", "size update over the limit", &[0x3f, 0xe2, 0x1f], &[]),
    ]
}
