//! Streams behind an answer: lines of JSON, multiplexed output, log records.

#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream as Items, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::transport::Call;
use crate::backend::{Error, ErrorKind, LogRecord, Result, Stream};

/// Longest line of JSON an engine may send.
const MAX_LINE: usize = 16 * 1024 * 1024;
/// Header of a multiplexed frame: stream, three zero bytes, length (Engine API, "Attach to a container").
const HEADER: usize = 8;
/// Stream that carries the engine's own failure instead of output.
const SYSTEM_ERROR: u8 = 3;
/// The engine cuts lines into records of this length.
const MAX_RECORD: usize = 16 * 1024;

/// A call that owns its names: streams outlive the request.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    name: &'static str,
    object: String,
}

impl Origin {
    pub(super) fn of(call: Call<'_>) -> Self {
        Self { name: call.name, object: call.object.to_owned() }
    }

    fn call(&self) -> Call<'_> {
        Call { name: self.name, object: &self.object, limit: None }
    }

    pub(super) fn broken(&self, error: &(dyn std::error::Error + 'static)) -> Error {
        self.call().broken(error)
    }

    fn garbled(&self, what: &str) -> Error {
        self.call().error(ErrorKind::Engine, format!("the engine's answer is invalid: {what}"))
    }
}

/// The body as it comes.
pub(super) fn bytes(origin: Origin, body: Incoming) -> BoxStream<'static, Result<Bytes>> {
    body.into_data_stream().map(move |part| part.map_err(|error| origin.broken(&error))).boxed()
}

/// Cuts a stream of bytes into items; ends after the first error.
fn decode<T: Send + 'static>(
    input: BoxStream<'static, Result<Bytes>>,
    mut next: impl FnMut(&mut BytesMut, bool) -> Option<Result<T>> + Send + 'static,
) -> impl Items<Item = Result<T>> + Send + 'static {
    let mut pending = BytesMut::new();
    let mut ended = false;
    let mut failed = false;
    let step = move |buffer: Option<Result<Bytes>>| -> Vec<Result<T>> {
        let mut items = Vec::new();
        if failed {
            return items;
        }
        match buffer {
            Some(Ok(part)) => pending.extend_from_slice(&part),
            Some(Err(error)) => {
                failed = true;
                items.push(Err(error));
                return items;
            }
            None => ended = true,
        }
        while let Some(item) = next(&mut pending, ended) {
            failed = item.is_err();
            items.push(item);
            if failed {
                break;
            }
        }
        items
    };
    input.map(Some).chain(stream::iter([None])).map(step).flat_map(stream::iter)
}

/// One value a line.
pub(super) fn json_lines<T: DeserializeOwned + Send + 'static>(
    origin: Origin,
    body: BoxStream<'static, Result<Bytes>>,
) -> BoxStream<'static, Result<T>> {
    decode(body, move |pending, ended| {
        loop {
            let line = match pending.iter().position(|byte| *byte == b'\n') {
                Some(end) => pending.split_to(end + 1),
                None if ended && !pending.is_empty() => pending.split(),
                None if pending.len() > MAX_LINE => return Some(Err(origin.garbled("a line without end"))),
                None => return None,
            };
            if !line.trim_ascii().is_empty() {
                return Some(serde_json::from_slice(&line).map_err(|error| origin.garbled(&error.to_string())));
            }
        }
    })
    .boxed()
}

/// One frame of multiplexed output, if it is there.
fn frame(origin: &Origin, pending: &mut BytesMut, ended: bool) -> Option<Result<(Stream, Bytes)>> {
    let Some(&[stream, 0, 0, 0, a, b, c, d]) = pending.first_chunk::<HEADER>() else {
        if pending.len() >= HEADER {
            return Some(Err(origin.garbled("not a frame of output")));
        }
        return (ended && !pending.is_empty()).then(|| Err(origin.garbled("output broke off")));
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if length > MAX_LINE {
        return Some(Err(origin.garbled("a frame of output that is too long")));
    }
    let rest = pending.get(HEADER..).unwrap_or_default();
    if rest.len() < length {
        // What is there of a last frame is shown.
        if !ended {
            return None;
        }
        pending.advance(HEADER);
        return Some(Ok((side(stream), pending.split().freeze())));
    }
    pending.advance(HEADER);
    let payload = pending.split_to(length).freeze();
    if stream == SYSTEM_ERROR {
        let message = String::from_utf8_lossy(payload.trim_ascii()).into_owned();
        return Some(Err(origin.call().error(ErrorKind::Engine, message)));
    }
    Some(Ok((side(stream), payload)))
}

fn side(byte: u8) -> Stream {
    if byte == 2 { Stream::Stderr } else { Stream::Stdout }
}

/// Output of a process: in frames, or with a terminal as it is.
pub(super) fn output(
    origin: Origin,
    input: BoxStream<'static, Result<Bytes>>,
    tty: bool,
) -> BoxStream<'static, Result<(Stream, Bytes)>> {
    if tty {
        return input.map(|part| part.map(|bytes| (Stream::Stdout, bytes))).boxed();
    }
    decode(input, move |pending, ended| frame(&origin, pending, ended)).boxed()
}

/// Log records with their times.
pub(super) fn records(
    origin: Origin,
    input: BoxStream<'static, Result<Bytes>>,
    tty: bool,
) -> BoxStream<'static, Result<LogRecord>> {
    if tty {
        return decode(input, |pending, ended| raw_record(pending, ended).map(Ok)).boxed();
    }
    decode(input, move |pending, ended| {
        frame(&origin, pending, ended).map(|part| {
            part.map(|(stream, mut bytes)| {
                let time = take_time(&mut bytes);
                LogRecord { stream, time, bytes }
            })
        })
    })
    .boxed()
}

/// With a terminal nothing frames the records: a record ends with its line, or after the engine's longest record.
fn raw_record(pending: &mut BytesMut, ended: bool) -> Option<LogRecord> {
    let start = time_length(pending).unwrap_or(0);
    let line = pending.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
    let end = match line {
        Some(end) if end <= start + MAX_RECORD => end,
        _ if pending.len() >= start + MAX_RECORD => start + MAX_RECORD,
        Some(end) => end,
        None if ended && !pending.is_empty() => pending.len(),
        None => return None,
    };
    let mut bytes = pending.split_to(end).freeze();
    let time = take_time(&mut bytes);
    Some(LogRecord { stream: Stream::Stdout, time, bytes })
}

/// Length of the time at the beginning, its space included: `2026-01-02T03:04:05.000000006Z `.
fn time_length(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().take(40).position(|byte| *byte == b' ')?;
    let time = bytes.get(..end)?;
    let looks_right =
        end >= 20 && time.get(4) == Some(&b'-') && time.get(10) == Some(&b'T') && time.first()?.is_ascii_digit();
    looks_right.then_some(end + 1)
}

/// Takes the time off the beginning of a record; empty where there is none.
fn take_time(bytes: &mut Bytes) -> String {
    let Some(length) = time_length(bytes) else { return String::new() };
    let time = bytes.split_to(length);
    String::from_utf8_lossy(time.trim_ascii()).into_owned()
}
