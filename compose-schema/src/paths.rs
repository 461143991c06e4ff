//! Paths as the compose language treats them: joined and cleaned by their text, whatever exists.

mod resolve;

use std::path::{Component, Path, PathBuf};

pub(crate) use resolve::resolve;

/// `path` seen from `base`, without `.`, `..` and doubled slashes; an absolute `path` stays where it is.
#[must_use]
pub fn join(base: &Path, path: &Path) -> PathBuf {
    clean(&base.join(path))
}

/// A path without `.`, doubled slashes, and `..` after a name. The empty path is `.`.
#[must_use]
pub fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match cleaned.components().next_back() {
                Some(Component::Normal(_)) => {
                    cleaned.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => cleaned.push(".."),
            },
            component => cleaned.push(component),
        }
    }
    if cleaned.as_os_str().is_empty() { PathBuf::from(".") } else { cleaned }
}

/// The way from one absolute, clean folder to another path; the path itself where there is none.
#[must_use]
pub fn relative(from: &Path, to: &Path) -> PathBuf {
    if from.is_absolute() != to.is_absolute() {
        return to.to_path_buf();
    }
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(common)).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

/// A leading `~` replaced by the home folder.
pub(crate) fn expand_home(path: &str, home: Option<&str>) -> String {
    match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) => {
            join(Path::new(home), Path::new(rest.trim_start_matches('/'))).to_string_lossy().into_owned()
        }
        _ => path.to_owned(),
    }
}

/// Why a path names something that is not on this machine, or nothing where it does.
pub(crate) fn remote_kind(path: &str) -> Option<&'static str> {
    if path.starts_with("oci://") {
        Some("an OCI registry")
    } else if path.contains("://") {
        Some("another machine")
    } else if path.starts_with("git@") || path.starts_with("github.com/") {
        Some("a Git repository")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_their_text() {
        for (path, expected) in [
            ("/a//b/./c/", "/a/b/c"),
            ("/a/../../x", "/x"),
            ("../a/../b", "../b"),
            ("./x", "x"),
            ("", "."),
            ("a/..", "."),
        ] {
            assert_eq!(clean(Path::new(path)), Path::new(expected), "{path}");
        }
        assert_eq!(join(Path::new("/p"), Path::new("/abs")), Path::new("/abs"));
        assert_eq!(relative(Path::new("/a/b"), Path::new("/a/c/d")), Path::new("../c/d"));
        assert_eq!(relative(Path::new("/a"), Path::new("/a")), Path::new("."));
        assert_eq!(expand_home("~/x", Some("/root")), "/root/x");
        assert_eq!(expand_home("~", Some("/root")), "/root");
        assert_eq!(expand_home("~/x", None), "~/x");
    }
}
