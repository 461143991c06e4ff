//! Owners and modes that files of the host do not get.

use super::Check;
use crate::codes::check::FILE_OWNER;
use crate::diagnostic::Diagnostic;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        let secrets = ("secret", "secrets", &service.secrets, &project.secrets);
        let configs = ("config", "configs", &service.configs, &project.configs);
        for (kind, section, references, objects) in [secrets, configs] {
            for (index, reference) in references.iter().enumerate() {
                let is_file = objects.get(&reference.source).is_some_and(|object| !object.file.is_empty());
                let asked = [
                    ("uid", !reference.uid.is_empty()),
                    ("gid", !reference.gid.is_empty()),
                    ("mode", reference.mode.is_some()),
                ];
                let Some((attribute, _)) = asked.into_iter().find(|(_, asked)| is_file && *asked) else { continue };
                let at = check.item(&["services", name, section], index);
                let message = format!(
                    "`{attribute}` of {kind} `{}` has no effect in service `{name}`: its file is mounted as it is",
                    reference.source
                );
                let hint = "change the file itself (`chown`, `chmod`), or bring it by `environment` instead of `file`";
                check.push(Diagnostic::warning(FILE_OWNER, message).at(at, "").hint(hint));
            }
        }
    }
}
