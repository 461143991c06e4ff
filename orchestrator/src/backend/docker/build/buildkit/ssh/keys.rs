//! Keys in files: an agent of our own (`ssh-agent`) holds one for as long as a build takes, so that the key itself never
//! reaches the builder.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::text::printable;

/// Largest file that can be a key, in bytes.
const LARGEST: u64 = 64 * 1024;
/// How long the agent may take to listen, and between two looks.
const START: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);
/// How long `ssh-add` may take.
const ADD: Duration = Duration::from_secs(30);

/// An agent with one key. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Agent {
    /// Where it listens; a folder that only this user may look into.
    pub(super) socket: PathBuf,
    _process: Child,
    _folder: TempDir,
}

fn start(program: &str, command: &mut Command) -> Result<Child, String> {
    command.kill_on_drop(true).spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("a key in a file needs the program `{program}` (OpenSSH's client)"),
        _ => format!("cannot run `{program}`: {error}"),
    })
}

impl Agent {
    /// Starts one and gives it the key in a file.
    ///
    /// # Errors
    /// In words: a file that is no key or has a passphrase, programs that are not there.
    pub(super) async fn with(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let unreadable = |error: std::io::Error| format!("cannot read {shown}: {error}");
        let meta = tokio::fs::metadata(path).await.map_err(unreadable)?;
        if !meta.is_file() || meta.len() > LARGEST {
            return Err(format!("{shown} is neither a key nor the socket of an SSH agent"));
        }
        let key = tokio::fs::read(path).await.map_err(unreadable)?;
        let folder = tempfile::Builder::new().prefix("stack-ssh-").tempdir();
        let folder = folder.map_err(|error| format!("cannot make a folder for an SSH agent: {error}"))?;
        let socket = folder.path().join("agent");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = start("ssh-agent", &mut command)?;
        let agent = Self { socket, _process: process, _folder: folder };
        let listens = async {
            while UnixStream::connect(&agent.socket).await.is_err() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(START, listens).await.map_err(|_| "`ssh-agent` does not listen".to_owned())?;
        agent.add(&key).await.map_err(|why| {
            format!("{shown} cannot be used: {why}; a key with a passphrase is for your own agent: `ssh-add {shown}`")
        })?;
        Ok(agent)
    }

    /// The key comes by standard input: files that others may read are no concern here, as in Docker Compose.
    async fn add(&self, key: &[u8]) -> Result<(), String> {
        let mut command = Command::new("ssh-add");
        // Nobody is to be asked for a passphrase in the middle of the output of builds.
        command
            .arg("-")
            .env("SSH_AUTH_SOCK", &self.socket)
            .env("SSH_ASKPASS", "false")
            .env("SSH_ASKPASS_REQUIRE", "force");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut adding = start("ssh-add", &mut command)?;
        if let Some(mut input) = adding.stdin.take() {
            // One that has ended already says why.
            let _ = input.write_all(key).await;
        }
        let ended = tokio::time::timeout(ADD, adding.wait_with_output()).await;
        let output = ended.map_err(|_| "`ssh-add` does not end".to_owned())?.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        Err(if said.is_empty() { output.status.to_string() } else { printable(&said) })
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why it was skipped"
)]
mod tests {
    use std::process::Command as Blocking;

    use super::*;

    fn key(folder: &Path, passphrase: &str) -> Option<PathBuf> {
        let path = folder.join(if passphrase.is_empty() { "open" } else { "locked" });
        let mut made = Blocking::new("ssh-keygen");
        made.args(["-q", "-t", "ed25519", "-N", passphrase, "-C", "a comment", "-f"]).arg(&path);
        match made.status() {
            Ok(status) if status.success() => Some(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: keys of builds: OpenSSH (`ssh-keygen`) is not installed");
                None
            }
            failed => panic!("ssh-keygen: {failed:?}"),
        }
    }

    #[tokio::test]
    async fn a_key_is_held_by_an_agent_that_ends_with_its_build() {
        let folder = tempfile::tempdir().unwrap();
        let (Some(open), Some(locked)) = (key(folder.path(), ""), key(folder.path(), "secret")) else { return };
        // Others may read it: builds take it all the same.
        std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let agent = Agent::with(&open).await.unwrap();
        let listed = Command::new("ssh-add").arg("-L").env("SSH_AUTH_SOCK", &agent.socket).output().await.unwrap();
        let public = std::fs::read_to_string(open.with_extension("pub")).unwrap();
        assert_eq!(String::from_utf8_lossy(&listed.stdout).trim(), public.trim());
        let socket = agent.socket.clone();
        drop(agent);
        assert!(!socket.exists(), "its folder is gone");
        assert!(UnixStream::connect(&socket).await.is_err());

        let why = Agent::with(&locked).await.unwrap_err();
        assert!(why.contains("a key with a passphrase is for your own agent: `ssh-add "), "{why}");
        std::fs::write(&locked, "no key").unwrap();
        let why = Agent::with(&locked).await.unwrap_err();
        assert!(why.contains("cannot be used: "), "{why}");
        let why = Agent::with(Path::new("/nowhere/key")).await.unwrap_err();
        assert_eq!(why, "cannot read /nowhere/key: No such file or directory (os error 2)");
        let why = Agent::with(folder.path()).await.unwrap_err();
        assert_eq!(why, format!("{} is neither a key nor the socket of an SSH agent", folder.path().display()));
    }
}
