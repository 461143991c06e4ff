//! HTTP/2 as bytes: frames and header blocks, right and wrong ones (RFC 9113 section 4, RFC 7541 section 6).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Frame types (RFC 9113 section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags. `ACK` is what `END_STREAM` is in other frames.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const WITH_PRIORITY: u8 = 0x20;

/// Error codes (RFC 9113 section 7).
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const STREAM_CLOSED: u32 = 5;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// Settings (RFC 9113 section 6.5.2).
pub(crate) const ENABLE_PUSH: u16 = 2;
pub(crate) const INITIAL_WINDOW: u16 = 4;
pub(crate) const MAX_FRAME: u16 = 5;

/// What a client sends first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame. `kind` and `stream` may be anything.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        values.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()[..]].concat()).collect();
    frame(SETTINGS, 0, 0, &payload)
}

pub(crate) fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

pub(crate) fn priority(stream: u32, on: u32, weight: u8) -> Vec<u8> {
    frame(PRIORITY, 0, stream, &[&on.to_be_bytes()[..], &[weight]].concat())
}

/// An integer in the low `bits` of a byte that begins with `first` (RFC 7541 section 5.1).
fn integer(first: u8, bits: u8, value: usize) -> Vec<u8> {
    let most = (1_usize << bits) - 1;
    if value < most {
        return vec![first | u8::try_from(value).unwrap()];
    }
    let mut bytes = vec![first | u8::try_from(most).unwrap()];
    let mut rest = value - most;
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

/// A text without Huffman coding.
pub(crate) fn text(text: &[u8]) -> Vec<u8> {
    [integer(0, 7, text.len()), text.to_vec()].concat()
}

/// A text that is Huffman coded already.
pub(crate) fn coded(bytes: &[u8]) -> Vec<u8> {
    [integer(0x80, 7, bytes.len()), bytes.to_vec()].concat()
}

/// A header field that leaves the tables alone.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    [vec![0], text(name.as_bytes()), text(value.as_bytes())].concat()
}

/// Header fields that leave the tables alone.
pub(crate) fn fields(list: &[(&str, &str)]) -> Vec<u8> {
    list.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// The pseudo-header fields of a request to `a.test`, and what follows.
pub(crate) fn request(method: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", method), (":scheme", "http"), (":path", "/"), (":authority", "a.test")];
    [fields(&pseudo), fields(more)].concat()
}

/// A stream's only HEADERS frame, which ends it.
pub(crate) fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("GET", &[]))
}

/// The head of a request whose body follows.
pub(crate) fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &request("POST", &[]))
}

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Came {
    pub(crate) fn is(&self, kind: u8, stream: u32) -> bool {
        (self.kind, self.stream) == (kind, stream)
    }

    /// The error code of a RST_STREAM or GOAWAY frame.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        self.payload.get(at..at + 4).map_or(u32::MAX, |code| u32::from_be_bytes(code.try_into().unwrap()))
    }

    /// Whether it is the last one of a stream.
    pub(crate) fn ends(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// The status of an answer that says it by an entry of the static table.
    pub(crate) fn status(&self) -> Option<u16> {
        let entries = [200, 204, 206, 304, 400, 404, 500];
        let first = usize::from(*self.payload.first()?);
        // The block may begin by saying that the dynamic table shrinks.
        entries.get(first.checked_sub(0x88)?).copied()
    }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A client that sends whatever it likes.
pub(crate) struct Peer {
    stream: Box<dyn Stream>,
    /// What the server's first SETTINGS frame holds.
    pub(crate) settings: Vec<(u16, u32)>,
}

impl Peer {
    /// A connection on which nothing was sent.
    pub(crate) fn silent(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), settings: Vec::new() }
    }

    /// A connection on which both have sent their settings and acknowledged the other's.
    pub(crate) async fn greet(stream: impl Stream + 'static, values: &[(u16, u32)]) -> io::Result<Self> {
        let mut peer = Self::silent(stream);
        peer.send(&[PREFACE, &settings(values)].concat()).await?;
        let (mut theirs, mut acknowledged) = (false, false);
        while !(theirs && acknowledged) {
            let came = peer.next().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if came.kind == SETTINGS && came.flags & ACK != 0 {
                acknowledged = true;
            } else if came.kind == SETTINGS {
                theirs = true;
                let value = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
                peer.settings = came
                    .payload
                    .chunks_exact(6)
                    .map(|entry| (u16::from_be_bytes([entry[0], entry[1]]), value(&entry[2..])))
                    .collect();
                peer.send(&frame(SETTINGS, ACK, 0, &[])).await?;
            }
        }
        Ok(peer)
    }

    /// The connection itself.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next frame; `None` at the connection's end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Came>> {
        let mut head = [0; 9];
        match self.stream.read_exact(&mut head).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).await?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        Ok(Some(Came { kind: head[3], flags: head[4], stream, payload }))
    }
}
