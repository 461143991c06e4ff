//! What must hold of whatever a client sends over HTTP/2.

use super::*;

/// The beginning of a connection, after a byte that says in pieces of which size it comes: it is refused, or not, as in one
/// piece, and never behind what is passed on.
pub(crate) fn http2(input: &[u8]) {
    let Some((&step, bytes)) = input.split_first() else { return };
    let look = |step: usize| {
        let mut frames = Frames::new();
        bytes.chunks(step.max(1)).try_for_each(|piece| {
            frames.look(piece).map_err(|bad| {
                assert!(bad.good <= piece.len(), "{bad:?}");
                bad.reason
            })
        })
    };
    assert_eq!(look(usize::from(step)), look(usize::MAX), "in pieces of {step}");
}
