//! Which files make up a project, where its folder is, and which variables it sees.

pub(crate) mod name;

use std::path::{Path, PathBuf};

use crate::codes::input;
use crate::diagnostic::Diagnostic;
use crate::env::{self, Format};
use crate::load::LoadOptions;
use crate::load::document;
use crate::model::StringMap;
use crate::paths;
use crate::session::{Session, Stop};

/// The names of a compose file, the preferred first.
pub const FILE_NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// The names of the file that overrides it, the preferred first.
pub const OVERRIDE_NAMES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// What was found.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Compose files in order, absolute; `-` for standard input.
    pub(crate) files: Vec<PathBuf>,
    /// The project's folder, absolute.
    pub(crate) folder: PathBuf,
    /// The env files that were read, absolute.
    pub(crate) env_files: Vec<PathBuf>,
    /// The process's variables, then those of the env files.
    pub(crate) environment: StringMap,
}

/// Finds the files and the folder of a project, and reads its env files.
pub(crate) fn select(options: &LoadOptions, session: &mut Session) -> Result<Selection, Stop> {
    let mut files: Vec<PathBuf> = Vec::with_capacity(options.files.len());
    for file in &options.files {
        files.push(absolute(options, file, session)?);
    }
    let mut selection = Selection {
        folder: folder(options, &files),
        files,
        env_files: Vec::new(),
        environment: options.environment.clone(),
    };
    let pwd = options.working_dir.to_string_lossy().into_owned();
    selection.environment.entry("PWD".to_owned()).or_insert(pwd);
    let named = named_env_files(options);
    selection.env_files(options, &named, session)?;
    if selection.files.is_empty() {
        selection.files = match selection.environment.get("COMPOSE_FILE").cloned() {
            Some(list) => from_variable(&list, options, &selection.environment, session)?,
            None => discover(&selection.folder, session)?,
        };
        selection.folder = folder(options, &selection.files);
        // The folder may be another one now, with another `.env`.
        selection.env_files(options, &named, session)?;
    }
    Ok(selection)
}

impl Selection {
    /// Reads the env files that were named, else the `.env` of the project's folder; what is known already wins.
    fn env_files(&mut self, options: &LoadOptions, named: &[PathBuf], session: &mut Session) -> Result<(), Stop> {
        let default = self.folder.join(".env");
        let files = if !named.is_empty() {
            named.to_vec()
        } else if !disabled(options, session)? {
            if self.folder.is_file() {
                let message = format!("the project's folder `{}` is a file", session.shown(&self.folder).display());
                return session.fail(Diagnostic::error(input::UNREADABLE, message).hint("name a folder"));
            }
            if !default.is_file() {
                return Ok(());
            }
            vec![default]
        } else {
            return Ok(());
        };
        if files.iter().all(|file| self.env_files.contains(file)) {
            return Ok(());
        }
        let mut found = StringMap::new();
        let outer = |name: &str| self.environment.get(name).cloned();
        for file in &files {
            env::read(file, Format::Dotenv, None, &outer, &mut found, session)?;
        }
        for (name, value) in found {
            self.environment.entry(name).or_insert(value);
        }
        self.env_files.extend(files);
        Ok(())
    }
}

/// `--env-file`, else `COMPOSE_ENV_FILES`.
fn named_env_files(options: &LoadOptions) -> Vec<PathBuf> {
    let from_variable = || {
        let list = options.environment.get("COMPOSE_ENV_FILES").map(String::as_str).unwrap_or_default();
        list.split(',').filter(|file| !file.is_empty()).map(PathBuf::from).collect::<Vec<_>>()
    };
    let files = if options.env_files.is_empty() { from_variable() } else { options.env_files.clone() };
    files.iter().map(|file| paths::join(&options.working_dir, file)).collect()
}

fn disabled(options: &LoadOptions, session: &mut Session) -> Result<bool, Stop> {
    let Some(value) = options.environment.get("COMPOSE_DISABLE_ENV_FILE") else { return Ok(false) };
    match value.as_str() {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
        _ => session.fail(Diagnostic::error(
            input::CAST,
            format!("`COMPOSE_DISABLE_ENV_FILE` must be `true` or `false`, not `{value}`"),
        )),
    }
}

/// `--project-directory`, else the folder of the first file that has one, else the current folder.
fn folder(options: &LoadOptions, files: &[PathBuf]) -> PathBuf {
    match &options.project_directory {
        Some(folder) => paths::join(&options.working_dir, folder),
        None => files
            .iter()
            .find(|file| file.as_path() != Path::new("-"))
            .and_then(|file| file.parent())
            .map_or_else(|| options.working_dir.clone(), Path::to_path_buf),
    }
}

fn absolute(options: &LoadOptions, file: &Path, session: &mut Session) -> Result<PathBuf, Stop> {
    if file == Path::new("-") {
        return Ok(file.to_path_buf());
    }
    let named = file.to_string_lossy();
    match paths::remote_kind(&named) {
        Some(kind) => session.fail(document::remote(&named, kind, None)),
        None => Ok(paths::join(&options.working_dir, file)),
    }
}

fn from_variable(
    list: &str,
    options: &LoadOptions,
    environment: &StringMap,
    session: &mut Session,
) -> Result<Vec<PathBuf>, Stop> {
    let separator = environment
        .get("COMPOSE_PATH_SEPARATOR")
        .filter(|separator| !separator.is_empty())
        .map_or(if cfg!(windows) { ";" } else { ":" }, String::as_str);
    list.split(separator).map(|file| absolute(options, Path::new(file), session)).collect()
}

/// The compose file of a folder or of its nearest parent that has one, and the file beside it that overrides it.
fn discover(folder: &Path, session: &mut Session) -> Result<Vec<PathBuf>, Stop> {
    for folder in folder.ancestors() {
        let Some(file) = first(folder, &FILE_NAMES, session) else { continue };
        return Ok(std::iter::once(file).chain(first(folder, &OVERRIDE_NAMES, session)).collect());
    }
    session.fail(
        Diagnostic::error(input::NO_FILE, format!("no compose file in `{}` or its parents", folder.display()))
            .hint("make a `compose.yaml`, or name a file with `-f`"),
    )
}

fn first(folder: &Path, names: &[&str], session: &mut Session) -> Option<PathBuf> {
    let mut found = names.iter().map(|name| folder.join(name)).filter(|file| file.exists());
    let first = found.next()?;
    let others: Vec<String> = found.map(|file| format!("`{}`", session.shown(&file).display())).collect();
    if !others.is_empty() {
        let message =
            format!("`{}` is used, though there is {} too", session.shown(&first).display(), others.join(", "));
        session.diagnostics.push(
            Diagnostic::warning(input::SEVERAL_FILES, message)
                .hint("name the one you mean with `-f`, or remove the others"),
        );
    }
    Some(first)
}

#[cfg(test)]
mod tests;
