//! Where each value of a project comes from: what `config --origins` prints.

use std::path::Path;

use crate::emit;
use crate::env::{dotenv, raw};
use crate::interpolate::template;
use crate::load::{LoadOptions, Loaded};
use crate::model::Project;
use crate::paths;
use crate::source::{SourceId, Span};
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

/// Every value of `project`, which is what was loaded with `options` or a part of it, in the order `config` prints them.
#[must_use]
pub fn origins(loaded: &Loaded, project: &Project, options: &LoadOptions) -> Vec<Origin> {
    let printed: serde_yaml::Value = serde_yaml::from_str(&emit::yaml(project)).unwrap_or_default();
    let mut walk = Walk { loaded, options, path: Vec::new(), found: Vec::new() };
    walk.value(&printed);
    walk.found
}

struct Walk<'a> {
    loaded: &'a Loaded,
    options: &'a LoadOptions,
    path: Vec<String>,
    found: Vec<Origin>,
}

impl Walk<'_> {
    fn value(&mut self, value: &serde_yaml::Value) {
        match value {
            serde_yaml::Value::Mapping(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    self.inside(key.as_str().unwrap_or_default().to_owned(), value);
                }
            }
            serde_yaml::Value::Sequence(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    self.inside(index.to_string(), item);
                }
            }
            leaf => {
                let value = serde_json::to_value(leaf).unwrap_or_default();
                let written = written(&self.loaded.tree, &self.path, value.as_str());
                let variables = written.map(|(_, text)| self.variables(text)).unwrap_or_default();
                let place = written.map(|(place, _)| place).or_else(|| self.env_file_of_service());
                self.found.push(Origin { path: self.path.clone(), value, place, variables });
            }
        }
    }

    fn inside(&mut self, key: String, value: &serde_yaml::Value) {
        self.path.push(key);
        self.value(value);
        self.path.pop();
    }

    /// The variables of the text at a place.
    fn variables(&self, span: Span) -> Vec<(String, VariableOrigin)> {
        let text = self.loaded.sources.text(span).unwrap_or_default();
        let names = template::variables(text).into_iter().map(|variable| variable.name);
        names.map(|name| (self.variable(&name), name)).map(|(origin, name)| (name, origin)).collect()
    }

    fn variable(&self, name: &str) -> VariableOrigin {
        if self.options.environment.contains_key(name) {
            return VariableOrigin::Environment;
        }
        let files = &self.loaded.project.env_files;
        let defined = files.iter().rev().find_map(|file| last(&dotenv::names, self.source(file)?, name, self.loaded));
        defined.map_or(VariableOrigin::Unset, VariableOrigin::EnvFile)
    }

    /// The line of an env file that gives a service's variable its value.
    fn env_file_of_service(&self) -> Option<Span> {
        let [section, service, attribute, name] = self.path.as_slice() else { return None };
        if section != "services" || attribute != "environment" {
            return None;
        }
        let files = self.loaded.tree.at(&["services", service, "env_file"])?.as_sequence()?;
        files.iter().rev().find_map(|file| {
            let path = file.get("path").unwrap_or(file).as_str()?;
            let names = match file.get("format").and_then(Node::as_str) {
                Some("raw") => raw::names,
                _ => dotenv::names,
            };
            last(&names, self.source(Path::new(path))?, name, self.loaded)
        })
    }

    /// The text that was read from a file.
    fn source(&self, file: &Path) -> Option<SourceId> {
        let folder = &self.options.working_dir;
        let wanted = paths::join(folder, file);
        self.loaded.sources.iter().find(|(_, source)| paths::join(folder, &source.path) == wanted).map(|(id, _)| id)
    }
}

/// Where a text that `names` reads defines a name last.
fn last(
    names: &dyn for<'t> Fn(&'t str) -> Vec<(&'t str, usize)>,
    source: SourceId,
    name: &str,
    loaded: &Loaded,
) -> Option<Span> {
    let text = &loaded.sources.get(source)?.text;
    let (_, start) = names(text).into_iter().rev().find(|(found, _)| *found == name)?;
    let start = u32::try_from(start).ok()?;
    Some(Span { source, start, end: start })
}

/// Where the value at a path is written, the key where it has one, and where its text is. Lists of `NAME=value` count as mappings; values that the tree has no place of
/// their own for are implied.
fn written(tree: &Node, path: &[String], text: Option<&str>) -> Option<(Span, Span)> {
    let mut node = tree;
    let mut place = tree.span;
    // What is added to a tree has the place of what it is added to.
    let mut around = vec![tree.span];
    for key in path {
        match &node.value {
            Value::Mapping(entries) => {
                let entry = entries.get(key)?;
                if around.contains(&entry.node.span) && entry.node.span == entry.key {
                    return None;
                }
                around.push(entry.key);
                (place, node) = (entry.key, &entry.node);
            }
            Value::Sequence(items) => {
                node = match key.parse::<usize>() {
                    // Some lists are printed in another order than they are written.
                    Ok(index) => items
                        .get(index)
                        .filter(|item| text.is_none() || item.as_str().is_none() || item.as_str() == text)
                        .or_else(|| items.iter().find(|item| item.as_str().is_some() && item.as_str() == text))?,
                    Err(_) => items.iter().find(|item| {
                        let rest = item.as_str().and_then(|item| item.strip_prefix(key.as_str()));
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', ':']))
                    })?,
                };
                place = node.span;
            }
            // A short form: what it stands for is written where it is.
            _ => break,
        }
    }
    Some((place, node.span))
}

#[cfg(test)]
mod tests;
