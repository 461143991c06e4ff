//! `include`: other compose files loaded as projects of their own, whose resources are taken over.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::codes::merge as codes;
use crate::diagnostic::{Diagnostic, Label};
use crate::env::{self, Format};
use crate::load::document::{self, Input, Scope};
use crate::model::StringMap;
use crate::paths;
use crate::session::{Session, Stop};
use crate::source::Span;
use crate::yaml::{Entry, Mapping, Node, Value};

/// Files that may include one another in a row.
const MAX_CHAIN: usize = 100;
/// The sections that are taken over.
const SECTIONS: [&str; 6] = ["services", "networks", "volumes", "secrets", "configs", "models"];

/// Projects that were included before, so that a file that many include is read once.
#[derive(Debug, Default)]
pub(crate) struct Included {
    known: Vec<(IncludeKey, Rc<Node>)>,
}

#[derive(Debug, PartialEq, Eq)]
struct IncludeKey {
    files: Vec<PathBuf>,
    shown: PathBuf,
    environment: Rc<StringMap>,
}

/// A file on the way from the first one to the included one, with the place that includes it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) file: PathBuf,
    pub(crate) place: Option<Span>,
}

/// One entry of `include` in its long form.
struct Request {
    paths: Vec<(String, Span)>,
    project_directory: Option<String>,
    env_files: Vec<(String, Span)>,
}

/// Takes `include` out of a document and the resources of the included files in.
pub(crate) fn apply(
    document: &mut Node,
    scope: &Scope<'_>,
    chain: &[Step],
    included: &mut Included,
    session: &mut Session,
) -> Result<(), Stop> {
    let Some(entries) = document.as_mapping_mut() else { return Ok(()) };
    let Some(include) = entries.shift_remove("include") else { return Ok(()) };
    for request in requests(include.node, session)? {
        let Some((_, place)) = request.paths.first().map(|(path, place)| (path.clone(), *place)) else { continue };
        let project = load(&request, scope, chain, included, session)?;
        import(&project, document, place, session);
    }
    Ok(())
}

fn requests(include: Node, session: &mut Session) -> Result<Vec<Request>, Stop> {
    let items = match include.value {
        Value::Null => return Ok(Vec::new()),
        Value::Sequence(items) => items,
        other => {
            let message = format!("`include` must be a list, not {}", other.kind());
            return session.fail(
                Diagnostic::error(codes::INCLUDE, message).at(include.span, "").hint("put a `- ` before the path"),
            );
        }
    };
    items.into_iter().map(|item| request(item, session)).collect()
}

fn request(item: Node, session: &mut Session) -> Result<Request, Stop> {
    let mut request = Request { paths: Vec::new(), project_directory: None, env_files: Vec::new() };
    let entries = match item.value {
        Value::String(path) => {
            request.paths.push((path, item.span));
            return Ok(request);
        }
        Value::Mapping(entries) => entries,
        // Includes nothing, as a mapping without a path.
        Value::Null => return Ok(request),
        other => {
            let message = format!("an item of `include` must be a path or a mapping, not {}", other.kind());
            return session.fail(Diagnostic::error(codes::INCLUDE, message).at(item.span, ""));
        }
    };
    for (key, entry) in *entries {
        match key.as_str() {
            "path" => request.paths = texts("path", entry.node, session)?,
            "env_file" => request.env_files = texts("env_file", entry.node, session)?,
            "project_directory" => {
                request.project_directory = folder(&entry.node, session)?.filter(|folder| !folder.is_empty());
            }
            _ => {
                let message = format!("`{key}` means nothing in `include` and is ignored");
                session.diagnostics.push(Diagnostic::warning(codes::IGNORED_KEY, message).at(entry.key, ""));
            }
        }
    }
    Ok(request)
}

/// A text or a list of texts; nothing is neither.
fn texts(key: &str, node: Node, session: &mut Session) -> Result<Vec<(String, Span)>, Stop> {
    let items = match node.value {
        Value::Null => return Ok(Vec::new()),
        Value::Sequence(items) => items,
        _ => vec![node],
    };
    let texts = items.into_iter().map(|item| match item.value {
        Value::String(text) => Ok((text, item.span)),
        other => session.fail(no_text(key, &other, item.span)),
    });
    texts.collect()
}

/// A text; a whole number is one, too.
fn folder(node: &Node, session: &mut Session) -> Result<Option<String>, Stop> {
    match &node.value {
        Value::Null => Ok(None),
        Value::String(_) | Value::Int(_) => Ok(node.value.text().map(Into::into)),
        other => session.fail(no_text("project_directory", other, node.span)),
    }
}

fn no_text(key: &str, value: &Value, at: Span) -> Diagnostic {
    let message = format!("`{key}` of `include` must be text, not {}", value.kind());
    Diagnostic::error(codes::INCLUDE, message).at(at, "")
}

