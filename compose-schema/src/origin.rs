//! Where each value of a project comes from: what `config --origins` prints.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::emit;
use crate::env::{dotenv, raw};
use crate::interpolate::template;
use crate::load::{LoadOptions, Loaded};
use crate::paths;
use crate::source::Span;
use crate::yaml::{Node, Value};

/// One value of a project, a leaf of the printed tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Keys and list indexes from the top.
    pub path: Vec<String>,
    /// The value; an empty list or mapping is one too.
    pub value: serde_json::Value,
    /// Where it is written, in a compose file or an env file; none where it is implied.
    pub place: Option<Span>,
    /// The variables that its text asks for, in order.
    pub variables: Vec<(String, VariableOrigin)>,
}

/// Where a variable has its value from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableOrigin {
    /// The environment of the process.
    Environment,
    /// An env file.
    EnvFile(Span),
    /// Nowhere: its default counts, or nothing.
    Unset,
}

/// Every value of what was loaded with `options`, in the order `config` prints them.
#[must_use]
pub fn origins(loaded: &Loaded, options: &LoadOptions) -> Vec<Origin> {
    let printed: serde_yaml::Value = serde_yaml::from_str(&emit::yaml(&loaded.project)).unwrap_or_default();
    let root = At { place: loaded.tree.span, node: &loaded.tree };
    let walk = Walk { loaded, options, path: Vec::new(), around: vec![root.place], files: BTreeMap::new() };
    walk.all(&printed, root)
}

/// Where a value is written: the key where it has one, and the node with its text.
#[derive(Clone, Copy)]
struct At<'a> {
    place: Span,
    node: &'a Node,
}

/// How the names of an env file are read, with the offset of each.
type Names = for<'t> fn(&'t str) -> Vec<(&'t str, usize)>;

struct Walk<'a> {
    loaded: &'a Loaded,
    options: &'a LoadOptions,
    path: Vec<String>,
    /// Places of the keys above: what is added to a tree has the place of what it is added to.
    around: Vec<Span>,
    /// Where each name of an env file has its value from, by file; read when the first is asked for.
    files: BTreeMap<PathBuf, BTreeMap<&'a str, Span>>,
}

impl<'a> Walk<'a> {
    fn all(mut self, printed: &serde_yaml::Value, root: At<'a>) -> Vec<Origin> {
        let mut found = Vec::new();
        self.value(printed, Some(root), &mut found);
        found
    }

    /// `at` is where the value is written; none where it is implied.
    fn value(&mut self, value: &serde_yaml::Value, at: Option<At<'a>>, found: &mut Vec<Origin>) {
        match value {
            serde_yaml::Value::Mapping(entries) if !entries.is_empty() => {
                let pairs = at.map(|at| pairs(at.node)).unwrap_or_default();
                for (key, value) in entries {
                    let key = key.as_str().unwrap_or_default();
                    let inner = at.and_then(|at| self.entry(at, key, &pairs));
                    self.path.push(key.to_owned());
                    self.around.extend(inner.map(|inner| inner.place));
                    self.value(value, inner, found);
                    self.around.truncate(self.around.len() - usize::from(inner.is_some()));
                    self.path.pop();
                }
            }
            serde_yaml::Value::Sequence(items) if !items.is_empty() => {
                let texts = at.map(|at| texts(at.node)).unwrap_or_default();
                for (index, value) in items.iter().enumerate() {
                    let inner = at.and_then(|at| item(at, index, value.as_str(), &texts));
                    self.path.push(index.to_string());
                    self.value(value, inner, found);
                    self.path.pop();
                }
            }
            leaf => {
                let variables = at.map(|at| self.variables(at.node.span)).unwrap_or_default();
                let place = at.map(|at| at.place).or_else(|| self.env_file_of_service());
                let value = serde_json::to_value(leaf).unwrap_or_default();
                found.push(Origin { path: self.path.clone(), value, place, variables });
            }
        }
    }

