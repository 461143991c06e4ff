//! Reads the env and label files of a project's services into their environment and labels.

use std::path::Path;

use super::Format;
use crate::codes::input;
use crate::diagnostic::Diagnostic;
use crate::model::{Project, Service, StringMap};
use crate::session::{Session, Stop};
use crate::source::Span;
use crate::yaml::{Mapping, Node, Value};

/// Fills in names without a value, and reads `label_file` and, where `files`, `env_file` of the active services; what was
/// read is empty afterwards. `tree` is what the project was decoded from.
pub(crate) fn services(project: &mut Project, tree: &Node, files: bool, session: &mut Session) {
    let outer = std::mem::take(&mut project.environment);
    for (name, service) in &mut project.services {
        let place = |attribute: &str, index: usize| {
            let index = index.to_string();
            let node = tree.at(&["services", name, attribute, &index]);
            node.map(|node| node.get("path").map_or(node.span, |path| path.span))
        };
        for (name, value) in service.environment.iter_mut().filter(|(_, value)| value.is_none()) {
            *value = outer.get(name).cloned();
        }
        if files {
            let _ = env_files(service, &outer, &|index| place("env_file", index), session);
        }
        let _ = labels(service, &|index| place("label_file", index), session);
    }
    project.environment = outer;
}

fn env_files(
    service: &mut Service,
    outer: &StringMap,
    place: &dyn Fn(usize) -> Option<Span>,
    session: &mut Session,
) -> Result<(), Stop> {
    let mut from_files = StringMap::new();
    let own = &service.environment;
    let lookup = |name: &str| outer.get(name).or_else(|| own.get(name).and_then(Option::as_ref)).cloned();
    for (index, file) in service.env_file.iter().enumerate() {
        let path = Path::new(&file.path);
        if !file.required && !path.exists() {
            continue;
        }
        let format = match file.format.as_str() {
            "" => Format::Dotenv,
            "raw" => Format::Raw,
            other => {
                let message = format!("`{other}` is not a format of env files");
                let diagnostic =
                    Diagnostic::error(input::ENV_SYNTAX, message).hint("leave `format` out, or write `raw`");
                return session.fail(match place(index) {
                    Some(span) => diagnostic.at(span, ""),
                    None => diagnostic,
                });
            }
        };
        super::read(path, format, place(index), &lookup, &mut from_files, session)?;
    }
    for (name, value) in from_files {
        service.environment.entry(name).or_insert(Some(value));
    }
    service.env_file.clear();
    Ok(())
}

fn labels(service: &mut Service, place: &dyn Fn(usize) -> Option<Span>, session: &mut Session) -> Result<(), Stop> {
    let mut from_files = StringMap::new();
    for (index, file) in service.label_file.iter().enumerate() {
        super::read(Path::new(file), Format::Dotenv, place(index), &|_| None, &mut from_files, session)?;
    }
    for (name, value) in from_files {
        service.labels.entry(name).or_insert(value);
    }
    service.labels_read_from = std::mem::take(&mut service.label_file);
    Ok(())
}

/// What a tree takes from the environment of its own files: names without a value in lists of `environment`, and the
/// content of secrets and configs that are variables.
pub(crate) fn tree(root: &mut Node, environment: &StringMap) {
    for entry in root.get_mut("services").and_then(Node::as_mapping_mut).into_iter().flat_map(Mapping::values_mut) {
        let Some(Value::Sequence(items)) = entry.node.get_mut("environment").map(|node| &mut node.value) else {
            continue;
        };
        for item in items {
            if let Value::String(text) = &mut item.value
                && let Some(value) = environment.get(text.as_str())
            {
                *text = format!("{text}={value}");
            }
        }
    }
    for section in ["secrets", "configs"] {
        for entry in root.get_mut(section).and_then(Node::as_mapping_mut).into_iter().flat_map(Mapping::values_mut) {
            let Some(variable) = entry.node.get("environment") else { continue };
            let Some(value) = variable.as_str().and_then(|name| environment.get(name)) else { continue };
            let span = variable.span;
            let content = Node::new(Value::String(value.clone()), span);
            if let Some(entries) = entry.node.as_mapping_mut() {
                entries.insert("content".to_owned(), crate::yaml::Entry { key: span, node: content });
            }
        }
    }
}
