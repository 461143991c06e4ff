#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;

use super::container::{copy_in, copy_out, put};
use super::{Direction, direction, local};
use crate::backend::memory::{Fault, Memory};
use crate::backend::{Backend as _, Container, ContainerSpec, Engine, ErrorKind, LabelFilter, PathInfo, PathKind};

#[test]
fn which_way() {
    let table = [
        ("a", "web:/b", Some(Direction::In { source: "a", service: "web", path: "/b" })),
        ("-", "web:b", Some(Direction::In { source: "-", service: "web", path: "b" })),
        ("web:/a:b", ".", Some(Direction::Out { service: "web", path: "/a:b", destination: "." })),
        ("web:", "-", Some(Direction::Out { service: "web", path: "", destination: "-" })),
        // A colon in a name of this host.
        ("./a:b", "web:/c", Some(Direction::In { source: "./a:b", service: "web", path: "/c" })),
        ("/a:b", "web:/c", Some(Direction::In { source: "/a:b", service: "web", path: "/c" })),
        ("web:/a", "db:/a", None),
        ("a", "b", None),
        ("-", "-", None),
    ];
    for (source, destination, expected) in table {
        assert_eq!(direction(source, destination).ok(), expected, "{source} {destination}");
    }
}

/// An engine with a container that has a folder `/srv`, a file `/srv/file` and a link `/link` to `/srv`.
struct Scene {
    memory: Arc<Memory>,
    engine: Engine,
    container: Container,
    here: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let memory = Memory::new();
        memory.add_image_named("app");
        let labels = BTreeMap::from([("com.docker.compose.service".to_owned(), "web".to_owned())]);
        let spec =
            ContainerSpec { name: "web-1".to_owned(), image: "app".to_owned(), labels, ..ContainerSpec::default() };
        memory.create_container(&spec).await.unwrap();
        let path = |path: &str, kind, target: &str, tar: Vec<u8>| {
            memory.put_path("web-1", path, PathInfo { kind, link_target: target.to_owned() }, tar.into());
        };
        path("/", PathKind::Folder, "", Vec::new());
        for srv in ["/srv", "/srv/"] {
            path(srv, PathKind::Folder, "", archive(&[("srv/", None), ("srv/inside", Some("inside"))]));
        }
        path("/srv/file", PathKind::File, "", archive(&[("file", Some("content"))]));
        path("/link", PathKind::Link, "/srv", Vec::new());
        path("/dev/null", PathKind::Special, "", Vec::new());
        let container = memory.containers(&LabelFilter::default()).await.unwrap().remove(0);
        Self { engine: memory.clone(), memory, container, here: tempfile::tempdir().unwrap() }
    }

    /// Copies in: where the archive went, and the names in it; or the error.
    async fn copies(&self, source: &str, path: &str) -> Result<(String, Vec<String>), String> {
        let before = self.memory.archives("web-1").len();
        let (from, source) = local::source(self.here.path(), source, false)?;
        let copied = copy_in(&self.engine, &self.container, (&from, &source), path, false);
        copied.await.map_err(|error| error.message)?;
        let archives = self.memory.archives("web-1");
        let (folder, tar) = archives.get(before).cloned().unwrap();
        let mut names: Vec<String> = tar::Archive::new(&*tar)
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        names.sort();
        Ok((folder, names))
    }

    async fn fetches(&self, path: &str, destination: &str, follow: bool) -> Result<Vec<String>, String> {
        let to = local::destination(self.here.path(), destination)?;
        copy_out(&self.engine, &self.container, path, &to, follow, false).await.map_err(|error| error.message)
    }
}

