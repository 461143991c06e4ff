//! Go's syntax rewritten into that of the `regex` crate, by the grammar of Go's package `regexp/syntax`.
//!
//! Where they differ: Go's `\d \w \s \b` are ASCII only; a `{` that begins no repetition is a plain character; character classes know no
//! set operations; `\Q…\E` quotes; repetitions cannot be repeated, nor go beyond a thousand; names of groups need not differ.

use super::repetition::{self, Repetition};
use super::{NEST_LIMIT, PatternError, class, escape, group};

/// What has been read.
#[derive(Debug, Default)]
pub(super) struct Translation {
    pub(super) out: String,
    /// How often what stands last in each open group, the innermost last, would be written without repetitions.
    open: Vec<Sizes>,
    here: Sizes,
    /// Names of groups so far.
    pub(super) names: Vec<String>,
}

/// How often parts of a group would be written without counted repetitions, at most.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    all: u32,
    /// Of what a repetition would repeat, if something is there.
    last: Option<u32>,
}

impl Translation {
    fn atom(&mut self, size: u32) {
        self.here.all = self.here.all.max(size);
        self.here.last = Some(size);
    }

    /// A group begins; what is between its parentheses is told apart.
    pub(super) fn begin(&mut self, pattern: &str) -> Result<(), PatternError> {
        if self.open.len() >= NEST_LIMIT as usize {
            return Err(PatternError::new("expression nests too deeply", pattern));
        }
        self.open.push(std::mem::take(&mut self.here));
        Ok(())
    }

    fn end(&mut self, pattern: &str) -> Result<(), PatternError> {
        let outer = self.open.pop().ok_or_else(|| PatternError::new("unexpected )", pattern))?;
        let size = self.here.all.max(1);
        self.here = outer;
        self.atom(size);
        Ok(())
    }

    /// Writes a repetition of what stands before it.
    fn repeat(&mut self, repetition: Repetition<'_>) -> Result<(), PatternError> {
        let Some(size) = self.here.last else {
            return Err(PatternError::new("missing argument to repetition operator", repetition.text));
        };
        let size = match repetition.most {
            Some(0) => 1,
            most => size.saturating_mul(most.unwrap_or(repetition.least).max(1)),
        };
        if size > repetition::LIMIT {
            return Err(PatternError::new("invalid repeat count", repetition.text));
        }
        self.out.push_str(repetition.text);
        self.atom(size);
        Ok(())
    }
}

/// Rewrites Go's syntax into that of the `regex` crate.
pub(super) fn translate(pattern: &str) -> Result<String, PatternError> {
    let mut done = Translation { out: String::with_capacity(pattern.len() + 16), ..Translation::default() };
    let mut rest = pattern;
    // Where the repetition begins that has just been read.
    let mut repeated: Option<&str> = None;
    while let Some(c) = rest.chars().next() {
        let before = repeated.take();
        if let Some(found) = repetition::read(rest)? {
            let after = rest.get(found.text.len()..).unwrap_or_default();
            if let Some(before) = before {
                let both = before.get(..before.len() - after.len()).unwrap_or_default();
                return Err(PatternError::new("invalid nested repetition operator", both));
            }
            done.repeat(found)?;
            repeated = Some(rest);
            rest = after;
            continue;
        }
        rest = match c {
            '\\' if rest.starts_with("\\Q") => quoted(rest, &mut done),
            '\\' => {
                done.atom(1);
                escape::outside(rest, &mut done.out)?
            }
            '[' => {
                done.atom(1);
                class::read(rest, &mut done.out)?
            }
            '(' if rest.starts_with("(?") => group::read(rest, pattern, &mut done)?,
            '(' => {
                done.begin(pattern)?;
                verbatim(rest, c, &mut done)
            }
            ')' => {
                done.end(pattern)?;
                verbatim(rest, c, &mut done)
            }
            '|' => {
                done.here.last = None;
                verbatim(rest, c, &mut done)
            }
            '.' | '^' | '$' => {
                done.atom(1);
                verbatim(rest, c, &mut done)
            }
            other => {
                done.atom(1);
                escape::push_literal(&mut done.out, u32::from(other));
                rest.get(other.len_utf8()..).unwrap_or_default()
            }
        };
    }
    if !done.open.is_empty() {
        return Err(PatternError::new("missing closing )", pattern));
    }
    Ok(done.out)
}

fn verbatim<'a>(rest: &'a str, c: char, done: &mut Translation) -> &'a str {
    done.out.push(c);
    rest.get(c.len_utf8()..).unwrap_or_default()
}

/// What stands between `\Q` and `\E`, or the end: characters without a meaning.
fn quoted<'a>(rest: &'a str, done: &mut Translation) -> &'a str {
    let body = rest.get(2..).unwrap_or_default();
    let (quoted, after) = body.split_once("\\E").unwrap_or((body, ""));
    for c in quoted.chars() {
        done.atom(1);
        escape::push_literal(&mut done.out, u32::from(c));
    }
    after
}