    /// The entry of a mapping, or of a list of `NAME=value`.
    fn entry(&self, at: At<'a>, key: &str, pairs: &HashMap<&str, &'a Node>) -> Option<At<'a>> {
        match &at.node.value {
            Value::Mapping(entries) => {
                let entry = entries.get(key)?;
                let added = entry.node.span == entry.key && self.around.contains(&entry.key);
                (!added).then_some(At { place: entry.key, node: &entry.node })
            }
            Value::Sequence(_) => pairs.get(key).map(|node| At { place: node.span, node }),
            // A short form: what it stands for is written where it is.
            _ => Some(at),
        }
    }

    /// The variables of the text at a place.
    fn variables(&mut self, span: Span) -> Vec<(String, VariableOrigin)> {
        let text = self.loaded.sources.text(span).unwrap_or_default();
        let names = template::variables(text).into_iter().map(|variable| variable.name);
        names.map(|name| (self.variable(&name), name)).map(|(origin, name)| (name, origin)).collect()
    }

    fn variable(&mut self, name: &str) -> VariableOrigin {
        if self.options.environment.contains_key(name) {
            return VariableOrigin::Environment;
        }
        let loaded = self.loaded;
        let mut files = loaded.project.env_files.iter().rev();
        files
            .find_map(|file| self.defined(file, dotenv::names, name))
            .map_or(VariableOrigin::Unset, VariableOrigin::EnvFile)
    }

    /// The line of an env file that gives a service's variable its value.
    fn env_file_of_service(&mut self) -> Option<Span> {
        let [section, service, attribute, name] = self.path.as_slice() else { return None };
        if section != "services" || attribute != "environment" {
            return None;
        }
        let name = name.clone();
        let files = self.loaded.tree.at(&["services", service, "env_file"])?.as_sequence()?;
        files.iter().rev().find_map(|file| {
            let path = file.get("path").unwrap_or(file).as_str()?;
            let names: Names = match file.get("format").and_then(Node::as_str) {
                Some("raw") => raw::names,
                _ => dotenv::names,
            };
            self.defined(Path::new(path), names, &name)
        })
    }

    /// Where an env file defines a name last.
    fn defined(&mut self, file: &Path, names: Names, name: &str) -> Option<Span> {
        let (loaded, folder) = (self.loaded, &self.options.working_dir);
        let file = paths::join(folder, file);
        let known = self.files.entry(file).or_insert_with_key(|file| {
            let read = loaded.sources.iter().find(|(_, source)| paths::join(folder, &source.path) == *file);
            let Some((id, source)) = read else { return BTreeMap::new() };
            let place = |start| Span { source: id, start, end: start };
            let found = names(&source.text).into_iter();
            found.filter_map(|(name, start)| Some((name, place(u32::try_from(start).ok()?)))).collect()
        });
        known.get(name).copied()
    }
}

/// The items of a list of `NAME=value` or `NAME:value` by name.
fn pairs(node: &Node) -> HashMap<&str, &Node> {
    let items = node.as_sequence().unwrap_or_default().iter();
    items.filter_map(|item| Some((item.as_str()?.split(['=', ':']).next()?, item))).collect()
}

/// The texts of a list.
fn texts(node: &Node) -> HashMap<&str, &Node> {
    node.as_sequence().unwrap_or_default().iter().filter_map(|item| Some((item.as_str()?, item))).collect()
}

/// The item of a list. Some lists are printed in another order than they are written.
fn item<'a>(at: At<'a>, index: usize, text: Option<&str>, texts: &HashMap<&str, &'a Node>) -> Option<At<'a>> {
    let Value::Sequence(items) = &at.node.value else { return Some(at) };
    let there = items.get(index).filter(|item| text.is_none() || item.as_str().is_none() || item.as_str() == text);
    let node = there.or_else(|| texts.get(text?).copied())?;
    Some(At { place: node.span, node })
}

#[cfg(test)]
mod tests;