fn archive(entries: &[(&str, Option<&str>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let content = content.unwrap_or_default().as_bytes();
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(if name.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn into_a_container() {
    let scene = Scene::new().await;
    fs::write(scene.here.path().join("f"), "x").unwrap();
    fs::create_dir(scene.here.path().join("d")).unwrap();
    fs::write(scene.here.path().join("d/g"), "y").unwrap();
    let to = |folder: &str, names: &[&str]| {
        Ok((folder.to_owned(), names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()))
    };
    assert_eq!(scene.copies("f", "/srv").await, to("/srv", &["f"]));
    assert_eq!(scene.copies("f", "/srv/new").await, to("/srv", &["new"]));
    assert_eq!(scene.copies("f", "/srv/file").await, to("/srv", &["file"]));
    assert_eq!(scene.copies("f", "/link").await, to("/srv", &["f"]), "a link is followed");
    assert_eq!(scene.copies("d", "/srv").await, to("/srv", &["d", "d/g"]));
    assert_eq!(scene.copies("d", "/srv/new").await, to("/srv", &["new", "new/g"]));
    assert_eq!(scene.copies("d/.", "/srv").await.map(|(folder, names)| (folder, names.len())), Ok(("/srv".into(), 2)));
    let refused = |message: &str| Err(message.to_owned());
    assert_eq!(scene.copies("f", "/none/x").await, refused("there is no folder /none in the container"));
    assert_eq!(scene.copies("f", "/srv/none/").await, refused("there is no such folder"));
    assert_eq!(scene.copies("d", "/srv/file").await, refused("a folder cannot be copied onto a file"));
    assert_eq!(scene.copies("f", "/dev/null").await, refused("/dev/null is neither a file nor a folder"));
}

#[tokio::test]
async fn out_of_a_container() {
    let scene = Scene::new().await;
    let read = |path: &str| fs::read_to_string(scene.here.path().join(path)).ok();
    assert_eq!(scene.fetches("/srv/file", ".", false).await, Ok(Vec::new()));
    assert_eq!(read("file").as_deref(), Some("content"));
    assert_eq!(scene.fetches("/srv/file", "renamed", false).await, Ok(Vec::new()));
    assert_eq!(read("renamed").as_deref(), Some("content"));
    assert_eq!(scene.fetches("/srv", "copy", false).await, Ok(Vec::new()));
    assert_eq!(read("copy/inside").as_deref(), Some("inside"));
    // What a link leads to keeps the link's name.
    assert_eq!(scene.fetches("/link", ".", true).await, Ok(Vec::new()));
    assert_eq!(read("link/inside").as_deref(), Some("inside"));
    let refused = |message: &str| Err(message.to_owned());
    assert_eq!(scene.fetches("/none", ".", false).await, refused("there is no /none in the container"));
    assert_eq!(scene.fetches("/srv", "file", false).await, refused("a folder cannot be copied onto a file"));
    assert_eq!(scene.fetches("/srv/file", "none/", false).await, refused("there is no such folder"));
    let nowhere = format!("there is no {}", scene.here.path().join("none").display());
    assert_eq!(scene.fetches("/srv/file", "none/x", false).await, Err(nowhere));
}

#[tokio::test]
async fn an_archive_goes_into_a_folder_only() {
    let scene = Scene::new().await;
    let tar = || futures_util::stream::iter([Ok(Bytes::from_static(b"tar"))]).boxed();
    put(&scene.engine, &scene.container, "/link", tar(), true).await.unwrap();
    assert_eq!(scene.memory.archives("web-1").last(), Some(&("/srv".to_owned(), Bytes::from_static(b"tar"))));
    assert!(scene.memory.changes().iter().any(|change| change.starts_with("copy into container for its user")));
    let refused = put(&scene.engine, &scene.container, "/srv/file", tar(), false).await.unwrap_err();
    assert_eq!(refused.message, "the destination of an archive must be a folder that is there");
}

#[tokio::test]
async fn the_engine_may_fail_at_any_call() {
    let scene = Scene::new().await;
    fs::write(scene.here.path().join("f"), "x").unwrap();
    scene.memory.reset_calls();
    scene.copies("f", "/srv/new").await.unwrap();
    let calls = scene.memory.calls().len();
    for number in 1..=calls {
        scene.memory.reset_calls();
        scene.memory.fail_call(number, Fault::Before(ErrorKind::Unreachable));
        assert_eq!(scene.copies("f", "/srv/new").await, Err("injected fault".to_owned()), "call {number} of {calls}");
    }
}
