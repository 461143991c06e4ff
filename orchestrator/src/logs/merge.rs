//! What is in several logs already, as one sequence in the order of the engine's times.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::backend::{Error, LogRecord, Result};

/// Several logs and the next record of each.
pub(super) struct Merge<K> {
    heads: Vec<Head<K>>,
}

struct Head<K> {
    key: K,
    stream: BoxStream<'static, Result<LogRecord>>,
    /// Not yet asked for: `None`.
    next: Option<LogRecord>,
}

/// What comes next.
pub(super) enum Next<K> {
    /// A record of one log.
    Record(K, LogRecord),
    /// One log cannot be read on.
    Failed(K, Error),
}

impl<K: Copy> Merge<K> {
    pub(super) fn new(streams: Vec<(K, BoxStream<'static, Result<LogRecord>>)>) -> Self {
        Self { heads: streams.into_iter().map(|(key, stream)| Head { key, stream, next: None }).collect() }
    }

    /// The record with the earliest time; none at the end of all logs. Logs without times keep their order.
    pub(super) async fn next(&mut self) -> Option<Next<K>> {
        let mut position = 0;
        while let Some(head) = self.heads.get_mut(position) {
            if head.next.is_none() {
                match head.stream.next().await {
                    Some(Ok(record)) => head.next = Some(record),
                    Some(Err(error)) => return Some(Next::Failed(self.heads.remove(position).key, error)),
                    None => {
                        self.heads.remove(position);
                        continue;
                    }
                }
            }
            position += 1;
        }
        // Times of one engine have one form, so that their texts sort as they do.
        fn time<K>(head: &Head<K>) -> Option<&str> {
            head.next.as_ref().map(|record| record.time.as_str())
        }
        let earliest = self.heads.iter_mut().min_by(|a, b| time(a).cmp(&time(b)))?;
        Some(Next::Record(earliest.key, earliest.next.take()?))
    }
}
