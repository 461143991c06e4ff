//! Volume names of one letter, which are read as drives.

use super::Check;
use crate::codes::check::DRIVE_LETTER;
use crate::diagnostic::Diagnostic;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        for (index, mount) in service.volumes.iter().enumerate() {
            let (Some((letter, path)), true) = (mount.target.split_once(':'), mount.source.is_empty()) else {
                continue;
            };
            if letter.len() == 1 && path.starts_with('/') {
                let at = check.item(&["services", name, "volumes"], index);
                let message =
                    format!("`{letter}` in the volume `{letter}:{path}` of service `{name}` is read as a drive");
                let hint = "the entry is an anonymous volume at that odd path; use a name of two letters or more";
                check.push(Diagnostic::warning(DRIVE_LETTER, message).at(at, "").hint(hint));
            }
        }
    }
}
