//! What one load collects on its way: texts, messages, and what is left of its limits.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::codes::{input, merge};
use crate::diagnostic::{Code, Diagnostic, Level};
use crate::file::{self, ReadError};
use crate::source::{Source, SourceId, Sources, Span};
use crate::yaml::{self, Node, Value};

/// Files that one load reads at most.
const MAX_FILES: usize = 1000;
/// Bytes that variables may add to all values together.
const MAX_GROWTH: usize = 64 << 20;
/// Variables without a value that are told by name.
const MAX_UNSET: usize = 100;
/// Keys that only compose files have at their top level.
const TOP_LEVEL: [&str; 9] =
    ["services", "include", "networks", "volumes", "secrets", "configs", "models", "name", "version"];

/// The state of one load.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) sources: Sources,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Warnings that are not to be told.
    pub(crate) allowed: BTreeSet<Code>,
    /// The folder that paths in messages are shown from.
    current_dir: PathBuf,
    unset: BTreeSet<String>,
    growth: usize,
    files: usize,
}

/// A compose file that was read.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The file, absolute; `-` for standard input.
    pub(crate) path: PathBuf,
    pub(crate) documents: Vec<Node>,
}

/// Reading cannot go on; what is wrong has been told to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop;

impl Session {
    pub(crate) fn new(current_dir: PathBuf) -> Self {
        Self {
            sources: Sources::default(),
            diagnostics: Vec::new(),
            allowed: BTreeSet::new(),
            current_dir,
            unset: BTreeSet::new(),
            growth: 0,
            files: 0,
        }
    }

    /// Stops where any error was told.
    pub(crate) fn checkpoint(&self) -> Result<(), Stop> {
        if self.diagnostics.iter().any(|diagnostic| diagnostic.level == Level::Error) { Err(Stop) } else { Ok(()) }
    }

    /// Tells an error and stops.
    pub(crate) fn fail<T>(&mut self, diagnostic: Diagnostic) -> Result<T, Stop> {
        self.diagnostics.push(diagnostic);
        Err(Stop)
    }

