//! Where a router is written: project, service, label, and the line in the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use compose_schema::{LoadOptions, Loaded};
use serde::Serialize;

use crate::backend::{Container, Engine, LabelFilter, Labels};
use crate::cli::Context;
use crate::cli::scope::Scope;
use crate::edge::adopt::{Traefik, host_path};
use crate::edge::ask::Background;
use crate::edge::compile;
use crate::edge::containers::EdgeContainers;
use crate::edge::projects;
use crate::edge::state::Origin;
use crate::error::Result;
use crate::labels;

/// Largest dynamic file that is looked into for a line.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Where a router is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Compose project; empty for none.
    pub project: String,
    /// Compose service with the label or the flags; empty for none.
    pub service: String,
    /// The label, or the option of the static configuration.
    pub key: String,
    /// `FILE:LINE`, or the file alone; empty where it cannot be told.
    pub file: String,
}

/// What is known about projects that have routes.
#[derive(Debug, Default)]
pub struct Projects {
    known: BTreeMap<String, Known>,
    /// Names of entry points, which stand before names of routers that are in several parts.
    entry_points: BTreeSet<String>,
    /// To be left out of paths.
    working_dir: PathBuf,
}

#[derive(Debug, Default)]
struct Known {
    /// Labels by service.
    services: BTreeMap<String, Labels>,
    traefik: Option<Traefik>,
    loaded: Option<Loaded>,
    containers: Vec<Container>,
}

impl Projects {
    /// Looks at containers, at what `up` has written down, and at compose files where they are still there.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub async fn gather(
        context: &Context,
        engine: &Engine,
        pair: &EdgeContainers,
        scope: Option<Scope>,
        background: &Background,
    ) -> Result<Self> {
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for (name, file) in projects::read(engine, pair).await?.readable {
            let one = known.entry(name).or_default();
            (one.services, one.traefik) = (file.services, file.traefik);
        }
        for container in engine.containers(&LabelFilter(vec![(labels::PROJECT.to_owned(), None)])).await? {
            let label = |name: &str| container.labels.get(name).cloned().unwrap_or_default();
            let one = known.entry(label(labels::PROJECT)).or_default();
            one.services.insert(label(labels::SERVICE), container.labels.clone());
            one.containers.push(container);
        }
        let (ours, loaded) = scope.map(|scope| (scope.name, scope.loaded)).unzip();
        for (name, one) in &mut known {
            if ours.as_ref().is_none_or(|ours| ours != name) {
                one.loaded = reload(context, name, &one.containers);
            }
        }
        if let (Some(name), Some(loaded)) = (ours, loaded.flatten()) {
            known.entry(name).or_default().loaded = Some(loaded);
        }
        let entry_points = background.entry_points.values().flatten().cloned().collect();
        Ok(Self { known, entry_points, working_dir: context.working_dir.clone() })
    }

    /// Where a router comes from is written.
    pub fn place(&self, protocol: &str, origin: &Origin) -> Place {
        let mut place = Place { project: origin.project.clone(), ..Place::default() };
        let Some(known) = self.known.get(&origin.project) else { return place };
        match origin.provider.as_str() {
            "docker" => {
                let names = self.written(&origin.name);
                let found = names.iter().find_map(|name| known.label(&format!("traefik.{protocol}.routers.{name}.")));
                let automatic = || {
                    // What has no name is called after service and project; it comes of the default rule, or of other labels.
                    let service = known.services.keys().find(|service| {
                        names.iter().any(|name| name.as_str() == format!("{service}-{}", origin.project))
                    })?;
                    Some((service.clone(), String::new()))
                };
                if let Some((service, key)) = found.or_else(automatic) {
                    let line = known.loaded.as_ref();
                    let line = line.and_then(|loaded| loaded.place(&["services", &service, "labels", &key]));
                    place.file = line.map(|line| self.short(&line)).unwrap_or_default();
                    (place.service, place.key) = (service, key);
                }
            }
            "internal" => {
                place.key.clone_from(&origin.name);
                place.service = known.traefik.as_ref().map(|traefik| traefik.service.clone()).unwrap_or_default();
                let line = known.loaded.as_ref();
                let line = line.and_then(|loaded| loaded.place(&["services", &place.service, "command"]));
                place.file = line.map(|line| self.short(&line)).unwrap_or_default();
            }
            _ => {
                place.service = known.traefik.as_ref().map(|traefik| traefik.service.clone()).unwrap_or_default();
                let names = self.written(&origin.name);
                place.file =
                    known.traefik.as_ref().and_then(dynamic).map(|path| self.line(&path, &names)).unwrap_or_default();
            }
        }
        place
    }

    /// A router's name as it may be written: with and without the entry point before it.
    fn written(&self, name: &str) -> Vec<String> {
        let without = self.entry_points.iter().filter_map(|point| name.strip_prefix(&format!("{point}-")));
        std::iter::once(name).chain(without).map(str::to_owned).collect()
    }

    fn short(&self, place: &str) -> String {
        let folder = format!("{}/", self.working_dir.display());
        place.strip_prefix(&folder).unwrap_or(place).to_owned()
    }

    /// The file in which a router stands, and the line.
    fn line(&self, path: &Path, names: &[String]) -> String {
        let mut files: Vec<PathBuf> = match fs::read_dir(path) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => vec![path.to_owned()],
        };
        files.sort();
        for file in &files {
            let small = fs::metadata(file).is_ok_and(|data| data.is_file() && data.len() <= LARGEST);
            let Some(text) = small.then(|| fs::read_to_string(file).ok()).flatten() else { continue };
            if let Some(line) = names.iter().find_map(|name| line_of(&text, name)) {
                return self.short(&format!("{}:{line}", file.display()));
            }
        }
        self.short(&path.display().to_string())
    }

    /// The containers of a service; all of the project's where it names none.
    pub fn containers<'a>(&'a self, project: &str, service: &'a str) -> impl Iterator<Item = &'a Container> {
        let known = self.known.get(project).into_iter().flat_map(|known| &known.containers);
        known.filter(move |container| {
            service.is_empty() || container.labels.get(labels::SERVICE).is_some_and(|name| name == service)
        })
    }

    /// The container that has an address, as `10.0.0.2` or `fd00::2`.
    pub fn at(&self, address: &str) -> Option<&Container> {
        self.known
            .values()
            .flat_map(|known| &known.containers)
            .find(|container| container.networks.values().any(|place| place.ipv4 == address || place.ipv6 == address))
    }

    /// Every label of every service: project, service, label, value.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str, &str, &str)> {
        self.known.iter().flat_map(|(project, known)| {
            known.services.iter().flat_map(move |(service, labels)| {
                labels
                    .iter()
                    .map(move |(key, value)| (project.as_str(), service.as_str(), key.as_str(), value.as_str()))
            })
        })
    }

    /// Where a label is written, where that can be told.
    pub fn label_place(&self, project: &str, service: &str, key: &str) -> Option<String> {
        let loaded = self.known.get(project)?.loaded.as_ref()?;
        loaded.place(&["services", service, "labels", key]).map(|place| self.short(&place))
    }
}

