//! A volume's content as a tar archive.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::{STAGING, swap, xattr};

/// Longest name that fits into a header of its own.
const NAME: usize = 100;

/// Packs everything below `folder`; what changed or could not be read meanwhile, in words. Sockets are left out: they mean
/// something only to the process that made them.
///
/// # Errors
/// A folder that cannot be read, an output that cannot be written, a restore that was broken off.
pub fn pack(folder: &Path, out: impl Write) -> io::Result<Vec<String>> {
    if swap::is_pending(folder) {
        return Err(io::Error::other(
            "a restore of this volume was broken off while it changed places; run it again first",
        ));
    }
    let mut packer = Packer { folder, builder: Builder::new(out), links: HashMap::new(), problems: Vec::new() };
    // A walk of our own stack: folders may be deeper than a thread's.
    let mut open = vec![PathBuf::from(".")];
    while let Some(path) = open.pop() {
        match packer.add(&path) {
            Ok(true) => open.extend(packer.children(&path)?),
            Ok(false) => {}
            Err(Failure::File(error)) if error.kind() == io::ErrorKind::NotFound => {
                packer.problems.push(format!("{} is gone", path.display()));
            }
            Err(Failure::File(error)) => {
                return Err(io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display())));
            }
            Err(Failure::Output(error)) => return Err(error),
        }
    }
    packer.builder.finish()?;
    packer.builder.get_mut().flush()?;
    Ok(packer.problems)
}

enum Failure {
    /// The file: nothing of it has been written.
    File(io::Error),
    /// The archive.
    Output(io::Error),
}

struct Packer<'a, W: Write> {
    folder: &'a Path,
    builder: Builder<W>,
    /// First path of files that have several, by device and inode.
    links: HashMap<(u64, u64), PathBuf>,
    problems: Vec<String>,
}

impl<W: Write> Packer<'_, W> {
    /// What is in a folder, last first, without what is being restored.
    fn children(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(self.folder.join(path)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))),
        };
        let is_root = path == Path::new(".");
        let mut children = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            if !(is_root && name == OsStr::new(STAGING)) {
                children.push(if is_root { PathBuf::from(name) } else { path.join(name) });
            }
        }
        children.sort_unstable_by(|a, b| b.cmp(a));
        Ok(children)
    }

    /// Adds one entry; whether it is a folder.
    fn add(&mut self, path: &Path) -> Result<bool, Failure> {
        let full = self.folder.join(path);
        let meta = fs::symlink_metadata(&full).map_err(Failure::File)?;
        let kind = meta.file_type();
        if kind.is_socket() {
            return Ok(false);
        }
        let (mut header, mut records) = describe(&meta);
        let name = path.as_os_str().as_bytes();
        if name.len() > NAME - 1 {
            records.push(("path".to_owned(), name.to_vec()));
        }
        if meta.nlink() > 1 && !kind.is_dir() {
            if let Some(first) = self.links.get(&(meta.dev(), meta.ino())) {
                let first = first.as_os_str().as_bytes().to_vec();
                header.set_entry_type(EntryType::Link);
                return self.write(path, header, Some(&first), records, &mut io::empty()).map(|()| false);
            }
            self.links.insert((meta.dev(), meta.ino()), path.to_owned());
        }
        records.extend(xattr::read(&full).map_err(Failure::File)?.iter().map(xattr::record));
        if kind.is_symlink() {
            let target = fs::read_link(&full).map_err(Failure::File)?;
            header.set_entry_type(EntryType::Symlink);
            self.write(path, header, Some(target.as_os_str().as_bytes()), records, &mut io::empty())?;
        } else if kind.is_file() {
            let file = File::open(&full).map_err(Failure::File)?;
            header.set_size(meta.len());
            // A file that shrinks meanwhile is filled up: its size has been written already.
            let mut read = file.take(meta.len());
            self.write(path, header, None, records, &mut (&mut read).chain(io::repeat(0)).take(meta.len()))?;
            if read.limit() > 0 {
                self.problems.push(format!("{} has become shorter while it was read", path.display()));
            }
        } else {
            header.set_entry_type(if kind.is_dir() {
                EntryType::Directory
            } else if kind.is_fifo() {
                EntryType::Fifo
            } else if kind.is_block_device() {
                EntryType::Block
            } else {
                EntryType::Char
            });
            if kind.is_block_device() || kind.is_char_device() {
                let numbers = header
                    .set_device_major(rustix::fs::major(meta.rdev()))
                    .and_then(|()| header.set_device_minor(rustix::fs::minor(meta.rdev())));
                numbers.map_err(Failure::File)?;
            }
            self.write(path, header, None, records, &mut io::empty())?;
        }
        Ok(kind.is_dir())
    }

    fn write(
        &mut self,
        path: &Path,
        mut header: Header,
        link: Option<&[u8]>,
        mut records: Vec<(String, Vec<u8>)>,
        content: &mut dyn io::Read,
    ) -> Result<(), Failure> {
        if let Some(link) = link {
            if link.len() > NAME {
                records.push(("linkpath".to_owned(), link.to_vec()));
            }
            let short = link.get(..NAME.min(link.len())).unwrap_or_default();
            header.set_link_name_literal(short).map_err(Failure::Output)?;
        }
        let records = records.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
        self.builder.append_pax_extensions(records).map_err(Failure::Output)?;
        let name = path.as_os_str().as_bytes();
        let short = name.get(..name.len().min(NAME - 1)).unwrap_or_default();
        let mut written = short.to_vec();
        if header.entry_type() == EntryType::Directory {
            written.push(b'/');
        }
        set_name(&mut header, &written);
        header.set_cksum();
        self.builder.append(&header, content).map_err(Failure::Output)
    }
}

/// Writes a name as it is.
fn set_name(header: &mut Header, name: &[u8]) {
    let field = &mut header.as_old_mut().name;
    field.fill(0);
    for (to, from) in field.iter_mut().zip(name) {
        *to = *from;
    }
}

/// A header with what all kinds of files have, and records for what does not fit.
fn describe(meta: &Metadata) -> (Header, Vec<(String, Vec<u8>)>) {
    let mut header = Header::new_ustar();
    header.set_mode(meta.mode() & 0o7777);
    header.set_uid(u64::from(meta.uid()));
    header.set_gid(u64::from(meta.gid()));
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
    header.set_size(0);
    let mtime = format!("{}.{:09}", meta.mtime(), meta.mtime_nsec());
    (header, vec![("mtime".to_owned(), mtime.into_bytes())])
}
