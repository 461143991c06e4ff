//! One command at a time changes a project: two `up`s take turns.
//!
//! The lock is a file of this user on this host, held as long as the process lives; the kernel lets go of it however
//! the process ends.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::{CommandError, Result};
use crate::ui::output;

/// A held lock; dropping it lets the next one go on.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Whoever had it before was killed while it worked.
    pub abandoned: bool,
}

impl Lock {
    /// Takes the lock of a project on an engine (its address); waits for whoever holds it, and says so. Blocks: call it
    /// before the async runtime starts.
    ///
    /// # Errors
    /// A folder for locks that cannot be made, or is somebody else's.
    pub fn of_project(engine: &str, project: &str) -> Result<Self> {
        let (file, path) = open(&format!("{project}-{}.lock", digest(engine)))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                let holder = holder.trim();
                let who = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
                output::stderr(&format!("waiting for another `stack`{who} that works on project `{project}`\n"));
                file.lock().map_err(|error| cannot_take(&path, &error))?;
            }
            Err(TryLockError::Error(error)) => return Err(cannot_take(&path, &error)),
        }
        Ok(Self::taken(file))
    }

    /// Takes the lock of whoever watches the files of a project; it does not keep others from changing the project.
    ///
    /// # Errors
    /// Somebody watches them already; as [`Lock::of_project`].
    pub fn of_watch(engine: &str, project: &str) -> Result<Self> {
        let (file, path) = open(&format!("{project}-{}.watch", digest(engine)))?;
        match file.try_lock() {
            Ok(()) => Ok(Self::taken(file)),
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                Err(CommandError::new(format!(
                    "cannot take exclusive lock for project \"{project}\": process with PID {} is still running",
                    holder.trim()
                ))
                .hint("one `stack watch` or `stack up --watch` at a time watches a project; stop the other one first"))
            }
            Err(TryLockError::Error(error)) => Err(cannot_take(&path, &error)),
        }
    }

    /// What is to be noted in a file whose lock is held.
    fn taken(mut file: File) -> Self {
        // Whoever ends in order leaves the file empty.
        let abandoned = file.metadata().is_ok_and(|found| found.len() > 0);
        // For the message of whoever waits; a file that cannot be written locks all the same.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Self { file, abandoned }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Not being able to is taken for an abandoned lock next time, which costs one look more.
        let _ = self.file.set_len(0);
    }
}

/// Opens the file of a lock.
fn open(name: &str) -> Result<(File, PathBuf)> {
    let folder = folder();
    let path = folder.join(name);
    own_folder(&folder)?;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    Ok((file.map_err(|error| cannot_take(&path, &error))?, path))
}

fn cannot_take(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(format!("cannot take the lock `{}`: {error}", path.display()))
}

fn folder() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| Path::new(folder).is_dir());
    runtime.map_or_else(
        || std::env::temp_dir().join(format!("stack-locks-{}", rustix::process::geteuid().as_raw())),
        |folder| PathBuf::from(folder).join("stack-locks"),
    )
}

/// Makes the folder for this user alone; one that somebody else put there is not used.
fn own_folder(folder: &Path) -> Result<()> {
    let fail = |what: &dyn std::fmt::Display| {
        CommandError::new(format!("cannot keep locks in `{}`: {what}", folder.display()))
            .hint("set XDG_RUNTIME_DIR to a folder of your own")
    };
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(fail(&error)),
    }
    let found = fs::symlink_metadata(folder).map_err(|error| fail(&error))?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(fail(&"it belongs to somebody else"));
    }
    Ok(())
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_watches_a_project() -> std::result::Result<(), String> {
        let project = format!("watch-test-{}", std::process::id());
        let first = Lock::of_watch("unix:///a", &project).map_err(|error| error.message)?;
        // Watching keeps nobody from working on the project.
        let _work = Lock::of_project("unix:///a", &project).map_err(|error| error.message)?;
        let expected = format!(
            "cannot take exclusive lock for project \"{project}\": process with PID {} is still running",
            std::process::id()
        );
        assert_eq!(Lock::of_watch("unix:///a", &project).map_err(|error| error.message).err(), Some(expected));
        drop(first);
        assert!(Lock::of_watch("unix:///a", &project).is_ok());
        for end in ["lock", "watch"] {
            let _ = fs::remove_file(folder().join(format!("{project}-{}.{end}", digest("unix:///a"))));
        }
        Ok(())
    }

    #[test]
    fn a_lock_is_held_until_it_is_dropped() -> std::result::Result<(), String> {
        let project = format!("lock-test-{}", std::process::id());
        let first = Lock::of_project("unix:///a", &project).map_err(|error| error.message)?;
        // Another engine's project of the same name is another project.
        let _other = Lock::of_project("unix:///b", &project).map_err(|error| error.message)?;
        let (sender, taken) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn({
            let project = project.clone();
            move || {
                let lock = Lock::of_project("unix:///a", &project);
                let _ = sender.send(lock.is_ok());
            }
        });
        assert!(taken.recv_timeout(std::time::Duration::from_millis(100)).is_err(), "it had to wait");
        assert!(!first.abandoned);
        drop(first);
        assert_eq!(taken.recv_timeout(std::time::Duration::from_secs(10)), Ok(true));
        waiter.join().map_err(|_| "the waiting thread failed".to_owned())?;
        for engine in ["unix:///a", "unix:///b"] {
            let _ = fs::remove_file(folder().join(format!("{project}-{}.lock", digest(engine))));
        }
        Ok(())
    }
}