fn load(
    request: &Request,
    scope: &Scope<'_>,
    chain: &[Step],
    included: &mut Included,
    session: &mut Session,
) -> Result<Rc<Node>, Stop> {
    let mut files = Vec::with_capacity(request.paths.len());
    for (path, place) in &request.paths {
        if let Some(kind) = paths::remote_kind(path) {
            return session.fail(document::remote(path, kind, Some(*place)));
        }
        files.push(Input::Named { path: paths::join(scope.base, Path::new(path)), place: Some(*place) });
    }
    let Some(Input::Named { path: main, place }) = files.first() else {
        return session.fail(Diagnostic::error(codes::INCLUDE, "`include` names no file"));
    };
    check_cycle(main, *place, chain, session)?;
    let base = match &request.project_directory {
        Some(folder) => paths::join(scope.base, Path::new(folder)),
        None => main.parent().unwrap_or(main).to_path_buf(),
    };
    let shown = match &request.project_directory {
        Some(folder) if Path::new(folder).is_absolute() => PathBuf::from(folder),
        _ => paths::relative(scope.base, &base),
    };
    let environment = Rc::new(environment(request, scope, &base, session)?);
    let key = IncludeKey {
        files: files.iter().map(|file| file.path().to_path_buf()).collect(),
        shown: shown.clone(),
        environment: Rc::clone(&environment),
    };
    if let Some((_, known)) = included.known.iter().find(|(known, _)| *known == key) {
        return Ok(Rc::clone(known));
    }
    let inner = Scope { base: &base, shown: Some(&shown), environment: &environment, ..*scope };
    let project = Rc::new(document::model(files, &inner, chain, included, session)?);
    included.known.push((key, Rc::clone(&project)));
    Ok(project)
}

/// The including project's variables, then those of the entry's env files, else of the `.env` beside the included file.
fn environment(request: &Request, scope: &Scope<'_>, base: &Path, session: &mut Session) -> Result<StringMap, Stop> {
    let outer = scope.environment;
    let mut found = StringMap::new();
    let lookup = |name: &str| outer.get(name).cloned();
    if request.env_files.is_empty() {
        let default = base.join(".env");
        if default.is_file() {
            env::read(&default, Format::Dotenv, None, &lookup, &mut found, session)?;
        }
    }
    for (file, place) in &request.env_files {
        let path = paths::join(scope.base, Path::new(file));
        env::read(&path, Format::Dotenv, Some(*place), &lookup, &mut found, session)?;
    }
    let mut environment = outer.clone();
    for (name, value) in found {
        environment.entry(name).or_insert(value);
    }
    Ok(environment)
}

fn check_cycle(main: &Path, place: Option<Span>, chain: &[Step], session: &mut Session) -> Result<(), Stop> {
    if chain.len() >= MAX_CHAIN {
        let diagnostic = Diagnostic::error(
            codes::TOO_MANY_FILES,
            format!("more than {MAX_CHAIN} files include one another in a row"),
        );
        return session.fail(match place {
            Some(span) => diagnostic.at(span, ""),
            None => diagnostic,
        });
    }
    let Some(first) = chain.iter().position(|step| step.file == main) else { return Ok(()) };
    let cycle = chain.get(first..).unwrap_or_default();
    let names: Vec<String> = cycle
        .iter()
        .map(|step| step.file.as_path())
        .chain([main])
        .map(|file| session.shown(file).display().to_string())
        .collect();
    let message = format!("files include each other in a circle: {}", names.join(" -> "));
    let places = cycle.iter().skip(1).map(|step| step.place).chain([place]);
    let mut labels = places
        .zip(names.iter().zip(names.iter().skip(1)))
        .filter_map(|(place, (from, to))| Some(Label { span: place?, text: format!("`{from}` includes `{to}`") }));
    let mut diagnostic = Diagnostic::error(codes::INCLUDE_CYCLE, message);
    diagnostic.primary = labels.next();
    diagnostic.context = labels.collect();
    session.fail(diagnostic)
}

/// Takes the resources of an included project over; what is there already must say the same.
fn import(project: &Node, document: &mut Node, place: Span, session: &mut Session) {
    let Some(target) = document.as_mapping_mut() else { return };
    for section in SECTIONS {
        let Some(Value::Mapping(resources)) = project.get(section).map(|node| &node.value) else { continue };
        let empty = || Entry { key: place, node: Node::new(Value::from(Mapping::new()), place) };
        let known = &mut target.get_or_insert_with(section, empty).node;
        if known.value == Value::Null {
            *known = empty().node;
        }
        // A section that is no mapping is refused by validation.
        let Some(known) = known.as_mapping_mut() else { continue };
        for (name, resource) in resources.iter() {
            match known.get(name) {
                None => {
                    known.insert(name.clone(), resource.clone());
                }
                Some(own) if own.node.same(&resource.node) => {}
                Some(own) => {
                    let message = format!("`{section}.{name}` is defined here and differently in an included file");
                    session.diagnostics.push(
                        Diagnostic::error(codes::INCLUDE_CONFLICT, message)
                            .at(own.key, "defined here")
                            .also(resource.key, "included from here")
                            .hint("rename one, or change the included one in an override file: `path: [included.yaml, override.yaml]`"),
                    );
                }
            }
        }
    }
}
