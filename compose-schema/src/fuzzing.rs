//! What the fuzz targets in `compose-schema/fuzz` call: the parts that read hostile text, each with what must hold of it.
//!
//! A property that does not hold is a panic here, which is how a fuzzer hears of it.
#![expect(clippy::panic, reason = "a finding is told by a panic")]

use std::fs;
use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::env::{dotenv, raw};
use crate::interpolate::template::{self, Variables};
use crate::load::{LoadOptions, Loaded, load};
use crate::model::{Service, StringMap};
use crate::source::{Source, SourceId, Sources, Span};
use crate::yaml::{Node, Value};
use crate::{canonical, decode, emit, file, hash, origin, schema, yaml};

/// Reads a document; all spans lie inside it, and what is written of it reads back as the same.
pub fn parse(bytes: &[u8]) {
    let Ok(text) = file::decode(bytes.to_vec()) else { return };
    let mut sources = Sources::default();
    let source = sources.add(Source::new("fuzz.yaml".into(), text.clone(), true));
    let documents = match yaml::documents(source, &text) {
        Ok(documents) => documents,
        Err(found) => return render(&found, &sources),
    };
    for document in &documents {
        spans(document, &sources);
        // Only mappings are ever written.
        if document.as_mapping().is_none() {
            continue;
        }
        let written = emit::tree_yaml(document);
        match yaml::documents(SourceId(0), &written).as_deref() {
            Ok([again]) if again.same(document) || is_odd(document) => {}
            _ if is_odd(document) => {}
            other => panic!("{document:?}\nis written as\n{written}\nand read back as\n{other:?}"),
        }
    }
}

/// Reads an env file in both dialects.
pub fn dotenv(bytes: &[u8]) {
    let Ok(text) = file::decode(bytes.to_vec()) else { return };
    let outer = |name: &str| (name == "OUTER").then(|| "outer".to_owned());
    let mut found = StringMap::new();
    let mut unset = Vec::new();
    if dotenv::parse(&text, &outer, &mut found, &mut unset).is_ok() {
        for (name, start) in dotenv::names(&text) {
            assert!(found.contains_key(name) && text.is_char_boundary(start), "{name:?} at {start}");
        }
    }
    let mut found = StringMap::new();
    if raw::parse(&text, &outer, &mut found).is_ok() {
        for (name, start) in raw::names(&text) {
            assert!(found.contains_key(name) && text.is_char_boundary(start), "{name:?} at {start}");
        }
    }
}

/// Puts variables into a text.
pub fn template(bytes: &[u8]) {
    struct Known;
    impl Variables for Known {
        fn get(&mut self, name: &str) -> Option<&str> {
            match name {
                "A" => Some("a"),
                "EMPTY" => Some(""),
                "D" => Some("$A"),
                _ => None,
            }
        }
        fn unset(&mut self, _: &str, _: std::ops::Range<usize>) {}
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match template::substitute(text, &mut Known) {
        Ok(_) => {
            let _ = template::variables(text);
        }
        Err(error) => assert!(text.get(error.at.clone()).is_some(), "{error:?}"),
    }
}

/// Reads a text as the short form of a port.
pub fn port(bytes: &[u8]) {
    short(bytes, "ports");
}

/// Reads a text as the short form of a volume.
pub fn volume(bytes: &[u8]) {
    short(bytes, "volumes");
}

fn short(bytes: &[u8], attribute: &str) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut sources = Sources::default();
    let source = sources.add(Source::new("fuzz.yaml".into(), text.to_owned(), true));
    let span = Span { source, start: 0, end: u32::try_from(text.len()).unwrap_or(u32::MAX) };
    let node = |value| Node::new(value, span);
    let under = |key: &str, inner: Node| {
        let entry = yaml::Entry { key: span, node: inner };
        node(Value::from_iter([(key.to_owned(), entry)]))
    };
    let list = node(Value::Sequence(vec![node(Value::String(text.to_owned()))]));
    let mut root = under("services", under("a", under(attribute, list)));
    render(&canonical::canonicalize(&mut root, true), &sources);
    spans(&root, &sources);
    render(&schema::validate(&root), &sources);
    if let Err(found) = decode::project(&root) {
        render(&found, &sources);
    }
}

