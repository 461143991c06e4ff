#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn files_keep_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("run.sh"), "echo").unwrap();
    fs::set_permissions(at("run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::create_dir(at("empty")).unwrap();
    symlink("run.sh", at("link")).unwrap();
    let long = format!("/srv/{}", "x".repeat(300));
    let files = BTreeMap::from([
        ("/srv/../etc/up".to_owned(), at("run.sh")),
        ("/srv/empty".to_owned(), at("empty")),
        ("/srv/gone".to_owned(), at("gone")),
        ("/srv/link".to_owned(), at("link")),
        ("/srv/run.sh".to_owned(), at("run.sh")),
        (long.clone(), at("run.sh")),
    ]);
    let mut archive = Vec::new();
    let packed = write(&files, Owner { uid: 1000, gid: 1001 }, &mut archive).unwrap();
    assert_eq!(packed.vanished, ["/srv/gone"]);
    let upwards = format!("cannot copy `{}`: `/srv/../etc/up` leads upwards", at("run.sh").display());
    assert_eq!(packed.problems, [upwards]);
    let mut archive = tar::Archive::new(&archive[..]);
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (1000, 1001));
        assert!(header.mtime().unwrap() > 1_000_000_000);
        let (kind, mode) = (header.entry_type(), header.mode().unwrap());
        let link = entry.link_name().unwrap().map(|link| link.display().to_string());
        let path = format!("/{}", entry.path().unwrap().display());
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        found.push((path, kind, mode, link, text));
    }
    let [empty, link, run, other] = <[_; 4]>::try_from(found).unwrap();
    assert_eq!((empty.0.as_str(), empty.1), ("/srv/empty/", tar::EntryType::Directory));
    assert_eq!((link.1, link.3.as_deref()), (tar::EntryType::Symlink, Some("run.sh")));
    assert_eq!((run.1, run.2, run.4.as_str()), (tar::EntryType::Regular, 0o750, "echo"));
    assert_eq!(other.0, long);
}

/// Says the largest piece that it was given.
#[derive(Default)]
struct Pieces {
    largest: usize,
    all: usize,
}

impl Write for &mut Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.largest = self.largest.max(bytes.len());
        self.all += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_large_file_comes_in_small_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big");
    let size = 300 * 1024 * 1024;
    // It has a size, and nothing on the disk.
    File::create(&path).unwrap().set_len(size).unwrap();
    let mut pieces = Pieces::default();
    let files = BTreeMap::from([("/big".to_owned(), path)]);
    assert_eq!(write(&files, Owner::default(), &mut pieces).unwrap(), Packed::default());
    assert!(u64::try_from(pieces.all).unwrap() > size);
    assert!(pieces.largest <= 64 * 1024, "{} bytes at once", pieces.largest);
}

#[test]
fn what_is_cut_short_ends_in_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "abc").unwrap();
    let mut content = Padded { file: File::open(&path).unwrap(), failure: None };
    let mut text = Vec::new();
    let _ = (&mut content).take(5).read_to_end(&mut text).unwrap();
    assert_eq!(text, b"abc\0\0");
    let mut content = Padded { file: File::open(folder.path()).unwrap(), failure: None };
    let mut text = Vec::new();
    let _ = (&mut content).take(2).read_to_end(&mut text).unwrap();
    assert_eq!(text, b"\0\0");
    assert!(content.failure.is_some(), "a folder cannot be read");
}

#[test]
fn nothing_packed_is_no_archive() {
    let files = BTreeMap::from([("/a".to_owned(), PathBuf::from("/nowhere/a"))]);
    let mut archive = Vec::new();
    assert_eq!(write(&files, Owner::default(), &mut archive).unwrap().vanished, ["/a"]);
    assert!(archive.is_empty());
}
