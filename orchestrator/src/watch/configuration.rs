//! Which files a gateway's configuration is made of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use proxy::config::file::is_dynamic;
use proxy::gateway::is_pem;

/// Tells files of a gateway's configuration from others in the same folders, above all from logs: reading it again writes
/// to those. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct ConfigurationFiles {
    /// Files that the configuration names; they may be called anything.
    named: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl ConfigurationFiles {
    /// Whether a file belongs to it: a dynamic file, a state file of the edge, a certificate or a key by its ending, or
    /// one that was named.
    pub fn has(&self, path: &Path) -> bool {
        is_dynamic(path)
            || is_pem(path)
            || path.extension().is_some_and(|end| end == "json")
            || self.named.lock().unwrap_or_else(PoisonError::into_inner).contains(path)
    }

    /// The folders of the files that the configuration names.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect()
    }

    /// Sets the files that the configuration names now; whether there are others than before among them. Relative ones
    /// start from the current directory.
    pub fn set_named(&self, files: impl IntoIterator<Item = PathBuf>) -> bool {
        let named: BTreeSet<PathBuf> =
            files.into_iter().map(|file| std::path::absolute(&file).unwrap_or(file)).collect();
        let mut known = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let more = !named.is_subset(&known);
        *known = named;
        more
    }
}
