//! Go's templates, as the default rule and dynamic files use them.
//!
//! Specification: Go's package `text/template`; the functions are Go's own and those of the library "sprig", but for those that
//! make keys and chance texts, which a file that is read again and again cannot want. Anything else is refused by name.

mod dates;
mod evaluate;
mod functions;
mod numbers;
mod parse;
mod texts;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub(super) use texts::normalize;
pub(super) use value::Value;

/// Why a template cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The line of the template, from 1.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) reason: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// What a template is filled in with.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// What `.` is.
    pub(super) root: Value,
    /// The only fields that `.` has, where they are known.
    pub(super) fields: &'static [&'static str],
    /// For `env` and `expandenv`.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// `split` is Go's, with the text first and a list as its result; else it is that of "sprig".
    pub(super) split_is_go: bool,
}

/// Fills in a template.
///
/// # Errors
/// The first thing in it that makes no sense, or that is not supported.
pub(super) fn render(template: &str, context: &Context<'_>) -> Result<String, Mistake> {
    evaluate::evaluate(&parse::parse(template)?, context)
}
