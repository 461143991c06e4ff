//! Which files of a folder the builder wants.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ignore::{Broken, Ignore};

/// What the builder asked for, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// Only files that one of these matches; none: all.
    pub includes: Vec<String>,
    /// But not these (a `.dockerignore`'s patterns).
    pub excludes: Vec<String>,
    /// Further files to include, with all that they link to.
    pub follow: Vec<String>,
}

/// The same, ready to be asked.
#[derive(Debug)]
pub(super) struct Choice {
    includes: Option<Ignore>,
    excludes: Ignore,
}

/// What is to be done with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is sent.
    Send,
    /// It is not, but something below it may be.
    Pass,
    /// Neither it nor anything below.
    Skip,
}

impl Filter {
    /// Looks up links in the folder. Blocks.
    ///
    /// # Errors
    /// Patterns that make no sense.
    pub(super) fn choice(&self, root: &Path) -> Result<Choice, Broken> {
        let mut wanted: BTreeSet<String> = self.includes.iter().cloned().collect();
        wanted.extend(followed(root, &self.follow));
        // The whole folder is asked for.
        let all = wanted.is_empty() || self.follow.iter().any(|path| clean("", path).is_empty());
        let but = wanted.iter().map(|path| format!("!{path}"));
        let includes = (!all).then(|| Ignore::of(std::iter::once("**".to_owned()).chain(but))).transpose()?;
        Ok(Choice { includes, excludes: Ignore::of(&self.excludes)? })
    }
}

impl Choice {
    /// About a path relative to the folder, with `/`.
    pub(super) fn verdict(&self, path: &str, is_folder: bool) -> Verdict {
        let mut verdict = Verdict::Send;
        for patterns in self.includes.iter().chain([&self.excludes]) {
            if patterns.leaves_out(path) {
                if !is_folder || !patterns.may_keep_below(path) {
                    return Verdict::Skip;
                }
                verdict = Verdict::Pass;
            }
        }
        verdict
    }
}

/// Paths, and those that symbolic links on the way lead to; each is looked up once. Wildcards stay what they are, links
/// that they match are followed.
fn followed(root: &Path, paths: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = paths.iter().map(|path| clean("", path)).collect();
    while let Some(path) = open.pop() {
        let mut current = String::new();
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let folder = current.clone();
            current = clean(&folder, part);
            let targets = links(root, &folder, part);
            let is_last = parts.peek().is_none();
            if !is_last && targets.is_empty() {
                continue;
            }
            if found.insert(current.clone()) {
                let rest = parts.clone().collect::<Vec<_>>().join("/");
                open.extend(targets.iter().map(|target| clean(target, &rest)));
            }
            // A wildcard stands for more than the links that it matches.
            if !is_wildcard(part) && !targets.is_empty() {
                break;
            }
        }
    }
    found
}

fn is_wildcard(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

/// Where the links lead that a name (or wildcard) in a folder means.
fn links(root: &Path, folder: &str, part: &str) -> Vec<String> {
    let target = |name: &str| {
        let target = std::fs::read_link(root.join(folder).join(name)).ok()?;
        let target = target.to_str()?;
        Some(if target.starts_with('/') { clean("", target) } else { clean(folder, target) })
    };
    if !is_wildcard(part) {
        return target(part).into_iter().collect();
    }
    // One that makes no sense is met again, and named, where the files are chosen.
    let (Ok(pattern), Ok(entries)) = (Ignore::of([part]), std::fs::read_dir(root.join(folder))) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| pattern.leaves_out(name)).filter_map(|name| target(&name)).collect()
}

/// A path from a folder, without `.` and `..`; never above the root.
fn clean(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;
