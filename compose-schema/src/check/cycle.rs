//! No service waits for itself.

use super::Check;
use crate::codes::check::CYCLE;
use crate::diagnostic::{Diagnostic, Label};
use crate::graph;

pub(super) fn check(check: &mut Check<'_>) {
    for cycle in graph::cycles(check.project) {
        let mut edges = cycle.iter().zip(cycle.iter().cycle().skip(1)).map(|(from, to)| Label {
            span: check.place(&["services", from, "depends_on", to]),
            text: format!("`{from}` depends on `{to}`"),
        });
        let path = cycle.iter().chain(cycle.first()).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" -> ");
        let mut found = Diagnostic::error(CYCLE, format!("dependency cycle: {path}"));
        found.primary = edges.next();
        found.context = edges.collect();
        check.push(found.hint("remove one of the dependencies"));
    }
}
