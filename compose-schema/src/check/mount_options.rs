//! Options of mounts that are of another kind.

use super::Check;
use crate::codes::check::MOUNT_OPTIONS;
use crate::diagnostic::Diagnostic;
use crate::model::BindOptions;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        for (index, mount) in service.volumes.iter().enumerate() {
            let kind = mount.kind.as_str();
            if !matches!(kind, "bind" | "volume" | "tmpfs" | "image") {
                continue;
            }
            // A volume is labelled for SELinux as a folder is.
            let labelled = |bind: &BindOptions| {
                kind == "volume" && !bind.selinux.is_empty() && bind.propagation.is_empty() && bind.recursive.is_empty()
            };
            let given = [
                ("bind", mount.bind.as_ref().is_some_and(|bind| !labelled(bind))),
                ("volume", mount.volume.is_some()),
                ("tmpfs", mount.tmpfs.is_some()),
                ("image", mount.image.is_some()),
            ];
            for (options, _) in given.into_iter().filter(|(options, given)| *given && *options != kind) {
                let at = check.item(&["services", name, "volumes"], index);
                let message = format!(
                    "the mount at `{}` of service `{name}` is of type `{kind}`: its `{options}` options have no effect",
                    mount.target
                );
                let hint = format!("leave them out (propagation is a `bind` option), or use `type: {options}`");
                check.push(Diagnostic::warning(MOUNT_OPTIONS, message).at(at, "").hint(hint));
            }
        }
    }
}