    /// A path as messages show it: from the current folder where it is inside.
    pub(crate) fn shown(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.current_dir) {
            Ok(inside) if !inside.as_os_str().is_empty() => inside.to_path_buf(),
            _ => path.to_path_buf(),
        }
    }

    /// Whether nothing more is to be told of a variable that is not set.
    pub(crate) fn knows_unset(&self, name: &str) -> bool {
        self.unset.len() > MAX_UNSET || self.unset.contains(name)
    }

    /// Warns, once for each name, that a variable is not set. `hint` is the way out, where it is not to set the variable.
    pub(crate) fn unset(&mut self, name: &str, at: Option<Span>, hint: Option<&str>) {
        if self.knows_unset(name) {
            return;
        }
        self.unset.insert(name.to_owned());
        if self.unset.len() > MAX_UNSET {
            let message = format!("more than {MAX_UNSET} variables are not set; the others are not named");
            self.diagnostics.push(Diagnostic::warning(input::UNSET, message));
            return;
        }
        let message = format!("the variable `{name}` is not set and becomes empty text");
        let set = || format!("set `{name}`, or give it a default: `${{{name}:-default}}`");
        let warning = Diagnostic::warning(input::UNSET, message).hint(hint.map_or_else(set, str::to_owned));
        self.diagnostics.push(match at {
            Some(at) => warning.at(at, ""),
            None => warning,
        });
    }

    /// Takes bytes that a value has grown by from what is left. Too many are an error, told once.
    pub(crate) fn grow(&mut self, bytes: usize, at: Span) -> bool {
        let before = self.growth;
        self.growth = self.growth.saturating_add(bytes);
        if before <= MAX_GROWTH && self.growth > MAX_GROWTH {
            self.diagnostics
                .push(Diagnostic::error(input::TOO_LARGE, "variables make the project too large").at(at, ""));
        }
        self.growth <= MAX_GROWTH
    }

    /// The place of a part of a scalar's text, where the file says it in the same words; else of the whole scalar.
    pub(crate) fn within(&self, scalar: Span, text: &str, part: &Range<usize>) -> Span {
        let found = text.get(part.clone()).filter(|part| !part.is_empty()).and_then(|part| {
            let at = self.sources.text(scalar)?.find(part)?;
            let start = scalar.start + u32::try_from(at).ok()?;
            Some(Span { start, end: start + u32::try_from(part.len()).ok()?, ..scalar })
        });
        found.unwrap_or(scalar)
    }

    /// Reads a file as text. `named` is where its name is written.
    pub(crate) fn text(&mut self, path: &Path, quotable: bool) -> Result<SourceId, ReadError> {
        self.files += 1;
        let bytes = if path == Path::new("-") { file::read_stdin()? } else { file::read(path)? };
        let shown = self.shown(path);
        Ok(match file::decode(bytes) {
            Ok(text) => self.sources.add(Source::new(shown, text, quotable)),
            Err(wrong) => {
                let end = u32::try_from(wrong.before.len()).unwrap_or(u32::MAX);
                let source = self.sources.add(Source::new(shown, wrong.before, false));
                let at = Span { source, start: end, end };
                self.diagnostics.push(Diagnostic::error(input::ENCODING, wrong.problem).at(at, ""));
                source
            }
        })
    }

    /// Reads a compose file. `named` is where another file names it.
    pub(crate) fn compose_file(&mut self, path: &Path, named: Option<Span>) -> Result<Parsed, Stop> {
        let place = |diagnostic: Diagnostic| match named {
            Some(span) => diagnostic.at(span, ""),
            None => diagnostic,
        };
        if self.files >= MAX_FILES {
            let message = format!("the project has more than {MAX_FILES} files");
            return self.fail(place(Diagnostic::error(merge::TOO_MANY_FILES, message)));
        }
        let source = match self.text(path, true) {
            Ok(source) => source,
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", self.shown(path).display());
                let diagnostic = place(Diagnostic::error(input::UNREADABLE, message));
                return self.fail(match error {
                    ReadError::Special => {
                        diagnostic.hint("to read a pipe, give `-f -` and redirect it to standard input")
                    }
                    ReadError::Folder => diagnostic.hint("name the compose file inside it"),
                    _ => diagnostic,
                });
            }
        };
        self.checkpoint()?;
        let text = self.sources.get(source).map(|source| source.text.as_str()).unwrap_or_default();
        let parsed = parse(source, text);
        let compose = match &parsed {
            Ok(documents) => documents.iter().all(is_compose),
            Err(_) => looks_like_compose(text),
        };
        self.sources.set_quotable(source, compose);
        let documents = parsed.map_err(|diagnostics| {
            self.diagnostics.extend(diagnostics);
            Stop
        })?;
        for document in &documents {
            self.check_document(document);
        }
        self.checkpoint()?;
        Ok(Parsed { path: path.to_path_buf(), documents })
    }

    fn check_document(&mut self, document: &Node) {
        match &document.value {
            Value::Mapping(entries) if entries.is_empty() || is_compose(document) => {}
            Value::Mapping(_) => self.diagnostics.push(
                Diagnostic::error(input::NOT_COMPOSE, "this is not a compose file: no top-level key of one is in it")
                    .at(start(document.span), "")
                    .hint("a compose file has `services:` at its top level"),
            ),
            other => self.diagnostics.push(
                Diagnostic::error(input::NOT_COMPOSE, format!("the top level must be a mapping, not {}", other.kind()))
                    .at(start(document.span), "")
                    .hint("a compose file has `services:` at its top level"),
            ),
        }
    }
}

/// The text's documents; control characters are a mistake of the whole.
fn parse(source: SourceId, text: &str) -> Result<Vec<Node>, Vec<Diagnostic>> {
    if let Some((at, character)) = file::control_character(text) {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let message = format!("the control character U+{:04X} is not allowed", u32::from(character));
        let span = Span { source, start: at, end: at };
        return Err(vec![Diagnostic::error(input::ENCODING, message).at(span, "")]);
    }
    yaml::documents(source, text)
}

fn is_compose(document: &Node) -> bool {
    document.as_mapping().is_some_and(|entries| {
        entries.is_empty() || entries.keys().any(|key| TOP_LEVEL.contains(&key.as_str()) || key.starts_with("x-"))
    })
}

/// Whether a text that is no YAML was meant as a compose file, so that it may be quoted.
fn looks_like_compose(text: &str) -> bool {
    text.lines().any(|line| {
        let key = line.trim_start_matches(['{', '"', '\'', ' ']).split([':', '"', '\'']).next().unwrap_or_default();
        line.contains(':') && (TOP_LEVEL.contains(&key) || key.starts_with("x-"))
    })
}

fn start(span: Span) -> Span {
    Span { end: span.start, ..span }
}
