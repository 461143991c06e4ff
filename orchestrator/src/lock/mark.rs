//! A file that says that somebody is at work: where it is found, whoever had the lock before was killed.
//!
//! Each user has a folder of their own for them, so that one of another user is not seen; nobody is kept out by a file.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Such a file; dropping it takes it away.
#[derive(Debug)]
pub(super) struct Mark(PathBuf);

impl Mark {
    /// Sets a mark of this name; whether there was one. Blocks.
    ///
    /// # Errors
    /// A folder that cannot be made, or is somebody else's.
    pub(super) fn set(name: &str) -> io::Result<(Self, bool)> {
        Self::set_in(&folder(), name)
    }

    fn set_in(folder: &Path, name: &str) -> io::Result<(Self, bool)> {
        own(folder)?;
        let path = folder.join(name);
        let found = path.try_exists()?;
        File::create(&path)?;
        Ok((Self(path), found))
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // One that stays costs the next command a look more.
        let _ = fs::remove_file(&self.0);
    }
}

fn folder() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "the same for all of a user's commands, whatever their files of variables say"
    )]
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| Path::new(folder).is_dir());
    runtime.map_or_else(
        || std::env::temp_dir().join(format!("stack-locks-{}", rustix::process::geteuid().as_raw())),
        |folder| PathBuf::from(folder).join("stack-locks"),
    )
}

/// Makes the folder for this user alone; one that somebody else put there is not used.
fn own(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_by_the_next_one_unless_it_was_taken_away() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        let folder = root.path().join("locks");
        let (first, found) = Mark::set_in(&folder, "a")?;
        assert!(!found);
        drop(first);
        let (killed, found) = Mark::set_in(&folder, "a")?;
        assert!(!found);
        std::mem::forget(killed);
        assert!(!Mark::set_in(&folder, "b")?.1, "another lock");
        assert!(Mark::set_in(&folder, "a")?.1);
        Ok(())
    }

    #[test]
    fn what_somebody_else_has_put_there_is_not_used() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        let link = root.path().join("locks");
        std::os::unix::fs::symlink(root.path(), &link)?;
        assert!(Mark::set_in(&link, "a").is_err());
        Ok(())
    }
}
