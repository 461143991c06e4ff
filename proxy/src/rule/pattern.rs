//! Regular expressions in Go's syntax (RE2), compiled with the `regex` crate.
//!
//! Both run in linear time and agree on most of the syntax. Where they differ, `translate` rewrites the pattern, or refuses what Go does.

mod class;
mod escape;
mod group;
mod property;
mod repetition;
mod translate;

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};

/// Bytes that a compiled pattern may take, so that nobody fills the memory with one label.
const SIZE_LIMIT: usize = 4 << 20;

/// How deep groups may stand in each other. Go takes a thousand; the crate compiles by recursion, and a stack ends before.
const NEST_LIMIT: u32 = 250;

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {0}")]
pub struct PatternError(String);

impl PatternError {
    fn new(reason: &str, part: &str) -> Self {
        Self(format!("{reason}: `{part}`"))
    }
}

/// Compiles a pattern; it matches anywhere in a text unless anchored.
pub fn compile(pattern: &str) -> Result<Regex, PatternError> {
    let translated = translate::translate(pattern)?;
    // One level more than Go counts: a character in all groups is a level of its own.
    let mut builder = RegexBuilder::new(&translated);
    builder.size_limit(SIZE_LIMIT).nest_limit(NEST_LIMIT + 1).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError::new("expression too large", pattern),
        other => {
            let text = other.to_string();
            let reason = text.rsplit("error: ").next().unwrap_or_default().trim();
            PatternError::new(reason, pattern)
        }
    })
}

/// Whether a pattern fits a text from outside. As in Go, a byte that is no part of a character counts as U+FFFD.
pub fn fits(pattern: &Regex, text: &[u8]) -> bool {
    pattern.is_match(&characters(text))
}

fn characters(text: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(text).is_ok() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() * 3);
    for chunk in text.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        chunk.invalid().iter().for_each(|_| out.extend_from_slice("\u{fffd}".as_bytes()));
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
