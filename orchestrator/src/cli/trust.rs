//! `stack trust`

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::gateway::authority;
use super::{Context, block_on};
use crate::edge::{state, volumes};
use crate::error::{CommandError, Result};
use crate::ui::output;

/// Where Debian and its descendants keep authorities that were added by hand (update-ca-certificates(8)).
const FOLDER: &str = "/usr/local/share/ca-certificates";
const NAME: &str = "stack-local-authority.crt";
const BY_HAND: &str = "stack-local-authority-by-hand.crt";
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
    let roots = roots(context)?;
    if args.print {
        roots.iter().try_for_each(|(_, root)| output::stdout(&String::from_utf8_lossy(root)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let system = Path::new(FOLDER);
    if system.is_dir() && Command::new(UPDATE).arg("--help").output().is_ok() {
        for (name, root) in &roots {
            let changed = install(name, root, system, Path::new(UPDATE))?;
            let said = if changed { "is trusted on this machine now" } else { "is trusted on this machine already" };
            output::stderr(&format!("the gateway's local authority {said}: {FOLDER}/{name}\n"));
        }
        output::stderr("browsers with a list of their own (Firefox, Chromium) have to import that file too\n");
        return Ok(ExitCode::SUCCESS);
    }
    output::stderr("this system has no known list of authorities; make it trust what is printed here:\n");
    for (name, root) in &roots {
        let path = data_folder(context)?.join(name);
        proxy::file::replace(&path, root).map_err(|error| cannot_write(&path, &error))?;
        output::stdout(&format!("{}\n", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The roots that there are, with names for their files: that of the gateway in front of the engine's projects, and that of
/// a gateway that is run by hand.
///
/// # Errors
/// There is none.
fn roots(context: &Context) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let inside = state::authority().join(proxy::LOCAL_ROOT);
    let asked = context.engine().and_then(|engine| block_on(async { volumes::read_file(&engine, &inside).await }));
    let by_hand = authority::folder(&context.environment).map(|folder| folder.join(proxy::LOCAL_ROOT));
    let by_hand = match by_hand.map(|path| (fs::read(&path), path)) {
        Some((Ok(root), _)) => Some((BY_HAND, root)),
        Some((Err(error), path)) if error.kind() != io::ErrorKind::NotFound => {
            return Err(CommandError::new(format!("cannot read `{}`: {error}", path.display())));
        }
        _ => None,
    };
    match (asked, by_hand) {
        // Whoever runs a gateway by hand may have no engine.
        (Err(error), None) => Err(error),
        (asked, by_hand) => {
            let found: Vec<_> = asked.ok().flatten().map(|root| (NAME, root)).into_iter().chain(by_hand).collect();
            if found.is_empty() { Err(no_authority()) } else { Ok(found) }
        }
    }
}

fn no_authority() -> CommandError {
    CommandError::new("the gateway has no local authority yet")
        .hint("it is made when the first TLS route for `localhost`, `*.localhost`, `*.internal`, `*.home.arpa` or a private address is served")
}

/// Puts the root into a folder and lets the system take it over; whether anything was changed.
fn install(name: &str, root: &[u8], folder: &Path, update: &Path) -> Result<bool> {
    let path = folder.join(name);
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
    authority::data(&context.environment).ok_or_else(|| {
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
        assert!(install(NAME, b"root", path, &refusing).is_err_and(|error| error.message.ends_with("failed: no")));
        assert!(!path.join(NAME).exists());
        let counting = program(path, &format!("echo x >> {}/ran", path.display()));
        assert!(install(NAME, b"root", path, &counting).unwrap());
        assert!(!install(NAME, b"root", path, &counting).unwrap());
        assert!(install(NAME, b"another", path, &counting).unwrap());
        assert_eq!(fs::read(path.join(NAME)).unwrap(), b"another");
        assert_eq!(fs::read_to_string(path.join("ran")).unwrap(), "x\nx\n");
    }
}
