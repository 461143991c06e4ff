#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use prost::Message as _;
use tokio::sync::mpsc;

use super::{Contents, Filter, Folder, REQUESTS, Stop, list, mode, send_contents};
use crate::backend::docker::build::buildkit::grpc::WAITING;

/// Paths with their modes.
type Entries = Vec<(String, u32)>;

/// What was sent: entries, and the contents of those asked for.
fn sent(folder: &Folder, filter: &Filter, ask: &[&str]) -> (Entries, BTreeMap<String, Vec<u8>>) {
    let (answers, mut received) = mpsc::channel(WAITING);
    let contents = Contents::default();
    let listing = {
        let (folder, filter, answers, contents) =
            (folder.clone(), filter.clone(), answers.clone(), Arc::clone(&contents));
        std::thread::spawn(move || list(&folder, &filter, &answers, &contents).unwrap())
    };
    let mut next = || {
        let bytes = received.blocking_recv().unwrap().unwrap();
        Packet::decode(bytes.get(5..).unwrap()).unwrap()
    };
    let mut entries = Vec::new();
    while let Some(stat) = next().stat {
        entries.push((stat.path, stat.mode));
    }
    listing.join().unwrap();
    let (wanted, asked) = mpsc::channel(REQUESTS);
    let ids: BTreeMap<u32, String> = ask
        .iter()
        .map(|name| {
            (entries.iter().position(|(path, _)| path == name).unwrap().try_into().unwrap(), (*name).to_owned())
        })
        .collect();
    for id in ids.keys() {
        wanted.try_send(*id).unwrap();
    }
    drop(wanted);
    let sending = std::thread::spawn(move || send_contents(asked, &answers, &contents).unwrap());
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut open = ids.len();
    while open > 0 {
        let packet = next();
        assert_eq!(packet.r#type(), PacketType::PacketData);
        open -= usize::from(packet.data.is_empty());
        files.entry(ids.get(&packet.id).unwrap().clone()).or_default().extend(packet.data);
    }
    sending.join().unwrap();
    (entries, files)
}

#[test]
fn a_folder_is_listed_in_order_and_sent_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    let large: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(root.join("a/b/large"), &large).unwrap();
    std::fs::write(root.join("a.txt"), "").unwrap();
    std::fs::write(root.join("run"), "#!").unwrap();
    std::fs::set_permissions(root.join("run"), std::fs::Permissions::from_mode(0o4755)).unwrap();
    symlink("a/b", root.join("link")).unwrap();
    let filter = Filter::default();
    let (entries, files) = sent(&Folder::Real(root.to_path_buf()), &filter, &["a/b/large", "run", "a.txt"]);
    let paths: Vec<&str> = entries.iter().map(|(path, _)| path.as_str()).collect();
    // As a walk meets them: what is in a folder before what comes behind it.
    assert_eq!(paths, ["a", "a/b", "a/b/large", "a.txt", "link", "run"]);
    let modes: BTreeMap<_, _> = entries.iter().cloned().collect();
    assert_eq!(modes.get("run"), Some(&(0o755 | mode::SETUID)));
    assert_ne!(modes.get("a").unwrap() & mode::FOLDER, 0);
    assert_ne!(modes.get("link").unwrap() & mode::LINK, 0);
    assert_eq!(files.get("a/b/large"), Some(&large));
    assert_eq!(files.get("run").map(Vec::as_slice), Some(b"#!".as_slice()));
    assert_eq!(files.get("a.txt").map(Vec::as_slice), Some(b"".as_slice()));
}

#[test]
fn folders_on_the_way_come_before_what_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/b/c")).unwrap();
    std::fs::create_dir_all(folder.path().join("z")).unwrap();
    std::fs::write(folder.path().join("a/b/file"), "x").unwrap();
    std::fs::write(folder.path().join("a/other"), "x").unwrap();
    let filter = Filter { includes: vec!["a/b/file".to_owned()], ..Filter::default() };
    let (entries, _) = sent(&Folder::Real(folder.path().to_path_buf()), &filter, &[]);
    assert_eq!(entries.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["a", "a/b", "a/b/file"]);
}

#[test]
fn files_that_are_nowhere_are_sent() {
    let made = Folder::Made(Arc::new(vec![("Dockerfile".to_owned(), b"FROM x".to_vec())]));
    let (entries, files) = sent(&made, &Filter::default(), &["Dockerfile"]);
    assert_eq!(entries, [("Dockerfile".to_owned(), 0o644)]);
    assert_eq!(files.get("Dockerfile").map(Vec::as_slice), Some(b"FROM x".as_slice()));
}

#[test]
fn what_cannot_be_read_is_named() {
    let (answers, _received) = mpsc::channel(WAITING);
    let gone = Folder::Real("/nowhere".into());
    let stopped = std::thread::spawn(move || list(&gone, &Filter::default(), &answers, &Contents::default()));
    let Err(Stop::Failed(message)) = stopped.join().unwrap() else { unreachable!("there is no such folder") };
    assert_eq!(message, "cannot read /nowhere/: No such file or directory (os error 2)");
}
