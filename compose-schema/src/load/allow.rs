//! Warnings that people have read and do not want to be told again.

use crate::codes::{self, check};
use crate::diagnostic::{Code, Diagnostic, Level};
use crate::load::LoadOptions;
use crate::session::Session;
use crate::source::Span;
use crate::suggest;
use crate::yaml::Node;

/// Takes over what the command line and the environment allow.
pub(super) fn from_options(options: &LoadOptions, session: &mut Session) {
    for name in &options.allow {
        allow(name, None, session);
    }
}

/// Takes over what the top-level `x-stack` allows.
pub(super) fn from_tree(tree: &Node, session: &mut Session) {
    let Some(own) = tree.get("x-stack") else { return };
    for (key, entry) in own.as_mapping().into_iter().flatten() {
        if key != "allow" {
            let message = format!("`x-stack` has no attribute `{key}`, which is not obeyed");
            let found = Diagnostic::warning(check::OWN, message).at(entry.key, "");
            session.diagnostics.push(found.hint("`x-stack` knows `allow`, a list of codes of warnings"));
        }
    }
    let Some(list) = own.get("allow") else { return };
    let Some(items) = list.as_sequence() else {
        let found =
            Diagnostic::warning(check::ALLOW, format!("`x-stack.allow` must be a list, not {}", list.value.kind()));
        session.diagnostics.push(found.at(list.span, "").hint("write `allow: [W0201]`"));
        return;
    };
    for item in items {
        match item.as_str() {
            Some(name) => allow(name, Some(item.span), session),
            None => {
                let message = format!("`x-stack.allow` holds codes, not {}", item.value.kind());
                session.diagnostics.push(Diagnostic::warning(check::ALLOW, message).at(item.span, ""));
            }
        }
    }
}

fn allow(name: &str, at: Option<Span>, session: &mut Session) {
    let known = codes::explain(name.trim()).map(|explanation| explanation.code);
    let message = match known {
        Some(code) if code.level() == Level::Warning => {
            session.allowed.insert(code);
            return;
        }
        Some(Code(code)) => format!("`{code}` is an error, which cannot be allowed"),
        None => format!("`{name}` is not the code of a warning"),
    };
    let warnings = codes::all().map(|explanation| explanation.code).filter(|code| code.level() == Level::Warning);
    let mut found = Diagnostic::warning(check::ALLOW, message);
    if known.is_none()
        && let Some(meant) = suggest::nearest(name, warnings.map(|Code(code)| code))
    {
        found = found.hint(format!("did you mean `{meant}`?"));
    }
    session.diagnostics.push(match at {
        Some(at) => found.at(at, ""),
        None => found.hint("`stack explain` lists all codes"),
    });
}
