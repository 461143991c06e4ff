//! Commands in one string that lose their end.

use super::Check;
use crate::codes::check::COMMAND_CUT;
use crate::decode::shell;
use crate::diagnostic::Diagnostic;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for name in project.services.keys() {
        for key in ["command", "entrypoint"] {
            let path = ["services", name.as_str(), key];
            let Some(node) = check.root.at(&path) else { continue };
            let Some(cut) = node.as_str().and_then(|line| Some((line, shell::split(line).ok()?.cut?))) else {
                continue;
            };
            let (line, at) = cut;
            let dropped: String = line.get(at..).unwrap_or_default().chars().take(40).collect();
            let message = format!("the `{key}` of service `{name}` ends before `{dropped}`: no shell runs it");
            let hint = "for a shell write `[\"sh\", \"-c\", \"...\"]`; quote the sign to pass it on";
            let span = node.span;
            check.push(Diagnostic::warning(COMMAND_CUT, message).at(span, "").hint(hint));
        }
    }
}
