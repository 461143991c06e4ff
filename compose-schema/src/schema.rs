//! Structural validation: the compose specification's schema as a table, walked over the spanned tree.
//!
//! The table says the same as the `compose-spec.json` that Docker Compose 2.40.3 carries.

mod build;
mod common;
mod deploy;
mod json;
mod service;
mod shape;
mod top;
mod volumes;
mod walk;

use crate::diagnostic::Diagnostic;
use crate::yaml::Node;
pub use json::json_schema;
use shape::Shape;

/// Every place where the merged tree does not have the shape of a compose file.
#[must_use]
pub fn validate(root: &Node) -> Vec<Diagnostic> {
    let mut walk = walk::Walk::default();
    walk.check(root, &Shape::Object(&top::FILE), root.span);
    walk.found
}
