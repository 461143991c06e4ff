//! Sources and destinations on this host.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::place::{Destination, Found, Source, absolute, is_as_folder, is_content};
use crate::ui::style::printable;

/// Symbolic links that lead to each other, at most.
const MAX_LINKS: usize = 10;

fn words(path: &Path, error: &io::Error) -> String {
    let path = printable(&path.display().to_string());
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no {path}"),
        io::ErrorKind::NotADirectory => format!("{path} is not a folder"),
        _ => format!("cannot read {path}: {error}"),
    }
}

/// Finds what is to be copied: its path, and what it is. A symbolic link is copied as such, unless `follow` is set or it
/// is written as a folder.
///
/// # Errors
/// In words, what is wrong with it.
pub(super) fn source(base: &Path, text: &str, follow: bool) -> Result<(PathBuf, Source), String> {
    let path = absolute(base, text);
    let name = if is_content(text) { None } else { path.file_name().map(ToOwned::to_owned) };
    // Cleaning a path of `..` must not lead elsewhere where a link is on the way.
    let mut real = base.join(text);
    let resolved = follow || is_as_folder(text);
    let meta = if resolved { fs::metadata(&real) } else { fs::symlink_metadata(&real) };
    let meta = meta.map_err(|error| words(&path, &error))?;
    if is_as_folder(text) && !meta.is_dir() {
        return Err(format!("{} is not a folder", printable(text)));
    }
    if resolved {
        real = real.canonicalize().map_err(|error| words(&path, &error))?;
    }
    Ok((real, Source { name, is_folder: meta.is_dir() }))
}

/// Finds where a copy shall go; links at its end are followed.
///
/// # Errors
/// In words, what is wrong with it.
pub(super) fn destination(base: &Path, text: &str) -> Result<Destination, String> {
    let mut path = absolute(base, text);
    let as_folder = is_as_folder(text);
    for _ in 0..=MAX_LINKS {
        let meta = match fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(Path::new("/"));
                return match fs::metadata(folder) {
                    Ok(meta) if meta.is_dir() => Ok(Destination { path, found: Found::Nothing, as_folder }),
                    Ok(_) => Err(format!("{} is not a folder", printable(&folder.display().to_string()))),
                    Err(error) => Err(words(folder, &error)),
                };
            }
            Err(error) => return Err(words(&path, &error)),
        };
        if meta.is_symlink() {
            let target = fs::read_link(&path).map_err(|error| words(&path, &error))?;
            path = path.parent().unwrap_or(Path::new("/")).join(target);
            continue;
        }
        return match meta.file_type() {
            kind if kind.is_dir() => Ok(Destination { path, found: Found::Folder, as_folder }),
            kind if kind.is_file() => Ok(Destination { path, found: Found::File, as_folder }),
            _ => Err(format!("{} is neither a file nor a folder", printable(text))),
        };
    }
    Err(format!("{} is a link that leads nowhere", printable(text)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::super::place::Found;
    use super::{destination, source};

    #[test]
    fn links_are_copied_as_such_unless_they_are_to_be_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("real")).unwrap();
        fs::write(root.join("file"), "x").unwrap();
        symlink("real", root.join("link")).unwrap();
        let found = |text: &str, follow| {
            source(&root, text, follow).map(|(path, source)| {
                let path = path.strip_prefix(&root).unwrap().display().to_string();
                (path, source.name.map(|name| name.display().to_string()), source.is_folder)
            })
        };
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(found("link", false), Ok(("link".into(), named("link"), false)));
        assert_eq!(found("link", true), Ok(("real".into(), named("link"), true)));
        assert_eq!(found("link/", false), Ok(("real".into(), named("link"), true)));
        assert_eq!(found("real/.", false), Ok(("real".into(), None, true)));
        assert_eq!(found("file/", false), Err(format!("{} is not a folder", root.join("file").display())));
        assert_eq!(found("none", false), Err(format!("there is no {}", root.join("none").display())));
    }

    #[test]
    fn destinations_follow_links_and_need_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("dir")).unwrap();
        symlink("dir", root.join("to-dir")).unwrap();
        symlink("dir/new", root.join("dangling")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let found = |text: &str| {
            destination(&root, text).map(|found| (found.path.strip_prefix(&root).unwrap().to_owned(), found.found))
        };
        assert_eq!(found("to-dir"), Ok(("dir".into(), Found::Folder)));
        assert_eq!(found("dangling"), Ok(("dir/new".into(), Found::Nothing)));
        assert_eq!(found("loop"), Err("loop is a link that leads nowhere".to_owned()));
        assert_eq!(found("none/x"), Err(format!("there is no {}", root.join("none").display())));
        assert!(destination(&root, "/dev/null").is_err_and(|message| message.contains("neither a file nor a folder")));
    }
}
