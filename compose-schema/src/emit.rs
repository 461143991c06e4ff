//! A project as text: what `config` prints, byte for byte as Docker Compose does.

mod empty;
pub mod json;
pub mod number;
mod scalar;
mod serialize;
pub mod value;
pub mod yaml;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{FileObject, Project};
use crate::yaml::Node;
pub(crate) use serialize::TIMESTAMP;
use serialize::value_of;
use value::{Fields, Value};

/// The project as JSON, with no newline at the end; `$` is not escaped.
///
/// # Errors
/// A `build.ssh` key with a path, numbers without an end: Docker Compose has no JSON form for them, and neither has anything
/// that reads its output.
pub fn json(project: &Project) -> Result<String, NoJsonForm> {
    for (name, service) in project.services.iter().chain(&project.disabled_services) {
        let keys = service.build.iter().flat_map(|build| &build.ssh);
        if let Some(key) = keys.into_iter().find(|key| !key.path.is_empty()) {
            return Err(NoJsonForm::SshKey { service: name.clone(), key: key.id.clone() });
        }
    }
    let Value::Struct(Fields { fields, extensions, .. }) = document(project) else { return Ok(String::new()) };
    // Docker Compose forgets the models here.
    let fields = fields.into_iter().filter(|(key, _)| *key != "models");
    let mut extensions = Value::Map(extensions);
    empty::as_null(&mut extensions);
    let Value::Map(extensions) = extensions else { return Ok(String::new()) };
    let entries = Value::Map(fields.map(|(key, value)| (key.to_owned(), value)).chain(extensions).collect());
    all_numbers_end(&entries)?;
    Ok(json::pretty(&entries, 2))
}

/// What cannot be written as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoJsonForm {
    /// A key of `build.ssh` with a path.
    #[error(
        "`services.{service}.build.ssh` has the key `{key}` with a path, which has no JSON form; use `--format yaml`"
    )]
    SshKey {
        /// Which service.
        service: String,
        /// Which key.
        key: String,
    },
    /// A number without an end.
    #[error("`{path}` is {number}, which has no JSON form; use `--format yaml`")]
    Number {
        /// Where it is.
        path: String,
        /// The number, as YAML has it.
        number: &'static str,
    },
}

impl NoJsonForm {
    /// Where in the project it is.
    #[must_use]
    pub fn path(&self) -> Vec<&str> {
        match self {
            Self::SshKey { service, .. } => vec!["services", service, "build", "ssh"],
            Self::Number { path, .. } => path.split('.').collect(),
        }
    }
}

/// Looks for numbers that JSON does not have.
fn all_numbers_end(value: &Value) -> Result<(), NoJsonForm> {
    fn below(value: &Value, path: &mut Vec<String>) -> Result<(), NoJsonForm> {
        let mut entry = |key: String, value: &Value| {
            path.push(key);
            below(value, path)?;
            path.pop();
            Ok(())
        };
        match value {
            Value::Float(number) if !number.is_finite() => {
                let number = if number.is_nan() { ".nan" } else { ".inf" };
                return Err(NoJsonForm::Number { path: path.join("."), number });
            }
            Value::List(items) => {
                items.iter().enumerate().try_for_each(|(index, item)| entry(index.to_string(), item))?;
            }
            Value::Map(entries) => entries.iter().try_for_each(|(key, value)| entry(key.clone(), value))?,
            // Its extensions are not written.
            Value::Struct(Fields { fields, .. }) => {
                fields.iter().try_for_each(|(key, value)| entry((*key).to_owned(), value))?;
            }
            _ => {}
        }
        Ok(())
    }
    below(value, &mut Vec::new())
}

/// The project as YAML; `$` is not escaped.
#[must_use]
pub fn yaml(project: &Project) -> String {
    let mut document = document(project);
    if let Value::Struct(Fields { fields, .. }) = &mut document {
        fields.retain(|(key, value)| *key != "name" || *value != Value::Text(String::new()));
    }
    yaml::document(&document)
}

/// A merged tree as JSON: what `config --no-interpolate` prints.
///
/// # Errors
/// Numbers without an end.
pub fn tree_json(tree: &Node) -> Result<String, NoJsonForm> {
    let mut value = tree_value(tree);
    all_numbers_end(&value)?;
    empty::as_null(&mut value);
    Ok(json::pretty(&value, 2))
}

/// A merged tree as YAML: what `config --no-interpolate` prints.
#[must_use]
pub fn tree_yaml(tree: &Node) -> String {
    yaml::document(&tree_value(tree))
}

/// One part of the model on one line of JSON: what config hashes are made of.
pub(crate) fn compact<T: Serialize>(model: &T) -> String {
    json::compact(&value_of(model))
}

fn document(project: &Project) -> Value {
    let mut fields = vec![("name", Value::Text(project.name.clone())), ("services", value_of(&project.services))];
    section(&mut fields, "networks", &project.networks);
    section(&mut fields, "volumes", &project.volumes);
    section(&mut fields, "secrets", &written(&project.secrets));
    section(&mut fields, "configs", &written(&project.configs));
    section(&mut fields, "models", &project.models);
    let extensions = match value_of(&project.extensions) {
        Value::Map(entries) => entries,
        _ => Vec::new(),
    };
    Value::Struct(Fields { fields, extensions, ..Fields::default() })
}

/// Secrets and configs as they are written down: what was read from the environment is not for show.
fn written(objects: &BTreeMap<String, FileObject>) -> BTreeMap<String, FileObject> {
    let mut written = objects.clone();
    for object in written.values_mut().filter(|object| !object.environment.is_empty()) {
        object.content.clear();
    }
    written
}

/// A tree without what was read from the environment into its secrets and configs.
fn tree_value(tree: &Node) -> Value {
    let mut whole = value::from_node(tree);
    let Value::Map(sections) = &mut whole else { return whole };
    for (_, section) in sections.iter_mut().filter(|(name, _)| matches!(name.as_str(), "secrets" | "configs")) {
        let Value::Map(objects) = section else { continue };
        for (_, object) in objects {
            if let Value::Map(fields) = object
                && fields.iter().any(|(name, _)| name == "environment")
            {
                fields.retain(|(name, _)| name != "content");
            }
        }
    }
    whole
}

fn section<T: Serialize>(fields: &mut Vec<(&'static str, Value)>, key: &'static str, objects: &BTreeMap<String, T>) {
    if !objects.is_empty() {
        fields.push((key, value_of(objects)));
    }
}

#[cfg(test)]
mod tests;
