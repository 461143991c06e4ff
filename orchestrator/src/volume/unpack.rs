//! A tar archive into a volume.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, makedev, mknodat, utimensat};
use tar::{Archive, Entry, EntryType};

use super::xattr::{self, Attribute};
use super::{STAGING, swap};

/// Problems that are told one by one; there may be one a file.
const TOLD: usize = 20;
/// An archive ends with two blocks of zeros.
const END: usize = 1024;

/// Replaces the content of `folder` by that of an archive. Everything is unpacked beside what is there, which stays until the
/// archive has been read to its end; then both change places. What could not be done, in words.
///
/// # Errors
/// An archive that is broken, or cut off; what the file system answers. The content is then what it was.
pub fn unpack(folder: &Path, input: impl Read) -> io::Result<Vec<String>> {
    swap::recover(folder)?;
    let new = swap::begin(folder)?;
    let unpacked = into(&new, input);
    let problems = match unpacked {
        Ok(problems) => problems,
        Err(error) => {
            swap::give_up(folder);
            return Err(error);
        }
    };
    // What is about to be removed may be the only other copy.
    rustix::fs::syncfs(File::open(folder)?)?;
    swap::finish(folder)?;
    Ok(problems)
}

/// Counts and keeps the last bytes that were read.
struct Tail<R> {
    input: R,
    last: Vec<u8>,
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        let read = buffer.get(..length).unwrap_or_default();
        self.last.extend_from_slice(read.get(read.len().saturating_sub(END)..).unwrap_or_default());
        let surplus = self.last.len().saturating_sub(END);
        self.last.drain(..surplus);
        Ok(length)
    }
}

/// Owner, mode, times and attributes of an entry.
struct Attributes {
    uid: u32,
    gid: u32,
    mode: u32,
    mtime: Timespec,
    extended: Vec<Attribute>,
}

fn into(root: &Path, input: impl Read) -> io::Result<Vec<String>> {
    let mut unpacker = Unpacker { root, problems: Vec::new(), folders: Vec::new(), made: BTreeSet::new() };
    let mut archive = Archive::new(Tail { input, last: Vec::new() });
    for entry in archive.entries()? {
        let mut entry = entry.map_err(|error| io::Error::other(format!("the archive cannot be read: {error}")))?;
        let path = entry.path()?.into_owned();
        unpacker
            .add(&path, &mut entry)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot unpack {}: {error}", path.display())))?;
    }
    let mut tail = archive.into_inner();
    io::copy(&mut tail, &mut io::sink())?;
    if tail.last.len() < END || tail.last.iter().any(|byte| *byte != 0) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut off: it has no end"));
    }
    // Inner folders first: what is made in a folder changes its time.
    let folders = std::mem::take(&mut unpacker.folders);
    for (path, attributes) in folders.iter().rev() {
        unpacker.dress(path, attributes)?;
    }
    let left_out = unpacker.problems.len().saturating_sub(TOLD);
    unpacker.problems.truncate(TOLD);
    if left_out > 0 {
        unpacker.problems.push(format!("and {left_out} problems more"));
    }
    Ok(unpacker.problems)
}

struct Unpacker<'a> {
    root: &'a Path,
    problems: Vec<String>,
    /// Folders, each after the one it is in.
    folders: Vec<(PathBuf, Attributes)>,
    /// Folders that are known to be ones.
    made: BTreeSet<PathBuf>,
}

