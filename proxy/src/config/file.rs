//! Dynamic configuration from files: YAML, TOML and JSON.
//!
//! Names count without regard to case, numbers may be texts, as in Traefik's own reader. A file that cannot be parsed is
//! an error as a whole; an object that makes no sense costs only that object. Specification: Traefik v3 documentation,
//! "File provider".

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::dynamic::{Configuration, Named};
use super::near::nearest;
use super::node::{Node, Shape};
use super::template;

#[cfg(test)]
mod tests;

/// Folders inside each other, at most.
const MAX_DEPTH: usize = 8;

/// Something in a dynamic file that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The object it is about (`http.routers.app`); empty for the whole file.
    pub object: String,
    /// What is wrong, with line and column where the parser tells them, and the way out.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if !self.object.is_empty() {
            write!(f, "`{}`: ", self.object)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Problem {}

/// Reads a file, or all dynamic files of a folder and the folders in it; their templates find `environment`. Names are bare.
///
/// # Errors
/// A file that cannot be read or parsed: nothing of the others is used either, so that a typing mistake does not take
/// half of the routes away.
pub fn read(path: &Path, environment: &BTreeMap<String, String>) -> Result<(Configuration, Vec<Problem>), Problem> {
    let mut reader = Reader::new(environment);
    if path.is_dir() {
        reader.folder(path, 0)?;
    } else {
        reader.file(path)?;
    }
    Ok((reader.configuration, reader.problems))
}

/// Reads one text; `file` gives its format by its ending and names it in messages. Its templates find no environment.
///
/// # Errors
/// A text that cannot be parsed.
pub fn parse(file: &Path, text: &str) -> Result<(Configuration, Vec<Problem>), Problem> {
    let environment = BTreeMap::new();
    let mut reader = Reader::new(&environment);
    reader.text(file, text)?;
    Ok((reader.configuration, reader.problems))
}

/// Whether a file of a folder is taken for a dynamic file, by its ending.
#[must_use]
pub fn is_dynamic(path: &Path) -> bool {
    let end = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    end.is_some_and(|end| ["yml", "yaml", "toml"].iter().any(|known| end == *known))
}

