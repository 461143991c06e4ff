//! The files in which `up` tells the agent what a project wants of the edge, one for each revision:
//! `projects/PROJECT@REVISION.json`.
//!
//! An engine puts an archive's files straight in their places: one that is there already is first gone, then half of one, and
//! whoever looks meanwhile would take the project for one without routes. So a revision never goes where another lies: the
//! one before counts until the next is whole, and is then removed by the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use bytes::Bytes;

use super::containers::{AGENT, EdgeContainers};
use super::error::EdgeError;
use super::image::Archive;
use super::revision::new_revision;
use super::state::{self, ProjectFile};
use super::volumes;
use crate::backend::Engine;
use crate::error::{CommandError, Result};

/// The folder below [`state::MOUNT`].
pub const FOLDER: &str = "projects";

/// What the projects want.
#[derive(Debug, Default)]
pub struct Known {
    /// By project, the latest revision that is whole; without projects that are gone.
    pub readable: BTreeMap<String, ProjectFile>,
    /// Projects none of whose files can be read: half a file, or one of another version of `stack`.
    pub unreadable: BTreeSet<String>,
    /// Projects whose latest file is named for the project alone: the agent at work knows no other names.
    single: BTreeSet<String>,
    /// The highest revision that there is of each project, whatever has become of it.
    highest: BTreeMap<String, String>,
    /// Names of the files that nobody needs any more, in the order in which they may be removed.
    spent: Vec<String>,
}

impl Known {
    /// Names of all projects.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.readable.keys().chain(&self.unreadable)
    }

    /// A revision of a project that is later than all there are.
    #[must_use]
    pub fn next_revision(&self, project: &str) -> String {
        new_revision(self.highest.get(project).map(String::as_str))
    }

    /// Sorts files out: their names and what is in them.
    fn of(files: Vec<(String, Vec<u8>)>) -> Self {
        let mut whole = Vec::new();
        let mut known = Self::default();
        let mut torn = Vec::new();
        for (name, text) in files {
            let found = serde_json::from_slice::<ProjectFile>(&text).ok();
            // A project's name is also that of its folder.
            let found =
                found.filter(|file| state::is_project(&file.project) && parts(&name).0 == file.project).ok_or(());
            let (project, revision) = match &found {
                Ok(file) => (file.project.as_str(), file.revision.as_str()),
                Err(()) => parts(&name),
            };
            let highest = known.highest.entry(project.to_owned()).or_default();
            if revision > highest.as_str() {
                revision.clone_into(highest);
            }
            match found {
                Ok(file) => whole.push((name, file)),
                Err(()) => torn.push(name),
            }
        }
        whole.sort_by(|(_, a), (_, b)| a.revision.cmp(&b.revision));
        let mut latest = BTreeMap::new();
        for (name, file) in whole {
            if let Some((before, _)) = latest.insert(file.project.clone(), (name, file)) {
                known.spent.push(before);
            }
        }
        for name in torn {
            let (project, revision) = parts(&name);
            match latest.get(project) {
                Some((_, file)) if file.revision.as_str() > revision => known.spent.push(name),
                // It may be on its way.
                Some(_) => {}
                None => {
                    known.unreadable.insert(project.to_owned());
                }
            }
        }
        // What says that a project is gone goes last: without it, what is older would count again.
        for (project, (name, file)) in latest {
            if file.removed {
                known.spent.push(name);
            } else {
                if parts(&name).1.is_empty() {
                    known.single.insert(project.clone());
                }
                known.readable.insert(project, file);
            }
        }
        known
    }
}

/// The name of the file of a revision; no two have the same.
fn name_of(file: &ProjectFile) -> String {
    format!("{}@{}.json", file.project, file.revision)
}

/// Project and revision in the name of a file.
fn parts(name: &str) -> (&str, &str) {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    stem.split_once('@').unwrap_or((stem, ""))
}

/// Writes a project's file for an agent of this very `stack`; its revision has to be a new one.
///
/// # Errors
/// Whatever the engine answers.
pub async fn write(engine: &Engine, file: &ProjectFile) -> Result<(), EdgeError> {
    put(engine, &name_of(file), file).await
}

