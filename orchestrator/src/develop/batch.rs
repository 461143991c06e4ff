//! What a batch of changed files asks for.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::pending::Changes;
use super::rule::{Action, Rule};

/// Folders inside each other, at most: deeper ones are no source tree but a loop.
const MAX_DEPTH: usize = 256;

/// What is to be done, in the order of the fields.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Services to be built anew.
    pub rebuild: BTreeSet<String>,
    /// Files to be carried into containers, by service.
    pub sync: BTreeMap<String, Transfer>,
    /// Services to be restarted.
    pub restart: BTreeSet<String>,
    /// Rules, by position, whose command is to be run.
    pub exec: BTreeSet<usize>,
    /// What could not be looked at, and why.
    pub problems: Vec<String>,
}

/// Files to be carried into the containers of a service; by their paths in there.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// To be copied, from these paths.
    pub copy: BTreeMap<String, PathBuf>,
    /// To be removed, before anything is copied.
    pub delete: BTreeSet<String>,
}

impl Transfer {
    /// How many files, folders and links.
    #[must_use]
    pub fn count(&self) -> usize {
        self.copy.len() + self.delete.len()
    }
}

impl Batch {
    /// What changes ask for, by what is there now: a path that is gone is a deletion. Looks at the files: blocks.
    #[must_use]
    pub fn of(rules: &[Rule], changes: &Changes) -> Self {
        let mut batch = Self::default();
        let roots = rules.iter().map(|rule| (&rule.path, false)).filter(|_| changes.lost);
        let mut paths: BTreeMap<&PathBuf, bool> = roots.collect();
        paths.extend(changes.paths.iter().map(|(path, made)| (path, *made)));
        let mut walked: Option<&Path> = None;
        for (path, made) in paths {
            // A folder comes before what is in it, which was looked at with it; but not what is gone from it.
            let seen = walked.is_some_and(|folder| path.starts_with(folder));
            match fs::symlink_metadata(path) {
                Ok(_) if seen => {}
                Ok(found) if found.is_dir() || is_root(rules, path) => {
                    walked = Some(path);
                    batch.walk(rules, path, &found, 0);
                }
                Ok(found) => batch.there(rules, path, &found, changes.folders.contains(path)),
                Err(error) if is_gone(&error) => {
                    if !made {
                        batch.gone(rules, path);
                    }
                }
                Err(error) => batch.problems.push(format!("cannot look at `{}`: {error}", path.display())),
            }
        }
        batch
    }

    /// Everything that rules with `initial_sync` copy at the beginning. Blocks.
    #[must_use]
    pub fn initial(rules: &[Rule]) -> Self {
        let mut batch = Self::default();
        for rule in rules.iter().filter(|rule| rule.initial_sync && rule.action.syncs()) {
            let rule = std::slice::from_ref(rule);
            match rule.first().map(|rule| (&rule.path, fs::symlink_metadata(&rule.path))) {
                Some((path, Ok(found))) => batch.walk(rule, path, &found, 0),
                Some((path, Err(error))) if !is_gone(&error) => {
                    batch.problems.push(format!("cannot look at `{}`: {error}", path.display()));
                }
                // It may come later.
                _ => {}
            }
        }
        Self { sync: batch.sync, problems: batch.problems, ..Self::default() }
    }

    /// A folder with all that is in it, or a file.
    fn walk(&mut self, rules: &[Rule], path: &Path, found: &Metadata, depth: usize) {
        self.there(rules, path, found, false);
        // A rule's own folder may be a link; links in it are carried over as links.
        let is_folder = found.is_dir() || (depth == 0 && is_root(rules, path) && path.is_dir());
        if !is_folder || depth > MAX_DEPTH || rules.iter().all(|rule| rule.shuns(path)) {
            return;
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => return,
            Err(error) => {
                self.problems.push(format!("cannot look into `{}`: {error}", path.display()));
                return;
            }
        };
        for entry in entries.filter_map(io::Result::ok) {
            // One that goes away meanwhile tells so by an event of its own.
            if let Ok(found) = entry.metadata() {
                self.walk(rules, &entry.path(), &found, depth + 1);
            }
        }
    }

    /// A path that there is; `replaced`: it stands where a folder was.
    fn there(&mut self, rules: &[Rule], path: &Path, found: &Metadata, replaced: bool) {
        for (position, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.covers(path)) {
            self.ask(position, rule);
            // The rule's own folder stays as it is in the container: only what is in it is carried over.
            let own_folder = path == rule.path && path.is_dir();
            let kind = found.file_type();
            if rule.action.syncs() && !own_folder && (kind.is_file() || kind.is_dir() || kind.is_symlink()) {
                let transfer = self.sync.entry(rule.service.clone()).or_default();
                let place = rule.place(path);
                if replaced {
                    transfer.delete.insert(place.clone());
                } else {
                    transfer.delete.remove(&place);
                }
                transfer.copy.insert(place, path.to_owned());
            }
        }
    }

    fn gone(&mut self, rules: &[Rule], path: &Path) {
        for (position, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.covers(path)) {
            self.ask(position, rule);
            if rule.action.syncs() {
                let transfer = self.sync.entry(rule.service.clone()).or_default();
                let place = rule.place(path);
                if !transfer.copy.contains_key(&place) {
                    transfer.delete.insert(place);
                }
            }
        }
    }

    fn ask(&mut self, position: usize, rule: &Rule) {
        match rule.action {
            Action::Rebuild => {
                self.rebuild.insert(rule.service.clone());
            }
            Action::Restart | Action::SyncRestart => {
                self.restart.insert(rule.service.clone());
            }
            Action::SyncExec => {
                self.exec.insert(position);
            }
            Action::Sync => {}
        }
    }
}

fn is_root(rules: &[Rule], path: &Path) -> bool {
    rules.iter().any(|rule| rule.path == path)
}

/// A path whose parent has become a file is gone too.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
