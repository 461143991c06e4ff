//! What must hold of any stream of HTTP/3.

use super::*;

/// A stream, after a byte that says in pieces of which size it comes: it is refused, or not, as in one piece.
pub(crate) fn http3(input: &[u8]) {
    let Some((&step, bytes)) = input.split_first() else { return };
    for begin in [Frames::of_request, Frames::of_unidirectional] {
        let look = |step: usize| {
            let mut frames = begin();
            bytes.chunks(step.max(1)).try_for_each(|piece| frames.look(piece))
        };
        assert_eq!(look(usize::from(step)), look(usize::MAX), "in pieces of {step}");
    }
}
