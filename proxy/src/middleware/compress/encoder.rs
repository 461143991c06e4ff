//! A body that is encoded as it passes. What a server has sent is passed on as soon as it pauses: events do not wait.

use std::fmt;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::http::body::{Body, BodyError, Changed};

/// Bytes gathered before they are passed on while more keeps coming.
const CHUNK: usize = 16 * 1024;
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW: u32 = 20;

/// An encoding of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    Brotli,
    Zstd,
}

impl Encoding {
    /// As it stands in headers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// By its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Brotli, Self::Zstd].into_iter().find(|encoding| encoding.name() == name)
    }
}

/// An encoder that writes into memory.
pub(super) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

impl Encoder {
    /// `None` for want of memory.
    pub(super) fn new(encoding: Encoding) -> Option<Self> {
        Some(match encoding {
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(5))),
            Encoding::Brotli => {
                Self::Brotli(Box::new(brotli::CompressorWriter::new(Vec::new(), 4096, BROTLI_QUALITY, BROTLI_WINDOW)))
            }
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 3).ok()?),
        })
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(data),
            Self::Brotli(encoder) => encoder.write_all(data),
            Self::Zstd(encoder) => encoder.write_all(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Brotli(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    /// What has come out so far.
    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// An encoded body.
#[derive(Debug)]
pub(super) struct Compressed {
    body: Body,
    encoder: Option<Encoder>,
    trailers: Option<HeaderMap>,
    /// Something was written since the last flush.
    dirty: bool,
}

impl Compressed {
    pub(super) fn new(body: Body, encoder: Encoder) -> Self {
        Self { body, encoder: Some(encoder), trailers: None, dirty: false }
    }

    fn end(&mut self) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(encoder) = self.encoder.take() {
            return match encoder.finish() {
                Ok(rest) if !rest.is_empty() => Poll::Ready(Some(Ok(Frame::data(rest.into())))),
                Ok(_) => self.end(),
                Err(error) => Poll::Ready(Some(Err(BodyError::Encoding(error)))),
            };
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

impl Changed for Compressed {}

impl HttpBody for Compressed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        loop {
            let Some(encoder) = &mut this.encoder else { return this.end() };
            let failed = |error| Poll::Ready(Some(Err(BodyError::Encoding(error))));
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        if let Err(error) = encoder.write(&data) {
                            return failed(error);
                        }
                        this.dirty = true;
                        if encoder.output().len() >= CHUNK {
                            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(encoder.output()).into()))));
                        }
                    }
                    Err(frame) => {
                        this.trailers = frame.into_trailers().ok();
                        return this.end();
                    }
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return this.end(),
                Poll::Pending => {
                    if std::mem::take(&mut this.dirty)
                        && let Err(error) = encoder.flush()
                    {
                        return failed(error);
                    }
                    let ready = std::mem::take(encoder.output());
                    return if ready.is_empty() {
                        Poll::Pending
                    } else {
                        Poll::Ready(Some(Ok(Frame::data(ready.into()))))
                    };
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Read as _;

    use http_body_util::BodyExt as _;

    use super::*;

    async fn encoded(encoding: Encoding, text: &str) -> Bytes {
        let body = Body::from_bytes(text.to_owned().into());
        Compressed::new(body, Encoder::new(encoding).unwrap()).collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn what_comes_out_can_be_read() {
        let text = "abcdefghij".repeat(300);
        let mut plain = String::new();
        flate2::read::GzDecoder::new(&*encoded(Encoding::Gzip, &text).await).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, text);
        let mut plain = String::new();
        brotli::Decompressor::new(&*encoded(Encoding::Brotli, &text).await, 4096).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, text);
        assert_eq!(zstd::stream::decode_all(&*encoded(Encoding::Zstd, &text).await).unwrap(), text.as_bytes());
    }
}
