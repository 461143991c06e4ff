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
    /// A plain scalar; white space behind it belongs to it where it is indented more than the line on which the collection
    /// starts that it is in.
    Plain { around: usize },
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
            ScalarStyle::Plain => Kind::Plain { around },
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
        if !self.any {
            return None;
        }
        let (mut start, mut next) = (0, 0);
        let mut near: Option<Near<'_>> = None;
        for line in self.text.split_inclusive('\n') {
            let begin = line.find(|c| !matches!(c, ' ' | '\t' | '-' | '?' | '\r')).unwrap_or(line.len());
            let begin = line.get(..begin).filter(|_| !line.starts_with("---")).unwrap_or_default();
            for (column, _) in begin.match_indices('\t') {
                let at = start + column;
                let behind = |(value, _): &&(Range<usize>, Kind)| value.end <= at;
                next += self.values.iter().skip(next).take_while(behind).count();
                let within = self.values.get(next).is_some_and(|(value, _)| value.start <= at);
                let mut place =
                    near.take().filter(|near| near.is(next, within)).unwrap_or_else(|| self.near(next, within));
                if place.refuses(at, column) {
                    return Some(at);
                }
                near = Some(place);
            }
            start += line.len();
        }
        None
    }

    /// What is to be known of the value at an index for the tabs within it, or else of the one before for those behind it.
    fn near(&self, next: usize, within: bool) -> Near<'t> {
        let value = if within { Some(next) } else { next.checked_sub(1) }.and_then(|index| self.values.get(index));
        let Some((range, kind)) = value else {
            return Near { next, within, column: usize::MAX, refused: None, text: "", start: 0, blank: true };
        };
        let column = match kind {
            // Its range starts with its first line, behind the spaces.
            Kind::Block => self.column(range.start),
            _ if within => 0,
            Kind::Closed => usize::MAX,
            Kind::Plain { around } => {
                let line = self.line_before(*around);
                line.len() - line.trim_start_matches(' ').len() + 1
            }
        };
        let refused = match kind {
            _ if !within => Some(false),
            Kind::Block if !self.says_indentation(range.start) => Some(true),
            _ => None,
        };
        let start = if within { range.start } else { range.end };
        Near { next, within, column, refused, text: self.text, start, blank: true }
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

/// A value that tabs stand in or behind, each looked at once.
struct Near<'t> {
    /// The index of the first value that does not end before these tabs, and whether they are within it.
    next: usize,
    within: bool,
    /// Tabs before this column are refused.
    column: usize,
    /// Whether those are refused that have only white space between them and the value's start or end, or those that have more.
    refused: Option<bool>,
    text: &'t str,
    /// Up to where it is known whether there is only white space.
    start: usize,
    blank: bool,
}

impl Near<'_> {
    const fn is(&self, next: usize, within: bool) -> bool {
        self.next == next && self.within == within
    }

    fn refuses(&mut self, at: usize, column: usize) -> bool {
        let between = self.text.get(self.start..at).unwrap_or_default();
        self.blank = self.blank && between.chars().all(char::is_whitespace);
        self.start = at;
        column < self.column || self.refused == Some(self.blank)
    }
}

/// The text with spaces in place of the tabs that lines in these brackets begin with, all else where it was: to Go's reader
/// they are white space.
pub(super) fn without(text: &str, brackets: Range<usize>) -> Option<String> {
    let mut mended = String::with_capacity(text.len());
    mended.push_str(text.get(..brackets.start)?);
    for (number, line) in text.get(brackets.clone())?.split_inclusive('\n').enumerate() {
        let rest = if number == 0 { line } else { line.trim_start_matches([' ', '\t']) };
        mended.extend(std::iter::repeat_n(' ', line.len() - rest.len()));
        mended.push_str(rest);
    }
    mended.push_str(text.get(brackets.end..)?);
    (mended != text).then_some(mended)
}
