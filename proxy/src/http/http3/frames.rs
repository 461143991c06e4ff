//! Bounds on HTTP/3 frames (RFC 9114 section 7): `h3` keeps a frame in memory until it is complete, except for `DATA`, so what a client
//! announces has to be looked at before.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;

/// Most bytes of a frame that is kept until it is complete.
const LARGEST: u64 = 256 * 1024;
const DATA: u64 = 0x00;
/// WebTransport's frame without a length, which is not offered.
const WEBTRANSPORT: u64 = 0x41;
/// The type of a control stream (RFC 9114 section 6.2.1).
const CONTROL: u64 = 0x00;

/// A frame that is too large, or of a kind that was not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of type {kind:#x} with {length} bytes is not taken")]
pub(super) struct Refused {
    kind: u64,
    length: u64,
}

/// What comes next on a stream.
#[derive(Debug)]
pub(super) struct Frames {
    next: Next,
    number: Number,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    StreamType,
    FrameType,
    Length(u64),
    Payload(u64),
    /// No frames: streams that nobody reads.
    Anything,
}

impl Frames {
    /// Of a stream for a request.
    pub(super) fn of_request() -> Self {
        Self { next: Next::FrameType, number: Number::default() }
    }

    /// Of a stream in one direction, which begins with its type.
    pub(super) fn of_unidirectional() -> Self {
        Self { next: Next::StreamType, number: Number::default() }
    }

    /// Looks at the next bytes of the stream.
    ///
    /// # Errors
    /// They begin a frame that is refused.
    pub(super) fn look(&mut self, mut bytes: &[u8]) -> Result<(), Refused> {
        while let Some((&first, rest)) = bytes.split_first() {
            match self.next {
                Next::Anything => return Ok(()),
                Next::Payload(left) => {
                    let here = left.min(bytes.len() as u64);
                    bytes = bytes.get(usize::try_from(here).unwrap_or(usize::MAX)..).unwrap_or_default();
                    self.next = if left == here { Next::FrameType } else { Next::Payload(left - here) };
                    continue;
                }
                Next::StreamType | Next::FrameType | Next::Length(_) => bytes = rest,
            }
            let Some(number) = self.number.add(first) else { continue };
            self.next = match self.next {
                Next::StreamType if number == CONTROL => Next::FrameType,
                Next::StreamType => Next::Anything,
                Next::FrameType if number == WEBTRANSPORT => return Err(Refused { kind: number, length: 0 }),
                Next::FrameType => Next::Length(number),
                Next::Length(kind) if kind != DATA && number > LARGEST => {
                    return Err(Refused { kind, length: number });
                }
                Next::Length(_) if number == 0 => Next::FrameType,
                Next::Length(_) => Next::Payload(number),
                other => other,
            };
        }
        Ok(())
    }
}

/// A number of variable length (RFC 9000 section 16) that comes byte by byte.
#[derive(Debug, Default)]
struct Number {
    value: u64,
    missing: u8,
}

impl Number {
    /// Adds a byte; the number, once it is complete.
    fn add(&mut self, byte: u8) -> Option<u64> {
        if self.missing == 0 {
            self.missing = 1 << (byte >> 6);
            self.value = u64::from(byte & 0x3f);
        } else {
            self.value = self.value << 8 | u64::from(byte);
        }
        self.missing -= 1;
        (self.missing == 0).then_some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at `bytes` in pieces of `size`.
    fn look(mut frames: Frames, bytes: &[u8], size: usize) -> Result<(), Refused> {
        bytes.chunks(size).try_for_each(|piece| frames.look(piece))
    }

    #[test]
    fn large_data_passes_and_large_heads_do_not() {
        // HEADERS of 2 bytes, DATA of 2^30 - 1 bytes.
        let body = [1, 2, 9, 9, 0, 0xbf, 0xff, 0xff, 0xff, 7, 7];
        // A frame of an unknown type (two bytes long), then HEADERS of 262145 bytes.
        let heads = [0x40, 0x21, 1, 9, 0, 0, 1, 0x80, 0x04, 0x00, 0x01];
        for size in [1, 2, 3, 64] {
            assert_eq!(look(Frames::of_request(), &body, size), Ok(()));
            let refused = Err(Refused { kind: 1, length: 262_145 });
            assert_eq!(look(Frames::of_request(), &heads, size), refused);
            assert_eq!(look(Frames::of_request(), &[0x40, 0x41, 0], size), Err(Refused { kind: 0x41, length: 0 }));
        }
    }

    #[test]
    fn control_streams_have_frames_and_others_have_none() {
        let large = [4, 0x80, 0x10, 0x00, 0x00];
        let stream = |kind: u8| [&[kind], large.as_slice()].concat();
        assert_eq!(look(Frames::of_unidirectional(), &stream(0), 1), Err(Refused { kind: 4, length: 1 << 20 }));
        assert_eq!(look(Frames::of_unidirectional(), &stream(2), 1), Ok(()));
    }
}