impl Known {
    /// The service and the label that defines something whose labels begin with `prefix`.
    fn label(&self, prefix: &str) -> Option<(String, String)> {
        let prefix = prefix.to_ascii_lowercase();
        let mut found: Option<(String, String)> = None;
        for (service, labels) in &self.services {
            for key in labels.keys().filter(|key| key.to_ascii_lowercase().starts_with(&prefix)) {
                let is_rule = key.to_ascii_lowercase() == format!("{prefix}rule");
                if is_rule {
                    return Some((service.clone(), key.clone()));
                }
                found = found.or_else(|| Some((service.clone(), key.clone())));
            }
        }
        let own = self.traefik.iter().find_map(|traefik| {
            let key = traefik.labels.keys().find(|key| key.to_ascii_lowercase().starts_with(&prefix))?;
            Some((traefik.service.clone(), key.clone()))
        });
        found.or(own)
    }
}

/// The project's files as its containers remember them; none where they are not there any more, or make no sense now.
fn reload(context: &Context, name: &str, containers: &[Container]) -> Option<Loaded> {
    let label =
        |key: &str| containers.iter().find_map(|container| container.labels.get(key).filter(|value| !value.is_empty()));
    let files: Vec<PathBuf> = label(labels::CONFIG_FILES)?.split(',').map(PathBuf::from).collect();
    let folder = PathBuf::from(label(labels::WORKING_DIR)?);
    let options = LoadOptions {
        files,
        project_directory: Some(folder.clone()),
        project_name: Some(name.to_owned()),
        resolve_environment: false,
        ..LoadOptions::new(folder, context.environment.clone())
    };
    compose_schema::load(&options).ok()
}

/// The dynamic file or folder of an adopted service, on this host.
fn dynamic(traefik: &Traefik) -> Option<PathBuf> {
    let (config, _) = compile::static_config(traefik).ok()?;
    let path = config.providers.file.as_ref()?.path()?.to_owned();
    host_path(&traefik.mounts, &path)
}

/// The line on which an object of that name begins, in YAML or TOML.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let is_it = |line: &str| {
        let line = line.trim();
        let bare = line.trim_start_matches(['[', '"', '\'']).trim_end_matches([']', '"', '\'']);
        let key = line.split(':').next().unwrap_or_default().trim_matches(['"', '\'']);
        (key == name && line.contains(':')) || bare.ends_with(&format!("routers.{name}"))
    };
    // Services and middlewares may have the same name.
    let start = text
        .lines()
        .position(|line| line.trim_start_matches([' ', '[', '"']).starts_with("routers") || line.contains(".routers."));
    text.lines().enumerate().skip(start.unwrap_or(0)).find(|(_, line)| is_it(line)).map(|(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routers_are_found_in_dynamic_files() {
        let yaml = "http:\n  services:\n    app: {}\n  routers:\n    \"app\":\n      rule: x\n    b: {rule: y}\n";
        assert_eq!((line_of(yaml, "app"), line_of(yaml, "b"), line_of(yaml, "c")), (Some(5), Some(7), None));
        let toml = "[http.services.app]\n[http.routers.app]\nrule = \"x\"\n";
        assert_eq!(line_of(toml, "app"), Some(2));
    }

    #[test]
    fn a_router_is_traced_to_its_label() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let services = BTreeMap::from([
            ("other".to_owned(), labels(&[("traefik.http.routers.app.tls", "true")])),
            ("app".to_owned(), labels(&[("Traefik.HTTP.Routers.App.Rule", "Host(`a`)")])),
            ("plain".to_owned(), labels(&[("traefik.enable", "true")])),
        ]);
        let known = Known { services, ..Known::default() };
        let projects = Projects {
            known: [("web".to_owned(), known)].into(),
            entry_points: ["websecure".to_owned()].into(),
            ..Projects::default()
        };
        let place = |name: &str| {
            let origin = Origin { project: "web".to_owned(), provider: "docker".to_owned(), name: name.to_owned() };
            let Place { service, key, .. } = projects.place("http", &origin);
            (service, key)
        };
        let expected = ("app".to_owned(), "Traefik.HTTP.Routers.App.Rule".to_owned());
        assert_eq!(place("app"), expected);
        assert_eq!(place("websecure-app"), expected);
        assert_eq!(place("plain-web"), ("plain".to_owned(), String::new()));
        assert_eq!(place("nothing"), (String::new(), String::new()));
    }
}
