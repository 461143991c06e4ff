//! Puts variables into the values of a document, and gives numbers and booleans their type afterwards.

mod cast;
pub(crate) mod template;

use std::collections::BTreeMap;
use std::ops::Range;

pub use template::Variable;
use template::{TemplateError, TemplateErrorKind, Variables};

use crate::codes::input;
use crate::diagnostic::Diagnostic;
use crate::model::StringMap;
use crate::pattern::{Cursor, Trail};
use crate::session::Session;
use crate::source::Span;
use crate::yaml::{Node, Value};

/// Puts the variables of `environment` into every text value (never into keys) of a document, and casts the values at
/// places that take numbers and booleans. Mistakes and unset variables go to the session.
pub(crate) fn interpolate(root: &mut Node, environment: &StringMap, session: &mut Session) {
    walk(root, cast::table().root(), Trail::Root, environment, session);
}

/// Every variable that the texts of a tree ask for, by name; of several uses the last counts.
#[must_use]
pub fn variables(root: &Node) -> BTreeMap<String, Variable> {
    fn collect(node: &Node, found: &mut BTreeMap<String, Variable>) {
        match &node.value {
            Value::String(text) => {
                found.extend(template::variables(text).into_iter().map(|variable| (variable.name.clone(), variable)));
            }
            Value::Sequence(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Mapping(entries) => entries.values().for_each(|entry| collect(&entry.node, found)),
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    collect(root, &mut found);
    found
}

fn walk(
    node: &mut Node,
    cursor: Cursor<'_, cast::Cast>,
    trail: Trail<'_>,
    environment: &StringMap,
    session: &mut Session,
) {
    match &mut node.value {
        Value::String(text) => {
            let mut variables = DocumentVariables { environment, session, span: node.span, text };
            match template::substitute(text, &mut variables) {
                Ok(substituted) => {
                    let fits = session.grow(substituted.len().saturating_sub(text.len()), node.span);
                    match cursor.rule() {
                        Some(cast) => {
                            if let Some(value) = typed(cast, &substituted, trail, node.span, session) {
                                node.value = value;
                            }
                        }
                        None if fits => {
                            if let std::borrow::Cow::Owned(substituted) = substituted {
                                node.value = Value::String(substituted);
                            }
                        }
                        None => {}
                    }
                }
                Err(error) => {
                    let at = session.within(node.span, text, &error.at);
                    session.diagnostics.push(explain(&error, text).at(at, ""));
                }
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, cursor.item(), Trail::Item(&trail, index), environment, session);
            }
        }
        Value::Mapping(entries) => {
            for (key, entry) in entries.iter_mut() {
                walk(&mut entry.node, cursor.child(key), Trail::Key(&trail, key), environment, session);
            }
        }
        _ => {}
    }
}

/// The value that a place asks for; nothing, and a message, for a text that is no such.
fn typed(cast: cast::Cast, text: &str, trail: Trail<'_>, at: Span, session: &mut Session) -> Option<Value> {
    let Ok(cast::Casted { value, warning }) = cast.apply(text) else {
        let message = format!("`{trail}` must be {}, not `{text}`", cast.wanted());
        session.diagnostics.push(Diagnostic::error(input::CAST, message).at(at, ""));
        return None;
    };
    session.diagnostics.extend(warning.map(|warning| warning.at(at, "")));
    Some(value)
}

/// Casts the values of a merged tree that are not cast in each document alone.
pub(crate) fn cast_merged(root: &mut Node, session: &mut Session) {
    cast_below(root, cast::merged().root(), Trail::Root, session);
}

fn cast_below(node: &mut Node, cursor: Cursor<'_, cast::Cast>, trail: Trail<'_>, session: &mut Session) {
    if cursor.is_out() {
        return;
    }
    match &mut node.value {
        Value::String(text) => {
            if let Some(value) = cursor.rule().and_then(|cast| typed(cast, text, trail, node.span, session)) {
                node.value = value;
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                cast_below(item, cursor.item(), Trail::Item(&trail, index), session);
            }
        }
        Value::Mapping(entries) => {
            for (key, entry) in entries.iter_mut() {
                cast_below(&mut entry.node, cursor.child(key), Trail::Key(&trail, key), session);
            }
        }
        _ => {}
    }
}

/// A template error as a message, without its place. `text` is what it is in.
pub(crate) fn explain(error: &TemplateError, text: &str) -> Diagnostic {
    match &error.kind {
        TemplateErrorKind::Invalid => {
            let shown = text.get(error.at.clone()).unwrap_or_default();
            let shown: String = shown.chars().take(80).collect();
            Diagnostic::error(input::TEMPLATE, format!("`{shown}` is not a variable"))
                .hint("write `${NAME}`, or `$$` where a dollar sign is meant")
        }
        TemplateErrorKind::Required { name, message } => {
            let reason = if message.is_empty() { String::new() } else { format!(": {message}") };
            Diagnostic::error(input::REQUIRED, format!("required variable `{name}` is missing a value{reason}"))
                .hint(format!("set `{name}` in the environment or in `.env`"))
        }
        TemplateErrorKind::TooDeep => Diagnostic::error(input::TOO_LARGE, "variables are nested too deep"),
        TemplateErrorKind::TooLarge => Diagnostic::error(input::TOO_LARGE, "variables make this value too large"),
    }
}

/// The variables of a document, with the place that asks for them.
struct DocumentVariables<'a> {
    environment: &'a StringMap,
    session: &'a mut Session,
    span: Span,
    text: &'a str,
}

impl Variables for DocumentVariables<'_> {
    fn get(&mut self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    fn unset(&mut self, name: &str, at: Range<usize>) {
        // Finding its place takes time.
        if self.session.knows_unset(name) {
            return;
        }
        let span = self.session.within(self.span, self.text, &at);
        let hint = holds_hash(self.text)
            .then_some("this looks like the hash of a password: write each `$` of it as `$$`, so that it stays one");
        self.session.unset(name, Some(span), hint);
    }
}

/// Whether a text holds the hash of a password, as `htpasswd` and others write it (crypt(5), Modular Crypt Format).
fn holds_hash(text: &str) -> bool {
    ["$apr1$", "$argon2", "$2a$", "$2b$", "$2y$", "$1$", "$5$", "$6$", "$y$", "$scrypt$"]
        .iter()
        .any(|prefix| text.contains(prefix))
}
