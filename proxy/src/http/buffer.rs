//! Bodies as a whole, where a middleware needs them so.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body::Body as HttpBody;

use super::body::BodyError;

/// Most bytes that are held where the configuration sets no limit: memory is not for clients to fill.
pub(crate) const MOST: usize = 64 << 20;

/// Why a body cannot be had as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unbuffered {
    /// It is larger than allowed.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It ended early.
    #[error(transparent)]
    Broken(#[from] BodyError),
}

/// All of a body, if it has at most `limit` bytes.
///
/// # Errors
/// It has more, or it ends early.
pub(crate) async fn whole<B>(body: &mut B, limit: usize) -> Result<Bytes, Unbuffered>
where
    B: HttpBody<Data = Bytes, Error = BodyError> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(Unbuffered::TooLarge(limit));
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(Unbuffered::TooLarge(limit));
        }
        // Most bodies that are buffered come in one piece.
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// What was read of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// All there is.
    Whole(Bytes),
    /// The beginning of one that is larger than allowed.
    Part(Bytes),
    /// Nothing: it says itself that it is larger.
    Unread,
}

/// All of a body of at most `limit` bytes, or the beginning of a larger one.
///
/// # Errors
/// It ends early.
pub(crate) async fn beginning<B>(body: &mut B, limit: usize) -> Result<Beginning, BodyError>
where
    B: HttpBody<Data = Bytes, Error = BodyError> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Ok(Beginning::Unread);
    }
    let mut read = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let Ok(data) = frame?.into_data() else { continue };
        read.extend_from_slice(&data);
        if read.len() > limit {
            return Ok(Beginning::Part(read.freeze()));
        }
    }
    Ok(Beginning::Whole(read.freeze()))
}
