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
mod redirect;
mod resolvers;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proxy::assemble::{internal, use_default_syntax, use_default_transport};
use proxy::config::dynamic::Configuration;
use proxy::config::statics::StaticConfig;
use proxy::rule::Rule;

use crate::backend::Container;
use crate::edge::adopt::Traefik;
use crate::edge::containers::GATEWAY;
use crate::edge::state::{EdgeConfiguration, ProjectFile};

pub use containers::ObservedContainer;
pub use entrances::Listener;
pub use files::Files;

use entrances::{Entrances, apply};
use names::Part;
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

/// Options that say how one process behaves: the gateway is shared by all projects.
fn without_effect(config: &StaticConfig) -> Vec<String> {
    let status = config.ping.as_ref().is_some_and(|ping| ping.terminating_status_code != 503);
    let json = config.log.format.eq_ignore_ascii_case("json");
    let options = [("ping.terminatingstatuscode", status), ("log.format", json)];
    let written = options.into_iter().filter(|(_, is_written)| *is_written);
    written.map(|(name, _)| format!("`{name}` is not in force: all projects share the built-in gateway")).collect()
}

/// Compiles all projects. Without `files` dynamic files are left out.
pub fn compile(
    projects: &BTreeMap<String, ProjectFile>,
    seen: &[ObservedContainer],
    mut files: Option<&mut Files>,
) -> Compiled {
    let mut problems: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut adopted: BTreeMap<&str, Adopted<'_>> = BTreeMap::new();
    for (name, file) in projects {
        let Some(traefik) = &file.traefik else { continue };
        match static_config(traefik) {
            Ok((config, _)) => {
                adopted.insert(name, Adopted { traefik, config });
            }
            Err(mistakes) => problems.entry(name.clone()).or_default().extend(mistakes),
        }
    }
    let shared = Entrances::shared(&adopted);
    let resolvers = Resolvers::of(&adopted);
    let groups: BTreeSet<&str> =
        projects.keys().map(String::as_str).chain(seen.iter().map(|seen| seen.project.as_str())).collect();

    let mut compiled = Compiled::default();
    let mut parts = Vec::new();
    for group in groups {
        let own = adopted.get(group);
        let entrances = own.map_or_else(|| shared.clone(), |own| Entrances::of(group, own));
        let said = problems.entry(group.to_owned()).or_default();
        let mut labels = containers::configuration(group, projects.get(group), own, seen, said);
        if let (Some(own), Some(files)) = (own, &files) {
            files::redirect(own, &files.mirror(group), &mut labels);
        }
        hosts::resolve(group, seen, &mut labels);
        let transport = format!("default-{group}");
        if let Some(own) = own {
            use_default_syntax(&own.config, &mut labels);
            use_default_transport(&own.config, &transport, &mut labels);
        }
        let mut urls = BTreeSet::new();
        let mut labels = apply(labels, &entrances, said, &mut urls);
        resolvers.refer(group, &mut labels);
        parts.push(Part { project: group.to_owned(), provider: "docker", configuration: labels });
        if let (Some(own), Some(files)) = (own, &mut files) {
            let mut found = files.configuration(group, own, said);
            hosts::resolve(group, seen, &mut found);
            use_default_syntax(&own.config, &mut found);
            use_default_transport(&own.config, &transport, &mut found);
            let mut found = apply(found, &entrances, said, &mut urls);
            resolvers.refer(group, &mut found);
            parts.push(Part { project: group.to_owned(), provider: "file", configuration: found });
            compiled.edge.certificate_folders.extend(files::folders(own, &files.mirror(group)));
            compiled.edge.resolvers.extend(resolvers.defined(group, own, &entrances, files, said));
        }
        if let Some(own) = own {
            let internal = apply(redirect::without(internal(&own.config)), &entrances, said, &mut BTreeSet::new());
            parts.push(Part { project: group.to_owned(), provider: "internal", configuration: bare(internal) });
            if own.config.api.as_ref().is_some_and(|api| !api.base_path.trim_matches('/').is_empty()) {
                said.push(
                    "`api.basepath` is not in force: the built-in gateway serves its API below `/api`".to_owned(),
                );
            }
            said.extend(Entrances::of(group, own).without_http3());
            said.extend(without_effect(&own.config));
            if compiled.edge.metrics.prometheus.is_none() {
                compiled.edge.metrics = own.config.metrics.clone();
            }
            if compiled.edge.tracing.is_none()
                && let Some(mut tracing) = own.config.tracing.clone()
            {
                let http = &mut tracing.otlp.http;
                hosts::resolve_url(group, seen, &mut http.endpoint);
                if let Some(files) = &files {
                    let tls = &mut http.tls;
                    files::rename(own, &files.mirror(group), [&mut tls.ca, &mut tls.cert, &mut tls.key]);
                }
                compiled.edge.tracing = Some(tracing);
            }
            let log = own.config.access_log.clone().filter(|_| compiled.edge.access_log.is_none());
            if let Some(log) = log {
                if !log.file_path.is_empty() {
                    said.push(format!(
                        "`accesslog.filepath`: the access log of the built-in gateway is what `docker logs {GATEWAY}` shows; \
                         `{}` is not written",
                        log.file_path
                    ));
                }
                compiled.edge.access_log = Some(log);
            }
        }
        if projects.contains_key(group) {
            compiled.urls.insert(group.to_owned(), urls.into_iter().collect());
        }
    }
    let mut all: Vec<&Entrances> = vec![&shared];
    let own: Vec<Entrances> = adopted.iter().map(|(name, own)| Entrances::of(name, own)).collect();
    if !own.is_empty() {
        all = own.iter().collect();
    }
    for (listener, options, project, name) in all.into_iter().flat_map(Entrances::listeners) {
        compiled.edge.entry_point_names.entry(listener.name()).or_default().insert(name);
        let _ = compiled.edge.entry_points.entry(listener.name()).or_insert(options);
        compiled.listeners.entry(listener).or_insert(project);
    }
    // Nobody to listen for: a machine on which nothing is routed keeps its ports.
    if adopted.is_empty() && projects.values().all(|file| file.services.is_empty()) {
        compiled.edge.entry_points.clear();
        compiled.edge.entry_point_names.clear();
        compiled.listeners.clear();
    }
    let (redirects, their_origins) = redirect::configuration(&adopted, &parts);
    (compiled.edge.dynamic, compiled.edge.origins) = names::unite(parts);
    compiled.edge.origins.extend(their_origins);
    merge_internal(&mut compiled.edge.dynamic, redirects);
    problems.retain(|_, lines| !lines.is_empty());
    compiled.edge.problems = problems;
    compiled
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

/// Names without their provider, as the other parts have them.
fn bare(mut configuration: Configuration) -> Configuration {
    let name = |name: String| name.rsplit_once('@').map_or_else(|| name.clone(), |(bare, _)| bare.to_owned());
    let routers = std::mem::take(&mut configuration.http.routers);
    configuration.http.routers = routers.into_iter().map(|(full, router)| (name(full), router)).collect();
    let middlewares = std::mem::take(&mut configuration.http.middlewares);
    configuration.http.middlewares = middlewares.into_iter().map(|(full, one)| (name(full), one)).collect();
    configuration
}

/// Names that a rule is about; none for a rule that cannot be read.
fn hosts(rule: &str) -> Vec<String> {
    Rule::parse(rule).map(|rule| rule.hosts()).unwrap_or_default()
}
