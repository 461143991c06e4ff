//! Rules that go beyond the shape of the file; one rule a file.

mod command;
mod container_name;
mod cycle;
mod drive;
mod exclusive;
mod file_object;
mod file_owner;
mod healthcheck;
mod host_port;
mod image;
mod ipam;
mod limits;
mod mount_options;
mod mounts;
mod reference;
mod resource;
mod watch;

use crate::diagnostic::{Code, Diagnostic};
use crate::model::Project;
use crate::source::Span;
use crate::yaml::Node;

/// Rules on the merged canonical tree with its defaults, before paths are resolved.
#[must_use]
pub fn tree(root: &Node) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    resource::check(root, &mut found);
    found
}

/// Rules on paths of the same tree.
#[must_use]
pub fn paths(root: &Node) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    resource::bind_sources(root, &mut found);
    found
}

/// Rules on the active services of a project; `root` is the tree it was decoded from. Errors and warnings.
#[must_use]
pub fn project(project: &Project, root: &Node) -> Vec<Diagnostic> {
    let mut check = Check { project, root, found: Vec::new() };
    image::check(&mut check);
    exclusive::check(&mut check);
    reference::check(&mut check);
    healthcheck::check(&mut check);
    limits::check(&mut check);
    container_name::single(&mut check);
    watch::check(&mut check);
    mounts::check(&mut check);
    file_object::check(&mut check);
    ipam::check(&mut check);
    cycle::check(&mut check);
    command::check(&mut check);
    drive::check(&mut check);
    host_port::check(&mut check);
    file_owner::check(&mut check);
    mount_options::check(&mut check);
    check.found
}

/// Names of containers that two of the selected services, or of what they depend on, would have; of all services where none
/// is selected.
#[must_use]
pub fn container_names(project: &Project, root: &Node, selected: &[String]) -> Vec<Diagnostic> {
    let mut check = Check { project, root, found: Vec::new() };
    container_name::unique(&mut check, selected);
    check.found
}

/// What every rule works on.
struct Check<'a> {
    project: &'a Project,
    root: &'a Node,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    /// Where the value at a path is written, or its nearest parent that is.
    fn place(&self, path: &[&str]) -> Span {
        (0..=path.len()).rev().find_map(|length| self.root.place(path.get(..length)?)).unwrap_or(self.root.span)
    }

    /// Where an item of a list is written.
    fn item(&self, path: &[&str], index: usize) -> Span {
        let index = index.to_string();
        let mut path = path.to_vec();
        path.push(&index);
        self.place(&path)
    }

    fn error(&mut self, code: Code, message: String, at: Span, label: &str) -> &mut Diagnostic {
        self.push(Diagnostic::error(code, message).at(at, label))
    }

    fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.found.push_mut(diagnostic)
    }
}
