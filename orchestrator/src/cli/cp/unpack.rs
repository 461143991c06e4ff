//! Unpacks an archive that came out of a container. Whoever made the container may have made the archive: whatever its
//! entries are called and whatever links it brings, nothing is written outside of the place it was asked to go to.
//!
//! Every path is walked from the destination's own folder, one component at a time, and no component may be a link:
//! neither one that the archive has just brought nor one that was there before.

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::place::Place;
use crate::ui::style::printable;

/// A folder, whatever is at the end of its path: only the destination itself is opened so.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A folder and nothing else.
const REAL_FOLDER: OFlags = FOLDER.union(OFlags::NOFOLLOW);
/// A file that was not there.
const NEW_FILE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Most bytes of a file at a time.
const PIECE: usize = 64 * 1024;

/// What there is to say after unpacking.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// Devices and the like, by name in the archive: they are not made.
    pub(super) left_out: Vec<String>,
    /// Owners were to be kept, and this user may not give files away.
    pub(super) owners_lost: bool,
}

/// Unpacks an archive of one file or folder: its first entry gets the name of the place, the others are below it. With
/// `owners` numbers of users and groups are kept, and with them the bits that let others act as the owner.
///
/// # Errors
/// In words, what cannot be written, or what is not a path inside of the place.
pub(super) fn unpack(input: &mut dyn Read, place: &Place, owners: bool) -> io::Result<Notes> {
    let root = fs::open(&place.folder, FOLDER, Mode::empty())
        .map_err(|errno| failed(&place.folder, errno, "cannot write to"))?;
    let mut unpacker =
        Unpacker { root, name: place.name.clone(), top: None, owners, folders: Vec::new(), notes: Notes::default() };
    let mut archive = tar::Archive::new(input);
    for entry in archive.entries()? {
        unpacker.add(&mut entry?)?;
    }
    unpacker.finish()
}

fn failed(path: &Path, errno: Errno, what: &str) -> io::Error {
    let path = printable(&path.display().to_string());
    let error = io::Error::from(errno);
    let words = if errno == Errno::LOOP || errno == Errno::NOTDIR {
        format!("{what} {path}: something on its way is not a folder")
    } else {
        format!("{what} {path}: {error}")
    };
    io::Error::new(error.kind(), words)
}

/// The parts of a name in an archive.
fn parts(name: &[u8]) -> io::Result<Vec<OsString>> {
    let path = Path::new(OsStr::from_bytes(name));
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_owned()),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(refused(name, "it leads out of the folder"));
            }
        }
    }
    Ok(parts)
}

fn refused(name: &[u8], why: &str) -> io::Error {
    io::Error::other(format!(
        "the archive holds `{}`, which is refused: {why}",
        printable(&String::from_utf8_lossy(name))
    ))
}

/// Writes all of an entry; a full disk is told with the path, a stream that breaks off as it is.
fn write_all(entry: &mut impl Read, made: &mut File, path: &Path) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let length = match entry.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        made.write_all(buffer.get(..length).unwrap_or_default()).map_err(|error| {
            let path = printable(&path.display().to_string());
            io::Error::new(error.kind(), format!("cannot write {path}: {error}"))
        })?;
    }
}

/// What is kept of an entry.
struct Attributes {
    mode: Mode,
    owner: Option<(Uid, Gid)>,
    times: Timestamps,
}

struct Unpacker {
    root: OwnedFd,
    /// What the first entry is called here.
    name: Option<OsString>,
    /// What it is called in the archive.
    top: Option<Vec<OsString>>,
    owners: bool,
    /// Folders get their modes and times when everything is in them.
    folders: Vec<(PathBuf, Attributes)>,
    notes: Notes,
}

impl Unpacker {
    /// Where an entry goes, below the root; empty for the root itself.
    fn place(&mut self, name: &[u8]) -> io::Result<PathBuf> {
        let parts = parts(name)?;
        let top = self.top.get_or_insert_with(|| parts.clone());
        let Some(rest) = parts.strip_prefix(top.as_slice()) else {
            return Err(refused(name, "it is not below the first entry"));
        };
        Ok(self.name.iter().chain(rest).collect())
    }

    fn add(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> io::Result<()> {
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            return Ok(());
        }
        let name = entry.path_bytes().into_owned();
        let path = self.place(&name)?;
        let is_file = kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse();
        if !(is_file || kind.is_dir() || kind.is_symlink() || kind.is_hard_link() || kind.is_fifo()) {
            self.notes.left_out.push(String::from_utf8_lossy(&name).into_owned());
            return Ok(());
        }
        let attributes = self.attributes(entry.header(), &path)?;
        if kind.is_dir() {
            self.make_folder(&path)?;
            self.folders.push((path, attributes));
            return Ok(());
        }
        let cannot = |errno| failed(&path, errno, "cannot write");
        let (folder, file) = self.free(&path)?;
        if is_file {
            let made = fs::openat(&folder, &file, NEW_FILE, Mode::RUSR | Mode::WUSR).map_err(cannot)?;
            let mut made = File::from(made);
            write_all(entry, &mut made, &path)?;
            self.give(&made, &attributes).map_err(cannot)?;
            return fs::futimens(&made, &attributes.times).map_err(cannot);
        }
        if kind.is_symlink() {
            let target = entry.link_name_bytes().ok_or_else(|| refused(&name, "it is a link to nothing"))?;
            fs::symlinkat(OsStr::from_bytes(&target), &folder, &file).map_err(cannot)?;
        } else if kind.is_hard_link() {
            let target = entry.link_name_bytes().ok_or_else(|| refused(&name, "it is a link to nothing"))?;
            let target = self.place(&target)?;
            let (other, other_file) = self.parent(&target)?;
            // Without flags a link at the end is not followed either.
            return fs::linkat(&other, &other_file, &folder, &file, AtFlags::empty()).map_err(cannot);
        } else {
            fs::mknodat(&folder, &file, FileType::Fifo, attributes.mode, 0).map_err(cannot)?;
        }
        if let Some((user, group)) = attributes.owner {
            let given = fs::chownat(&folder, &file, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW);
            self.is_given(given).map_err(cannot)?;
        }
        fs::utimensat(&folder, &file, &attributes.times, AtFlags::SYMLINK_NOFOLLOW).map_err(cannot)
    }

