//! `stack trust`

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::{Context, block_on};
use crate::edge::{deploy, state};
use crate::error::{CommandError, Result};
use crate::ui::output;

/// Where Debian and its descendants keep authorities that were added by hand (update-ca-certificates(8)).
const FOLDER: &str = "/usr/local/share/ca-certificates";
const NAME: &str = "stack-local-authority.crt";
const UPDATE: &str = "update-ca-certificates";

/// Make this machine trust the certificates that the gateway gives for local names
///
/// The gateway has an authority of its own for names that no public one gives certificates for: `localhost`, `*.localhost`,
/// `*.internal`, `*.home.arpa`, and private addresses. On Debian and Ubuntu its root is installed for the whole machine (as
/// root); elsewhere it is written to a file, whose path is printed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the root's certificate (PEM) and change nothing
    #[arg(long)]
    print: bool,
}

/// Fetches the root and installs it.
///
/// # Errors
/// No authority yet, a folder that cannot be written.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if context.global.dry_run && !args.print {
        return Err(CommandError::new("`--dry-run` has nothing to show: one file is all that is installed")
            .hint("`stack trust --print` prints it"));
    }
    let engine = context.engine()?;
    let path = state::authority().join(proxy::LOCAL_ROOT);
    let root = block_on(async { deploy::read_file(&engine, &path).await })?.ok_or_else(|| {
        CommandError::new("the gateway has no local authority yet")
            .hint("it is made when `stack up` serves the first TLS route for `localhost`, `*.localhost`, `*.internal`, `*.home.arpa` or a private address")
    })?;
    if args.print {
        output::stdout(&String::from_utf8_lossy(&root))?;
        return Ok(ExitCode::SUCCESS);
    }
    let system = Path::new(FOLDER);
    if system.is_dir() && Command::new(UPDATE).arg("--help").output().is_ok() {
        let changed = install(&root, system, Path::new(UPDATE))?;
        let said = if changed { "is trusted on this machine now" } else { "is trusted on this machine already" };
        output::stderr(&format!("the gateway's local authority {said}: {FOLDER}/{NAME}\n"));
        output::stderr("browsers with a list of their own (Firefox, Chromium) have to import that file too\n");
        return Ok(ExitCode::SUCCESS);
    }
    let path = data_folder(context)?.join(NAME);
    state::replace(&path, &root).map_err(|error| cannot_write(&path, &error))?;
    output::stderr("this system has no known list of authorities; make it trust this file:\n");
    output::stdout(&format!("{}\n", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Puts the root into a folder and lets the system take it over; whether anything was changed.
fn install(root: &[u8], folder: &Path, update: &Path) -> Result<bool> {
    let path = folder.join(NAME);
    if fs::read(&path).is_ok_and(|old| old == root) {
        return Ok(false);
    }
    fs::write(&path, root).map_err(|error| cannot_write(&path, &error))?;
    let ran = Command::new(update).output();
    let failed = |reason: String| {
        // Half installed is worse than not at all: the next try would take it for done.
        let _ = fs::remove_file(&path);
        CommandError::new(format!("`{}` failed: {reason}", update.display()))
    };
    match ran {
        Ok(done) if done.status.success() => Ok(true),
        Ok(done) => Err(failed(String::from_utf8_lossy(&done.stderr).trim().to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> CommandError {
    let failed = CommandError::new(format!("cannot write `{}`: {error}", path.display()));
    if error.kind() == io::ErrorKind::PermissionDenied {
        return failed.hint(format!("as root: `stack trust --print | sudo tee {FOLDER}/{NAME} && sudo {UPDATE}`"));
    }
    failed
}

/// Where a user's programs keep their data (XDG Base Directory Specification).
fn data_folder(context: &Context) -> Result<PathBuf> {
    let folder = |name: &str| context.environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("stack")).ok_or_else(|| {
        CommandError::new("there is no home folder to write the root's certificate to")
            .hint("`stack trust --print` prints it")
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn program(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("update");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_root_is_installed_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let refusing = program(path, "echo no >&2; exit 1");
        assert!(install(b"root", path, &refusing).is_err_and(|error| error.message.ends_with("failed: no")));
        assert!(!path.join(NAME).exists());
        let counting = program(path, &format!("echo x >> {}/ran", path.display()));
        assert!(install(b"root", path, &counting).unwrap());
        assert!(!install(b"root", path, &counting).unwrap());
        assert!(install(b"another", path, &counting).unwrap());
        assert_eq!(fs::read(path.join(NAME)).unwrap(), b"another");
        assert_eq!(fs::read_to_string(path.join("ran")).unwrap(), "x\nx\n");
    }
}
