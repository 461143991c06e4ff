//! Copies what adopted services would see of the host (certificates, dynamic files) to where the gateway can read it.
//!
//! The gateway sees neither the host's folders nor anything a project did not mount for its Traefik.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::beneath::Found;

/// Larger files are no certificates and no configuration.
const MAX_FILE: u64 = 1024 * 1024;
/// Files and folders of one mount, at most.
const MAX_FILES: usize = 2000;
/// Folders inside each other, at most.
const MAX_DEPTH: usize = 8;

/// What one mirroring did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// Something is different now.
    pub changed: bool,
    /// What was left out, and why.
    pub problems: Vec<String>,
}

/// Makes `target` hold the same files as `source`, a file or a folder. Links count as what they lead to, as long as
/// that lies in `source` too. A source that is gone leaves the last copy: a certificate being replaced is not a
/// reason to serve none.
///
/// # Errors
/// A target that cannot be written.
pub fn mirror(source: &Path, target: &Path) -> io::Result<Mirrored> {
    let mut walk = Walk { root: source.canonicalize().unwrap_or_else(|_| source.to_owned()), ..Walk::default() };
    match Found::at(source, &walk.root) {
        Ok(found) if found.metadata.is_dir() => walk.folder(&found, source, target, 0)?,
        Ok(found) if found.metadata.is_file() => walk.file(&found, source, target)?,
        _ => return Ok(walk.done),
    }
    if walk.root.is_dir() {
        walk.sweep(target)?;
    }
    Ok(walk.done)
}

#[derive(Debug, Default)]
struct Walk {
    root: PathBuf,
    kept: BTreeSet<PathBuf>,
    done: Mirrored,
}

impl Walk {
    /// A folder that is open; `source` is what people call it.
    fn folder(&mut self, found: &Found, source: &Path, target: &Path, depth: usize) -> io::Result<()> {
        if depth > MAX_DEPTH {
            self.leave_out(source, "too many folders inside each other");
            return Ok(());
        }
        let entries = match fs::read_dir(found.path()) {
            Ok(entries) => entries,
            Err(error) => {
                self.leave_out(source, &error.to_string());
                return Ok(());
            }
        };
        if !self.keeps(source, target) {
            return Ok(());
        }
        // One without files is still there for whoever names it.
        fs::create_dir_all(target)?;
        for entry in entries.filter_map(io::Result::ok) {
            let (from, to) = (source.join(entry.file_name()), target.join(entry.file_name()));
            match Found::at(&entry.path(), &self.root) {
                Ok(found) if found.metadata.is_dir() => self.folder(&found, &from, &to, depth + 1)?,
                Ok(found) if found.metadata.is_file() => self.file(&found, &from, &to)?,
                // Sockets and devices mean nothing to the gateway; a file that has just gone will be seen next time.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.leave_out(&from, &error.to_string()),
            }
        }
        Ok(())
    }

    fn file(&mut self, found: &Found, source: &Path, target: &Path) -> io::Result<()> {
        let content = match found.read(MAX_FILE) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                self.leave_out(source, "larger than 1 MiB");
                return Ok(());
            }
            Err(error) => {
                self.leave_out(source, &error.to_string());
                return Ok(());
            }
        };
        if !self.keeps(source, target) || fs::read(target).is_ok_and(|old| old == content) {
            return Ok(());
        }
        self.done.changed = true;
        proxy::file::replace(target, &content)
    }

    /// Counts it among what stays; false where that is too much.
    fn keeps(&mut self, source: &Path, target: &Path) -> bool {
        let fits = self.kept.len() < MAX_FILES;
        if fits {
            self.kept.insert(target.to_owned());
        } else {
            self.leave_out(source, "more than 2000 files");
        }
        fits
    }

    /// Removes copies of what is no longer there.
    fn sweep(&mut self, target: &Path) -> io::Result<()> {
        let Ok(entries) = fs::read_dir(target) else { return Ok(()) };
        for entry in entries.filter_map(io::Result::ok) {
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.sweep(&path)?;
                if !self.kept.contains(&path) {
                    // Only an empty folder goes.
                    let _ = fs::remove_dir(&path);
                }
            } else if !self.kept.contains(&path) {
                fs::remove_file(&path)?;
                self.done.changed = true;
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &Path, why: &str) {
        self.done.problems.push(format!("`{}` is left out: {why}", path.display()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn the_copy_follows_the_source() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (source, target) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir_all(source.join("live"))?;
        fs::create_dir_all(source.join("archive"))?;
        fs::write(source.join("archive/cert1.pem"), "one")?;
        symlink("../archive/cert1.pem", source.join("live/cert.pem"))?;
        symlink("/etc/passwd", source.join("live/out"))?;
        symlink("nowhere", source.join("live/broken"))?;
        mkfifoat(CWD, source.join("live/pipe"), Mode::from_raw_mode(0o600))?;

        let first = mirror(&source, &target)?;
        assert!(first.changed);
        let out = source.join("live/out").display().to_string();
        assert_eq!(first.problems, [format!("`{out}` is left out: the link leads out of what is mounted")]);
        assert_eq!(fs::read_to_string(target.join("live/cert.pem"))?, "one");
        assert!(!target.join("live/out").exists());
        assert!(!mirror(&source, &target)?.changed);

        fs::write(source.join("archive/cert1.pem"), "two")?;
        assert!(mirror(&source, &target)?.changed);
        assert_eq!(fs::read_to_string(target.join("live/cert.pem"))?, "two");

        fs::remove_file(source.join("live/cert.pem"))?;
        assert!(mirror(&source, &target)?.changed);
        assert!(!target.join("live/cert.pem").exists());

        fs::remove_file(source.join("live/out"))?;
        fs::remove_dir_all(source.join("archive"))?;
        mirror(&source, &target)?;
        assert!(target.join("live").is_dir(), "an empty folder is a folder");
        assert!(!target.join("archive").exists());
        Ok(())
    }

    #[test]
    fn a_source_that_is_gone_leaves_the_last_copy() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (source, target) = (folder.path().join("cert.pem"), folder.path().join("copy.pem"));
        fs::write(&source, "one")?;
        mirror(&source, &target)?;
        fs::remove_file(&source)?;
        assert!(!mirror(&source, &target)?.changed);
        assert_eq!(fs::read_to_string(target)?, "one");
        Ok(())
    }
}
