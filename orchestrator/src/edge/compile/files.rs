//! Dynamic files and certificates of an adopted service, as copied from the host.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proxy::config::dynamic::Configuration;
use proxy::config::file;
use proxy::gateway::is_pem;

use super::Adopted;
use crate::edge::adopt::HostMount;

#[cfg(test)]
mod tests;

/// Copies of adopted services' host files, and what their dynamic files said when they last could be read.
#[derive(Debug, Default)]
pub struct Files {
    root: PathBuf,
    last: BTreeMap<String, Configuration>,
}

impl Files {
    /// Files below a folder, with one folder a project; nothing is known of them yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, last: BTreeMap::new() }
    }

    /// Where the copies of a project's host files lie.
    pub(super) fn mirror(&self, project: &str) -> PathBuf {
        self.root.join(project)
    }

    /// What the dynamic files of a project say; names are bare, paths lead to the copies. Files that cannot be read
    /// leave the last configuration in force.
    pub(super) fn configuration(
        &mut self,
        project: &str,
        own: &Adopted<'_>,
        problems: &mut Vec<String>,
    ) -> Configuration {
        let Some(provider) = &own.config.providers.file else { return Configuration::default() };
        let mirror = self.mirror(project);
        let copies = Copies { mirror: &mirror, mounts: &own.traefik.mounts };
        let source = if provider.directory.is_empty() { &provider.filename } else { &provider.directory };
        let path = copies.of(source);
        if !path.exists() {
            problems.push(format!(
                "there is no `{source}` for the dynamic configuration: mount it into the service `{}`",
                own.traefik.service
            ));
            return Configuration::default();
        }
        // People know the path in the container, not that of our copy.
        let root = mirror.display().to_string();
        match file::read(&path, &provider.environment) {
            Ok((mut configuration, wrong)) => {
                problems.extend(wrong.iter().map(|problem| problem.to_string().replace(&root, "")));
                copies.redirect(&mut configuration);
                self.last.insert(project.to_owned(), configuration.clone());
                configuration
            }
            Err(problem) => {
                let last = self.last.get(project).cloned();
                let state =
                    if last.is_some() { "what was read before stays in force" } else { "nothing of it is in force" };
                problems.push(format!("{} ({state})", problem.to_string().replace(&root, "")));
                last.unwrap_or_default()
            }
        }
    }
}

/// Makes file names in labels lead to the copies.
pub(super) fn redirect(own: &Adopted<'_>, mirror: &Path, configuration: &mut Configuration) {
    Copies { mirror, mounts: &own.traefik.mounts }.redirect(configuration);
}

/// Makes file names of the static configuration lead to the copies.
pub(super) fn rename<const N: usize>(own: &Adopted<'_>, mirror: &Path, names: [&mut String; N]) {
    let copies = Copies { mirror, mounts: &own.traefik.mounts };
    names.into_iter().for_each(|name| copies.rename(name));
}

/// The copied folders that hold certificates and keys: all that were mounted, but for those of dynamic files.
pub(super) fn folders(own: &Adopted<'_>, mirror: &Path) -> Vec<PathBuf> {
    let copies = Copies { mirror, mounts: &own.traefik.mounts };
    let folders = own.traefik.mounts.iter().map(|mount| copies.of(&mount.container.display().to_string()));
    folders.filter(|folder| has_pem(folder)).collect()
}

fn has_pem(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.filter_map(Result::ok).any(|entry| is_pem(&entry.path()))
}

/// Where the copies of a service's mounts lie.
pub(super) struct Copies<'a> {
    pub(super) mirror: &'a Path,
    pub(super) mounts: &'a [HostMount],
}

impl Copies<'_> {
    /// Where the copy lies of what the service would see at a path.
    pub(super) fn of(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        self.mirror.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A file name that lies in a mount becomes its copy's; PEM text and other paths stay.
    pub(super) fn rename(&self, value: &mut String) {
        let path = Path::new(value.as_str());
        if path.is_absolute() && self.mounts.iter().any(|mount| path.starts_with(&mount.container)) {
            *value = self.of(value).display().to_string();
        }
    }

    fn redirect(&self, configuration: &mut Configuration) {
        configuration.for_each_file(&mut |file| self.rename(file));
    }
}
