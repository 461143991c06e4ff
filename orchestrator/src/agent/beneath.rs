//! Files below a folder that others can change at any moment: links in it, and folders that become links.
//!
//! What a path leads to is opened without touching it, then the kernel is asked where that lies, and from then on only what
//! is open is used. Nothing can lie below a mount and elsewhere too, and nothing moves from one mount to another. (The
//! kernel's own `RESOLVE_BENEATH` is refused by engines that do not know it.)

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Something below a folder; neither read nor waited for.
#[derive(Debug)]
pub(super) struct Found {
    handle: File,
    /// What it is.
    pub(super) metadata: Metadata,
}

impl Found {
    /// What a path leads to. Links count as what they lead to.
    ///
    /// # Errors
    /// Nothing is there; it lies outside of `root`.
    pub(super) fn at(path: &Path, root: &Path) -> io::Result<Self> {
        let handle = File::from(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?);
        let metadata = handle.metadata()?;
        let found = Self { handle, metadata };
        if fs::read_link(found.path())?.starts_with(root) { Ok(found) } else { Err(leads_out()) }
    }

    /// A path that leads to this very thing, whatever has become of its name.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))
    }

    /// A file's content, of `largest` bytes at most.
    ///
    /// # Errors
    /// It is no file, is larger, or cannot be read.
    pub(super) fn read(&self, largest: u64) -> io::Result<Vec<u8>> {
        if !self.metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let flags = (OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
        proxy::file::read_open(OpenOptions::new().read(true).custom_flags(flags).open(self.path())?, largest)
    }

    /// The folder of that name in this one, which is made where it is missing.
    ///
    /// # Errors
    /// Something else is there, or it lies outside of `root`; whatever the file system answers.
    pub(super) fn folder(&self, name: &Path, root: &Path) -> io::Result<Self> {
        let path = self.path().join(name);
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let found = Self::at(&path, root)?;
        if found.metadata.is_dir() { Ok(found) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }
}

fn leads_out() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the link leads out of what is mounted")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, mkfifoat};

    use super::*;

    #[test]
    fn only_what_lies_below_is_found() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (root, other) = (folder.path().canonicalize()?.join("mine"), folder.path().join("other"));
        fs::create_dir_all(root.join("deep"))?;
        fs::create_dir(&other)?;
        for (path, text) in [(root.join("deep/a"), "mine"), (other.join("a"), "theirs")] {
            fs::write(path, text)?;
        }
        symlink("deep", root.join("in"))?;
        symlink(&other, root.join("out"))?;
        assert_eq!(Found::at(&root.join("in/a"), &root)?.read(100)?, b"mine");
        assert!(Found::at(&root.join("out/a"), &root).is_err() && Found::at(&root.join("none"), &root).is_err());
        assert!(Found::at(&root.join("in/a"), &root)?.read(3).is_err(), "larger than expected");

        // Exchanged for a link after it was found: what was found stays what it was.
        let deep = Found::at(&root.join("deep"), &root)?;
        fs::rename(root.join("deep"), root.join("moved"))?;
        symlink(&other, root.join("deep"))?;
        assert_eq!(Found::at(&deep.path().join("a"), &root)?.read(100)?, b"mine");

        mkfifoat(CWD, root.join("pipe"), Mode::from_raw_mode(0o600))?;
        assert!(Found::at(&root.join("pipe"), &root)?.read(100).is_err(), "nobody waits for a pipe");
        Ok(())
    }

    #[test]
    fn folders_are_made_inside_only() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().canonicalize()?.join("mine");
        let other = folder.path().join("other");
        fs::create_dir_all(&other)?;
        fs::create_dir(&root)?;
        symlink(&other, root.join("out"))?;
        let top = Found::at(&root, &root)?;
        for _ in 0..2 {
            assert!(top.folder(Path::new("new"), &root)?.metadata.is_dir());
        }
        assert!(root.join("new").is_dir() && top.folder(Path::new("out"), &root).is_err());
        Ok(())
    }
}