impl Unpacker<'_> {
    fn add<R: Read>(&mut self, path: &Path, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let kind = entry.header().entry_type();
        if matches!(
            kind,
            EntryType::XGlobalHeader | EntryType::XHeader | EntryType::GNULongName | EntryType::GNULongLink
        ) {
            return Ok(());
        }
        let place = self.place(path)?;
        let attributes = self.attributes(path, entry)?;
        if place == self.root {
            if kind == EntryType::Directory {
                self.folders.push((place, attributes));
            }
            return Ok(());
        }
        if self.part_of_a_restore(&place) {
            return Ok(());
        }
        self.make_parents(&place)?;
        if kind == EntryType::Directory {
            self.make_folder(&place)?;
            self.folders.push((place, attributes));
            return Ok(());
        }
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_dir() => return Err(io::Error::other("there is a folder of that name")),
            Ok(_) => fs::remove_file(&place)?,
            Err(_) => {}
        }
        match kind {
            EntryType::Link => {
                let target = entry.link_name()?.ok_or_else(|| io::Error::other("the link leads nowhere"))?;
                let first = self.place(&target)?;
                self.make_parents(&first)?;
                // Its attributes are those of the first name.
                return fs::hard_link(first, place);
            }
            EntryType::Symlink => {
                let target = entry.link_name()?.ok_or_else(|| io::Error::other("the link leads nowhere"))?;
                symlink(target, &place)?;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place)?;
                io::copy(entry, &mut file)?;
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                let header = entry.header();
                let (kind, device) = match kind {
                    EntryType::Fifo => (FileType::Fifo, 0),
                    other => {
                        let number = makedev(
                            header.device_major()?.unwrap_or_default(),
                            header.device_minor()?.unwrap_or_default(),
                        );
                        (
                            if other == EntryType::Char { FileType::CharacterDevice } else { FileType::BlockDevice },
                            number,
                        )
                    }
                };
                mknodat(CWD, &place, kind, Mode::from_raw_mode(0o600), device)?;
            }
            other => {
                self.problems.push(format!("{}: an entry of kind {other:?} is left out", path.display()));
                return Ok(());
            }
        }
        self.dress(&place, &attributes)
    }

    /// Where a path of the archive comes to lie.
    fn place(&self, path: &Path) -> io::Result<PathBuf> {
        let mut place = self.root.to_owned();
        for part in path.components() {
            match part {
                Component::Normal(name) => place.push(name),
                Component::CurDir | Component::RootDir => {}
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(io::Error::other("the name leads out of the volume"));
                }
            }
        }
        Ok(place)
    }

    fn part_of_a_restore(&self, place: &Path) -> bool {
        place.strip_prefix(self.root).is_ok_and(|path| path.starts_with(STAGING))
    }

    /// Makes sure that all that a path goes through are folders, and no links.
    fn make_parents(&mut self, place: &Path) -> io::Result<()> {
        let Some(parent) = place.parent().filter(|parent| *parent != self.root) else { return Ok(()) };
        let Ok(inside) = parent.strip_prefix(self.root) else { return Ok(()) };
        let parts: Vec<OsString> = inside.components().map(|part| part.as_os_str().to_owned()).collect();
        let mut folder = self.root.to_owned();
        for part in parts {
            folder.push(part);
            self.make_folder(&folder)?;
        }
        Ok(())
    }

    fn make_folder(&mut self, folder: &Path) -> io::Result<()> {
        if self.made.contains(folder) {
            return Ok(());
        }
        match fs::create_dir(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && fs::symlink_metadata(folder)?.is_dir() => {}
            Err(error) => return Err(error),
        }
        self.made.insert(folder.to_owned());
        Ok(())
    }

    fn attributes<R: Read>(&mut self, path: &Path, entry: &mut Entry<'_, R>) -> io::Result<Attributes> {
        let (mut extended, mut mtime) = (Vec::new(), None);
        for record in entry.pax_extensions()?.into_iter().flatten() {
            // Values with a line break of other programs cannot be told apart.
            let Ok(record) = record else {
                self.problems.push(format!("{}: extended attributes cannot be read", path.display()));
                break;
            };
            match record.key() {
                Ok("mtime") => mtime = record.value().ok().and_then(timespec),
                Ok(key) => extended.extend(xattr::of_record(key, record.value_bytes())),
                Err(_) => {}
            }
        }
        let header = entry.header();
        let number = |id: u64| u32::try_from(id).map_err(|_| io::Error::other(format!("{id} is no user or group")));
        let seconds = i64::try_from(header.mtime()?).unwrap_or_default();
        Ok(Attributes {
            uid: number(header.uid()?)?,
            gid: number(header.gid()?)?,
            mode: header.mode()? & 0o7777,
            mtime: mtime.unwrap_or(Timespec { tv_sec: seconds, tv_nsec: 0 }),
            extended,
        })
    }

    fn dress(&mut self, place: &Path, attributes: &Attributes) -> io::Result<()> {
        lchown(place, Some(attributes.uid), Some(attributes.gid))?;
        if !fs::symlink_metadata(place)?.file_type().is_symlink() {
            // After the owner: changing that takes bits away.
            fs::set_permissions(place, fs::Permissions::from_mode(attributes.mode))?;
        }
        let problems = xattr::write(place, &attributes.extended);
        let inside = place.strip_prefix(self.root).unwrap_or(place);
        self.problems.extend(problems.into_iter().map(|problem| format!("{}: {problem}", inside.display())));
        let times = Timestamps { last_access: attributes.mtime, last_modification: attributes.mtime };
        utimensat(CWD, place, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(())
    }
}

/// `1700000000.25`, also before 1970.
fn timespec(text: &str) -> Option<Timespec> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    Some(Timespec { tv_sec: seconds.parse().ok()?, tv_nsec: digits.parse().ok()? })
}
