//! Tabs where Go's reader wants spaces: before what begins a line or an item, outside of quotes and brackets.

use std::ops::Range;

use granit_parser::ScalarStyle;

/// What is known of a text with tabs in it.
pub(super) struct Tabs<'t> {
    text: &'t str,
    any: bool,
    /// Values that may hold tabs, in their order; none inside another.
    values: Vec<(Range<usize>, Kind)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// In quotes or brackets.
    Closed,
    /// A plain scalar; white space behind it belongs to it from this column on.
    Plain { column: usize },
    /// A block scalar.
    Block,
}

impl<'t> Tabs<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, any: text.contains('\t'), values: Vec::new() }
    }

    /// A scalar, and where the collection that it is in starts.
    pub(super) fn scalar(&mut self, style: ScalarStyle, range: Range<usize>, around: usize) {
        if !self.any || range.is_empty() {
            return;
        }
        let kind = match style {
            ScalarStyle::Plain => {
                let line = self.line_before(around);
                Kind::Plain { column: line.len() - line.trim_start_matches(' ').len() + 1 }
            }
            ScalarStyle::Literal | ScalarStyle::Folded => Kind::Block,
            _ => Kind::Closed,
        };
        self.values.push((range, kind));
    }

    /// A list or mapping in brackets, all of whose values are known.
    pub(super) fn brackets(&mut self, range: Range<usize>) {
        if self.any {
            self.values.truncate(self.values.partition_point(|(value, _)| value.start < range.start));
            self.values.push((range, Kind::Closed));
        }
    }

    /// The first tab that Go's reader refuses.
    pub(super) fn misplaced(&self) -> Option<usize> {
        let tabs = self.text.match_indices('\t').filter(|_| self.any);
        tabs.map(|(at, _)| at).find(|&at| self.is_misplaced(at))
    }

    fn is_misplaced(&self, at: usize) -> bool {
        let before = self.line_before(at);
        if before.starts_with("---") || !before.chars().all(|c| matches!(c, ' ' | '\t' | '-' | '?' | '\r')) {
            return false;
        }
        let column = self.column(at);
        let next = self.values.partition_point(|(value, _)| value.end <= at);
        if let Some((range, kind)) = self.values.get(next).filter(|(value, _)| value.start <= at) {
            let first = || self.text.get(range.start..at).is_some_and(|before| before.trim().is_empty());
            return *kind == Kind::Block
                && (column < self.column(range.start) || (first() && !self.says_indentation(range.start)));
        }
        let Some((range, kind)) = next.checked_sub(1).and_then(|last| self.values.get(last)) else { return true };
        let between = self.text.get(range.end..at).unwrap_or_default();
        match kind {
            _ if !between.chars().all(char::is_whitespace) => true,
            Kind::Closed => true,
            Kind::Plain { column: from } => column < *from,
            // Its range starts with its first line, behind the spaces.
            Kind::Block => column < self.column(range.start),
        }
    }

    /// Whether the head of the block scalar that starts here has a number, so that its first line may begin with anything.
    fn says_indentation(&self, start: usize) -> bool {
        let head = self.text.get(..start).unwrap_or_default().trim_end().rsplit('\n').next().unwrap_or_default();
        head.contains(|c: char| c.is_ascii_digit())
    }

    fn column(&self, at: usize) -> usize {
        self.line_before(at).chars().count()
    }

    /// The line up to a place.
    fn line_before(&self, at: usize) -> &'t str {
        self.text.get(..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default()
    }
}

/// The text with spaces in place of the tabs that a line begins with, the line of `at` or the first such one behind it; all
/// else where it was: inside of brackets tabs are white space to Go's reader.
pub(super) fn without(text: &str, at: usize) -> Option<String> {
    let mut start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    for line in text.get(start..)?.split_inclusive('\n') {
        let begin = line.len() - line.trim_start_matches([' ', '\t']).len();
        let end = start + begin;
        if text.get(start..end)?.contains('\t') {
            return Some(format!("{}{}{}", text.get(..start)?, " ".repeat(begin), text.get(end..)?));
        }
        start += line.len();
    }
    None
}
