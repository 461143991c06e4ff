//! Reads compose files. Text goes in; a [`Project`] or a list of [`Diagnostic`]s comes out.
//!
//! No engine, no network, no async. The pipeline is [`load()`], in one screen.

pub mod canonical;
pub mod check;
pub mod codes;
pub mod decode;
pub mod diagnostic;
pub mod discovery;
pub mod emit;
mod env;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod graph;
pub mod hash;
pub mod interpolate;
pub mod load;
mod merge;
pub mod model;
pub mod normalize;
mod number;
pub mod origin;
pub mod paths;
mod pattern;
pub mod profile;
pub mod schema;
mod session;
pub mod source;
pub mod suggest;
pub mod yaml;

pub use diagnostic::{Code, Diagnostic, Level};
pub use load::{Failure, LoadOptions, Loaded, Model, load, load_model};
pub use model::Project;
pub use source::{SourceId, Sources, Span};
