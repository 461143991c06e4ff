//! `extends`: a service laid over another of the same file or of another one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::tags::Resets;
use crate::codes::merge as codes;
use crate::codes::schema::WRONG_TYPE;
use crate::diagnostic::{Diagnostic, Label};
use crate::load::document::{self, Scope};
use crate::paths;
use crate::session::{Session, Stop};
use crate::source::Span;
use crate::yaml::{Mapping, Node, Value};

/// Services that may extend one another in a row.
const MAX_CHAIN: usize = 100;

/// Files that services extend, read once for all services of a model.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    files: HashMap<PathBuf, Rc<BaseFile>>,
}

/// A file that services extend: paths resolved, `extends` not yet applied.
#[derive(Debug)]
struct BaseFile {
    path: PathBuf,
    services: Mapping,
    resets: Resets,
}

/// A service on the way from one that extends to the end of the chain.
struct Link {
    file: PathBuf,
    service: String,
    place: Span,
}

/// Replaces every service of a document that extends another by the two merged. `resets` are the document's.
pub(crate) fn apply(
    document: &mut Node,
    file: &Path,
    resets: &Resets,
    scope: &Scope<'_>,
    bases: &mut Bases,
    session: &mut Session,
) {
    let Some(services) = document.get_mut("services").and_then(Node::as_mapping_mut) else { return };
    let extending: Vec<String> = services
        .iter()
        .filter(|(_, entry)| entry.node.get("extends").is_some())
        .map(|(name, _)| name.clone())
        .collect();
    let mut done: HashMap<(PathBuf, String), Node> = HashMap::new();
    let mut merged = Vec::with_capacity(extending.len());
    {
        let mut extends = Extends { scope, bases, session, done: &mut done, chain: Vec::new() };
        for name in extending {
            if let Ok(Some(service)) = extends.service(&name, file, services, resets) {
                merged.push((name, service));
            }
        }
    }
    for (name, service) in merged {
        if let Some(entry) = services.get_mut(&name) {
            entry.node = service;
        }
    }
}

struct Extends<'a> {
    scope: &'a Scope<'a>,
    bases: &'a mut Bases,
    session: &'a mut Session,
    /// Services that are merged with what they extend, by file and name.
    done: &'a mut HashMap<(PathBuf, String), Node>,
    chain: Vec<Link>,
}

