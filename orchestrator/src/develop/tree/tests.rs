#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use super::*;
use crate::develop::rule::tests::rules;

struct Scene {
    folder: tempfile::TempDir,
    watch: TreeWatch,
}

impl Scene {
    /// A watch that copies `src` to `/app`; `compose.yaml` beside it is a file of the project.
    fn new(prepare: impl Fn(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let rules = rules(&[("sync", &folder.path().join("src"), "/app")]);
        let files = BTreeSet::from([folder.path().join("compose.yaml")]);
        let watch = TreeWatch::start(Arc::new(Subject { rules, files })).unwrap();
        Self { folder, watch }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    async fn told(&mut self) -> Told {
        tokio::time::timeout(Duration::from_secs(20), self.watch.next()).await.unwrap()
    }

    /// What is copied and removed by the next batch.
    async fn next(&mut self) -> (Vec<String>, Vec<String>) {
        let told = self.told().await;
        assert!(!told.files);
        assert_eq!(told.batch.problems, Vec::<String>::new());
        let transfer = told.batch.sync.into_values().next().unwrap_or_default();
        (transfer.copy.into_keys().collect(), transfer.delete.into_iter().collect())
    }
}

fn with_src(folder: &Path) {
    fs::create_dir_all(folder.join("src/old/deep")).unwrap();
    fs::create_dir_all(folder.join("src/ignored/deep")).unwrap();
    fs::write(folder.join("src/old/deep/a"), "a").unwrap();
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn many_changes_are_one_batch() {
    let mut scene = Scene::new(with_src);
    fs::write(scene.at("src/a"), "1").unwrap();
    fs::write(scene.at("src/a"), "2").unwrap();
    fs::write(scene.at("src/ignored/deep/b"), "1").unwrap();
    fs::write(scene.at("unrelated"), "1").unwrap();
    fs::remove_file(scene.at("src/old/deep/a")).unwrap();
    assert_eq!(scene.next().await, (texts(&["/app/a"]), texts(&["/app/old/deep/a"])));
}

#[tokio::test]
async fn new_folders_are_watched_and_moved_ones_no_longer() {
    let mut scene = Scene::new(with_src);
    fs::create_dir_all(scene.at("src/new/deep")).unwrap();
    fs::write(scene.at("src/new/deep/a"), "1").unwrap();
    let copied = ["/app/new", "/app/new/deep", "/app/new/deep/a"];
    assert_eq!(scene.next().await, (texts(&copied), vec![]));

    fs::write(scene.at("src/new/deep/b"), "1").unwrap();
    assert_eq!(scene.next().await, (texts(&["/app/new/deep/b"]), vec![]));

    fs::rename(scene.at("src/old"), scene.at("away")).unwrap();
    assert_eq!(scene.next().await, (vec![], texts(&["/app/old"])));
    fs::write(scene.at("away/deep/a"), "2").unwrap();
    fs::write(scene.at("src/b"), "1").unwrap();
    assert_eq!(scene.next().await, (texts(&["/app/b"]), vec![]), "what has moved away is out of sight");

    fs::rename(scene.at("away"), scene.at("src/back")).unwrap();
    let copied = ["/app/back", "/app/back/deep", "/app/back/deep/a"];
    assert_eq!(scene.next().await, (texts(&copied), vec![]));
    fs::write(scene.at("src/back/deep/c"), "1").unwrap();
    assert_eq!(scene.next().await, (texts(&["/app/back/deep/c"]), vec![]));
}

#[tokio::test]
async fn a_folder_may_come_later_and_again() {
    let mut scene = Scene::new(|_| {});
    fs::create_dir(scene.at("src")).unwrap();
    fs::write(scene.at("src/a"), "1").unwrap();
    assert_eq!(scene.next().await, (texts(&["/app/a"]), vec![]));
    fs::remove_dir_all(scene.at("src")).unwrap();
    assert_eq!(scene.next().await, (vec![], texts(&["/app", "/app/a"])));
    fs::create_dir(scene.at("src")).unwrap();
    fs::write(scene.at("src/b"), "1").unwrap();
    assert_eq!(scene.next().await, (texts(&["/app/b"]), vec![]));
}

#[tokio::test]
async fn files_of_the_project_are_told_apart() {
    let mut scene = Scene::new(with_src);
    proxy::file::replace(&scene.at("compose.yaml"), b"services: {}").unwrap();
    let told = scene.told().await;
    assert!(told.files);
    assert_eq!(told.batch, Batch::default());
}

#[tokio::test]
async fn changes_wait_while_nobody_asks() {
    let mut scene = Scene::new(with_src);
    let rounds = ["a", "b", "c"];
    for name in rounds {
        fs::write(scene.at("src").join(name), "1").unwrap();
    }
    assert_eq!(scene.next().await.0, texts(&["/app/a", "/app/b", "/app/c"]));
    // Nobody asks: these are two batches' worth of time.
    fs::write(scene.at("src/d"), "1").unwrap();
    tokio::time::sleep(super::super::pending::QUIET * 2).await;
    fs::write(scene.at("src/e"), "1").unwrap();
    // On a busy machine the kernel's word of the second may come after the first was handed out.
    let mut found = scene.next().await.0;
    if found.len() < 2 {
        found.extend(scene.next().await.0);
    }
    assert_eq!(found, texts(&["/app/d", "/app/e"]));
}

#[tokio::test]
async fn another_subject_is_watched_from_then_on() {
    let mut scene = Scene::new(with_src);
    let other = scene.at("other");
    fs::create_dir(&other).unwrap();
    let rules = rules(&[("sync", &other, "/other")]);
    scene.watch.turn_to(Arc::new(Subject { rules, files: BTreeSet::new() })).await;
    fs::write(scene.at("src/a"), "1").unwrap();
    fs::write(other.join("b"), "1").unwrap();
    assert_eq!(scene.next().await, (texts(&["/other/b"]), vec![]));
}

#[test]
fn folders_that_nobody_wants_cost_no_watch() {
    let folder = tempfile::tempdir().unwrap();
    with_src(folder.path());
    fs::create_dir_all(folder.path().join("src/.git/objects")).unwrap();
    let rules = rules(&[("sync", &folder.path().join("src"), "/app")]);
    let watcher = notify::recommended_watcher(|_| {}).unwrap();
    let subject = Arc::new(Subject { rules, files: BTreeSet::new() });
    let mut watched = Watched { watcher, subject, folders: BTreeSet::new(), problems: Vec::new() };
    watched.everything();
    let at = |name: &str| folder.path().join(name);
    let expected = [folder.path().to_owned(), at("src"), at("src/old"), at("src/old/deep")];
    assert_eq!(watched.folders, BTreeSet::from(expected));
}
