//! Go's templates: their language and the functions that are part of it.
//!
//! Specification: Go's package `text/template`. Whoever fills a template in brings what it is filled in with, and the functions that
//! are not Go's own.

mod builtin;
mod evaluate;
mod parse;
mod print;
mod time;
mod value;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;

pub use builtin::NAMES as BUILT_IN;
pub use print::quoted;
pub use time::time_as;
pub use value::Value;

/// Where an action of a template begins: line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// Why a template cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The action that cannot be carried out.
    pub place: Place,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.place.line, self.reason)
    }
}

/// What a function does to the map that is its first argument, besides giving a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// Nothing.
    Nothing,
    /// A variable that holds the map holds afterwards what the function gave.
    AnyMap,
    /// The same; maps inside of others, which cannot be changed, are refused.
    Variables,
}

/// The functions of a template that are not Go's own.
pub trait Functions {
    /// Calls a function; none where there is none of that name, so that Go's own is called.
    fn call(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>>;

    /// Calls a method of what the template is filled in with; none where there is none of that name.
    fn method(&self, _name: &str, _args: &[Value]) -> Option<Result<Value, String>> {
        None
    }

    /// What a function does to a map.
    fn changes(&self, _name: &str) -> Changes {
        Changes::Nothing
    }

    /// What a call costs besides its result, in bytes that could be copied meanwhile.
    fn work(&self, _name: &str) -> usize {
        0
    }
}

/// A template that has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(parse::Tree);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first thing in it that makes no sense.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        parse::parse(text).map(Self)
    }

    /// The functions that it calls, and where.
    pub fn calls(&self) -> impl Iterator<Item = (&str, Place)> {
        self.0.calls.iter().map(|(name, place)| (name.as_str(), *place))
    }

    /// Fills it in. What was filled in before a mistake is in `out`.
    ///
    /// # Errors
    /// The first thing in it that makes no sense with what it is filled in with, or that is not supported.
    pub fn fill(&self, root: &Value, functions: &dyn Functions, out: &mut String) -> Result<(), Mistake> {
        evaluate::evaluate(&self.0, root, functions, out)
    }
}
