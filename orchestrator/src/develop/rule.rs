//! The rules of `develop.watch`.

mod legacy;
mod patterns;
#[cfg(test)]
pub(in crate::develop) mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use compose_schema::Project;
use compose_schema::model::{Build, Hook, Mount, Service, WatchRule};

use crate::error::{CommandError, Result};
use patterns::Patterns;

/// What editors and version control write beside the files that people mean: none of it is ever carried over. From the
/// folder of the rule on: what that folder is in may be called anything.
const EPHEMERAL: &str = "\
**/*___jb_old___
**/*___jb_tmp___
**/.idea
**/.#*
**/#*#
**/4913
**/*~
**/.*.swp
**/.*.swx
**/.*.swo
**/.*.swn
**/.*.kate-swp
**/*-go-tmp-umask
**/.git
";

/// What a rule does with changed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Build the image and replace the containers.
    Rebuild,
    /// Copy into the containers.
    Sync,
    /// Restart the containers.
    Restart,
    /// Copy, then restart.
    SyncRestart,
    /// Copy, then run a command in the containers.
    SyncExec,
}

impl Action {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "rebuild" => Self::Rebuild,
            "sync" => Self::Sync,
            "restart" => Self::Restart,
            "sync+restart" => Self::SyncRestart,
            "sync+exec" => Self::SyncExec,
            _ => return None,
        })
    }

    /// Whether files are copied.
    #[must_use]
    pub const fn syncs(self) -> bool {
        matches!(self, Self::Sync | Self::SyncRestart | Self::SyncExec)
    }
}

/// One rule, ready to be matched with paths.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The service it is about.
    pub service: String,
    /// What is done.
    pub action: Action,
    /// The file or folder that is watched; absolute.
    pub path: PathBuf,
    /// Where it is in the container; absolute, without a slash at its end.
    pub target: String,
    /// What `sync+exec` runs.
    pub exec: Hook,
    /// Copy everything once at the beginning.
    pub initial_sync: bool,
    include: Option<Patterns>,
    ignore: Vec<Patterns>,
}

/// The rules of a project, and what is to be said about them.
#[derive(Debug, Default)]
pub struct Rules {
    /// In the order of the services and of each service's file.
    pub rules: Vec<Rule>,
    /// What of them is not followed, and why.
    pub warnings: Vec<String>,
    /// Files whose patterns are in the rules, or would be if they were there.
    pub sources: BTreeSet<PathBuf>,
}

impl Rules {
    /// The rules of services (none named: of all that are active). Reads `.dockerignore` files. `builds` is false where
    /// the user wants nothing to be built.
    ///
    /// # Errors
    /// A rule that cannot be followed at all; a service that does not exist.
    pub fn of(project: &Project, services: &[String], builds: bool) -> Result<Self> {
        let mut found = Self::default();
        if let Some(missing) = services.iter().find(|name| !project.services.contains_key(*name)) {
            return Err(CommandError::new(format!("no such service: {missing}"))
                .hint("`stack config --services` lists the services"));
        }
        for (name, service) in &project.services {
            let named = services.is_empty() || services.contains(name);
            if !named {
                continue;
            }
            if legacy::is_in(service) {
                found.warnings.push(format!(
                    "service `{name}`: x-develop is DEPRECATED, please use the official `develop` attribute"
                ));
            }
            let legacy = legacy::read(project, name, service)?;
            let Some(develop) = service.develop.as_deref().or(legacy.as_ref()) else { continue };
            if develop.watch.is_empty() {
                continue;
            }
            let context = match &service.build {
                Some(build) => context_patterns(build, &mut found.sources)?,
                None => None,
            };
            for rule in &develop.watch {
                if let Some(rule) = found.rule(name, service, rule, context.as_ref(), builds)? {
                    found.rules.push(rule);
                }
            }
        }
        Ok(found)
    }

