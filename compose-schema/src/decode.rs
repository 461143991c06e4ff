//! The canonical tree becomes the typed project.

mod build;
mod deploy;
mod mount;
mod reader;
mod resource;
mod runtime;
mod service;
pub(crate) mod shell;

use crate::diagnostic::Diagnostic;
use crate::model::Project;
use crate::yaml::{Mapping, Node};
use reader::{Fields, Mistakes};

/// Decodes a canonical tree. Fills services, networks, volumes, secrets, configs, models and extensions; every service is
/// active yet. The caller sets name, folders, files and environment.
///
/// # Errors
/// Every value that does not fit its attribute.
pub fn project(root: &Node) -> Result<Project, Vec<Diagnostic>> {
    let mistakes = Mistakes::default();
    let nothing = Mapping::new();
    let top = Fields::new(&mistakes, String::new(), root.as_mapping().unwrap_or(&nothing));
    let project = Project {
        services: top.named("services", service::decode),
        networks: top.named("networks", resource::network),
        volumes: top.named("volumes", resource::volume),
        secrets: top.named("secrets", resource::file_object),
        configs: top.named("configs", resource::file_object),
        models: top.named("models", resource::model),
        extensions: top.extensions(),
        ..Project::default()
    };
    let mistakes = mistakes.into_inner();
    if mistakes.is_empty() { Ok(project) } else { Err(mistakes) }
}
