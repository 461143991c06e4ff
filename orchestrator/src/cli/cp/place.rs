//! Where a copy ends up: `docker cp`'s rules on existing destinations, names and slashes, without a look at anything.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Its name; none for what is in a folder (`folder/.`).
    pub(super) name: Option<OsString>,
    /// It is a folder.
    pub(super) is_folder: bool,
}

/// What is at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// Where it shall go, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// An absolute path without `.` and `..`.
    pub(super) path: PathBuf,
    /// What is there.
    pub(super) found: Found,
    /// It was written as a folder (`dir/`, `dir/.`).
    pub(super) as_folder: bool,
}

/// Where it goes: a folder that is there, and a name in it. Without a name into the folder itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The folder.
    pub(super) folder: PathBuf,
    /// The name.
    pub(super) name: Option<OsString>,
}

/// Finds the place.
///
/// # Errors
/// In words, what does not go.
pub(super) fn place(source: &Source, destination: &Destination) -> Result<Place, &'static str> {
    let Destination { path, found, as_folder } = destination;
    let renamed = || match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Place { folder: folder.to_owned(), name: Some(name.to_owned()) },
        _ => Place { folder: path.clone(), name: None },
    };
    match found {
        Found::Folder => Ok(Place { folder: path.clone(), name: source.name.clone() }),
        Found::File if source.is_folder => Err("a folder cannot be copied onto a file"),
        Found::File if *as_folder => Err("the destination is not a folder"),
        Found::Nothing if *as_folder && !source.is_folder => Err("there is no such folder"),
        Found::File | Found::Nothing => Ok(renamed()),
    }
}

/// Whether a path means what is in a folder (`.`, `dir/.`).
pub(super) fn is_content(path: &str) -> bool {
    path == "." || path.ends_with("/.")
}

/// Whether a path can only be a folder (`dir/`, `dir/.`).
pub(super) fn is_as_folder(path: &str) -> bool {
    path.ends_with('/') || is_content(path)
}

/// A path made absolute, without `.`, `..` and slashes at its end, without a look at the file system.
pub(super) fn absolute(base: &Path, path: &str) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in base.join(path).components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::Normal(name) => clean.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    clean
}
