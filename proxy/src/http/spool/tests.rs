#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;

use http_body_util::BodyExt as _;

use super::*;
use crate::http::body::Body;

/// A body in pieces of the given sizes; the bytes count on.
#[derive(Debug)]
struct Pieces(VecDeque<usize>, usize);

impl Changed for Pieces {}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(size) = self.0.pop_front() else { return Poll::Ready(None) };
        let data = content(self.1, size);
        self.1 += size;
        Poll::Ready(Some(Ok(Frame::data(data.into()))))
    }
}

fn content(from: usize, size: usize) -> Vec<u8> {
    (from..from + size).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn body(sizes: &[usize]) -> Body {
    Body::changed(Pieces(sizes.iter().copied().collect(), 0))
}

/// A body with something behind it.
#[derive(Debug)]
struct Trailed(VecDeque<Frame<Bytes>>);

impl Changed for Trailed {}

impl HttpBody for Trailed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

#[tokio::test]
async fn trailers_come_back_where_they_are_wanted() {
    for data in ["", "body"] {
        let trailers = HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("x"))]);
        let frames = [Frame::data(data.into()), Frame::trailers(trailers.clone())];
        let spooled = Spooled::read(&mut Body::changed(Trailed(frames.into())), 2, 100).await.unwrap();
        assert!(spooled.has_trailers() && !spooled.is_empty());
        let bare = spooled.reader().collect().await.unwrap();
        assert_eq!((bare.trailers().cloned(), bare.to_bytes()), (None, data.into()));
        let reader = spooled.into_reader();
        assert!(!reader.is_end_stream() && reader.size_hint().exact().is_none());
        let whole = reader.collect().await.unwrap();
        assert_eq!((whole.trailers().cloned(), whole.to_bytes()), (Some(trailers), data.into()));
    }
}

#[tokio::test]
async fn what_does_not_fit_in_memory_goes_to_a_file_and_comes_back() {
    for (sizes, memory, on_disk) in [
        (&[5][..], 5, 0),
        (&[2, 3], 5, 0),
        (&[6], 5, 1),
        (&[3, 3], 5, 1),
        (&[1], 0, 1),
        (&[1, 1], 0, 2),
        (&[CHUNK, CHUNK, 7], 100, 2 * CHUNK - 93),
        (&[], 5, 0),
        (&[], 0, 0),
    ] {
        let spooled = Spooled::read(&mut body(sizes), memory, 1 << 30).await.unwrap();
        let size = sizes.iter().sum::<usize>();
        assert_eq!((spooled.len(), spooled.in_file), (size as u64, on_disk as u64), "{sizes:?} in {memory}");
        for _ in 0..2 {
            let read = spooled.reader().collect().await.unwrap().to_bytes();
            assert!(read == content(0, size), "{sizes:?} in {memory}");
        }
        assert!(spooled.memory.len() <= memory);
    }
}

#[tokio::test]
async fn limits_hold_on_disk_too() {
    for (sizes, most) in [(&[6][..], 5), (&[3, 3], 5), (&[CHUNK, CHUNK], 2 * CHUNK as u64 - 1)] {
        let read = Spooled::read(&mut body(sizes), 1, most).await;
        assert!(matches!(read, Err(Unspooled::TooLarge(limit)) if limit == most), "{sizes:?}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_an_error_and_an_end() {
    let mut spooled = Spooled::read(&mut body(&[10]), 2, 100).await.unwrap();
    spooled.in_file += 1;
    let mut reader = spooled.reader();
    assert_eq!(reader.frame().await.unwrap().unwrap().into_data().unwrap().len(), 2);
    assert!(matches!(reader.frame().await, Some(Err(BodyError::Disk(_)))));
    assert!(reader.frame().await.is_none());
}
