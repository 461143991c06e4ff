//! The pipeline: files in, a [`Project`] or diagnostics out.

mod allow;
pub(crate) mod document;
mod own;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::diagnostic::{self, Code, Diagnostic, Level};
use crate::discovery::{self, name};
use crate::merge::include::Included;
use crate::model::{Project, StringMap};
use crate::normalize::EmptyNames;
use crate::session::{Session, Stop};
use crate::source::Sources;
use crate::yaml::{Mapping, Node};
use crate::{canonical, check, codes, decode, env, normalize, profile};
use document::{Input, Scope};

/// What to load, and how. The environment is handed in: this crate never reads the process's own.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The `-f` arguments in order; `-` is standard input. Empty: `COMPOSE_FILE`, else discovery.
    pub files: Vec<PathBuf>,
    /// The current directory: relative arguments and discovery start here. Absolute.
    pub working_dir: PathBuf,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `-p`; must be a valid project name.
    pub project_name: Option<String>,
    /// `--profile`, added to `COMPOSE_PROFILES`; `*` is all.
    pub profiles: Vec<String>,
    /// Services named on the command line: their profiles are active.
    pub selected: Vec<String>,
    /// `--env-file`; empty: `COMPOSE_ENV_FILES`, else `.env`.
    pub env_files: Vec<PathBuf>,
    /// The environment of the process.
    pub environment: BTreeMap<String, String>,
    /// Substitute `${...}`.
    pub interpolate: bool,
    /// Add what is implied (default network, resource names, implicit dependencies).
    pub normalize: bool,
    /// Make paths absolute.
    pub resolve_paths: bool,
    /// Check that references and combinations make sense.
    pub consistency: bool,
    /// With that, check that no two containers are to have one name: of the `selected` services and what they depend on,
    /// of all where none is selected. What only reads or lists is not kept from it by such names.
    pub unique_containers: bool,
    /// Leave an empty `name` of a network, volume, config or secret empty, as `config` prints it. Else it is as none: an
    /// engine cannot make what has no name.
    pub empty_names: bool,
    /// Read `env_file`s into the services' environment.
    pub resolve_environment: bool,
    /// Codes of warnings that are not told; those of the top-level `x-stack.allow` are added.
    pub allow: Vec<String>,
    /// `--all-resources`: keep networks, volumes, secrets and configs that no service uses.
    pub all_resources: bool,
}

impl LoadOptions {
    /// Everything on, nothing named, in `working_dir`.
    #[must_use]
    pub fn new(working_dir: PathBuf, environment: BTreeMap<String, String>) -> Self {
        Self {
            files: Vec::new(),
            working_dir,
            project_directory: None,
            project_name: None,
            profiles: Vec::new(),
            selected: Vec::new(),
            env_files: Vec::new(),
            environment,
            interpolate: true,
            normalize: true,
            resolve_paths: true,
            consistency: true,
            unique_containers: true,
            empty_names: false,
            resolve_environment: true,
            allow: Vec::new(),
            all_resources: false,
        }
    }
}

/// A project that was read, with what is needed to explain it.
#[derive(Debug)]
pub struct Loaded {
    /// The project.
    pub project: Project,
    /// The merged tree it was decoded from: where each value stands.
    pub tree: Node,
    /// The texts.
    pub sources: Sources,
    /// What is legal but probably not meant.
    pub warnings: Vec<Diagnostic>,
}

impl Loaded {
    /// `file:line` of the value at a path of keys (`["services", "app", "labels", "traefik.enable"]`),
    /// or of its nearest parent that was written down; for messages that point into the file.
    #[must_use]
    pub fn place(&self, path: &[&str]) -> Option<String> {
        (0..=path.len()).rev().find_map(|n| self.tree.place(path.get(..n)?)).and_then(|span| {
            let (source, line, _) = self.sources.locate(span)?;
            Some(format!("{}:{line}", source.path.display()))
        })
    }
}

/// A project as one tree, before it is decoded.
#[derive(Debug)]
pub struct Model {
    /// The merged, canonical tree.
    pub tree: Node,
    /// Name, folder, files and environment of the project, and nothing else.
    pub project: Project,
    /// The texts.
    pub sources: Sources,
    /// What is legal but probably not meant.
    pub warnings: Vec<Diagnostic>,
}

/// Why nothing was loaded: at least one error, and the warnings met on the way.
#[derive(Debug)]
pub struct Failure {
    /// All messages, in order of place.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts they point into.
    pub sources: Sources,
}

/// Loads a project.
///
/// # Errors
/// Every mistake found, as far as reading could go on after it.
pub fn load(options: &LoadOptions) -> Result<Loaded, Failure> {
    let mut session = Session::new(options.working_dir.clone());
    let read = read(options, Resolve::Environment, &mut session);
    match read.and_then(|(tree, facts)| Ok((decode(&tree, facts, options, &mut session)?, tree))) {
        Ok((project, tree)) => {
            allow::from_tree(&tree, &mut session);
            own::check(&tree, &mut session);
            let warnings = sorted(session.diagnostics, &session.allowed);
            Ok(Loaded { project, tree, sources: session.sources, warnings })
        }
        Err(Stop) => {
            let diagnostics = sorted(session.diagnostics, &session.allowed);
            Err(Failure { diagnostics, sources: session.sources })
        }
    }
}

