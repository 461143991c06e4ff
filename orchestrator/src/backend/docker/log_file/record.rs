//! One entry of a log file: a line of JSON.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use crate::backend::{LogOptions, LogRecord, Stream};

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

/// A record; none of what the engine did not write so.
pub(super) fn parse(line: &[u8]) -> Option<LogRecord> {
    let entry: Entry<'_> = serde_json::from_slice(line).ok()?;
    let stream = if entry.stream == "stderr" { Stream::Stderr } else { Stream::Stdout };
    Some(LogRecord { stream, time: padded(&entry.time), bytes: Bytes::from(entry.log.into_owned()) })
}

/// A time as the engine's answers have it, with nine digits behind the point: the files leave zeros out.
fn padded(time: &str) -> String {
    let Some(text) = time.strip_suffix('Z') else { return time.to_owned() };
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}.{digits:0<9}Z")
}

/// Which times are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Window {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Window {
    /// None where a time is written in a way that only the engine reads.
    pub(super) fn of(options: &LogOptions) -> Option<Self> {
        let time = |text: &Option<String>| match text.as_deref() {
            None | Some("") => Some(None),
            Some(text) => text.parse().ok().or_else(|| seconds(text)).map(Some),
        };
        Some(Self { since: time(&options.since)?, until: time(&options.until)? })
    }

    /// Whether a time is in it, ends included.
    pub(super) fn admits(&self, time: &str) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Ok(time) = time.parse::<Timestamp>() else { return false };
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time <= until)
    }
}

/// `1700000000.000000001`.
fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Timestamp::new(whole.parse().ok()?, format!("{fraction:0<9}").parse().ok()?).ok()
}
