//! Reads compose files. Text goes in; a [`Project`] or a list of [`Diagnostic`]s comes out.
//!
//! No engine, no network, no async. The pipeline is [`load`], in one screen.

pub mod diagnostic;
pub mod graph;
pub mod load;
pub mod model;
pub mod source;
pub mod yaml;

pub use diagnostic::{Code, Diagnostic, Level};
pub use load::{Failure, LoadOptions, Loaded, load};
pub use model::Project;
pub use source::{SourceId, Sources, Span};
