#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::pack;

/// Every entry as `kind mode name -> link`, and what was left out.
fn packed(source: &Path, name: &str) -> (Vec<String>, Vec<String>) {
    let mut bytes = Vec::new();
    let left_out = RefCell::new(Vec::new());
    pack(&mut bytes, source, Path::new(name), &|path| left_out.borrow_mut().push(path.display().to_string())).unwrap();
    let mut archive = tar::Archive::new(&*bytes);
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        let link = entry.link_name().unwrap().map(|link| format!(" -> {}", link.display())).unwrap_or_default();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        format!("{:?} {:o} {name}{link}", header.entry_type(), header.mode().unwrap())
    });
    (entries.collect(), left_out.into_inner())
}

#[test]
fn a_folder_with_all_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    for path in [&root, &root.join("sub")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o750)).unwrap();
    }
    fs::write(root.join("sub/file"), "content").unwrap();
    fs::set_permissions(root.join("sub/file"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::hard_link(root.join("sub/file"), root.join("twin")).unwrap();
    symlink("/nowhere", root.join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let (entries, left_out) = packed(&root, "new");
    assert_eq!(
        entries,
        [
            "Directory 750 new",
            "Symlink 777 new/link -> /nowhere",
            "Directory 750 new/sub",
            "Regular 4711 new/sub/file",
            "Link 4711 new/twin -> new/sub/file"
        ]
    );
    assert_eq!(left_out, [root.join("socket").display().to_string()]);
}

#[test]
fn what_is_in_a_folder_and_a_long_name() {
    let folder = tempfile::tempdir().unwrap();
    let long = "n".repeat(200);
    fs::write(folder.path().join(&long), "").unwrap();
    let (entries, _) = packed(folder.path(), ".");
    assert_eq!(entries.len(), 2);
    assert!(entries.first().is_some_and(|entry| entry.ends_with(" .") || entry.ends_with(" ./")), "{entries:?}");
    assert!(entries.last().is_some_and(|entry| entry.ends_with(&long)), "{entries:?}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = pack(&mut Vec::new(), Path::new("/nowhere/x"), Path::new("x"), &|_| {}).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /nowhere/x: No such file or directory (os error 2)");
}
