#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tar::EntryType;
use tempfile::TempDir;

use super::{Notes, Place, unpack};

/// One entry: kind, name, link, content.
type Entry<'a> = (EntryType, &'a str, &'a str, &'a str);

/// An archive with names and links exactly as they are given: whatever a library would refuse to write.
fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, link, content) in entries {
        let mut header = tar::Header::new_gnu();
        let fields = header.as_gnu_mut().unwrap();
        fields.name[..name.len()].copy_from_slice(name.as_bytes());
        fields.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(if kind.is_dir() { 0o2755 } else { 0o6755 });
        header.set_mtime(1_000_000_000);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A destination `out`, beside something that must stay as it is.
struct Ground {
    folder: TempDir,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/precious"), "precious").unwrap();
        Self { folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn unpack(&self, entries: &[Entry<'_>], name: Option<&str>) -> io::Result<Notes> {
        let place = Place { folder: self.path("out"), name: name.map(OsString::from) };
        unpack(&mut &*archive(entries), &place, false)
    }

    /// Nothing beside the destination has changed.
    fn check(&self) {
        let outside: Vec<_> =
            fs::read_dir(self.path("outside")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(outside, ["precious"]);
        assert_eq!(fs::read_to_string(self.path("outside/precious")).unwrap(), "precious");
        assert_eq!(fs::metadata(self.path("outside/precious")).unwrap().nlink(), 1, "it has no second name");
        assert_ne!(fs::metadata(self.path("outside")).unwrap().mtime(), 1_000_000_000);
        let mut beside: Vec<_> =
            fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        beside.sort();
        assert_eq!(beside, ["out", "outside"]);
    }
}

#[test]
fn a_folder_gets_the_name_of_its_place() {
    let ground = Ground::new();
    let entries = [
        (EntryType::Directory, "data/", "", ""),
        (EntryType::Regular, "data/file", "", "content"),
        (EntryType::Link, "data/twin", "data/file", ""),
        (EntryType::Symlink, "data/link", "../elsewhere", ""),
        (EntryType::Directory, "data/sub/", "", ""),
        (EntryType::Fifo, "data/sub/pipe", "", ""),
    ];
    assert_eq!(ground.unpack(&entries, Some("new")).unwrap(), Notes::default());
    assert_eq!(fs::read_to_string(ground.path("out/new/twin")).unwrap(), "content");
    assert_eq!(fs::metadata(ground.path("out/new/file")).unwrap().nlink(), 2);
    assert_eq!(fs::read_link(ground.path("out/new/link")).unwrap(), Path::new("../elsewhere"));
    let mode = |path: &str| fs::metadata(ground.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("out/new/file"), mode("out/new")), (0o755, 0o755), "nobody acts as somebody else");
    assert_eq!(fs::metadata(ground.path("out/new")).unwrap().mtime(), 1_000_000_000);
    ground.check();
}

#[test]
fn content_goes_into_a_folder_that_is_there() {
    let ground = Ground::new();
    fs::create_dir(ground.path("out/sub")).unwrap();
    fs::write(ground.path("out/old"), "old").unwrap();
    fs::write(ground.path("out/file"), "before").unwrap();
    let entries = [
        (EntryType::Directory, "./", "", ""),
        (EntryType::Regular, "./file", "", "after"),
        (EntryType::Regular, "./sub/below", "", "x"),
    ];
    ground.unpack(&entries, None).unwrap();
    assert_eq!(fs::read_to_string(ground.path("out/file")).unwrap(), "after");
    assert_eq!(fs::read_to_string(ground.path("out/old")).unwrap(), "old");
    assert!(ground.path("out/sub/below").exists());
    // The whole root has names that begin with a slash.
    ground.unpack(&[(EntryType::Directory, "/", "", ""), (EntryType::Regular, "/top", "", "x")], None).unwrap();
    assert!(ground.path("out/top").exists());
}

#[test]
fn hostile_archives_stay_inside() {
    let outside = "../outside";
    let attacks: [(&str, Vec<Entry<'_>>); 9] = [
        ("leads out", vec![(EntryType::Regular, "../outside/new", "", "x")]),
        ("leads out", vec![(EntryType::Directory, "d/", "", ""), (EntryType::Regular, "d/../../outside/new", "", "x")]),
        // Not out: an absolute name is one below the place, and not below the first entry.
        ("not below", vec![(EntryType::Directory, "d/", "", ""), (EntryType::Regular, "/etc/new", "", "x")]),
        // A link, then something through it.
        (
            "not a folder",
            vec![
                (EntryType::Directory, "d/", "", ""),
                (EntryType::Symlink, "d/link", "../../outside", ""),
                (EntryType::Regular, "d/link/new", "", "x"),
            ],
        ),
        (
            "not a folder",
            vec![
                (EntryType::Directory, "d/", "", ""),
                (EntryType::Symlink, "d/link", "../../outside", ""),
                (EntryType::Directory, "d/link/", "", ""),
            ],
        ),
        // The first entry itself is a link.
        ("not a folder", vec![(EntryType::Symlink, "d", outside, ""), (EntryType::Regular, "d/new", "", "x")]),
        // A second name for a file outside, by `..` and through a link.
        (
            "leads out",
            vec![(EntryType::Directory, "d/", "", ""), (EntryType::Link, "d/l", "../../outside/precious", "")],
        ),
        (
            "not a folder",
            vec![
                (EntryType::Directory, "d/", "", ""),
                (EntryType::Symlink, "d/link", "../../outside", ""),
                (EntryType::Link, "d/l", "d/link/precious", ""),
            ],
        ),
        // A folder that turns into a link: its mode must not be set through it.
        (
            "a folder is there",
            vec![
                (EntryType::Directory, "d/", "", ""),
                (EntryType::Directory, "d/sub/", "", ""),
                (EntryType::Symlink, "d/sub", "../../outside", ""),
            ],
        ),
    ];
    for (why, entries) in attacks {
        let ground = Ground::new();
        let error = ground.unpack(&entries, Some("d")).expect_err(why).to_string();
        assert!(error.contains(why), "{error} does not say `{why}` of {entries:?}");
        ground.check();
    }
}

#[test]
fn a_link_to_a_file_is_replaced_and_not_written_through() {
    let ground = Ground::new();
    symlink("../outside/precious", ground.path("out/file")).unwrap();
    ground.unpack(&[(EntryType::Regular, "file", "", "new")], Some("file")).unwrap();
    assert_eq!(fs::read_to_string(ground.path("out/file")).unwrap(), "new");
    ground.check();
    let entries = [
        (EntryType::Directory, "d/", "", ""),
        (EntryType::Symlink, "d/f", "../../outside/precious", ""),
        (EntryType::Regular, "d/f", "", "evil"),
    ];
    ground.unpack(&entries, Some("d")).unwrap();
    assert_eq!(fs::read_to_string(ground.path("out/d/f")).unwrap(), "evil");
    ground.check();
}

#[test]
fn owners_are_kept_where_that_is_allowed() {
    let ground = Ground::new();
    let place = Place { folder: ground.path("out"), name: Some("f".into()) };
    let mut header = tar::Header::new_gnu();
    header.set_path("f").unwrap();
    header.set_mode(0o4755);
    header.set_uid(1234);
    header.set_gid(2345);
    header.set_size(0);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, io::empty()).unwrap();
    let notes = unpack(&mut &*builder.into_inner().unwrap(), &place, true).unwrap();
    let meta = fs::metadata(ground.path("out/f")).unwrap();
    if rustix::process::geteuid().is_root() {
        assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (1234, 2345, 0o4755));
    } else {
        assert!(notes.owners_lost);
        assert_eq!(meta.mode() & 0o7777, 0o755, "nobody acts as a user that it was not given to");
    }
}

#[test]
fn devices_are_left_out_and_named() {
    let ground = Ground::new();
    let entries = [
        (EntryType::Directory, "dev/", "", ""),
        (EntryType::Char, "dev/mem", "", ""),
        (EntryType::Block, "dev/sda", "", ""),
        (EntryType::Regular, "dev/file", "", "x"),
    ];
    let notes = ground.unpack(&entries, Some("dev")).unwrap();
    assert_eq!(notes.left_out, ["dev/mem", "dev/sda"]);
    assert!(!ground.path("out/dev/mem").exists() && ground.path("out/dev/file").exists());
}

#[test]
fn folders_and_files_do_not_replace_each_other() {
    let ground = Ground::new();
    fs::create_dir(ground.path("out/d")).unwrap();
    let error = ground.unpack(&[(EntryType::Regular, "d", "", "x")], Some("d")).unwrap_err();
    assert_eq!(error.to_string(), "cannot write d: a folder is there");
    fs::write(ground.path("out/f"), "").unwrap();
    let error = ground.unpack(&[(EntryType::Directory, "f", "", "")], Some("f")).unwrap_err();
    assert_eq!(error.to_string(), "cannot write f: something that is not a folder is there");
}

#[test]
fn an_archive_that_is_cut_off_is_an_error() {
    let ground = Ground::new();
    let whole = archive(&[(EntryType::Regular, "f", "", "some content")]);
    let cut = whole.get(..515).unwrap();
    let place = Place { folder: ground.path("out"), name: Some("f".into()) };
    assert!(unpack(&mut &*cut, &place, false).is_err());
}

/// Archives that nobody would make without bad intent: any kind under any name, links to anywhere.
fn any_archive() -> impl Strategy<Value = Vec<(EntryType, String, String)>> {
    let kinds = [
        EntryType::Directory,
        EntryType::Regular,
        EntryType::Symlink,
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
        EntryType::Char,
    ];
    // Few names, so that entries meet each other: what was a folder is named as a link, and the other way round.
    let names = ["a/x", "a/y", "a/x/new", "a/y/new", "a/x/precious", "a/x/y", "a/x/y/new", "x", "a/../../outside/new"];
    let links =
        ["../../outside", "../../outside/precious", "../outside", "x", "a/x/precious", "a/y", "a/x/y", "/", "."];
    let path = proptest::sample::select(names.to_vec()).prop_map(str::to_owned);
    let link = proptest::sample::select(links.to_vec()).prop_map(str::to_owned);
    let entry = (proptest::sample::select(kinds.to_vec()), path, link);
    proptest::collection::vec(entry, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_archive_changes_anything_outside(first in any_archive(), second in any_archive(), named in proptest::bool::ANY) {
        let ground = Ground::new();
        // The second meets what the first has left behind: links, most of all.
        for archive in [first, second] {
            let mut entries: Vec<Entry<'_>> = vec![(EntryType::Directory, "a", "", "")];
            entries.extend(archive.iter().map(|(kind, name, link)| {
                let content = if kind.is_file() { "evil" } else { "" };
                (*kind, name.as_str(), link.as_str(), content)
            }));
            // Refused or not: what counts is what is outside.
            let _ = ground.unpack(&entries, named.then_some("a"));
            ground.check();
        }
    }
}
