//! Environment files: `.env` of a project, `env_file` and `label_file` of services.

pub(crate) mod dotenv;
pub(crate) mod raw;
pub(crate) mod resolve;

use std::path::Path;

use crate::codes::input;
use crate::diagnostic::Diagnostic;
use crate::file::ReadError;
use crate::model::StringMap;
use crate::session::{Session, Stop};
use crate::source::Span;

/// How an env file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Compose's dialect: quotes, comments, variables.
    Dotenv,
    /// `docker run --env-file`'s: everything after `=` is the value.
    Raw,
}

/// Reads an env file and adds what it says to `into`. Variables come from `outer`, then from what `into` holds already.
/// `named` is where the compose file names it.
pub(crate) fn read(
    path: &Path,
    format: Format,
    named: Option<Span>,
    outer: &dyn Fn(&str) -> Option<String>,
    into: &mut StringMap,
    session: &mut Session,
) -> Result<(), Stop> {
    let source = session.text(path, false).map_err(|error| {
        session.diagnostics.push(unreadable(session, path, named, &error));
        Stop
    })?;
    session.checkpoint()?;
    let text = session.sources.get(source).map(|source| source.text.clone()).unwrap_or_default();
    let mut unset = Vec::new();
    let read = match format {
        Format::Dotenv => dotenv::parse(&text, outer, into, &mut unset),
        Format::Raw => raw::parse(&text, outer, into),
    };
    let place = |start: usize| {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        Span { source, start, end: start }
    };
    for (name, at) in unset {
        session.unset(&name, Some(place(at)), None);
    }
    read.or_else(|error| {
        let message = format!("in this env file, {}", error.kind);
        let code = if error.kind.is_missing_variable() { input::REQUIRED } else { input::ENV_SYNTAX };
        session.fail(Diagnostic::error(code, message).at(place(error.at), ""))
    })
}

fn unreadable(session: &Session, path: &Path, named: Option<Span>, error: &ReadError) -> Diagnostic {
    let message = format!("cannot read the env file `{}`: {error}", session.shown(path).display());
    let diagnostic = Diagnostic::error(input::ENV_MISSING, message);
    let diagnostic = match named {
        Some(span) => diagnostic.at(span, ""),
        None => diagnostic,
    };
    match error {
        ReadError::Missing if named.is_some() => {
            diagnostic.hint("create it, correct the path, or write `required: false` beside `path:` if it is optional")
        }
        _ => diagnostic,
    }
}
