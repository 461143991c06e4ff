//! The texts that were read, and places inside them.

use std::ops::Range;
use std::path::PathBuf;

/// One text of a [`Sources`] collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// A stretch of bytes in one source. Always inside its text and on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The text the bytes are in.
    pub source: SourceId,
    /// Byte offset of the first byte.
    pub start: u32,
    /// Byte offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes as a range of the source's text.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One text that was read: a compose file, an env file, standard input.
#[derive(Debug)]
pub struct Source {
    /// Where it was read from, as the user would name it (`-` for standard input).
    pub path: PathBuf,
    /// The text, without a byte order mark.
    pub text: String,
    /// Whether its text may be quoted in messages: false for env and secret files.
    pub quotable: bool,
}

/// Every text that one load has read, in order of reading.
#[derive(Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a text and returns its id.
    pub fn add(&mut self, source: Source) -> SourceId {
        let id = SourceId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(source);
        id
    }

    /// The text behind an id; ids come from [`Sources::add`] of the same collection.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.list.get(id.0 as usize)
    }

    /// `file:line:column` of a span's start, lines and columns (in characters) counted from 1.
    #[must_use]
    pub fn locate(&self, span: Span) -> Option<(&Source, usize, usize)> {
        let source = self.get(span.source)?;
        let before = source.text.get(..span.start as usize)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        Some((source, line, column))
    }
}
