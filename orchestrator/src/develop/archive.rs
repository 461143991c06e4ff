//! Files as tar archives that engines unpack at `/`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// An archive of this size is closed and another one begun: a large tree is not held in memory as a whole.
const ENOUGH: usize = 32 * 1024 * 1024;

/// Who files belong to, by number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// User.
    pub uid: u64,
    /// Group.
    pub gid: u64,
}

/// A part of the files to be copied.
#[derive(Debug, Default)]
pub struct Part {
    /// The archive; empty where none of the files could be packed.
    pub tar: Bytes,
    /// Paths in the container of files that have vanished meanwhile.
    pub vanished: Vec<String>,
    /// What could not be read, and why.
    pub problems: Vec<String>,
    /// The first path in the container that has not been packed yet.
    pub rest: Option<String>,
}

/// Packs files (by their paths in the container), from `start` on, until there is enough. Folders come without what is in
/// them. Blocks.
///
/// # Errors
/// None that is known: the archive is written to memory.
pub fn pack(files: &BTreeMap<String, PathBuf>, start: Option<&str>, owner: Owner) -> io::Result<Part> {
    let mut part = Part::default();
    let mut tar = tar::Builder::new(Vec::new());
    let mut packed = false;
    for (place, path) in files.range::<str, _>((
        start.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included),
        std::ops::Bound::Unbounded,
    )) {
        if tar.get_ref().len() >= ENOUGH {
            part.rest = Some(place.clone());
            break;
        }
        let before = tar.get_ref().len();
        match add(&mut tar, place, path, owner) {
            Ok(added) => packed |= added,
            Err(error) => {
                // What has been written of it would spoil the rest.
                tar.get_mut().truncate(before);
                if error.kind() == io::ErrorKind::NotFound {
                    part.vanished.push(place.clone());
                } else {
                    part.problems.push(format!("cannot copy `{}`: {error}", path.display()));
                }
            }
        }
    }
    if packed {
        part.tar = tar.into_inner()?.into();
    }
    Ok(part)
}

/// Whether something was added: sockets and devices mean nothing elsewhere.
fn add(tar: &mut tar::Builder<Vec<u8>>, place: &str, path: &Path, owner: Owner) -> io::Result<bool> {
    let found = fs::symlink_metadata(path)?;
    let inside = place.trim_start_matches('/');
    let mut header = tar::Header::new_gnu();
    header.set_mode(found.permissions().mode() & 0o7777);
    header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
    header.set_uid(owner.uid);
    header.set_gid(owner.gid);
    header.set_size(0);
    if found.is_symlink() {
        let link = fs::read_link(path)?;
        header.set_entry_type(tar::EntryType::Symlink);
        tar.append_link(&mut header, inside, link)?;
    } else if found.is_dir() {
        header.set_entry_type(tar::EntryType::Directory);
        tar.append_data(&mut header, format!("{inside}/"), io::empty())?;
    } else if found.is_file() {
        let file = File::open(path)?;
        // The size may have changed since: the open file's counts.
        let size = file.metadata()?.len();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(size);
        // A file that is cut short while it is read ends in zeros, and is copied again by the event of its change.
        let whole = file.chain(io::repeat(0)).take(size);
        tar.append_data(&mut header, inside, whole)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}
