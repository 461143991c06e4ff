//! Lines out of records: the engine cuts long lines into pieces.

use bytes::{Bytes, BytesMut};

use crate::backend::{LogRecord, Stream};

/// Longest line that is kept together.
const LONGEST: usize = 1024 * 1024;

/// A line with its stream and time.
pub(super) type Line = (Stream, String, Bytes);

#[derive(Debug, Default)]
struct Partial {
    time: String,
    bytes: BytesMut,
}

/// The unfinished lines of one container's two streams.
#[derive(Debug, Default)]
pub(super) struct Lines {
    stdout: Partial,
    stderr: Partial,
}

impl Lines {
    /// Takes a record; hands over the lines that are complete now, without their ends.
    pub(super) fn push(&mut self, record: LogRecord, mut complete: impl FnMut(Line)) {
        let partial = match record.stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let mut rest = record.bytes;
        // The common case, one whole line, is passed on without a copy.
        if partial.bytes.is_empty()
            && let Some(end) = rest.iter().position(|byte| *byte == b'\n')
            && end + 1 == rest.len()
        {
            complete((record.stream, record.time, rest.slice(..end)));
            return;
        }
        while !rest.is_empty() {
            if partial.bytes.is_empty() {
                partial.time.clone_from(&record.time);
            }
            let end = rest.iter().position(|byte| *byte == b'\n');
            let piece = rest.split_to(end.map_or(rest.len(), |end| end + 1));
            partial.bytes.extend_from_slice(piece.strip_suffix(b"\n").unwrap_or(&piece));
            if end.is_some() || partial.bytes.len() >= LONGEST {
                complete((record.stream, std::mem::take(&mut partial.time), partial.bytes.split().freeze()));
            }
        }
    }

    /// The unfinished lines, at the end.
    pub(super) fn rest(&mut self) -> Vec<Line> {
        let halves = [(Stream::Stdout, &mut self.stdout), (Stream::Stderr, &mut self.stderr)];
        halves
            .into_iter()
            .filter(|(_, partial)| !partial.bytes.is_empty())
            .map(|(stream, partial)| (stream, std::mem::take(&mut partial.time), partial.bytes.split().freeze()))
            .collect()
    }
}
