#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use futures_util::{FutureExt as _, StreamExt as _};

use super::*;
use crate::backend::memory::Memory;
use crate::backend::{ContainerSpec, MountPoint, PathInfo};

struct Scene {
    memory: Arc<Memory>,
    engine: Engine,
    folder: tempfile::TempDir,
    sync: Sync,
}

impl Scene {
    async fn new(containers: &[&str]) -> Self {
        let memory = Memory::new();
        memory.add_image_named("a");
        let engine: Engine = memory.clone();
        let scene = Self { memory, engine, folder: tempfile::tempdir().unwrap(), sync: Sync::new("p") };
        for name in containers {
            scene.container(name).await;
        }
        scene
    }

    /// A running container of the service `app`.
    async fn container(&self, name: &str) -> String {
        let labels = [(labels::PROJECT, "p"), (labels::SERVICE, "app"), (labels::ONEOFF, "False")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let spec = ContainerSpec { name: name.into(), image: "a".into(), labels, ..ContainerSpec::default() };
        let (id, _) = self.engine.create_container(&spec).await.unwrap();
        self.engine.start_container(&id).await.unwrap();
        id
    }

    /// A transfer of files with these names, which are made, and of removals.
    fn transfer(&self, copy: &[&str], delete: &[&str]) -> Transfer {
        let file = |name: &&str| -> (String, PathBuf) {
            let path = self.folder.path().join(name);
            std::fs::write(&path, name).unwrap();
            (format!("/app/{name}"), path)
        };
        Transfer {
            copy: copy.iter().map(file).collect(),
            delete: delete.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// Names of the files that a container has got, an archive a list.
    fn got(&self, container: &str) -> Vec<Vec<String>> {
        let archives = self.memory.archives(container);
        let names = |tar: &[u8]| {
            let mut archive = tar::Archive::new(tar);
            let entries = archive.entries().unwrap();
            entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
        };
        archives.iter().inspect(|(path, _)| assert_eq!(path, "/")).map(|(_, tar)| names(tar)).collect()
    }
}

#[tokio::test]
async fn every_container_gets_one_archive_and_one_removal() {
    let mut scene = Scene::new(&["p-app-1", "p-app-2"]).await;
    let mut events = scene.engine.events(&LabelFilter::default()).await.unwrap();
    let transfer = scene.transfer(&["a", "b"], &["/app/old", "/app/old/x", "/app/old-2"]);
    let problems = scene.sync.transfer(&scene.engine, "app", transfer).await;
    assert_eq!(problems, Vec::<String>::new());
    for name in ["p-app-1", "p-app-2"] {
        assert_eq!(scene.got(name), [["app/a", "app/b"]]);
    }
    let mut commands = Vec::new();
    while let Some(Some(Ok(event))) = events.next().now_or_never() {
        commands.extend(event.action.strip_prefix("exec_start: ").map(str::to_owned));
    }
    assert_eq!(commands, ["rm -rf -- /app/old /app/old-2", "rm -rf -- /app/old /app/old-2"]);
}

#[tokio::test]
async fn a_new_container_gets_what_its_image_lacks() {
    let mut scene = Scene::new(&["p-app-1"]).await;
    let (first, second) = (scene.transfer(&["a", "b"], &[]), scene.transfer(&["c"], &["/app/b"]));
    let _ = scene.sync.transfer(&scene.engine, "app", first).await;
    scene.container("p-app-2").await;
    let _ = scene.sync.transfer(&scene.engine, "app", second).await;
    assert_eq!(scene.got("p-app-1"), [vec!["app/a", "app/b"], vec!["app/c"]]);
    assert_eq!(scene.got("p-app-2"), [["app/a", "app/c"]]);

    scene.container("p-app-3").await;
    assert_eq!(scene.sync.catch_up(&scene.engine).await, Vec::<String>::new());
    assert_eq!(scene.got("p-app-3"), [["app/a", "app/c"]]);
    assert_eq!(scene.got("p-app-2").len(), 1, "one that has it is left alone");

    let before = scene.sync.building("app");
    scene.container("p-app-4").await;
    let _ = scene.sync.catch_up(&scene.engine).await;
    assert_eq!(scene.got("p-app-4"), Vec::<Vec<String>>::new(), "the new image has it");
    scene.sync.not_built("app", before);
    scene.container("p-app-5").await;
    let _ = scene.sync.catch_up(&scene.engine).await;
    assert_eq!(scene.got("p-app-5"), [["app/a", "app/c"]], "the old image lacks it");
}

#[tokio::test]
async fn a_folder_of_the_container_stays() {
    let mut scene = Scene::new(&["p-app-1"]).await;
    let info = PathInfo { kind: PathKind::Folder, link_target: String::new() };
    scene.memory.put_path("p-app-1", "/app/data", info, bytes::Bytes::new());
    let transfer = scene.transfer(&["a", "data"], &[]);
    let problems = scene.sync.transfer(&scene.engine, "app", transfer).await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems.concat().contains("`/app/data` is a folder in the container, which stays"), "{problems:?}");
    let came = scene.memory.archives("p-app-1").pop().unwrap();
    let mut archive = tar::Archive::new(&*came.1);
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["app/a"], "the others are copied");
}

#[tokio::test]
async fn a_file_in_the_way_of_a_folder_goes() {
    let mut scene = Scene::new(&["p-app-1"]).await;
    let info = PathInfo { kind: PathKind::File, link_target: String::new() };
    scene.memory.put_path("p-app-1", "/app/other", info, bytes::Bytes::new());
    let folder = scene.folder.path().join("other");
    std::fs::create_dir(&folder).unwrap();
    let transfer = Transfer { copy: [("/app/other".to_owned(), folder)].into(), delete: BTreeSet::new() };
    let _ = scene.sync.transfer(&scene.engine, "app", transfer).await;
    assert!(scene.memory.changes().iter().any(|change| change.starts_with("run command in container")));
}

#[tokio::test]
async fn a_file_that_vanishes_is_a_removal() {
    let mut scene = Scene::new(&["p-app-1"]).await;
    let transfer = scene.transfer(&["a", "b"], &[]);
    std::fs::remove_file(scene.folder.path().join("b")).unwrap();
    let _ = scene.sync.transfer(&scene.engine, "app", transfer).await;
    assert_eq!(scene.got("p-app-1"), [["app/a"]]);
    assert!(scene.memory.changes().iter().any(|change| change.starts_with("run command in container")));
}

#[tokio::test]
async fn what_fails_is_told_of_each_container() {
    let mut scene = Scene::new(&["p-app-1", "p-app-2"]).await;
    scene.memory.exec_exits("p-app-1", 1);
    scene.engine.stop_container("p-app-2", None).await.unwrap();
    let transfer = scene.transfer(&["a"], &["/app/old"]);
    let problems = scene.sync.transfer(&scene.engine, "app", transfer).await;
    assert_eq!(
        problems,
        [
            "p-app-1: cannot remove files: `rm` ended with exit code 1: ",
            "p-app-2: it does not run: 1 removed files stay in it",
        ]
    );
    assert_eq!(scene.got("p-app-2"), [["app/a"]], "a stopped container gets its files");
}

#[test]
fn volumes_are_never_emptied() {
    let mount = MountPoint { target: "/app/data/".into(), kind: "volume".into(), ..MountPoint::default() };
    let container = Container { mounts: vec![mount], ..Container::default() };
    let paths = ["/", "/app", "/app/data", "/app/data/x", "/app/database", "/app/src", "/app/src/a"];
    let paths = paths.map(str::to_owned).into();
    let (good, kept) = removable(&paths, &container);
    assert_eq!(good, ["/app/data/x", "/app/database", "/app/src"]);
    assert_eq!(kept, ["/", "/app", "/app/data"]);
}

#[test]
fn long_lists_become_several_commands() {
    let path = "x".repeat(COMMAND_LINE / 2 - 1);
    let pieces: Vec<usize> = pieces(&[path.as_str(); 5]).iter().map(Vec::len).collect();
    assert_eq!(pieces, [2, 2, 1]);
}

#[test]
fn what_comes_later_wins() {
    let transfer = |copy: &[&str], delete: &[&str]| Transfer {
        copy: copy.iter().map(|name| ((*name).to_owned(), PathBuf::from(name))).collect(),
        delete: delete.iter().map(|name| (*name).to_owned()).collect(),
    };
    let all = merged(transfer(&["/a/b", "/a/c", "/ab"], &["/d"]), &transfer(&["/d"], &["/a"]));
    assert_eq!(all, transfer(&["/ab", "/d"], &["/a"]));
}