/// Writes a further revision of a project in `known` for the agent that is at work, of whatever `stack` it is.
///
/// # Errors
/// Whatever the engine answers.
pub async fn rewrite(engine: &Engine, known: &Known, file: &ProjectFile) -> Result<(), EdgeError> {
    if known.single.contains(&file.project) {
        return put(engine, &format!("{}.json", file.project), file).await;
    }
    write(engine, file).await
}

async fn put(engine: &Engine, name: &str, file: &ProjectFile) -> Result<(), EdgeError> {
    let content = serde_json::to_vec_pretty(file)
        .map_err(|error| CommandError::new(format!("cannot write down the routes of `{}`: {error}", file.project)))?;
    let pack = || -> io::Result<Vec<u8>> {
        let mut archive = Archive::new();
        archive.folder(&format!("{FOLDER}/"))?;
        archive.file(&format!("{FOLDER}/{name}"), &content, 0o600)?;
        archive.finish()
    };
    let tar = pack().map_err(|error| CommandError::new(format!("cannot pack the routes: {error}")))?;
    engine.put_archive(AGENT, state::MOUNT, Bytes::from(tar)).await?;
    Ok(())
}

/// Reads the files of all projects, through the agent, which holds their volume.
///
/// # Errors
/// Whatever the engine answers, except that there is nothing yet.
pub async fn read(engine: &Engine, pair: &EdgeContainers) -> Result<Known> {
    match (&pair.agent, &pair.gateway) {
        (Some(agent), _) => read_in(engine, &agent.id).await,
        // Somebody has removed the agent.
        (None, Some(gateway)) => {
            let reader = volumes::make_reader(engine, &gateway.image).await?;
            let known = read_in(engine, &reader).await;
            engine.remove_container(&reader, false).await?;
            known
        }
        (None, None) => Ok(Known::default()),
    }
}

/// Reads the files of all projects in a container that holds their volume.
async fn read_in(engine: &Engine, holder: &str) -> Result<Known> {
    let mut files = BTreeMap::new();
    // What is moved meanwhile is where it goes before it is gone from where it was.
    for mount in [state::BEFORE, state::MOUNT] {
        if let Some(tar) = volumes::archive(engine, holder, &format!("{mount}/{FOLDER}")).await? {
            let found = unpack(&tar)
                .map_err(|error| CommandError::new(format!("cannot read what the gateway serves: {error}")))?;
            files.extend(found);
        }
    }
    Ok(Known::of(files.into_iter().collect()))
}

/// The files in a tar archive, without their folder.
fn unpack(tar: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path()?.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut text = Vec::new();
        entry.read_to_end(&mut text)?;
        files.push((name, text));
    }
    Ok(files)
}

/// Takes the projects' files over from where a `stack` of before kept them. Nothing there is fine.
///
/// # Errors
/// Whatever the file system answers. Each file is in one of the two places then, or in both.
pub fn move_in(before: &Path, root: &Path) -> io::Result<()> {
    let from = before.join(FOLDER);
    if !from.is_dir() {
        return Ok(());
    }
    for (name, text) in read_folder(&from)? {
        let to = root.join(FOLDER).join(&name);
        if !to.exists() {
            proxy::file::replace(&to, &text)?;
        }
        fs::remove_file(from.join(name))?;
    }
    Ok(())
}

/// The projects' files in a folder. One that has just gone is none; what cannot be read may be any project's.
fn read_folder(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let named = |path: &Path, error: &io::Error| {
        io::Error::new(error.kind(), format!("cannot read `{}`: {error}", path.display()))
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| named(folder, &error))? {
        let path = entry.map_err(|error| named(folder, &error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".json")) else {
            continue;
        };
        if let Some(text) = proxy::file::read(&path).map_err(|error| named(&path, &error))? {
            files.push((name.to_owned(), text));
        }
    }
    Ok(files)
}