impl Extends<'_> {
    /// A service merged with what it extends; nothing for a service that is null.
    fn service(&mut self, name: &str, file: &Path, services: &Mapping, resets: &Resets) -> Result<Option<Node>, Stop> {
        let Some(entry) = services.get(name) else { return Ok(None) };
        let Some(extends) = entry.node.get("extends") else {
            let is_null = entry.node.value == Value::Null;
            if !is_null && entry.node.as_mapping().is_none() {
                let message = format!("`services.{name}` must be a mapping, not {}", entry.node.value.kind());
                return self.session.fail(Diagnostic::error(WRONG_TYPE, message).at(entry.node.span, ""));
            }
            return Ok((!is_null).then(|| entry.node.clone()));
        };
        let key = (file.to_path_buf(), name.to_owned());
        if let Some(done) = self.done.get(&key) {
            return Ok(Some(done.clone()));
        }
        self.check_cycle(name, file, extends.span)?;
        self.chain.push(Link { file: file.to_path_buf(), service: name.to_owned(), place: extends.span });
        let merged = self.merged(name, &entry.node, extends, file, services, resets);
        self.chain.pop();
        let merged = merged?;
        self.done.insert(key, merged.clone());
        Ok(Some(merged))
    }

    fn merged(
        &mut self,
        name: &str,
        service: &Node,
        extends: &Node,
        file: &Path,
        services: &Mapping,
        resets: &Resets,
    ) -> Result<Node, Stop> {
        let target = self.target(name, extends)?;
        let base = match target.file {
            None => {
                if !services.contains_key(&target.service) {
                    let message =
                        format!("service `{name}` extends `{}`, which this file does not have", target.service);
                    return self.session.fail(self.missing(&message, target.place, &target.service, services));
                }
                let mut base = self.service(&target.service, file, services, resets)?;
                if let Some(base) = &mut base {
                    resets.apply_to_service(name, base);
                }
                base
            }
            Some((other, place)) => {
                let other = self.base_file(&other, place)?;
                if !other.services.contains_key(&target.service) {
                    let shown = self.session.shown(&other.path);
                    let message = format!(
                        "service `{name}` extends `{}`, which `{}` does not have",
                        target.service,
                        shown.display()
                    );
                    return self.session.fail(self.missing(&message, target.place, &target.service, &other.services));
                }
                let mut base = self.service(&target.service, &other.path, &other.services, &other.resets)?;
                if let Some(base) = &mut base {
                    resets.apply_to_service(name, base);
                }
                base
            }
        };
        let mut service = service.clone();
        if let Some(entries) = service.as_mapping_mut() {
            entries.shift_remove("extends");
        }
        let Some(base) = base else { return Ok(service) };
        let mut merged = super::services(base, service, &mut self.session.diagnostics);
        if let Some(entries) = merged.as_mapping_mut() {
            entries.shift_remove("extends");
        }
        Ok(merged)
    }

    fn missing(&self, message: &str, place: Span, wanted: &str, services: &Mapping) -> Diagnostic {
        let diagnostic = Diagnostic::error(codes::EXTENDS, message).at(place, "");
        match services.keys().find(|name| name.eq_ignore_ascii_case(wanted)) {
            Some(similar) => diagnostic.hint(format!("did you mean `{similar}`?")),
            None => diagnostic,
        }
    }

    fn target(&mut self, name: &str, extends: &Node) -> Result<Target, Stop> {
        let place = extends.span;
        match &extends.value {
            Value::String(service) => Ok(Target { service: service.clone(), place, file: None }),
            Value::Null => Ok(Target { service: String::new(), place, file: None }),
            Value::Mapping(entries) => {
                for (key, entry) in entries.iter() {
                    if !matches!(key.as_str(), "service" | "file") && !key.starts_with("x-") {
                        let message = format!("`{key}` means nothing in `extends` and is ignored");
                        self.session
                            .diagnostics
                            .push(Diagnostic::warning(codes::IGNORED_KEY, message).at(entry.key, ""));
                    }
                }
                let Some(service) = entries.get("service").filter(|entry| entry.node.as_str().is_some()) else {
                    let message = format!("`extends` of service `{name}` does not say which service");
                    return self
                        .session
                        .fail(Diagnostic::error(codes::EXTENDS, message).at(place, "").hint("add `service: NAME`"));
                };
                let file = match entries.get("file").map(|entry| &entry.node) {
                    None | Some(Node { value: Value::Null, .. }) => None,
                    Some(Node { value: Value::String(file), span, .. }) => Some((file.clone(), *span)),
                    Some(other) => {
                        let message = format!("`file` of `extends` must be text, not {}", other.value.kind());
                        return self.session.fail(Diagnostic::error(codes::EXTENDS, message).at(other.span, ""));
                    }
                };
                let (place, service) = (service.node.span, service.node.as_str().unwrap_or_default().to_owned());
                Ok(Target { service, place, file })
            }
            other => {
                let message = format!("`extends` must be a service's name or a mapping, not {}", other.kind());
                self.session.fail(Diagnostic::error(codes::EXTENDS, message).at(place, ""))
            }
        }
    }

    fn base_file(&mut self, named: &str, place: Span) -> Result<Rc<BaseFile>, Stop> {
        if let Some(kind) = paths::remote_kind(named) {
            return self.session.fail(document::remote(named, kind, Some(place)));
        }
        let path = paths::join(self.scope.base, Path::new(named));
        if let Some(known) = self.bases.files.get(&path) {
            return Ok(Rc::clone(known));
        }
        let folder = path.parent().unwrap_or(&path).to_path_buf();
        let shown = paths::relative(self.scope.base, &folder);
        let parsed = self.session.compose_file(&path, Some(place))?;
        let (mut root, resets) = document::base(parsed, self.scope, self.session)?;
        paths::resolve(&mut root, &shown, self.scope.home());
        let services =
            match root.get_mut("services").map(|services| std::mem::replace(&mut services.value, Value::Null)) {
                Some(Value::Mapping(services)) => *services,
                Some(Value::Null) | None => Mapping::new(),
                Some(other) => {
                    let message =
                        format!("`services` of `{}` is {}", self.session.shown(&path).display(), other.kind());
                    return self.session.fail(Diagnostic::error(codes::EXTENDS, message).at(place, ""));
                }
            };
        let file = Rc::new(BaseFile { path: path.clone(), services, resets });
        self.bases.files.insert(path, Rc::clone(&file));
        Ok(file)
    }

    fn check_cycle(&mut self, name: &str, file: &Path, place: Span) -> Result<(), Stop> {
        if self.chain.len() >= MAX_CHAIN {
            let message = format!("more than {MAX_CHAIN} services extend one another in a row");
            return self.session.fail(Diagnostic::error(codes::EXTENDS, message).at(place, ""));
        }
        let Some(first) = self.chain.iter().position(|link| link.service == name && link.file == file) else {
            return Ok(());
        };
        let cycle = self.chain.get(first..).unwrap_or_default();
        let names: Vec<&str> = cycle.iter().map(|link| link.service.as_str()).chain([name]).collect();
        let message = format!("services extend each other in a circle: {}", names.join(" -> "));
        let edges = cycle.iter().zip(names.iter().skip(1));
        let mut labels =
            edges.map(|(link, next)| Label { span: link.place, text: format!("`{}` extends `{next}`", link.service) });
        let mut diagnostic = Diagnostic::error(codes::EXTENDS_CYCLE, message);
        diagnostic.primary = labels.next();
        diagnostic.context = labels.collect();
        self.session.fail(diagnostic)
    }
}

/// What `extends` names.
struct Target {
    service: String,
    place: Span,
    file: Option<(String, Span)>,
}
