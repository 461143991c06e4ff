//! One command at a time: what one changes, no other changes meanwhile.
//!
//! A lock is a name that a socket of this host is bound to (unix(7), "abstract"), made of the engine's own id: whoever works
//! with the same engine finds it taken, whatever user they are, wherever they keep their files and whichever of the engine's
//! addresses they use. The kernel lets go of it however the process ends. Whoever shares neither this host nor its network
//! is not kept out; what all projects share is then looked at again (see [`crate::edge::error::EdgeError`]).

mod mark;

use std::io::{ErrorKind, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

use crate::backend::Engine;
use crate::error::{CommandError, Result};
use crate::ui::output;
use mark::Mark;

/// Whoever waits longer wants to know for whom.
const SILENCE: Duration = Duration::from_secs(2);
/// The longest change of a gateway replaces one that has requests under way; what takes longer has been stopped or is none of
/// ours.
const EDGE_PATIENCE: Duration = Duration::from_secs(180);
/// Builds and pulls of a project take long, but nobody should have to find a command that still waits the next day.
const PROJECT_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Until the next try where nobody can be asked.
const UNASKED: Duration = Duration::from_millis(20);

/// A held lock; dropping it lets the next one go on.
#[derive(Debug)]
pub struct Lock {
    /// None once it has been let go of.
    socket: Option<UnixListener>,
    mark: Option<Mark>,
    /// Whoever had it before was killed while it worked, as far as that is known.
    pub abandoned: bool,
}

/// What is locked.
#[derive(Debug)]
struct Subject {
    /// The socket's name.
    name: String,
    /// What whoever has it `works` on or `changes`.
    does: String,
    /// The same, for some time.
    has_been: String,
    patience: Duration,
}

impl Lock {
    /// The lock of whoever changes a project; waits for its turn.
    ///
    /// # Errors
    /// An engine that does not say which it is; another command that does not come to its end.
    pub async fn of_project(engine: &Engine, project: &str) -> Result<Self> {
        let subject = Subject {
            name: name("project", &[&engine.id().await?, project]),
            does: format!("works on project `{project}`"),
            has_been: format!("working on project `{project}`"),
            patience: PROJECT_PATIENCE,
        };
        let mut lock = Self::take(&subject).await?;
        let set = tokio::task::spawn_blocking(move || Mark::set(&subject.name));
        // Where no mark can be kept, only those who wait learn that somebody was killed.
        if let Ok(Ok((mark, found))) = set.await {
            lock.mark = Some(mark);
            lock.abandoned |= found;
        }
        Ok(lock)
    }

    /// The lock of whoever changes what all projects of an engine share: gateway, agent, their volumes and files. Waits for
    /// its turn.
    ///
    /// # Errors
    /// As [`Lock::of_project`].
    pub async fn of_edge(engine: &Engine) -> Result<Self> {
        Self::take(&Subject {
            name: name("edge", &[&engine.id().await?]),
            does: "changes the gateway".to_owned(),
            has_been: "changing the gateway".to_owned(),
            patience: EDGE_PATIENCE,
        })
        .await
    }

    /// The lock of whoever watches the files of a project; it does not keep others from changing the project.
    ///
    /// # Errors
    /// Somebody watches them already; as [`Lock::of_project`].
    pub async fn of_watch(engine: &Engine, project: &str) -> Result<Self> {
        let name = name("watch", &[&engine.id().await?, project]);
        if let Some(socket) = bind(&name)? {
            return Ok(Self::held(socket, false));
        }
        let who = holder(&name).await.and_then(|holder| process(&holder));
        let who = who.map_or_else(|| "another process".to_owned(), |id| format!("process with PID {id}"));
        Err(CommandError::new(format!("cannot take exclusive lock for project \"{project}\": {who} is still running"))
            .hint("one `stack watch` or `stack up --watch` at a time watches a project; stop the other one first"))
    }

    fn held(socket: UnixListener, abandoned: bool) -> Self {
        Self { socket: Some(socket), mark: None, abandoned }
    }

    async fn take(subject: &Subject) -> Result<Self> {
        let began = Instant::now();
        let (mut said, mut killed) = (false, false);
        loop {
            if let Some(socket) = bind(&subject.name)? {
                return Ok(Self::held(socket, killed));
            }
            // Whoever has just let go of it cannot be asked, nor can what is none of ours.
            let holder = holder(&subject.name).await;
            let id = holder.as_ref().and_then(process);
            let who = id.map_or_else(String::new, |id| format!(" (process {id})"));
            let left = subject.patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                let seconds = subject.patience.as_secs();
                return Err(CommandError::new(format!(
                    "another `stack`{who} has been {} for {seconds} s",
                    subject.has_been
                ))
                .hint("end it if it is stuck, and try again"));
            }
            let Some(mut holder) = holder else {
                sleep(UNASKED.min(left)).await;
                continue;
            };
            let wait = if said { left } else { SILENCE.min(left) };
            // It says one thing only: that it is done. A connection that ends without that was a killed one's.
            match timeout(wait, holder.read_u8()).await {
                Ok(word) => killed = word.is_err(),
                Err(_) if said => {}
                Err(_) => {
                    output::stderr(&format!("waiting for another `stack`{who} that {}\n", subject.does));
                    said = true;
                }
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.mark = None;
        let Some(socket) = self.socket.take() else { return };
        let mut waiting = Vec::new();
        if socket.set_nonblocking(true).is_ok() {
            waiting.extend(std::iter::from_fn(|| Some(socket.accept().ok()?.0)));
        }
        // They try to take it as soon as they are told.
        drop(socket);
        for mut waiter in waiting {
            let _ = waiter.write_all(b".");
        }
    }
}

/// Takes a name, if it is free.
fn bind(name: &str) -> Result<Option<UnixListener>> {
    let bound = SocketAddr::from_abstract_name(name).and_then(|address| UnixListener::bind_addr(&address));
    match bound {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(CommandError::new(format!("cannot wait for other commands: {error}"))),
    }
}

/// A connection to whoever has a name.
async fn holder(name: &str) -> Option<UnixStream> {
    UnixStream::connect(format!("\0{name}")).await.ok()
}

/// The process that has a name; none where it is out of our sight.
fn process(holder: &UnixStream) -> Option<i32> {
    holder.peer_cred().ok()?.pid().filter(|id| *id > 0)
}

fn name(kind: &str, parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\0").as_bytes());
    format!("stack-{kind}-{}", digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests;