/// Reads the files of all projects in the agent's own folder, and removes those that nobody needs any more.
///
/// # Errors
/// A folder or file that is there and cannot be read: nobody knows what it asks for.
pub fn read_own(root: &Path) -> io::Result<BTreeMap<String, ProjectFile>> {
    let folder = root.join(FOLDER);
    let mut known = Known::of(read_folder(&folder)?);
    for project in &known.single {
        // Written for an agent that knew no other names; whoever writes next shall not write over it.
        if let Some(file) = known.readable.get(project) {
            let _ = fs::rename(folder.join(format!("{project}.json")), folder.join(name_of(file)));
        }
    }
    for name in &known.spent {
        let project = parts(name).0;
        if !known.readable.contains_key(project) {
            let _ = state::forget(&root.join("gateway/files"), project);
        }
        if fs::remove_file(folder.join(name)).is_err() {
            // What is older than one that stays must not count alone.
            break;
        }
    }
    for project in std::mem::take(&mut known.unreadable) {
        tracing::warn!(%project, "the file of this project cannot be read; run `stack up` again");
    }
    Ok(known.readable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(project: &str, revision: &str, removed: bool) -> (String, Vec<u8>) {
        let file = ProjectFile {
            project: project.to_owned(),
            revision: revision.to_owned(),
            removed,
            ..ProjectFile::default()
        };
        let name = name_of(&file);
        assert_eq!(parts(&name), (project, revision));
        (name, serde_json::to_vec(&file).unwrap_or_default())
    }

    fn torn(name: &str) -> (String, Vec<u8>) {
        (name.to_owned(), b"{\"project\":\"a\",\"revi".to_vec())
    }

    fn revisions(known: &Known) -> Vec<(&str, &str)> {
        known.readable.iter().map(|(name, file)| (name.as_str(), file.revision.as_str())).collect()
    }

    #[test]
    fn the_one_before_counts_until_the_next_is_whole() {
        let on_its_way = Known::of(vec![whole("a", "1", false), torn("a@2.json")]);
        assert_eq!(revisions(&on_its_way), [("a", "1")]);
        assert!(on_its_way.spent.is_empty() && on_its_way.unreadable.is_empty(), "{on_its_way:?}");

        let all = vec![whole("a", "3", false), torn("a@2.json"), whole("b", "9", false), whole("a", "1", false)];
        let there = Known::of(all);
        assert_eq!(revisions(&there), [("a", "3"), ("b", "9")]);
        assert_eq!(there.spent, ["a@1.json", "a@2.json"]);
    }

    #[test]
    fn a_project_that_is_gone_does_not_come_back() {
        let known = Known::of(vec![whole("a", "2", true), whole("a", "1", false), torn("c@1.json")]);
        assert!(revisions(&known).is_empty());
        assert_eq!(known.spent, ["a@1.json", "a@2.json"], "the word that it is gone goes last");
        assert_eq!(known.names().collect::<Vec<_>>(), ["c"], "half a file is still somebody's project");
        let far = format!("{:010}.000000000-1", u32::MAX);
        assert!(
            Known::of(vec![whole("a", &far, true)]).next_revision("a") > far,
            "later than the word that it is gone"
        );
        let again = Known::of(vec![whole("a", "2", true), whole("a", "3", false)]);
        assert_eq!(revisions(&again), [("a", "3")]);
    }

    #[test]
    fn an_agent_that_knows_one_name_a_project_is_written_for_until_it_is_replaced() {
        let single = |revision: &str| ("a.json".to_owned(), whole("a", revision, false).1);
        assert!(Known::of(vec![single("7")]).single.contains("a"));
        let after = Known::of(vec![single("7"), whole("a", "8", false)]);
        assert!(after.single.is_empty());
        assert_eq!((revisions(&after), after.spent.as_slice()), (vec![("a", "8")], ["a.json".to_owned()].as_slice()));
    }

    #[test]
    fn files_come_out_of_an_archive_and_the_agent_keeps_the_latest() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        let mut archive = Archive::new();
        archive.folder("projects/")?;
        for (name, text) in [whole("a", "1", false), whole("a", "2", false), whole("b", "1", false), torn("b@2.json")] {
            archive.file(&format!("projects/{name}"), &text, 0o600)?;
        }
        let tar = archive.finish()?;
        assert_eq!(revisions(&Known::of(unpack(&tar)?)), [("a", "2"), ("b", "1")]);

        tar::Archive::new(tar.as_slice()).unpack(root.path())?;
        fs::create_dir_all(root.path().join("gateway/files/b"))?;
        assert_eq!(read_own(root.path())?.keys().collect::<Vec<_>>(), ["a", "b"]);
        let left = || -> io::Result<BTreeSet<String>> {
            let entries = fs::read_dir(root.path().join(FOLDER))?.flatten();
            Ok(entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        };
        assert_eq!(left()?, ["a@2.json", "b@1.json", "b@2.json"].map(str::to_owned).into());

        let (_, text) = whole("c", "4", false);
        fs::write(root.path().join(FOLDER).join("c.json"), text)?;
        assert!(read_own(root.path())?.contains_key("c") && left()?.contains("c@4.json"), "{:?}", left()?);
        let (name, text) = whole("c", "5", true);
        fs::write(root.path().join(FOLDER).join(name), text)?;

        let (name, text) = whole("b", "3", true);
        fs::write(root.path().join(FOLDER).join(name), text)?;
        assert_eq!(read_own(root.path())?.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(left()?, ["a@2.json".to_owned()].into());
        assert!(!root.path().join("gateway/files/b").exists());
        Ok(())
    }
    #[test]
    fn what_cannot_be_read_is_not_gone() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        assert!(read_own(root.path()).is_err(), "the folder itself");
        let folder = root.path().join(FOLDER);
        fs::create_dir(&folder)?;
        assert!(read_own(root.path())?.is_empty());
        let (name, text) = whole("a", "1", false);
        fs::write(folder.join(name), text)?;
        // Not even root can read it.
        fs::create_dir(folder.join("b@1.json"))?;
        let error = read_own(root.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("b@1.json`: it is not a regular file"), "{error}");
        fs::remove_dir(folder.join("b@1.json"))?;
        assert_eq!(read_own(root.path())?.keys().collect::<Vec<_>>(), ["a"]);
        Ok(())
    }

    #[test]
    fn no_name_leads_out_of_its_folder() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        let folder = root.path().join(FOLDER);
        fs::create_dir(&folder)?;
        fs::create_dir_all(root.path().join("gateway/files/a"))?;
        let gone = |project: &str| {
            let file = ProjectFile {
                project: project.to_owned(),
                revision: "1".to_owned(),
                removed: true,
                ..ProjectFile::default()
            };
            serde_json::to_vec(&file).unwrap_or_default()
        };
        for (name, project) in [("..@1.json", ".."), ("b@1.json", "a"), (".json", "."), ("@1.json", "")] {
            fs::write(folder.join(name), gone(project))?;
        }
        assert!(read_own(root.path())?.is_empty());
        assert!(root.path().join("gateway/files/a").is_dir());
        Ok(())
    }

    #[test]
    fn files_of_before_are_taken_over() -> io::Result<()> {
        let (before, root) = (tempfile::tempdir()?, tempfile::tempdir()?);
        move_in(before.path(), root.path())?;
        fs::create_dir(before.path().join(FOLDER))?;
        fs::create_dir(root.path().join(FOLDER))?;
        for (name, text) in [whole("a", "1", false), whole("b", "1", false), torn("c@1.json")] {
            fs::write(before.path().join(FOLDER).join(name), text)?;
        }
        // Killed between the one and the other.
        fs::write(root.path().join(FOLDER).join("b@1.json"), whole("b", "1", false).1)?;
        for _ in 0..2 {
            move_in(before.path(), root.path())?;
            assert_eq!(read_own(root.path())?.keys().collect::<Vec<_>>(), ["a", "b"]);
            assert_eq!(fs::read_dir(before.path().join(FOLDER))?.count(), 0);
        }
        assert!(root.path().join(FOLDER).join("c@1.json").is_file(), "half a file is somebody's project");
        Ok(())
    }
}