/// Loads a whole project from `folder`: the input up to the first NUL is its compose file, the rest its `.env`. What it is
/// printed as reads back as the same.
pub fn load_project(bytes: &[u8], folder: &Path) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let compose = parts.next().unwrap_or_default();
    let written = fs::write(folder.join("compose.yaml"), compose)
        .and_then(|()| fs::write(folder.join(".env"), parts.next().unwrap_or_default()));
    if let Err(error) = written {
        panic!("cannot write the project: {error}");
    }
    let options = LoadOptions {
        project_name: Some("fuzz".to_owned()),
        ..LoadOptions::new(folder.to_path_buf(), [("HOME".to_owned(), "/root".to_owned())].into())
    };
    let loaded = match load(&options) {
        Ok(loaded) => loaded,
        Err(failure) => {
            assert!(!failure.diagnostics.is_empty(), "a failure without a message");
            return render(&failure.diagnostics, &failure.sources);
        }
    };
    render(&loaded.warnings, &loaded.sources);
    spans(&loaded.tree, &loaded.sources);
    let _ = origin::origins(&loaded, &options);
    let _ = emit::json(&loaded.project);
    for service in loaded.project.services.values() {
        let _ = hash::service(service);
    }
    if !differs_in_docker_compose_too(&loaded) {
        fixed_point(&loaded, &options, folder);
    }
}

/// What Docker Compose prints and cannot read again, or reads otherwise: dollar signs in keys, which are doubled but never
/// halved; ports 0, negative sizes and an empty `network_mode`, which are written although they mean nothing; keys of
/// `build.ssh` with a path; names of networks that only the short form takes; optional dependencies on services that are not
/// active.
fn differs_in_docker_compose_too(loaded: &Loaded) -> bool {
    fn dollar(node: &Node) -> bool {
        match &node.value {
            Value::Sequence(items) => items.iter().any(dollar),
            Value::Mapping(entries) => entries.iter().any(|(key, entry)| key.contains('$') || dollar(&entry.node)),
            _ => false,
        }
    }
    let project = &loaded.project;
    let odd_service = |(name, service): (&String, &Service)| {
        let mode = loaded.tree.at(&["services", name, "network_mode"]).and_then(Node::as_str);
        mode == Some("")
            || service.build.iter().flat_map(|build| &build.ssh).any(|key| !key.path.is_empty())
            || service.ports.iter().any(|port| port.target == 0)
            || service.depends_on.keys().any(|name| !project.services.contains_key(name))
    };
    let odd_name = |name: &String| !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let negative = |text: &str| {
        text.match_indices("\"-").any(|(at, _)| text.as_bytes().get(at + 2).is_some_and(u8::is_ascii_digit))
    };
    dollar(&loaded.tree)
        || project.services.iter().any(odd_service)
        || project.networks.keys().any(odd_name)
        || negative(&emit::yaml(project))
}

/// `config` of `config` says the same.
fn fixed_point(loaded: &Loaded, options: &LoadOptions, folder: &Path) {
    let first = emit::yaml(&loaded.project);
    let path = folder.join("again.yaml");
    if let Err(error) = fs::write(&path, first.replace('$', "$$")) {
        panic!("cannot write the project: {error}");
    }
    let again = LoadOptions { files: vec![path], ..options.clone() };
    match load(&again) {
        Ok(second) => {
            let second = emit::yaml(&second.project);
            assert!(first == second, "config of config differs:\n{first}\n---\n{second}");
        }
        Err(failure) => {
            let all: Vec<_> = failure.diagnostics.iter().map(|found| found.render(&failure.sources, false)).collect();
            panic!("config cannot be read again:\n{first}\n{}", all.join("\n"));
        }
    }
}

fn render(found: &[Diagnostic], sources: &Sources) {
    for diagnostic in found {
        for label in diagnostic.primary.iter().chain(&diagnostic.context) {
            assert!(sources.text(label.span).is_some(), "a place outside its text: {diagnostic:?}");
        }
        let text = diagnostic.render(sources, false);
        assert!(!text.contains(['\u{1b}', '\0']), "control characters reach the terminal: {text:?}");
        let _ = diagnostic.to_json(sources);
    }
}

fn spans(node: &Node, sources: &Sources) {
    assert!(sources.text(node.span).is_some(), "a place outside its text: {node:?}");
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| spans(item, sources)),
        Value::Mapping(entries) => entries.values().for_each(|entry| {
            assert!(sources.text(entry.key).is_some(), "a place outside its text: {entry:?}");
            spans(&entry.node, sources);
        }),
        _ => {}
    }
}

/// Values that no writer keeps: dates, which the compose language has nowhere, numbers that equal nothing, tags.
fn is_odd(node: &Node) -> bool {
    node.tag.is_some()
        || match &node.value {
            Value::Timestamp(_) | Value::Float(_) => true,
            Value::Sequence(items) => items.iter().any(is_odd),
            Value::Mapping(entries) => entries.values().any(|entry| is_odd(&entry.node)),
            _ => false,
        }
}
