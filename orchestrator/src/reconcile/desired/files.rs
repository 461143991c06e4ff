//! Secrets and configs: host files are mounted, everything else is copied in.

use std::collections::BTreeMap;

use compose_schema::model::{BindOptions, FileObject, FileReference, Mount, Project, Service};

use super::{ProjectError, fingerprint, socket};
use crate::reconcile::action::{Content, InjectedFile};

/// Permission bits without a `mode`.
const DEFAULT_MODE: u32 = 0o444;

/// One of the two kinds of files.
struct Section<'a> {
    kind: &'static str,
    name: &'static str,
    references: &'a [FileReference],
    objects: &'a BTreeMap<String, FileObject>,
    /// Where relative targets are.
    folder: &'static str,
}

/// The mounts and the files to copy that a service's secrets and configs come to.
pub(super) fn files(
    project: &Project,
    service_name: &str,
    service: &Service,
    place: &dyn Fn(&[&str]) -> Option<String>,
) -> Result<(Vec<Mount>, Vec<InjectedFile>), ProjectError> {
    let (mut mounts, mut files) = (Vec::new(), Vec::new());
    let secrets = Section {
        kind: "secret",
        name: "secrets",
        references: &service.secrets,
        objects: &project.secrets,
        folder: "/run/secrets/",
    };
    let configs = Section {
        kind: "config",
        name: "configs",
        references: &service.configs,
        objects: &project.configs,
        folder: "/",
    };
    for Section { kind, name: section, references, objects, folder } in [secrets, configs] {
        for reference in references {
            // The loader has checked that it is defined.
            let Some(object) = objects.get(&reference.source) else { continue };
            let name = reference.source.clone();
            let place = || place(&[section, &reference.source]);
            if object.external {
                return Err(ProjectError::ExternalFile { kind, name, place: place() });
            }
            let path = path(reference, folder);
            if !object.file.is_empty() {
                mounts.push(bind(object, path));
                continue;
            }
            if service.read_only {
                return Err(ProjectError::ReadOnlyRoot {
                    kind,
                    name,
                    service: service_name.to_owned(),
                    place: place(),
                });
            }
            let Some(content) = content(project, object) else {
                let variable = object.environment.clone();
                return Err(ProjectError::VariableNotSet { kind, name, variable, place: place() });
            };
            files.push(InjectedFile {
                path,
                content,
                uid: reference.uid.parse().unwrap_or(0),
                gid: reference.gid.parse().unwrap_or(0),
                mode: reference.mode.unwrap_or(DEFAULT_MODE),
            });
        }
    }
    Ok((mounts, files))
}

fn path(reference: &FileReference, folder: &str) -> String {
    let target = if reference.target.is_empty() { &reference.source } else { &reference.target };
    if target.starts_with('/') { target.clone() } else { format!("{folder}{target}") }
}

fn bind(object: &FileObject, target: String) -> Mount {
    Mount {
        kind: "bind".to_owned(),
        source: object.file.clone(),
        target,
        read_only: true,
        // A missing file is an error, never an empty folder in its place.
        bind: Some(BindOptions { create_host_path: false, ..BindOptions::default() }),
        ..Mount::default()
    }
}

fn content(project: &Project, object: &FileObject) -> Option<Content> {
    if object.driver == socket::DRIVER {
        return Some(Content::RegistryCredentials);
    }
    if object.environment.is_empty() || !object.content.is_empty() {
        return Some(Content::Text(object.content.clone()));
    }
    project.environment.get(&object.environment).cloned().map(Content::Text)
}

/// Tells one set of files from another, without telling what is in them.
pub(super) fn digest(files: &[InjectedFile]) -> String {
    let mut text = String::new();
    for file in files {
        let InjectedFile { path, content, uid, gid, mode } = file;
        // Credentials are as they are at each start.
        let content = match content {
            Content::Text(text) => text.as_str(),
            Content::RegistryCredentials => "",
        };
        text.push_str(&format!("{path}\0{uid}\0{gid}\0{mode}\0{}\0{content}\0", content.len()));
    }
    fingerprint::digest(text.as_bytes(), 16)
}
