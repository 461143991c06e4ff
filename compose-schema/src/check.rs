//! Rules that go beyond the shape of the file; one rule a file.

use crate::diagnostic::Diagnostic;
use crate::model::Project;
use crate::yaml::Node;

/// Rules on the merged canonical tree, before paths are resolved.
#[must_use]
pub fn tree(root: &Node) -> Vec<Diagnostic> {
    let _ = root;
    Vec::new()
}

/// Rules on the active services of a project; `root` is the tree it was decoded from. Errors and warnings.
#[must_use]
pub fn project(project: &Project, root: &Node) -> Vec<Diagnostic> {
    let _ = (project, root);
    Vec::new()
}
