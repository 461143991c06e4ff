//! Go's templates, as the default rule and dynamic files use them.
//!
//! The functions are those of the library "sprig", but for those that make keys and chance texts, which a file that is read again
//! and again cannot want. Anything else is refused by name.

mod dates;
mod functions;
mod numbers;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;
mod texts;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::template::{Mistake, Template, Value};
pub(super) use texts::normalize;

/// What a template is filled in with.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// What `.` is.
    pub(super) root: Value,
    /// For `env` and `expandenv`.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// `split` is Go's, with the text first and a list as its result; else it is that of "sprig".
    pub(super) split_is_go: bool,
    /// What `index` does not find in a map is an empty text; else nothing.
    pub(super) labels_are_texts: bool,
}

/// Fills in a template.
///
/// # Errors
/// The first thing in it that makes no sense, or that is not supported.
pub(super) fn render(template: &str, context: &Context<'_>) -> Result<String, Mistake> {
    let mut filled = String::new();
    Template::parse(template)?.fill(&context.root, context, &mut filled)?;
    Ok(filled)
}
