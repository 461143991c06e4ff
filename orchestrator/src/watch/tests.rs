#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use notify::event::{DataChange, Flag, MetadataKind, RenameMode};

use super::*;

/// Waits for a change that must come.
async fn changed(watch: &mut FileWatch) {
    tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.unwrap();
}

#[tokio::test]
async fn a_replaced_file_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let mut watch = FileWatch::new(|_| true).unwrap();
    watch.add(folder.path()).unwrap();
    proxy::file::replace(&folder.path().join("deep/x"), b"1").unwrap();
    changed(&mut watch).await;
}

#[tokio::test]
async fn a_wait_that_is_broken_off_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut watch = FileWatch::new(|_| true).unwrap();
    watch.add(folder.path()).unwrap();
    fs::write(folder.path().join("x"), "1").unwrap();
    // Broken off in the quiet after the change, as `select!` does when something else comes first.
    while !watch.untold {
        let _ = tokio::time::timeout(QUIET / 2, watch.changed()).await;
    }
    changed(&mut watch).await;
    assert!(!watch.untold);
}

#[tokio::test]
async fn a_log_beside_the_dynamic_files_is_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let files = ConfigurationFiles::default();
    let users = folder.path().join("users");
    files.set_named([users.clone()]);
    let mut watch = FileWatch::new(move |path| files.has(path)).unwrap();
    watch.add(folder.path()).unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, "one\n").unwrap();
    fs::write(&log, "two\n").unwrap();
    for name in ["dynamic.yml", "cert.pem", "users"] {
        fs::write(folder.path().join(name), "x").unwrap();
        changed(&mut watch).await;
        // Events come in order: whatever the log had caused would be here by now.
        assert!(watch.changes.try_recv().is_err(), "after {name}");
    }
    fs::write(&log, "three\n").unwrap();
    let more = tokio::time::timeout(QUIET * 4, watch.changed()).await;
    assert!(more.is_err(), "the log woke the watch");
}

#[test]
fn events_count_by_their_paths() {
    let matters = |path: &Path| path.ends_with("a.yml");
    let event = |kind, path: &str| {
        let event = Event::new(kind);
        if path.is_empty() { event } else { event.add_path(PathBuf::from(path)) }
    };
    let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    let cases = [
        (event(data, "/d/a.yml"), true),
        (event(data, "/d/a.log"), false),
        (event(data, ""), true),
        (event(EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)), "/d/a.log"), false),
        (event(EventKind::Modify(ModifyKind::Name(RenameMode::To)), "/d/..data"), true),
        (event(EventKind::Create(CreateKind::Folder), "/d/new"), true),
        (event(EventKind::Create(CreateKind::File), "/d/a.log"), false),
        (event(EventKind::Remove(RemoveKind::File), "/d/a.yml"), true),
        (event(EventKind::Access(notify::event::AccessKind::Any), "/d/a.yml"), false),
        (event(EventKind::Other, "/d/a.log").set_flag(Flag::Rescan), true),
    ];
    for (event, expected) in cases {
        assert_eq!(counts(&event, &matters), expected, "{event:?}");
    }
}

#[test]
fn a_limit_comes_with_its_mend() {
    let error = limits::explained(Path::new("/src"), &notify::Error::new(notify::ErrorKind::MaxFilesWatch));
    assert!(error.message.starts_with("cannot watch `/src`: the kernel's limit on watched folders is reached"));
    assert!(error.hints.iter().any(|hint| hint.contains("sysctl fs.inotify.max_user_watches=")), "{:?}", error.hints);
    let io = std::io::Error::from_raw_os_error(24);
    let error = limits::explained(Path::new("/src"), &notify::Error::io(io));
    assert!(error.hints.iter().any(|hint| hint.contains("max_user_instances=")), "{:?}", error.hints);
}
