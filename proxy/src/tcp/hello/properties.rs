//! What must hold of whatever a connection begins with where a TLS hello is expected.

use futures_util::FutureExt as _;

use super::*;

/// Bytes that come in pieces, and never have to be waited for.
struct Pieces<'a> {
    rest: &'a [u8],
    step: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (piece, rest) = self.rest.split_at(self.rest.len().min(self.step).min(buf.remaining()));
        buf.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

/// A hello, after a byte that says in pieces of which size it comes: it says the same as in one piece, and nothing of it is
/// lost.
pub(crate) fn hello(input: &[u8]) {
    let Some((&step, bytes)) = input.split_first() else { return };
    let said = |step: usize| {
        let (hello, mut replay) = read(Pieces { rest: bytes, step }).now_or_never()?.ok()?;
        let mut again = Vec::new();
        replay.read_to_end(&mut again).now_or_never()?.ok()?;
        assert_eq!(again, bytes, "what was read is given again");
        Some(hello)
    };
    assert_eq!(said(usize::from(step.max(1))), said(usize::MAX), "in pieces of {step}");
}
