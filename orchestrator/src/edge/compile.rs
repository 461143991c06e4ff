//! From projects and containers to what the gateway serves.
//!
//! Each project is read on its own, as one Traefik would read it: labels of its containers, dynamic files of its adopted
//! Traefik service. Then its routers get the entry points of that service, as listeners of this host. At last all
//! projects become one configuration. Nothing but the dynamic files is read; the same input gives the same output.

mod containers;
mod entrances;
mod files;
mod hosts;
mod names;
mod project;
mod redirect;
mod resolvers;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proxy::config::dynamic::Configuration;
use proxy::config::statics::StaticConfig;
use proxy::rule::Rule;

use crate::backend::Container;
use crate::edge::adopt::Traefik;
use crate::edge::state::{EdgeConfiguration, ProjectFile};

pub use containers::ObservedContainer;
pub use entrances::Listener;
pub use files::Files;

use entrances::Entrances;
use project::ProjectCompiler;
use resolvers::Resolvers;

/// What the gateway shall serve, and what is to be said about it.
#[derive(Debug, Default)]
pub struct Compiled {
    /// For the gateway; the revisions are filled in by whoever writes it.
    pub edge: EdgeConfiguration,
    /// Addresses of each project's routes.
    pub urls: BTreeMap<String, Vec<String>>,
    /// Where the gateway has to listen, with the first project that asks for it.
    pub listeners: BTreeMap<Listener, String>,
}

/// A project's Traefik service, its static configuration read.
struct Adopted<'a> {
    traefik: &'a Traefik,
    config: StaticConfig,
}

/// Reads the static configuration of an adopted service; with it, warnings.
///
/// # Errors
/// Mistakes in it, one line each.
pub fn static_config(traefik: &Traefik) -> Result<(StaticConfig, Vec<String>), Vec<String>> {
    let file = traefik.static_file.as_ref().map(|(path, text)| (path.as_path(), text.as_str()));
    let sources = proxy::config::statics::Sources {
        flags: if file.is_some() { &[] } else { &traefik.flags },
        environment: Some(&traefik.environment),
        file,
    };
    let lines = |problems: Vec<proxy::config::statics::Problem>| problems.iter().map(ToString::to_string).collect();
    StaticConfig::read(&sources).map(|(config, problems)| (config, lines(problems))).map_err(lines)
}

/// Compiles all projects. Without `files` dynamic files are left out.
pub fn compile(
    projects: &BTreeMap<String, ProjectFile>,
    seen: &[ObservedContainer],
    mut files: Option<&mut Files>,
) -> Compiled {
    let mut problems: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let adopted = read_adopted(projects, &mut problems);
    let shared = Entrances::shared(&adopted);
    let resolvers = Resolvers::of(&adopted);
    let names: BTreeSet<&str> =
        projects.keys().map(String::as_str).chain(seen.iter().map(|seen| seen.project.as_str())).collect();
    let mut compiled = Compiled::default();
    let mut parts = Vec::new();
    for name in names {
        let own = adopted.get(name);
        let entrances = own.map_or_else(|| shared.clone(), |own| Entrances::of(name, own));
        let file = projects.get(name);
        let project = ProjectCompiler { name, file, adopted: own, entrances, resolvers: &resolvers, seen };
        let said = problems.entry(name.to_owned()).or_default();
        let mut urls = BTreeSet::new();
        parts.push(project.labels(files.as_deref(), said, &mut urls));
        if let (Some(own), Some(files)) = (own, files.as_deref_mut()) {
            parts.push(project.files(own, files, said, &mut urls));
            compiled.edge.certificate_folders.extend(files::folders(own, &files.mirror(name)));
            compiled.edge.resolvers.extend(resolvers.defined(name, own, &project.entrances, files, said));
        }
        if let Some(own) = own {
            parts.push(project.internal(own, said));
            project.note_options(own, said);
            project.share_options(own, files.as_deref(), said, &mut compiled.edge);
        }
        if file.is_some() {
            compiled.urls.insert(name.to_owned(), urls.into_iter().collect());
        }
    }
    if !adopted.is_empty() || projects.values().any(|file| !file.services.is_empty()) {
        listen(&adopted, &shared, &mut compiled);
    } else {
        // Nobody to listen for: a machine on which nothing is routed keeps its ports, and labels that are there are meant for
        // somebody else.
        parts.clear();
    }
    let (redirects, their_origins) = redirect::configuration(&adopted, &parts);
    (compiled.edge.dynamic, compiled.edge.origins) = names::unite(parts);
    compiled.edge.origins.extend(their_origins);
    merge_internal(&mut compiled.edge.dynamic, redirects);
    problems.retain(|_, lines| !lines.is_empty());
    compiled.edge.problems = problems;
    compiled
}

/// The Traefik services of all projects, their options read; one with mistakes is none.
fn read_adopted<'a>(
    projects: &'a BTreeMap<String, ProjectFile>,
    problems: &mut BTreeMap<String, Vec<String>>,
) -> BTreeMap<&'a str, Adopted<'a>> {
    let mut adopted = BTreeMap::new();
    for (name, file) in projects {
        let Some(traefik) = &file.traefik else { continue };
        match static_config(traefik) {
            Ok((config, _)) => {
                adopted.insert(name.as_str(), Adopted { traefik, config });
            }
            Err(mistakes) => problems.entry(name.clone()).or_default().extend(mistakes),
        }
    }
    adopted
}

/// Where the gateway listens: at the entry points of all Traefik services, or at those of one without options.
fn listen(adopted: &BTreeMap<&str, Adopted<'_>>, shared: &Entrances, compiled: &mut Compiled) {
    let own: Vec<Entrances> = adopted.iter().map(|(name, own)| Entrances::of(name, own)).collect();
    let all = if own.is_empty() { std::slice::from_ref(shared) } else { own.as_slice() };
    for (listener, options, project, name) in all.iter().flat_map(Entrances::listeners) {
        compiled.edge.entry_point_names.entry(listener.name()).or_default().insert(name);
        let _ = compiled.edge.entry_points.entry(listener.name()).or_insert(options);
        compiled.listeners.entry(listener).or_insert(project);
    }
}

/// What one project would add to those that are known: for checks before anything is done, and for the summary.
pub fn preview(known: &BTreeMap<String, ProjectFile>, file: &ProjectFile) -> Compiled {
    let mut projects = known.clone();
    projects.insert(file.project.clone(), file.clone());
    compile(&projects, &[], None)
}

/// Containers of a listing as the compiler needs them.
pub fn observe(containers: &[Container], modes: &BTreeMap<String, String>) -> Vec<ObservedContainer> {
    containers::observe(containers, modes)
}

/// Where the copy of a host file or folder lies that a project's Traefik would see at `container`.
pub fn mirrored(files: &Path, project: &str, container: &Path) -> PathBuf {
    files.join(project).join(container.strip_prefix("/").unwrap_or(container))
}

fn merge_internal(all: &mut Configuration, internal: Configuration) {
    all.http.routers.extend(internal.http.routers);
    all.http.middlewares.extend(internal.http.middlewares);
}

/// Names that a rule is about; none for a rule that cannot be read.
fn hosts(rule: &str) -> Vec<String> {
    Rule::parse(rule).map(|rule| rule.hosts()).unwrap_or_default()
}