/// Loads a project as far as its tree, which is what `config --no-interpolate` prints.
///
/// # Errors
/// Every mistake found, as far as reading could go on after it.
pub fn load_model(options: &LoadOptions) -> Result<Model, Failure> {
    let mut session = Session::new(options.working_dir.clone());
    match read(options, Resolve::Nothing, &mut session) {
        Ok((mut tree, project)) => {
            canonical::port_defaults(&mut tree);
            allow::from_tree(&tree, &mut session);
            own::check(&tree, &mut session);
            let warnings = sorted(session.diagnostics, &session.allowed);
            Ok(Model { tree, project, sources: session.sources, warnings })
        }
        Err(Stop) => {
            let diagnostics = sorted(session.diagnostics, &session.allowed);
            Err(Failure { diagnostics, sources: session.sources })
        }
    }
}

/// Where names without a value, in lists of variables and of build arguments, take theirs from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolve {
    /// The environment of the project.
    Environment,
    /// Nowhere, as in Docker Compose's `config --no-interpolate`.
    Nothing,
}

/// Files become one canonical tree, with what the project is beside it.
fn read(options: &LoadOptions, resolve: Resolve, session: &mut Session) -> Result<(Node, Project), Stop> {
    allow::from_options(options, session);
    let selection = discovery::select(options, session)?;
    let mut files = Vec::with_capacity(selection.files.len());
    for file in &selection.files {
        files.push(session.compose_file(file, None)?);
    }
    let name = name::choose(options, &selection, &files, session)?;
    let mut environment = selection.environment;
    environment.insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());

    let nothing = StringMap::new();
    let known = if resolve == Resolve::Environment || options.interpolate { &environment } else { &nothing };
    let scope = Scope {
        options,
        base: &selection.folder,
        shown: options.resolve_paths.then_some(selection.folder.as_path()),
        environment: known,
    };
    let first = files.iter().flat_map(|file| &file.documents).map(|document| document.span).next();
    let at_first = |diagnostic: Diagnostic| match first {
        Some(span) => diagnostic.at(span, ""),
        None => diagnostic,
    };
    let inputs = files.into_iter().map(Input::Read).collect();
    let mut tree = document::model(inputs, &scope, &[], &mut Included::default(), session)?;
    if tree.as_mapping().is_none_or(Mapping::is_empty) {
        return session.fail(at_first(Diagnostic::error(codes::input::EMPTY, "the compose file is empty")));
    }
    if options.normalize {
        let empty = if options.empty_names { EmptyNames::Kept } else { EmptyNames::Filled };
        normalize::normalize(&mut tree, &name, known, empty);
    }
    let project = Project {
        name,
        working_dir: selection.folder.clone(),
        compose_files: selection.files,
        env_files: selection.env_files,
        environment,
        ..Project::default()
    };
    Ok((tree, project))
}

/// A canonical tree becomes a project, with its active services checked and their environment resolved. `facts` is a
/// project with name, folder, files and environment only.
fn decode(tree: &Node, facts: Project, options: &LoadOptions, session: &mut Session) -> Result<Project, Stop> {
    let decoded = decode::project(tree).map_err(|diagnostics| {
        session.diagnostics.extend(diagnostics);
        Stop
    })?;
    let mut project = Project {
        name: facts.name,
        working_dir: facts.working_dir,
        compose_files: facts.compose_files,
        env_files: facts.env_files,
        environment: facts.environment,
        ..decoded
    };
    let profiles = profiles(options, &project.environment);
    profile::apply(&mut project, &profiles);
    profile::enable(&mut project, &options.selected);
    if options.consistency {
        session.diagnostics.extend(check::project(&project, tree));
        if options.unique_containers {
            session.diagnostics.extend(check::container_names(&project, tree, &options.selected));
        }
        session.checkpoint()?;
    }
    env::resolve::services(&mut project, tree, options.resolve_environment, session);
    session.checkpoint()?;
    if !options.all_resources {
        profile::prune(&mut project);
    }
    Ok(project)
}

/// `--profile`, else `COMPOSE_PROFILES`.
fn profiles(options: &LoadOptions, environment: &StringMap) -> Vec<String> {
    if !options.profiles.is_empty() {
        return options.profiles.clone();
    }
    let list = environment.get("COMPOSE_PROFILES").map(String::as_str).unwrap_or_default();
    list.split(',').map(str::trim).filter(|profile| !profile.is_empty()).map(str::to_owned).collect()
}

/// In order of place, without the warnings that are not to be told.
fn sorted(mut diagnostics: Vec<Diagnostic>, allowed: &BTreeSet<Code>) -> Vec<Diagnostic> {
    diagnostics.retain(|diagnostic| diagnostic.level == Level::Error || !allowed.contains(&diagnostic.code));
    diagnostic::sort(&mut diagnostics);
    diagnostics
}

#[cfg(test)]
mod tests;
