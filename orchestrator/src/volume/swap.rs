//! What was restored and what was there change places.
//!
//! ```text
//! .stack-restore/new/    what is being unpacked
//! .stack-restore/old/    what was there; made once `new` is whole
//! .stack-restore/moved   all that was there is in `old`
//! ```
//!
//! Up to `old` the volume's content is what it was, and nothing of it has been touched. From then on all is there that is
//! needed to go on: whoever restores next finishes what was broken off before anything else.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::{STAGING, xattr};

fn staging(folder: &Path, name: &str) -> PathBuf {
    folder.join(STAGING).join(name)
}

/// A restore was broken off in the middle of the exchange.
pub(super) fn is_pending(folder: &Path) -> bool {
    staging(folder, "old").exists()
}

/// Whether there is anything in the volume but what was left by a restore that was broken off.
///
/// # Errors
/// A folder that cannot be read.
pub fn is_empty(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        if entry?.file_name() != OsStr::new(STAGING) {
            return Ok(false);
        }
    }
    Ok(!is_pending(folder))
}

/// Puts right what a restore that was broken off has left.
pub(super) fn recover(folder: &Path) -> io::Result<()> {
    if is_pending(folder) { finish(folder) } else { remove(&folder.join(STAGING)) }
}

/// An empty folder to unpack into.
pub(super) fn begin(folder: &Path) -> io::Result<PathBuf> {
    let new = staging(folder, "new");
    fs::create_dir_all(&new)?;
    // An archive need not say whose the volume is.
    take_over(&fs::metadata(folder)?, &xattr::read(folder)?, &new)?;
    Ok(new)
}

/// Leaves the volume as it was.
pub(super) fn give_up(folder: &Path) {
    // What stays is removed by the next restore, and is no part of a backup.
    let _ = remove(&folder.join(STAGING));
}

/// Exchanges, or goes on with it.
pub(super) fn finish(folder: &Path) -> io::Result<()> {
    let (new, old, moved) = (staging(folder, "new"), staging(folder, "old"), staging(folder, "moved"));
    if !moved.exists() {
        fs::create_dir_all(&old)?;
        move_all(folder, &old)?;
        File::create(&moved)?.sync_all()?;
    }
    let (meta, attributes) = (fs::metadata(&new)?, xattr::read(&new)?);
    move_all(&new, folder)?;
    take_over(&meta, &attributes, folder)?;
    // From here on a repeated exchange would find nothing to move, and do no harm.
    remove(&old)?;
    remove(&folder.join(STAGING))?;
    // That was a change of the folder, too.
    take_over(&meta, &attributes, folder)
}

fn move_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if name != OsStr::new(STAGING) {
            fs::rename(from.join(&name), to.join(&name))?;
        }
    }
    Ok(())
}

/// Gives a folder the owner, mode, attributes and time of another.
fn take_over(meta: &fs::Metadata, attributes: &[xattr::Attribute], to: &Path) -> io::Result<()> {
    lchown(to, Some(meta.uid()), Some(meta.gid()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(meta.mode() & 0o7777))?;
    // The file system has taken them once already.
    xattr::write(to, attributes);
    let time = Timespec { tv_sec: meta.mtime(), tv_nsec: meta.mtime_nsec() };
    utimensat(CWD, to, &Timestamps { last_access: time, last_modification: time }, AtFlags::empty())?;
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
