//! The texts that were read, and places inside them.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::OnceLock;

/// One text of a [`Sources`] collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// A stretch of bytes in one source. Always inside its text and on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// Byte offsets of the lines' first bytes; made when the first place is asked for.
    lines: OnceLock<Vec<u32>>,
}

impl Source {
    /// A text read from `path`.
    #[must_use]
    pub fn new(path: PathBuf, text: String, quotable: bool) -> Self {
        Self { path, text, quotable, lines: OnceLock::new() }
    }

    /// Line and column, in characters, of a byte offset; both counted from 1. An offset past the end means the end.
    #[must_use]
    pub fn position(&self, offset: u32) -> (usize, usize) {
        let lines = self.lines();
        let line = lines.partition_point(|&start| start <= offset);
        let start = line.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or(0);
        let end = (offset as usize).min(self.text.len());
        let column = self.text.get(start as usize..end).map_or(0, |before| before.chars().count());
        (line.max(1), column + 1)
    }

    /// The bytes of a line (counted from 1), without its end.
    #[must_use]
    pub fn line(&self, number: usize) -> Option<Range<usize>> {
        let lines = self.lines();
        let start = *lines.get(number.checked_sub(1)?)? as usize;
        let end = lines.get(number).map_or(self.text.len(), |&next| next as usize);
        let line = self.text.get(start..end)?;
        Some(start..start + line.trim_end_matches(['\n', '\r']).len())
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
            std::iter::once(0).chain(ends.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX))).collect()
        })
    }
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

    /// All texts with their ids, in order of reading.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.list.iter().enumerate().map(|(index, source)| (SourceId(u32::try_from(index).unwrap_or(u32::MAX)), source))
    }

    /// Decides whether a source may be quoted in messages.
    pub(crate) fn set_quotable(&mut self, id: SourceId, quotable: bool) {
        if let Some(source) = self.list.get_mut(id.0 as usize) {
            source.quotable = quotable;
        }
    }

    /// `file:line:column` of a span's start, lines and columns (in characters) counted from 1.
    #[must_use]
    pub fn locate(&self, span: Span) -> Option<(&Source, usize, usize)> {
        let source = self.get(span.source)?;
        let (line, column) = source.position(span.start);
        Some((source, line, column))
    }

    /// The bytes of a span.
    #[must_use]
    pub fn text(&self, span: Span) -> Option<&str> {
        self.get(span.source)?.text.get(span.range())
    }
}
