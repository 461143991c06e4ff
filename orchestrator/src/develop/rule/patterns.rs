//! Patterns that start from a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ignore::{Broken, Ignore};

/// Patterns in the language of `.dockerignore`, about what is in one folder. Clones share the patterns.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    folder: PathBuf,
    patterns: Arc<Ignore>,
}

impl Patterns {
    /// Reads patterns, one a line.
    ///
    /// # Errors
    /// A pattern that makes no sense.
    pub(super) fn new(folder: &Path, text: &str) -> Result<Self, Broken> {
        Ok(Self { folder: folder.to_owned(), patterns: Arc::new(Ignore::parse(text)?) })
    }

    /// Whether a path, or a folder it is in, matches. The folder itself and what is outside never do.
    pub(super) fn matches(&self, path: &Path) -> bool {
        self.relative(path).is_some_and(|path| self.patterns.leaves_out(&path))
    }

    /// Whether a folder matches with everything that can be in it.
    pub(super) fn matches_whole(&self, folder: &Path) -> bool {
        self.relative(folder)
            .is_some_and(|folder| self.patterns.leaves_out(&folder) && !self.patterns.may_keep_below(&folder))
    }

    fn relative<'a>(&self, path: &'a Path) -> Option<std::borrow::Cow<'a, str>> {
        let inside = path.strip_prefix(&self.folder).ok().filter(|inside| !inside.as_os_str().is_empty())?;
        Some(inside.to_string_lossy())
    }
}