struct Reader<'a> {
    environment: &'a BTreeMap<String, String>,
    configuration: Configuration,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn new(environment: &'a BTreeMap<String, String>) -> Self {
        Self { environment, configuration: Configuration::default(), problems: Vec::new() }
    }

    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), Problem> {
        let fail = |reason: String| Problem { file: folder.to_owned(), object: String::new(), reason };
        if depth > MAX_DEPTH {
            return Err(fail("too many folders inside each other".to_owned()));
        }
        let entries = fs::read_dir(folder).map_err(|error| fail(error.to_string()))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort_unstable();
        for path in paths {
            if path.is_dir() {
                self.folder(&path, depth + 1)?;
            } else if is_dynamic(&path) {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), Problem> {
        let text = fs::read_to_string(path).map_err(|error| Problem {
            file: path.to_owned(),
            object: String::new(),
            reason: error.to_string(),
        })?;
        self.text(path, &text)
    }

    fn text(&mut self, file: &Path, text: &str) -> Result<(), Problem> {
        let fail = |reason: String| Problem { file: file.to_owned(), object: String::new(), reason };
        let filled = if text.contains("{{") {
            let context = template::Context {
                root: crate::template::Value::Flag(false),
                environment: self.environment,
                split_is_go: true,
                labels_are_texts: false,
            };
            let filled = template::render(text, &context).map_err(|mistake| fail(format!("template: {mistake}")))?;
            Cow::Owned(filled)
        } else {
            Cow::Borrowed(text)
        };
        let fail = |reason: String| match &filled {
            Cow::Borrowed(_) => fail(reason),
            Cow::Owned(_) => fail(format!("with its templates filled in: {reason}")),
        };
        let text = filled.as_ref();
        let end = file.extension().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
        let tree = if end == "toml" {
            toml::from_str::<Value>(text).map_err(|error| fail(error.to_string()))?
        } else if end == "json" {
            serde_json::from_str(text).map_err(|error| fail(error.to_string()))?
        } else {
            // By way of `serde_yaml::Value`, where a key given twice is an error with its line.
            let mut documents = serde_yaml::Deserializer::from_str(text);
            let mut tree = match documents.next() {
                Some(first) => serde_yaml::Value::deserialize(first).map_err(|error| fail(error.to_string()))?,
                None => serde_yaml::Value::Null,
            };
            if documents.next().is_some() {
                self.problems.push(fail("only the first of its documents (up to the first `---`) is read".to_owned()));
            }
            tree.apply_merge().map_err(|error| fail(error.to_string()))?;
            serde_json::to_value(tree).map_err(|error| fail(error.to_string()))?
        };
        let top = match tree {
            Value::Null => return Ok(()),
            Value::Object(entries) => entries,
            _ => return Err(fail("a mapping with `http`, `tcp`, `udp` or `tls` is expected".to_owned())),
        };
        Section { file, reader: self }.top(top);
        Ok(())
    }
}

struct Section<'a, 'b> {
    file: &'a Path,
    reader: &'a mut Reader<'b>,
}

impl Section<'_, '_> {
    fn problem(&mut self, object: String, reason: String) {
        self.reader.problems.push(Problem { file: self.file.to_owned(), object, reason });
    }

    fn unknown(&mut self, object: &str, known: &[&str]) {
        let name = object.rsplit('.').next().unwrap_or(object);
        let near = nearest(name, known.iter().copied());
        let hint = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        self.problem(object.to_owned(), format!("there is no such section{hint}"));
    }

    fn top(&mut self, entries: Map<String, Value>) {
        for (name, value) in entries {
            match name.to_ascii_lowercase().as_str() {
                "http" => self.protocol(
                    &name,
                    value,
                    Self::http,
                    &["routers", "services", "middlewares", "serversTransports"],
                ),
                "tcp" => {
                    self.protocol(
                        &name,
                        value,
                        Self::tcp,
                        &["routers", "services", "middlewares", "serversTransports"],
                    );
                }
                "udp" => self.protocol(&name, value, Self::udp, &["routers", "services"]),
                "tls" => self.protocol(&name, value, Self::tls, &["certificates", "options", "stores"]),
                _ => self.unknown(&name, &["http", "tcp", "udp", "tls"]),
            }
        }
    }

    fn protocol(&mut self, name: &str, value: Value, read: fn(&mut Self, &str, &str, Value) -> bool, known: &[&str]) {
        let Value::Object(entries) = value else {
            if !value.is_null() {
                self.problem(name.to_owned(), "a mapping is expected".to_owned());
            }
            return;
        };
        for (section, value) in entries {
            let place = format!("{name}.{section}");
            if !read(self, &section.to_ascii_lowercase(), &place, value) {
                self.unknown(&place, known);
            }
        }
    }

    fn http(&mut self, section: &str, place: &str, value: Value) -> bool {
        match section {
            "routers" => self.objects(place, value, |all| &mut all.http.routers),
            "services" => self.objects(place, value, |all| &mut all.http.services),
            "middlewares" => self.objects(place, value, |all| &mut all.http.middlewares),
            "serverstransports" => self.objects(place, value, |all| &mut all.http.servers_transports),
            _ => return false,
        }
        true
    }

    fn tcp(&mut self, section: &str, place: &str, value: Value) -> bool {
        match section {
            "routers" => self.objects(place, value, |all| &mut all.tcp.routers),
            "services" => self.objects(place, value, |all| &mut all.tcp.services),
            "middlewares" => self.objects(place, value, |all| &mut all.tcp.middlewares),
            "serverstransports" => self.objects(place, value, |all| &mut all.tcp.servers_transports),
            _ => return false,
        }
        true
    }

    fn udp(&mut self, section: &str, place: &str, value: Value) -> bool {
        match section {
            "routers" => self.objects(place, value, |all| &mut all.udp.routers),
            "services" => self.objects(place, value, |all| &mut all.udp.services),
            _ => return false,
        }
        true
    }

    fn tls(&mut self, section: &str, place: &str, value: Value) -> bool {
        match section {
            "certificates" => {
                let Value::Array(items) = value else {
                    self.problem(place.to_owned(), "a list is expected".to_owned());
                    return true;
                };
                for (position, item) in items.iter().enumerate() {
                    if let Some(found) = self.decode(&format!("{place}[{position}]"), item) {
                        self.reader.configuration.tls.certificates.push(found);
                    }
                }
            }
            "options" => self.objects(place, value, |all| &mut all.tls.options),
            "stores" => self.objects(place, value, |all| &mut all.tls.stores),
            _ => return false,
        }
        true
    }

    /// The named objects of a section, each on its own.
    fn objects<T: DeserializeOwned>(
        &mut self,
        place: &str,
        value: Value,
        into: fn(&mut Configuration) -> &mut Named<T>,
    ) {
        let entries = match value {
            Value::Null => return,
            Value::Object(entries) => entries,
            _ => return self.problem(place.to_owned(), "names with objects are expected".to_owned()),
        };
        for (name, value) in entries {
            let place = format!("{place}.{name}");
            let Some(found) = self.decode(&place, &value) else { continue };
            match into(&mut self.reader.configuration).entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(found);
                }
                Entry::Occupied(_) => {
                    self.problem(place, "it is defined in another file already, and that one holds".to_owned());
                }
            }
        }
    }

    fn decode<T: DeserializeOwned>(&mut self, place: &str, value: &Value) -> Option<T> {
        let name = place.rsplit('.').next().unwrap_or(place);
        match node(name, value).decode() {
            Ok(found) => Some(found),
            Err(error) => {
                let hint = error.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                self.problem(place.to_owned(), format!("{}{hint}; it is left out", error.message));
                None
            }
        }
    }
}

/// A number as Traefik's reader hands it on: `5.0` is a whole number, other fractions have six places.
fn digits(number: &serde_json::Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => format!("{whole:.0}"),
        Some(fraction) => format!("{fraction:.6}"),
        None => number.to_string(),
    }
}

/// A value as the decoder wants it; what is null is not there, and texts of lists have no space around them.
fn node(name: &str, value: &Value) -> Node {
    let mut node = Node { name: name.to_owned(), ..Node::default() };
    match value {
        Value::Null => {}
        Value::Bool(flag) => node.value = Some(flag.to_string()),
        Value::Number(number) => node.value = Some(digits(number)),
        Value::String(text) => node.value = Some(text.clone()),
        Value::Array(items) => {
            node.shape = Shape::List;
            let element = |item: &Value| match item {
                Value::String(text) => Node { value: Some(text.trim().to_owned()), ..self::node(name, item) },
                _ => self::node(name, item),
            };
            node.children = items.iter().map(element).collect();
        }
        Value::Object(entries) => {
            node.shape = Shape::Mapping;
            node.children = entries
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| self::node(name, value))
                .collect();
        }
    }
    node
}