    fn attributes(&self, header: &tar::Header, path: &Path) -> io::Result<Attributes> {
        let broken = |error: io::Error| {
            let path = printable(&path.display().to_string());
            io::Error::other(format!("the archive's entry for {path} is invalid: {error}"))
        };
        let mode = header.mode().map_err(broken)?;
        // Root's copy of somebody's program must not run as root for everybody.
        let mode = Mode::from_raw_mode(mode & if self.owners { 0o7777 } else { 0o1777 });
        let owner = if self.owners {
            let number = |id: u64| u32::try_from(id).map_err(|error| broken(io::Error::other(error)));
            let (user, group) = (number(header.uid().map_err(broken)?)?, number(header.gid().map_err(broken)?)?);
            // The highest number stands for "leave it" where owners are changed.
            (user != u32::MAX && group != u32::MAX).then(|| (Uid::from_raw(user), Gid::from_raw(group)))
        } else {
            None
        };
        let seconds = i64::try_from(header.mtime().map_err(broken)?).unwrap_or(0);
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        Ok(Attributes { mode, owner, times: Timestamps { last_access: time, last_modification: time } })
    }

    /// Sets owner and mode of what was made. The owner first: changing it takes the bits that let others act as the
    /// owner away, and where it cannot be set they have to stay away.
    fn give(&mut self, made: impl AsFd, attributes: &Attributes) -> Result<(), Errno> {
        let mut mode = attributes.mode;
        if let Some((user, group)) = attributes.owner {
            let given = fs::fchown(&made, Some(user), Some(group));
            if !self.is_given(given)? {
                mode -= Mode::SUID | Mode::SGID;
            }
        }
        fs::fchmod(&made, mode)
    }

    /// An owner that only root could give is worth a word, not a failure.
    fn is_given(&mut self, outcome: Result<(), Errno>) -> Result<bool, Errno> {
        match outcome {
            Ok(()) => Ok(true),
            Err(Errno::PERM) => {
                self.notes.owners_lost = true;
                Ok(false)
            }
            Err(errno) => Err(errno),
        }
    }

    /// Opens a folder below the root, and makes those on the way that are not there.
    fn folder(&self, path: &Path) -> io::Result<OwnedFd> {
        let mut at = fs::openat(&self.root, ".", REAL_FOLDER, Mode::empty())
            .map_err(|errno| failed(path, errno, "cannot write to"))?;
        for part in path.components() {
            let open = || fs::openat(&at, part.as_os_str(), REAL_FOLDER, Mode::empty());
            let opened = match open() {
                Err(Errno::NOENT) => {
                    fs::mkdirat(&at, part.as_os_str(), Mode::from_raw_mode(0o755)).and_then(|()| open())
                }
                other => other,
            };
            at = opened.map_err(|errno| failed(path, errno, "cannot write to"))?;
        }
        Ok(at)
    }

    /// The folder that a path is in, and its name there.
    fn parent(&self, path: &Path) -> io::Result<(OwnedFd, OsString)> {
        let name = path.file_name().ok_or_else(|| refused(b".", "it stands for the folder itself"))?;
        Ok((self.folder(path.parent().unwrap_or(Path::new("")))?, name.to_owned()))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        let (parent, name) = self.parent(path)?;
        let cannot = |errno| failed(path, errno, "cannot write");
        match fs::mkdirat(&parent, &name, Mode::RWXU) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => match fs::openat(&parent, &name, REAL_FOLDER, Mode::empty()) {
                Ok(_) => Ok(()),
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    let path = printable(&path.display().to_string());
                    Err(io::Error::other(format!("cannot write {path}: something that is not a folder is there")))
                }
                Err(errno) => Err(cannot(errno)),
            },
            Err(errno) => Err(cannot(errno)),
        }
    }

    /// Makes room for what is not a folder: a file or link in its place goes, a folder does not.
    fn free(&self, path: &Path) -> io::Result<(OwnedFd, OsString)> {
        let (parent, name) = self.parent(path)?;
        match fs::unlinkat(&parent, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok((parent, name)),
            Err(Errno::ISDIR) => {
                let path = printable(&path.display().to_string());
                Err(io::Error::other(format!("cannot write {path}: a folder is there")))
            }
            Err(errno) => Err(failed(path, errno, "cannot replace")),
        }
    }

    /// Modes and times of folders, the deepest first.
    fn finish(mut self) -> io::Result<Notes> {
        for (path, attributes) in std::mem::take(&mut self.folders).into_iter().rev() {
            let cannot = |errno| failed(&path, errno, "cannot change the mode of");
            // It may have been replaced by a later entry: then it is no folder, and an error.
            let folder = self.folder(&path)?;
            self.give(&folder, &attributes).map_err(cannot)?;
            fs::futimens(&folder, &attributes.times).map_err(cannot)?;
        }
        Ok(self.notes)
    }
}
