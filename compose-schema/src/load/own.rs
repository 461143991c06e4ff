//! `x-stack` of a service: what only `stack` reads there.

use crate::codes::check;
use crate::diagnostic::Diagnostic;
use crate::model::Duration;
use crate::session::Session;
use crate::yaml::{Entry, Node, Value};

/// Warns of what is written there and will not be obeyed.
pub(super) fn check(tree: &Node, session: &mut Session) {
    for (_, service) in tree.get("services").and_then(Node::as_mapping).into_iter().flatten() {
        for (key, entry) in service.node.get("x-stack").and_then(Node::as_mapping).into_iter().flatten() {
            session.diagnostics.extend(problem(key, entry));
        }
    }
}

fn problem(key: &str, entry: &Entry) -> Option<Diagnostic> {
    const HINT: &str = "`x-stack` of a service knows `drain`, the time that requests have which are under way to a \
         container when another takes its place (`drain: 1m`), and `restart-unhealthy: true`";
    if key == "restart-unhealthy" {
        let fits = matches!(entry.node.value, Value::Bool(_)) || matches!(entry.node.as_str(), Some("true" | "false"));
        let message = "`x-stack.restart-unhealthy` must be `true` or `false`, and is not obeyed";
        return (!fits).then(|| Diagnostic::warning(check::OWN, message).at(entry.node.span, "").hint(HINT));
    }
    if key != "drain" {
        let message = format!("`x-stack` of a service has no attribute `{key}`, which is not obeyed");
        return Some(Diagnostic::warning(check::OWN, message).at(entry.key, "").hint(HINT));
    }
    let fits = entry.node.as_str().is_some_and(|text| Duration::parse(text).is_ok_and(|time| time.0 >= 0));
    let message = "`x-stack.drain` must be a duration, and is not obeyed";
    (!fits).then(|| Diagnostic::warning(check::OWN, message).at(entry.node.span, "").hint(HINT))
}
