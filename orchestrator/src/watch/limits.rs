//! The kernel's limits on watching files.

use std::fs;
use std::path::Path;

use notify::ErrorKind;

use crate::error::CommandError;

/// Too many open files, of the process (`EMFILE`); inotify answers so when the user has too many instances.
const TOO_MANY_INSTANCES: i32 = 24;

/// What a failed watch over `path` is to be told as, with the mend where a limit is reached.
#[must_use]
pub fn explained(path: &Path, error: &notify::Error) -> CommandError {
    let limit = |name: &str| {
        let now = fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).unwrap_or_default();
        let now: u64 = now.trim().parse().unwrap_or(0);
        (
            format!("`fs.inotify.{name}`, {now} now"),
            format!("`sudo sysctl fs.inotify.{name}={}` raises it", now.max(64) * 8),
        )
    };
    let path = path.display();
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            let (limit, mend) = limit("max_user_watches");
            CommandError::new(format!("cannot watch `{path}`: the kernel's limit on watched folders is reached ({limit})"))
                .hint(mend)
                .hint("big folders whose changes do not matter, such as `node_modules/`, belong under `ignore`: they are not watched then")
        }
        ErrorKind::Io(io) if io.raw_os_error() == Some(TOO_MANY_INSTANCES) => {
            let (limit, mend) = limit("max_user_instances");
            CommandError::new(format!(
                "cannot watch `{path}`: the kernel's limit on watching programs is reached ({limit})"
            ))
            .hint(mend)
        }
        _ => CommandError::new(format!("cannot watch `{path}`: {}", reason(error))),
    }
}

/// The error's own words, without the path that is said already.
fn reason(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::Io(io) => io.to_string(),
        ErrorKind::PathNotFound => "there is no such folder".to_owned(),
        ErrorKind::Generic(text) => text.clone(),
        _ => error.to_string(),
    }
}
