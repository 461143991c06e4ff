//! Files of this host as a tar archive, for the engine to unpack.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::ui::style::printable;

/// Writes a file or a folder with all that is in it; `name` is its name in the archive, `.` for what is in a folder.
/// Owners, modes, times and links are kept; devices and sockets cannot be copied and are handed to `left_out`.
///
/// # Errors
/// What cannot be read, by name; a closed pipe where nobody wants the rest.
pub(super) fn pack(output: &mut dyn Write, source: &Path, name: &Path, left_out: &dyn Fn(&Path)) -> io::Result<()> {
    let mut packer = Packer { tar: tar::Builder::new(output), seen: HashMap::new(), left_out };
    packer.add(source, name)?;
    packer.tar.into_inner()?.flush()
}

struct Packer<'a, W: Write> {
    tar: tar::Builder<W>,
    /// Names in the archive of files that have several names, by device and inode.
    seen: HashMap<(u64, u64), PathBuf>,
    left_out: &'a dyn Fn(&Path),
}

/// An error of reading, with the name.
fn unreadable(path: &Path, error: &io::Error) -> io::Error {
    // Not its kind: a closed pipe means something else to those who write.
    io::Error::other(format!("cannot read {}: {error}", printable(&path.display().to_string())))
}

fn header(kind: tar::EntryType, meta: &Metadata) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(meta.mode() & 0o7777);
    header.set_uid(meta.uid().into());
    header.set_gid(meta.gid().into());
    // Times before 1970 have no form in this kind of archive.
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
    header.set_size(0);
    header
}

/// Device and inode of a file that has several names.
fn shared(kind: FileType, meta: &Metadata) -> Option<(u64, u64)> {
    (kind.is_file() && meta.nlink() > 1).then(|| (meta.dev(), meta.ino()))
}

impl<W: Write> Packer<'_, W> {
    fn add(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let meta = fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
        let kind = meta.file_type();
        if kind.is_dir() {
            self.tar.append_data(&mut header(tar::EntryType::Directory, &meta), name, io::empty())?;
            return self.add_content(path, name);
        }
        if kind.is_symlink() {
            let target = fs::read_link(path).map_err(|error| unreadable(path, &error))?;
            return self.tar.append_link(&mut header(tar::EntryType::Symlink, &meta), name, target);
        }
        if let Some(first) = shared(kind, &meta).and_then(|key| self.seen.get(&key)) {
            return self.tar.append_link(&mut header(tar::EntryType::Link, &meta), name, first);
        }
        if kind.is_file() {
            if let Some(key) = shared(kind, &meta) {
                self.seen.insert(key, name.to_owned());
            }
            return self.add_file(path, name);
        }
        if kind.is_fifo() {
            return self.tar.append_data(&mut header(tar::EntryType::Fifo, &meta), name, io::empty());
        }
        (self.left_out)(path);
        Ok(())
    }

    /// What is in a folder, in the order of names.
    fn add_content(&mut self, folder: &Path, name: &Path) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            names.push(entry.map_err(|error| unreadable(folder, &error))?.file_name());
        }
        names.sort();
        for entry in names {
            self.add(&folder.join(&entry), &name.join(&entry))?;
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let meta = file.metadata().map_err(|error| unreadable(path, &error))?;
        let mut header = header(tar::EntryType::Regular, &meta);
        header.set_size(meta.len());
        // The length has been announced: a file that grows is cut, one that shrinks cannot be sent.
        let mut content = Content { file: file.take(meta.len()), path, left: meta.len() };
        self.tar.append_data(&mut header, name, &mut content)?;
        if content.left > 0 {
            let path = printable(&path.display().to_string());
            return Err(io::Error::other(format!("{path} shrank while it was being read")));
        }
        Ok(())
    }
}

struct Content<'a> {
    file: io::Take<File>,
    path: &'a Path,
    left: u64,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer).map_err(|error| unreadable(self.path, &error))?;
        self.left = self.left.saturating_sub(u64::try_from(count).unwrap_or(0));
        Ok(count)
    }
}
