//! Owners and modes of secrets and configs that are files of the host.

use std::collections::BTreeMap;

use super::Check;
use crate::codes::check::FILE_OWNER;
use crate::diagnostic::Diagnostic;
use crate::model::{FileObject, FileReference};

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        rule(check, name, "secrets", &service.secrets, &project.secrets);
        rule(check, name, "configs", &service.configs, &project.configs);
    }
}

fn rule(
    check: &mut Check<'_>,
    service: &str,
    section: &str,
    references: &[FileReference],
    objects: &BTreeMap<String, FileObject>,
) {
    for (index, reference) in references.iter().enumerate() {
        let given = [
            ("uid", !reference.uid.is_empty()),
            ("gid", !reference.gid.is_empty()),
            ("mode", reference.mode.is_some()),
        ];
        let given: Vec<String> =
            given.iter().filter(|(_, given)| *given).map(|(name, _)| format!("`{name}`")).collect();
        let is_file = objects.get(&reference.source).is_some_and(|object| !object.file.is_empty());
        if given.is_empty() || !is_file {
            continue;
        }
        let at = check.item(&["services", service, section], index);
        let (verb, given) = (if given.len() > 1 { "have" } else { "has" }, given.join(", "));
        let message = format!(
            "{given} of `{}` in the `{section}` of service `{service}` {verb} no effect: the file is mounted as it is",
            reference.source
        );
        let hint = "change the file's owner and mode on the host, or give its content by `environment` or `content`";
        check.push(Diagnostic::warning(FILE_OWNER, message).at(at, "").hint(hint));
    }
}
