//! The name of a project.

use crate::codes::input;
use crate::diagnostic::Diagnostic;
use crate::discovery::Selection;
use crate::interpolate::explain;
use crate::interpolate::template::{self, Variables};
use crate::load::LoadOptions;
use crate::model::StringMap;
use crate::session::{Parsed, Session, Stop};
use crate::source::Span;

/// `-p`, else `COMPOSE_PROJECT_NAME`, else the last file's `name`, else the name of the folder. The first two must be
/// valid; the others are made so, but a file's that is not to be normalized stays as it is written.
pub(crate) fn choose(
    options: &LoadOptions,
    selection: &Selection,
    files: &[Parsed],
    session: &mut Session,
) -> Result<String, Stop> {
    let variable = || selection.environment.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
    let given = options.project_name.as_ref().filter(|name| !name.is_empty()).or_else(variable);
    if let Some(name) = given {
        return if is_valid(name) { Ok(name.clone()) } else { session.fail(invalid(name)) };
    }
    let written = files.iter().flat_map(|file| &file.documents).filter_map(|document| document.get("name"));
    let Some((name, span)) =
        written.filter_map(|node| Some((node.as_str()?, node.span))).rfind(|(name, _)| !name.is_empty())
    else {
        let folder = selection.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = normalize(&folder);
        return if name.is_empty() { session.fail(empty(None)) } else { Ok(name) };
    };
    let name =
        if options.interpolate { interpolated(name, span, &selection.environment, session)? } else { name.to_owned() };
    let name = if options.normalize { normalize(&name) } else { name };
    if name.is_empty() { session.fail(empty(Some(span))) } else { Ok(name) }
}

/// Lowercase letters, digits, `-` and `_`, the first a letter or a digit.
#[must_use]
pub(crate) fn is_valid(name: &str) -> bool {
    !name.is_empty() && normalize(name) == name
}

/// A name with capitals made small and everything else that a name may not have taken out.
#[must_use]
pub(crate) fn normalize(name: &str) -> String {
    let kept = |c: &char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
    let name: String = name.chars().flat_map(char::to_lowercase).filter(kept).collect();
    name.trim_start_matches(['_', '-']).to_owned()
}

fn interpolated(name: &str, span: Span, environment: &StringMap, session: &mut Session) -> Result<String, Stop> {
    let mut variables = NameVariables(environment);
    match template::substitute(name, &mut variables) {
        Ok(name) => Ok(name.into_owned()),
        Err(error) => {
            let at = session.within(span, name, &error.at);
            session.fail(explain(&error, name).at(at, ""))
        }
    }
}

fn invalid(name: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(input::PROJECT_NAME, format!("`{name}` is not a valid project name"))
        .hint("use lowercase letters, digits, `-` and `_`, and start with a letter or a digit");
    let valid = normalize(name);
    if valid.is_empty() { diagnostic } else { diagnostic.hint(format!("for example `{valid}`")) }
}

fn empty(span: Option<Span>) -> Diagnostic {
    let diagnostic = Diagnostic::error(input::PROJECT_NAME, "the project has no name")
        .hint("give it one with `-p NAME`, or with `name:` in the compose file");
    match span {
        Some(span) => diagnostic.at(span, "nothing is left of this"),
        None => diagnostic,
    }
}

/// The document tells what is unset in it; the name is part of it.
struct NameVariables<'a>(&'a StringMap);

impl Variables for NameVariables<'_> {
    fn get(&mut self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn unset(&mut self, _: &str, _: std::ops::Range<usize>) {}
}
