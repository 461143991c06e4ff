//! A program that runs: its output, its last words on standard error, its end.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::task::AbortOnDropHandle;

use super::{Provision, Refusal};
use crate::text::printable;

/// What of the last words is kept, in bytes.
const LAST_WORDS: usize = 2048;
/// How long they are waited for once the program has ended: another one may hold its standard error open.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest output that is read as a whole.
const WHOLE: u64 = 8 * 1024 * 1024;

/// A program that runs. Dropped, it is killed.
pub(super) struct Program {
    child: Child,
    words: AbortOnDropHandle<Vec<u8>>,
    /// Its standard output.
    pub output: ChildStdout,
}

/// Starts a program with the environment of the project.
///
/// # Errors
/// One that cannot be started.
pub(super) fn start(path: &Path, arguments: &[String], provision: &Provision) -> Result<Program, Refusal> {
    let failed = |why: String| Refusal::new(format!("cannot run {}: {why}", path.display()));
    let mut command = Command::new(path);
    command.args(arguments).env_clear().envs(&*provision.environment).env("COMPOSE_PROJECT_NAME", &provision.project);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let (Some(output), Some(said)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed("it has no standard output".to_owned()));
    };
    Ok(Program { child, words: AbortOnDropHandle::new(tokio::spawn(last(said))), output })
}

/// Reads to the end, and keeps the last bytes.
async fn last(mut said: impl AsyncRead + Unpin) -> Vec<u8> {
    let (mut kept, mut piece) = (Vec::new(), [0; LAST_WORDS]);
    while let Ok(count @ 1..) = said.read(&mut piece).await {
        kept.extend_from_slice(piece.get(..count).unwrap_or_default());
        kept.drain(..kept.len().saturating_sub(LAST_WORDS));
    }
    kept
}

impl Program {
    /// Waits for its end; how it ended, and its last words where that was no success.
    ///
    /// # Errors
    /// The operating system's, in words.
    pub(super) async fn end(mut self) -> Result<(), String> {
        let status: ExitStatus = self.child.wait().await.map_err(|error| error.to_string())?;
        if status.success() {
            return Ok(());
        }
        let words = match tokio::time::timeout(PATIENCE, self.words).await {
            Ok(Ok(words)) => words,
            _ => Vec::new(),
        };
        let words =
            String::from_utf8_lossy(&words).lines().map(|line| format!("\n  {}", printable(line))).collect::<String>();
        Err(format!("{status}{words}"))
    }

    /// Its whole output, once it has ended well.
    ///
    /// # Errors
    /// How it failed, in words.
    pub(super) async fn whole(mut self) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        (&mut self.output).take(WHOLE).read_to_end(&mut text).await.map_err(|error| error.to_string())?;
        self.end().await?;
        Ok(text)
    }
}
