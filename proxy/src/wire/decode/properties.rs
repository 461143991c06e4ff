//! What must hold of any body in chunks.

use http::HeaderMap;

use super::*;

/// What a body comes to.
#[derive(Debug, PartialEq)]
struct Read {
    data: Vec<u8>,
    trailers: HeaderMap,
    /// What follows the body; `None` where it has no end.
    rest: Option<Vec<u8>>,
    failure: Option<BadBody>,
}

fn read(body: &[u8], step: usize, manner: Manner) -> Read {
    let mut read = Read { data: Vec::new(), trailers: HeaderMap::new(), rest: None, failure: None };
    let (mut decoder, mut input, mut pieces) = (Decoder::chunked(manner), BytesMut::new(), body.chunks(step.max(1)));
    loop {
        match decoder.take(&mut input) {
            Ok(Piece::Data(bytes)) => read.data.extend_from_slice(&bytes),
            Ok(Piece::Trailers(trailers)) => read.trailers = trailers,
            Ok(Piece::Nothing) => {
                assert!(decoder.is_over() && decoder.left() == Some(0), "what is complete says so");
                read.rest = Some([input.to_vec(), pieces.flatten().copied().collect()].concat());
                return read;
            }
            Ok(Piece::Unread) => match pieces.next() {
                Some(piece) => input.extend_from_slice(piece),
                None => return read,
            },
            Err(failure) => {
                read.failure = Some(failure);
                return read;
            }
        }
    }
}

/// A body, after a byte that says in pieces of which size it comes: it comes to the same as in one piece.
pub(crate) fn chunked(input: &[u8]) {
    let Some((&step, body)) = input.split_first() else { return };
    for manner in [Manner::Strict, Manner::Lenient] {
        let whole = read(body, usize::MAX, manner);
        assert_eq!(read(body, usize::from(step), manner), whole, "{manner:?}, in pieces of {step}");
        assert!(whole.data.len() <= body.len(), "nothing is made up");
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_body_is_what_its_chunks_hold(
            chunks in vec((vec(any::<u8>(), 1..40), "( ?;[a-z]{0,4}(=\"[a-z ;]{0,4}\")?)?"), 0..6),
            trailers in vec("[a-z]{1,5}-x: [!-~]{0,8}\r\n", 0..4),
            rest in vec(any::<u8>(), 0..20),
            step in 1..60_usize,
        ) {
            let mut body = Vec::new();
            for (data, extension) in &chunks {
                body.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
                body.extend_from_slice(data);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(format!("0\r\n{}\r\n", trailers.concat()).as_bytes());
            body.extend_from_slice(&rest);
            let read = read(&body, step, Manner::Strict);
            prop_assert_eq!(read.failure, None);
            prop_assert_eq!(read.data, chunks.into_iter().flat_map(|(data, _)| data).collect::<Vec<u8>>());
            prop_assert_eq!((read.trailers.len(), read.rest), (trailers.len(), Some(rest)));
        }
    }
}