    fn rule(
        &mut self,
        name: &str,
        service: &Service,
        rule: &WatchRule,
        context: Option<&Patterns>,
        builds: bool,
    ) -> Result<Option<Rule>> {
        let Some(action) = Action::parse(&rule.action) else {
            let message = format!("service `{name}` has a watch rule with the unknown action `{}`", rule.action);
            return Err(CommandError::new(message)
                .hint("actions are `sync`, `rebuild`, `restart`, `sync+restart` and `sync+exec`"));
        };
        if action == Action::Rebuild && service.build.is_none() {
            let message = format!("can't watch service \"{name}\" with action rebuild without a build context");
            return Err(CommandError::new(message).hint("add `build:` to the service, or use the action `sync`"));
        }
        if action == Action::Rebuild && !builds {
            let message = format!("--no-build is incompatible with watch action rebuild in service {name}");
            return Err(CommandError::new(message).hint("leave `--no-build` out"));
        }
        if action == Action::SyncExec && rule.exec.words().is_empty() {
            return Err(CommandError::new(format!(
                "service `{name}` has a watch rule with the action `sync+exec` and nothing to run"
            ))
            .hint("add `exec: {command: [...]}` to the rule"));
        }
        let path = PathBuf::from(&rule.path);
        if path.parent().is_none() {
            let message = format!("service `{name}` has a watch rule for `/`, and the whole system cannot be watched");
            return Err(CommandError::new(message).hint("name the folder with the service's files in `path`"));
        }
        if !path.exists() {
            self.warnings.push(format!("path '{}', watched for service `{name}`, is not there yet", path.display()));
        }
        if action.syncs() && service.volumes.iter().any(|mount| binds(mount, &path)) {
            self.warnings.push(format!(
                "path '{}' also declared by a bind mount volume, this path won't be monitored!",
                path.display()
            ));
            return Ok(None);
        }
        let legacy = rule.extensions.get("x-initialSync").is_some_and(|value| *value == true);
        if legacy {
            self.warnings
                .push("x-initialSync is DEPRECATED, please use the official `initial_sync` attribute".to_owned());
        }
        let own = |patterns: &[String]| {
            let own = (!patterns.is_empty()).then(|| Patterns::new(&path, &lines(patterns))).transpose();
            own.map_err(|broken| CommandError::new(format!("a watch rule of service `{name}`: {broken}")))
        };
        let ephemeral = Patterns::new(&path, EPHEMERAL).ok();
        let ignore = [context.cloned(), ephemeral, own(&rule.ignore)?];
        Ok(Some(Rule {
            service: name.to_owned(),
            action,
            target: in_container(&rule.target, Path::new("")),
            exec: rule.exec.clone(),
            initial_sync: rule.initial_sync || legacy,
            include: own(&rule.include)?,
            ignore: ignore.into_iter().flatten().collect(),
            path,
        }))
    }
}

impl Rule {
    /// Whether a change of a path is this rule's.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        path.starts_with(&self.path)
            && self.include.as_ref().is_none_or(|include| include.matches(path))
            && !self.ignore.iter().any(|ignore| ignore.matches(path))
    }

    /// Whether nothing in a folder can be this rule's.
    #[must_use]
    pub fn shuns(&self, folder: &Path) -> bool {
        !folder.starts_with(&self.path) || self.ignore.iter().any(|ignore| ignore.matches_whole(folder))
    }

    /// Where a path is in the container.
    #[must_use]
    pub fn place(&self, path: &Path) -> String {
        in_container(&self.target, path.strip_prefix(&self.path).unwrap_or(Path::new("")))
    }
}

impl fmt::Display for Rule {
    /// `/srv/src: sync to app:/src`, as `--dry-run` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, service, target, .. } = self;
        let path = path.display();
        match self.action {
            Action::Rebuild => write!(f, "{path}: rebuild {service}"),
            Action::Restart => write!(f, "{path}: restart {service}"),
            Action::Sync => write!(f, "{path}: sync to {service}:{target}"),
            Action::SyncRestart => write!(f, "{path}: sync to {service}:{target}, restart {service}"),
            Action::SyncExec => {
                write!(f, "{path}: sync to {service}:{target}, run `{}`", self.exec.words().join(" "))
            }
        }
    }
}

/// A path in a container: `inside` below `target`, absolute, without `.` and `..`.
fn in_container(target: &str, inside: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let names = inside.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let names: Vec<String> = names.collect();
    for part in target.split('/').chain(names.iter().map(String::as_str)) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Patterns one a line. What begins with `#` is a comment in a file, but a pattern in a list.
fn lines(patterns: &[String]) -> String {
    let line = |pattern: &String| if pattern.starts_with('#') { format!("./{pattern}") } else { pattern.clone() };
    patterns.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether a bind mount shows the container a path as it is.
fn binds(mount: &Mount, path: &Path) -> bool {
    mount.kind == "bind" && !mount.source.is_empty() && path.starts_with(&mount.source)
}

/// What a build leaves out of its context: the Dockerfile's own patterns, else those of `.dockerignore`.
fn context_patterns(build: &Build, sources: &mut BTreeSet<PathBuf>) -> Result<Option<Patterns>> {
    let folder = Path::new(&build.context);
    if !folder.is_absolute() {
        // A context that the engine fetches has no files here.
        return Ok(None);
    }
    let dockerfile = if build.dockerfile.is_empty() { "Dockerfile" } else { &build.dockerfile };
    for name in [&format!("{dockerfile}.dockerignore"), ".dockerignore"] {
        let path = folder.join(name);
        sources.insert(path.clone());
        match fs::read_to_string(&path) {
            Ok(text) => {
                let patterns = Patterns::new(folder, &text);
                return patterns
                    .map(Some)
                    .map_err(|broken| CommandError::new(format!("cannot read `{}`: {broken}", path.display())));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(CommandError::new(format!("cannot read `{}`: {error}", path.display()))),
        }
    }
    Ok(None)
}
