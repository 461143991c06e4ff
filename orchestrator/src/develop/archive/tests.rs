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
        ("/srv/empty".to_owned(), at("empty")),
        ("/srv/gone".to_owned(), at("gone")),
        ("/srv/link".to_owned(), at("link")),
        ("/srv/run.sh".to_owned(), at("run.sh")),
        (long.clone(), at("run.sh")),
    ]);
    let part = pack(&files, None, Owner { uid: 1000, gid: 1001 }).unwrap();
    assert_eq!((part.vanished, part.problems, part.rest), (vec!["/srv/gone".to_owned()], vec![], None));
    let mut archive = tar::Archive::new(&part.tar[..]);
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

#[test]
fn a_large_tree_comes_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big");
    fs::write(&path, vec![b'x'; ENOUGH / 2 + 1]).unwrap();
    let files: BTreeMap<String, PathBuf> = (0..5).map(|number| (format!("/{number}"), path.clone())).collect();
    let (mut start, mut parts): (Option<String>, Vec<usize>) = (None, Vec::new());
    loop {
        let part = pack(&files, start.as_deref(), Owner::default()).unwrap();
        parts.push(tar::Archive::new(&part.tar[..]).entries().unwrap().count());
        start = part.rest;
        if start.is_none() {
            break;
        }
    }
    assert_eq!(parts, [2, 2, 1]);
}

#[test]
fn nothing_packed_is_no_archive() {
    let files = BTreeMap::from([("/a".to_owned(), PathBuf::from("/nowhere/a"))]);
    let part = pack(&files, None, Owner::default()).unwrap();
    assert!(part.tar.is_empty());
    assert_eq!(part.vanished, ["/a"]);
}
