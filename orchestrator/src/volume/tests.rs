#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat};

use super::{STAGING, pack, swap, unpack};

/// Everything about every file of a folder.
fn listing(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let kind = meta.file_type();
        let content = if kind.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else if kind.is_file() {
            String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
        } else {
            if kind.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            String::new()
        };
        let links = if kind.is_file() { meta.nlink() } else { 0 };
        let line = format!(
            "{:o} {}:{} {}.{} {links} {:?} {content:?} {}",
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.mtime(),
            meta.mtime_nsec(),
            super::xattr::read(&path).unwrap(),
            kind.is_fifo(),
        );
        found.insert(path.strip_prefix(root).unwrap().to_owned(), line);
    }
    found
}

/// A folder with one of each.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    fs::create_dir_all(at("a/b")).unwrap();
    fs::create_dir(at(&"d".repeat(200))).unwrap();
    fs::write(at(&long), "deep").unwrap();
    fs::write(at("a/one"), "1").unwrap();
    fs::hard_link(at("a/one"), at("a/b/same")).unwrap();
    symlink("../a/./one", at("a/link")).unwrap();
    symlink("x".repeat(300), at("far")).unwrap();
    fs::set_permissions(at("a/one"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(at("a/b"), fs::Permissions::from_mode(0o2711)).unwrap();
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    // Not every file system has them.
    let _ = rustix::fs::lsetxattr(at("a/one"), "user.note", b"a\nb=c\0", XattrFlags::empty());
    let old = fs::File::options().write(true).open(at("a/one")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
    folder
}

fn packed(folder: &Path) -> Vec<u8> {
    let mut archive = Vec::new();
    assert_eq!(pack::pack(folder, &mut archive).unwrap(), Vec::<String>::new());
    archive
}

#[test]
fn what_is_packed_is_unpacked_as_it_was() {
    let from = filled();
    let to = tempfile::tempdir().unwrap();
    fs::write(to.path().join("old"), "goes").unwrap();
    let archive = packed(from.path());
    assert_eq!(unpack::unpack(to.path(), archive.as_slice()).unwrap(), Vec::<String>::new());
    assert_eq!(listing(to.path()), listing(from.path()));
    assert_eq!(packed(to.path()), archive, "the same content is the same archive");
}

#[test]
fn the_archive_is_one_for_tar() {
    let from = filled();
    let file = from.path().with_extension("tar");
    fs::write(&file, packed(from.path())).unwrap();
    let listed = std::process::Command::new("tar").arg("-tf").arg(&file).output().unwrap();
    fs::remove_file(&file).unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    for name in ["./", "a/one", "a/b/same", "a/link", "pipe", &format!("{}/{}", "d".repeat(200), "f".repeat(200))] {
        assert!(listed.lines().any(|line| line == name), "{name} is not in\n{listed}");
    }
}

#[test]
fn an_archive_of_tar_is_unpacked() {
    let from = filled();
    let archive = std::process::Command::new("tar").args(["-c", "-C"]).arg(from.path()).arg(".").output().unwrap();
    let to = tempfile::tempdir().unwrap();
    unpack::unpack(to.path(), archive.stdout.as_slice()).unwrap();
    let names = |folder: &Path| listing(folder).into_keys().collect::<Vec<_>>();
    assert_eq!(names(to.path()), names(from.path()));
    assert_eq!(fs::read(to.path().join("a/b/same")).unwrap(), b"1");
}

#[test]
fn an_archive_that_is_cut_off_anywhere_changes_nothing() {
    let from = filled();
    let archive = packed(from.path());
    let to = tempfile::tempdir().unwrap();
    fs::write(to.path().join("old"), "stays").unwrap();
    let before = listing(to.path());
    for length in [0, 1, 512, 1024, 2000, archive.len() / 2, archive.len() - 1024, archive.len() - 600] {
        let error = unpack::unpack(to.path(), archive.get(..length).unwrap()).unwrap_err();
        let mut after = listing(to.path());
        // Making and removing the folder of the restore is a change of the volume's own.
        after.insert(PathBuf::new(), before.get(Path::new("")).unwrap().clone());
        assert_eq!(after, before, "{length} bytes: {error}");
    }
}

#[test]
fn names_that_lead_out_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    let to = outside.path().join("volume");
    fs::create_dir(&to).unwrap();
    let archive = |build: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().unwrap()
    };
    let entry = |kind: tar::EntryType, size: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(u64::from(rustix::process::getuid().as_raw()));
        header.set_gid(u64::from(rustix::process::getgid().as_raw()));
        header
    };
    let up = archive(&|builder| {
        let mut header = entry(tar::EntryType::Regular, 1);
        for (to, from) in header.as_old_mut().name.iter_mut().zip(b"../out") {
            *to = *from;
        }
        header.set_cksum();
        builder.append(&header, &b"x"[..]).unwrap();
    });
    let through = archive(&|builder| {
        builder.append_link(&mut entry(tar::EntryType::Symlink, 0), "door", "..").unwrap();
        builder.append_data(&mut entry(tar::EntryType::Regular, 1), "door/out", &b"x"[..]).unwrap();
    });
    for archive in [up, through] {
        assert!(unpack::unpack(&to, archive.as_slice()).is_err());
        assert!(!outside.path().join("out").exists());
        assert!(swap::is_empty(&to).unwrap());
    }
}

#[test]
fn an_exchange_that_was_broken_off_is_finished() {
    let from = filled();
    let archive = packed(from.path());
    let staging = |to: &Path, name: &str| to.join(STAGING).join(name);

    // Everything unpacked, nothing exchanged: what was there is there.
    let to = tempfile::tempdir().unwrap();
    fs::create_dir_all(staging(to.path(), "new/half")).unwrap();
    assert!(swap::is_empty(to.path()).unwrap());
    fs::write(to.path().join("old"), "x").unwrap();
    assert_eq!(listing(to.path()).len(), 5);
    unpack::unpack(to.path(), archive.as_slice()).unwrap();
    assert_eq!(listing(to.path()), listing(from.path()));

    // Some of the old ones have gone already, and none of the new ones has come.
    let to = tempfile::tempdir().unwrap();
    fs::create_dir_all(staging(to.path(), "new")).unwrap();
    fs::write(staging(to.path(), "new").join("fresh"), "new").unwrap();
    fs::create_dir_all(staging(to.path(), "old")).unwrap();
    fs::write(staging(to.path(), "old").join("first"), "old").unwrap();
    fs::write(to.path().join("second"), "old").unwrap();
    assert!(!swap::is_empty(to.path()).unwrap());
    assert!(pack::pack(to.path(), Vec::new()).is_err_and(|error| error.to_string().contains("broken off")));
    swap::recover(to.path()).unwrap();
    assert_eq!(listing(to.path()).into_keys().collect::<Vec<_>>(), [PathBuf::new(), PathBuf::from("fresh")]);
}
