//! Options of mounts that are of another kind.

use super::Check;
use crate::codes::check::MOUNT_OPTIONS;
use crate::diagnostic::Diagnostic;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        for (index, mount) in service.volumes.iter().enumerate() {
            let kind = mount.kind.as_str();
            if !matches!(kind, "bind" | "volume" | "tmpfs" | "image") {
                continue;
            }
            let given = [
                ("bind", mount.bind.is_some()),
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
                let hint =
                    format!("leave them out (`z`, `Z` and propagation are `bind` options), or use `type: {options}`");
                check.push(Diagnostic::warning(MOUNT_OPTIONS, message).at(at, "").hint(hint));
            }
        }
    }
}
