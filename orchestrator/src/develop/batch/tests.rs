#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::symlink;

use super::*;
use crate::develop::rule::tests::rules;

fn changes<'a>(paths: impl IntoIterator<Item = (&'a Path, bool)>) -> Changes {
    Changes { paths: paths.into_iter().map(|(path, made)| (path.to_owned(), made)).collect(), ..Changes::default() }
}

fn copied(batch: &Batch) -> Vec<&str> {
    batch.sync.get("app").iter().flat_map(|transfer| transfer.copy.keys()).map(String::as_str).collect()
}

fn deleted(batch: &Batch) -> Vec<&str> {
    batch.sync.get("app").iter().flat_map(|transfer| &transfer.delete).map(String::as_str).collect()
}

#[test]
fn what_is_there_is_copied_and_what_is_gone_removed() {
    let folder = tempfile::tempdir().unwrap();
    let src = folder.path().join("src");
    fs::create_dir(&src).unwrap();
    fs::write(src.join("a"), "a").unwrap();
    symlink("nowhere", src.join("link")).unwrap();
    let paths = ["a", "link", "gone", "ignored"].map(|name| src.join(name));
    let batch =
        Batch::of(&rules(&[("sync", &src, "/app")]), &changes(paths.iter().map(|path| (path.as_path(), false))));
    assert_eq!(copied(&batch), ["/app/a", "/app/link"]);
    assert_eq!(deleted(&batch), ["/app/gone"]);
    assert!(batch.rebuild.is_empty() && batch.restart.is_empty() && batch.exec.is_empty());
}

#[test]
fn a_file_in_a_folders_place_removes_the_folder_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("once-a-folder");
    fs::write(&path, "x").unwrap();
    let rules = rules(&[("sync", folder.path(), "/app")]);
    let mut changes = changes([(path.as_path(), false)]);
    let batch = Batch::of(&rules, &changes);
    assert_eq!((copied(&batch).len(), deleted(&batch).len()), (1, 0));
    changes.folders.insert(path);
    let batch = Batch::of(&rules, &changes);
    assert_eq!((copied(&batch), deleted(&batch)), (vec!["/app/once-a-folder"], vec!["/app/once-a-folder"]));
}

#[test]
fn a_file_that_came_and_went_is_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("temporary");
    let all = [("sync", folder.path(), "/a"), ("rebuild", folder.path(), ""), ("restart", folder.path(), "")];
    assert_eq!(Batch::of(&rules(&all), &changes([(path.as_path(), true)])), Batch::default());
    let batch = Batch::of(&rules(&all), &changes([(path.as_path(), false)]));
    assert_eq!((deleted(&batch), batch.rebuild.len(), batch.restart.len()), (vec!["/a/temporary"], 1, 1));
}

#[test]
fn a_folder_brings_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new");
    fs::create_dir_all(new.join("deep/.git")).unwrap();
    for name in ["a", "deep/b", "deep/.git/HEAD", "deep/c~"] {
        fs::write(new.join(name), "x").unwrap();
    }
    let inside = new.join("a");
    let gone = new.join("gone");
    let batch = Batch::of(
        &rules(&[("sync", folder.path(), "/app")]),
        &changes([(new.as_path(), true), (inside.as_path(), true), (gone.as_path(), false)]),
    );
    assert_eq!(copied(&batch), ["/app/new", "/app/new/a", "/app/new/deep", "/app/new/deep/b"]);
    assert_eq!(deleted(&batch), ["/app/new/gone"]);
}

#[test]
fn every_rule_of_a_path_is_followed_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.conf");
    let other = folder.path().join("other");
    fs::write(&file, "x").unwrap();
    fs::write(&other, "x").unwrap();
    let rules = rules(&[
        ("sync+restart", &file, "/etc/app.conf"),
        ("sync+exec", folder.path(), "/all"),
        ("rebuild", &folder.path().join("Dockerfile"), ""),
    ]);
    let batch = Batch::of(&rules, &changes([(file.as_path(), false), (other.as_path(), false)]));
    assert_eq!(copied(&batch), ["/all/app.conf", "/all/other", "/etc/app.conf"]);
    assert_eq!((batch.restart.len(), batch.exec, batch.rebuild.len()), (1, BTreeSet::from([1]), 0));
}

#[test]
fn lost_events_mean_everything() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "x").unwrap();
    let rules = rules(&[("sync", folder.path(), "/app")]);
    assert_eq!(copied(&Batch::of(&rules, &Changes { lost: true, ..Changes::default() })), ["/app/a"]);
}

#[test]
fn the_first_sync_copies_what_the_rules_copy() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("a"), "x").unwrap();
    fs::write(real.join("ignored"), "x").unwrap();
    let link = folder.path().join("link");
    symlink(&real, &link).unwrap();
    let missing = folder.path().join("missing");
    let rules = rules(&[("sync+exec", &link, "/app"), ("restart", &real, ""), ("sync", &missing, "/missing")]);
    let batch = Batch::initial(&rules);
    assert_eq!(copied(&batch), ["/app/a"]);
    assert!(batch.exec.is_empty() && batch.restart.is_empty(), "nothing but copying is done at first");
    assert_eq!(batch.problems, Vec::<String>::new(), "what is not there may come later");
}
