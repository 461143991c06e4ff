//! Files that a crash cannot leave half written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Larger files are not ours.
const LARGEST: u64 = 64 << 20;

/// Replaces a file as a whole; only its owner can read it. A file that cannot be replaced because it is a mount of its
/// own (`./acme.json:/acme.json`) is written in place.
///
/// # Errors
/// Whatever the file system answers; but for such a mount, the old file is then still whole.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let beside = folder.join(format!(".{}.new", name.to_string_lossy()));
    let written = write(&beside, content).and_then(|()| match fs::rename(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => write(path, content),
        other => other,
    });
    if beside.exists() {
        // What could not be put in place is of no use.
        let _ = fs::remove_file(&beside);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A file's content; none where there is no file.
///
/// # Errors
/// A file that cannot be read, or is too large to be meant.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(found) if found.len() > LARGEST => Err(io::ErrorKind::FileTooLarge.into()),
        Ok(_) => fs::read(path).map(Some),
    }
}

/// Gives a file that makes no sense another name beside it, one that is free; returns the name.
///
/// # Errors
/// Whatever the file system answers.
pub(crate) fn keep_aside(path: &Path) -> io::Result<PathBuf> {
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
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_private() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("deep/acme.json");
        assert_eq!(read(&path)?, None);
        replace(&path, b"one")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        replace(&path, b"two")?;
        assert_eq!(read(&path)?, Some(b"two".to_vec()));
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        let names: Vec<_> =
            fs::read_dir(folder.path().join("deep"))?.flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["acme.json"], "nothing is left beside it");
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
