//! Files as a tar archive that engines unpack at `/`, written while it is sent: however large they are, a few pieces are in
//! memory.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

/// Who files belong to, by number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// User.
    pub uid: u64,
    /// Group.
    pub gid: u64,
}

/// How the writing went.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Paths in the container of files that have vanished meanwhile.
    pub vanished: Vec<String>,
    /// What could not be read, and why.
    pub problems: Vec<String>,
}

/// What one file becomes.
enum Entry {
    Link(PathBuf),
    Folder,
    /// Open, with the size that the archive will have it at.
    File(File, u64),
}

/// Writes files (by their paths in the container) as an archive; nothing at all where none of them can be. Folders come
/// without what is in them. Blocks.
///
/// # Errors
/// What `output` fails with.
pub fn write(files: &BTreeMap<String, PathBuf>, owner: Owner, output: impl Write) -> io::Result<Packed> {
    let mut packed = Packed::default();
    let (mut unused, mut archive) = (Some(output), None);
    for (place, path) in files {
        let (found, entry) = match look(place, path) {
            Ok(Some(found)) => found,
            // Sockets and devices mean nothing elsewhere.
            Ok(None) => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                packed.vanished.push(place.clone());
                continue;
            }
            Err(error) => {
                packed.problems.push(format!("cannot copy `{}`: {error}", path.display()));
                continue;
            }
        };
        if let Some(output) = unused.take() {
            archive = Some(tar::Builder::new(output));
        }
        let Some(archive) = &mut archive else { continue };
        if let Some(why) = add(archive, place.trim_start_matches('/'), &found, entry, owner)? {
            packed.problems.push(format!("cannot copy all of `{}`: {why}", path.display()));
        }
    }
    if let Some(archive) = archive {
        archive.into_inner()?.flush()?;
    }
    Ok(packed)
}

fn look(place: &str, path: &Path) -> io::Result<Option<(Metadata, Entry)>> {
    if Path::new(place).components().any(|part| part == Component::ParentDir) {
        return Err(io::Error::other(format!("`{place}` leads upwards")));
    }
    let found = fs::symlink_metadata(path)?;
    let entry = if found.is_symlink() {
        Entry::Link(fs::read_link(path)?)
    } else if found.is_dir() {
        Entry::Folder
    } else if found.is_file() {
        let file = File::open(path)?;
        // The size may have changed since: the open file's counts.
        let size = file.metadata()?.len();
        Entry::File(file, size)
    } else {
        return Ok(None);
    };
    Ok(Some((found, entry)))
}

/// Adds an entry; why a file could not be read to its end.
fn add(
    archive: &mut tar::Builder<impl Write>,
    inside: &str,
    found: &Metadata,
    entry: Entry,
    owner: Owner,
) -> io::Result<Option<io::Error>> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(found.permissions().mode() & 0o7777);
    header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
    header.set_uid(owner.uid);
    header.set_gid(owner.gid);
    header.set_size(0);
    match entry {
        Entry::Link(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            archive.append_link(&mut header, inside, target)?;
        }
        Entry::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            archive.append_data(&mut header, format!("{inside}/"), io::empty())?;
        }
        Entry::File(file, size) => {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(size);
            let mut content = Padded { file, failure: None };
            archive.append_data(&mut header, inside, (&mut content).take(size))?;
            return Ok(content.failure);
        }
    }
    Ok(None)
}

/// A file with zeros behind it: the archive has been told a size. One that is cut short while it is read is copied again by
/// the event of its change.
struct Padded {
    file: File,
    failure: Option<io::Error>,
}

impl Read for Padded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_none() {
            match self.file.read(buffer) {
                Ok(0) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => self.failure = Some(error),
                read => return read,
            }
        }
        buffer.fill(0);
        Ok(buffer.len())
    }
}
