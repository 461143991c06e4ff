//! Files that a crash cannot leave half written, and that nobody else can have prepared.
//!
//! Who can write a folder can put a link, a pipe or a file that all may read where one of ours is to go. So what is new is
//! made under a name that nobody knows before, links are not followed, and rights are set on what is open.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Larger files are not ours.
const LARGEST: u64 = 64 << 20;
/// Who reads what the gateway keeps: its owner.
const PRIVATE: u32 = 0o600;

/// Replaces a file as a whole; only its owner can read it. A file that cannot be replaced because it is a mount of its
/// own (`./acme.json:/acme.json`) is written in place.
///
/// # Errors
/// Whatever the file system answers; but for such a mount, the old file is then still whole.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    match place(path, content, None) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => overwrite(path, content),
        other => other,
    }
}

/// Replaces a file as a whole in a folder that others may write to: it stays its owner's. It is written in place where it
/// is a mount of its own, or its folder is not ours to write.
///
/// # Errors
/// Whatever the file system answers; what is there and no file stays as it is.
pub fn replace_for_owner(path: &Path, content: &[u8]) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Some((found.uid(), found.gid())),
        Ok(_) => return Err(not_a_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match place(path, content, found) {
        Err(_) if found.is_some() => overwrite(path, content),
        other => other,
    }
}

/// Writes beside a file, then puts it in its place.
fn place(path: &Path, content: &[u8], owner: Option<(u32, u32)>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.file_name().is_none() {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    fs::create_dir_all(folder)?;
    // Made anew, for its owner alone; what could not be put in place is removed again.
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(content)?;
    if let Some((user, group)) = owner {
        fchown(file.as_file(), Some(user), Some(group))?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Writes a file in place, one that is there.
///
/// # Errors
/// A link, or anything else that is no file; whatever the file system answers.
pub fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).custom_flags(flags(OFlags::NOFOLLOW)).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(not_a_file());
    }
    if found.mode() & 0o077 != 0 {
        match file.set_permissions(Permissions::from_mode(PRIVATE)) {
            // Another user's, who has let us write it: who reads it is for them to say.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            other => other?,
        }
    }
    file.set_len(0)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A file's content; none where there is no file.
///
/// # Errors
/// A file that cannot be read, is none, or is too large to be meant.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match OpenOptions::new().read(true).custom_flags(flags(OFlags::empty())).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(file) => read_open(file, LARGEST).map(Some),
    }
}

/// The content of a file that is open, of `largest` bytes at most.
///
/// # Errors
/// What is open is no file, or larger.
pub fn read_open(file: File, largest: u64) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(not_a_file());
    }
    let mut content = Vec::new();
    // It may grow meanwhile.
    let read = file.take(largest.saturating_add(1)).read_to_end(&mut content)?;
    if read as u64 > largest { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content) }
}

/// A pipe is opened without waiting for its other end.
fn flags(more: OFlags) -> i32 {
    (OFlags::NONBLOCK | OFlags::CLOEXEC | more).bits().cast_signed()
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// Gives a file that makes no sense another name beside it, one that is free; returns the name.
///
/// # Errors
/// Whatever the file system answers.
pub fn keep_aside(path: &Path) -> io::Result<PathBuf> {
    for number in 1..1000 {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".broken-{number}"));
        let aside = PathBuf::from(name);
        if !aside.exists() {
            fs::rename(path, &aside)?;
            return Ok(aside);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    fn mode(path: &Path) -> io::Result<u32> {
        Ok(fs::metadata(path)?.mode() & 0o777)
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_private() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("deep/acme.json");
        assert_eq!(read(&path)?, None);
        replace(&path, b"one")?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        replace(&path, b"two")?;
        assert_eq!(read(&path)?, Some(b"two".to_vec()));
        assert_eq!(mode(&path)?, PRIVATE);
        let names: Vec<_> =
            fs::read_dir(folder.path().join("deep"))?.flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["acme.json"], "nothing is left beside it");
        Ok(())
    }

    #[test]
    fn what_somebody_has_put_there_is_neither_followed_nor_waited_for() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (path, other) = (folder.path().join("acme.json"), folder.path().join("other"));
        fs::write(&other, "theirs")?;
        // The name under which a file was once written first.
        symlink(&other, folder.path().join(".acme.json.new"))?;
        replace(&path, b"keys")?;
        replace_for_owner(&path, b"new keys")?;
        assert_eq!((fs::read_to_string(&other)?, mode(&path)?), ("theirs".to_owned(), PRIVATE));

        let link = folder.path().join("link");
        symlink(&other, &link)?;
        assert!(overwrite(&link, b"keys").is_err() && replace_for_owner(&link, b"keys").is_err());
        let pipe = folder.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::from_raw_mode(0o600))?;
        assert!(read(&pipe).is_err() && overwrite(&pipe, b"keys").is_err());
        assert!(replace_for_owner(&pipe, b"keys").is_err());
        assert_eq!(fs::read_to_string(&other)?, "theirs");
        assert!(read(folder.path()).is_err(), "a folder");
        assert!(read_open(File::open(&other)?, 5).is_err() && read_open(File::open(&other)?, 6).is_ok());
        Ok(())
    }

    #[test]
    fn what_is_written_in_place_is_private_too() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("acme.json");
        assert!(overwrite(&path, b"keys").is_err(), "only one that is there");
        fs::write(&path, "a longer one")?;
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        overwrite(&path, b"keys")?;
        assert_eq!((read(&path)?, mode(&path)?), (Some(b"keys".to_vec()), PRIVATE));
        Ok(())
    }

    #[test]
    fn what_is_kept_aside_is_never_overwritten() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("acme.json");
        for number in ["1", "2"] {
            fs::write(&path, number)?;
            assert!(keep_aside(&path)?.ends_with(format!("acme.json.broken-{number}")));
        }
        assert_eq!(fs::read_to_string(folder.path().join("acme.json.broken-1"))?, "1");
        Ok(())
    }
}
