//! Waiting until the gateway serves what a project asks for.
//!
//! On the gateway's own host it tells over a socket. Elsewhere it is asked inside its container, where it writes its
//! status into a file: whoever wants to know waits for that file there, on the kernel's notice rather than by asking again
//! and again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt as _;

use super::containers::{AGENT, GATEWAY};
use super::state::Status;
use super::status::StatusStream;
use crate::backend::{self, Engine, ExecSpec, Stream};
use crate::error::{CommandError, Kind, Result, TOO_LATE};
use crate::watch::FileWatch;

/// Where the gateway says how it is, in its own container.
pub const STATUS: &str = "/run/stack/status.json";
/// A gateway that works takes well below a second.
const LIMIT: Duration = Duration::from_secs(20);
/// Exit codes above it are of processes that a signal has ended (POSIX shells, and engines).
const SIGNALLED: i64 = 128;
/// Pause before a gateway is asked again that was ended while it was asked: another one takes its place.
const PAUSE: Duration = Duration::from_millis(200);

/// Why the gateway does not say what is awaited.
#[derive(Debug)]
pub enum WaitError {
    /// The time is over.
    Late(CommandError),
    /// It cannot be asked.
    Failed(CommandError),
}

impl WaitError {
    /// As what `stack edge wait` ends with, which tells one from the other by its exit code.
    #[must_use]
    pub fn into_command_error(self) -> CommandError {
        match self {
            Self::Late(error) => error.of_kind(Kind::Late),
            Self::Failed(error) => error,
        }
    }
}

impl From<backend::Error> for WaitError {
    fn from(error: backend::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CommandError> for WaitError {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

impl From<WaitError> for CommandError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Late(error) | WaitError::Failed(error) => error,
        }
    }
}

/// What the gateway's status shall say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitCondition {
    /// A project, and the revision of it that is served, or a later one; none: whatever it serves.
    pub revision: Option<(String, String)>,
    /// Addresses none of whose servers is still to be reached.
    pub reached: BTreeSet<String>,
    /// Addresses that no request is under way to any more, after they have left the routes.
    pub gone: BTreeSet<String>,
    /// How long it may take.
    pub limit: Duration,
}

impl WaitCondition {
    /// A revision, and nothing else.
    pub fn revision(project: &str, revision: &str) -> Self {
        Self { revision: Some((project.to_owned(), revision.to_owned())), ..Self::anything() }
    }

    /// That it has taken up its configuration, and tried to listen.
    pub fn anything() -> Self {
        Self { revision: None, reached: BTreeSet::new(), gone: BTreeSet::new(), limit: LIMIT }
    }

    fn is_met(&self, status: &Status) -> bool {
        let serves =
            |(project, wanted): &(String, String)| status.revisions.get(project).is_some_and(|served| served >= wanted);
        self.revision.as_ref().is_none_or(serves)
            && !any_at(&self.reached, &status.unreached)
            && !any_at(&self.gone, &status.leaving)
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = ["/stack", "edge", "wait"].map(str::to_owned).to_vec();
        if let Some((project, revision)) = &self.revision {
            arguments.extend(["--project", project, "--revision", revision].map(str::to_owned));
        }
        for (flag, addresses) in [("--reached", &self.reached), ("--gone", &self.gone)] {
            arguments.extend(addresses.iter().flat_map(|address| [flag.to_owned(), address.clone()]));
        }
        arguments.extend(["--limit".to_owned(), self.limit.as_secs().to_string()]);
        arguments
    }

    fn too_late(&self) -> WaitError {
        let seconds = self.limit.as_secs();
        let text = match &self.revision {
            Some((project, _)) => {
                format!(
                    "the gateway has not taken over the routes of `{project}` within {seconds} s; the containers run"
                )
            }
            None => format!("the gateway does not say how it is within {seconds} s"),
        };
        let hint = format!("`docker logs {AGENT}` and `docker logs {GATEWAY}` say why");
        WaitError::Late(CommandError::new(text).hint(hint))
    }
}

/// Whether one of the servers (`address:port`) is at one of the addresses.
fn any_at(addresses: &BTreeSet<String>, servers: &BTreeSet<String>) -> bool {
    servers.iter().any(|server| {
        let host = server.rsplit_once(':').map_or(server.as_str(), |(host, _)| host);
        addresses.contains(host.trim_start_matches('[').trim_end_matches(']'))
    })
}

/// Waits, from outside, until the gateway's status says what is awaited.
///
/// # Errors
/// A gateway that does not get there in time, or cannot be asked.
pub async fn until(engine: &Engine, socket: Option<&str>, awaited: &WaitCondition) -> Result<Status, WaitError> {
    let work = async {
        if let Some(mut told) =
            socket.filter(|_| engine.is_local()).and_then(|socket| StatusStream::connect(socket).ok())
        {
            // Where it goes away, the longer way says why.
            while let Ok(status) = told.next().await {
                if awaited.is_met(&status) {
                    return Ok(status);
                }
            }
        }
        ask(engine, awaited).await
    };
    tokio::time::timeout(awaited.limit, work).await.unwrap_or_else(|_| Err(awaited.too_late()))
}

/// Asks inside the gateway's container, again where the gateway has ended meanwhile.
async fn ask(engine: &Engine, awaited: &WaitCondition) -> Result<Status, WaitError> {
    let spec = ExecSpec { command: awaited.arguments(), ..ExecSpec::default() };
    loop {
        let mut session = engine.exec(GATEWAY, &spec).await?;
        let (mut answer, mut complaint) = (BytesMut::new(), BytesMut::new());
        while let Some(part) = session.output.next().await {
            match part? {
                (Stream::Stdout, bytes) => answer.extend_from_slice(&bytes),
                (Stream::Stderr, bytes) => complaint.extend_from_slice(&bytes),
            }
        }
        match engine.exec_exit_code(&session.id).await? {
            None | Some(0) => {
                return serde_json::from_slice(&answer).map_err(|error| {
                    WaitError::Failed(CommandError::new(format!("the gateway's answer is invalid: {error}")))
                });
            }
            Some(code) if code == i64::from(TOO_LATE) => return Err(awaited.too_late()),
            Some(code) if code > SIGNALLED => tokio::time::sleep(PAUSE).await,
            Some(code) => return Err(WaitError::Failed(refused(code, &complaint))),
        }
    }
}

/// What a question that failed inside the gateway's container said of it.
fn refused(code: i64, complaint: &[u8]) -> CommandError {
    let said = String::from_utf8_lossy(complaint);
    let reason = match said.lines().next().unwrap_or_default().trim_start_matches("error: ") {
        "" => format!("the question ended with code {code}"),
        said => said.to_owned(),
    };
    CommandError::new(format!("the gateway cannot be asked how it is: {reason}"))
        .hint(format!("`docker logs {GATEWAY}` may say why"))
}

/// Waits, inside the gateway's container, until its status says what is awaited.
///
/// # Errors
/// A folder that cannot be watched; a gateway that does not get there in time.
pub async fn inside(status: &Path, awaited: &WaitCondition) -> Result<Status, WaitError> {
    let folder = status.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
    let fail =
        |error: &dyn std::fmt::Display| CommandError::new(format!("cannot watch `{}`: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(|error| fail(&error))?;
    let file = status.to_owned();
    let mut watch = FileWatch::new(move |path| path == file).map_err(|error| fail(&error))?;
    watch.add(&folder).map_err(|error| fail(&error))?;
    let work = async {
        loop {
            let found = fs::read(status).ok().and_then(|text| serde_json::from_slice::<Status>(&text).ok());
            if let Some(found) = found.filter(|found| awaited.is_met(found)) {
                return found;
            }
            watch.changed().await;
        }
    };
    tokio::time::timeout(awaited.limit, work).await.map_err(|_| awaited.too_late())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::memory::Memory;
    use crate::backend::{Backend as _, ContainerSpec};

    #[tokio::test]
    async fn the_status_is_awaited() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("status.json");
        let status = |revision: &str| Status {
            revisions: [("web".to_owned(), revision.to_owned())].into(),
            ..Status::default()
        };
        proxy::file::replace(&path, &serde_json::to_vec(&status("1"))?)?;
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { inside(&path, &WaitCondition::revision("web", "2")).await }
        });
        tokio::task::yield_now().await;
        proxy::file::replace(&path, &serde_json::to_vec(&status("2"))?)?;
        let found = tokio::time::timeout(Duration::from_secs(10), waiting).await??;
        assert_eq!(found.map_err(|error| error.into_command_error().message)?, status("2"));
        let short = WaitCondition { limit: Duration::from_millis(1), ..WaitCondition::revision("web", "3") };
        assert!(inside(&path, &short).await.is_err_and(|error| error.into_command_error().kind == Kind::Late));
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_told_from_what_is_late() {
        let memory = Memory::new();
        memory.add_image_named("stack");
        let spec = ContainerSpec { name: GATEWAY.to_owned(), image: "stack".to_owned(), ..ContainerSpec::default() };
        assert!(memory.create_container(&spec).await.is_ok() && memory.start_container(GATEWAY).await.is_ok());
        let engine: Engine = memory.clone();
        let awaited = WaitCondition::anything();
        let start = tokio::time::Instant::now();
        memory.exec_exits(GATEWAY, 1);
        let failed = until(&engine, None, &awaited).await;
        let told = matches!(&failed, Err(WaitError::Failed(error)) if error.message.contains("ended with code 1"));
        assert!(told, "{failed:?}");
        memory.exec_exits(GATEWAY, 75);
        assert!(matches!(until(&engine, None, &awaited).await, Err(WaitError::Late(_))));
        assert_eq!(start.elapsed(), Duration::ZERO);
        // Killed while it was asked: whoever takes its place is asked, for as long as there is time.
        memory.exec_exits(GATEWAY, 137);
        assert!(matches!(until(&engine, None, &awaited).await, Err(WaitError::Late(_))));
        assert_eq!(start.elapsed(), LIMIT);
        memory.vanish(GATEWAY);
        assert!(matches!(until(&engine, None, &awaited).await, Err(WaitError::Failed(_))));
        let told = refused(1, b"error: cannot watch `/run/stack`: no\nmore");
        assert_eq!(told.message, "the gateway cannot be asked how it is: cannot watch `/run/stack`: no");
    }

    #[test]
    fn servers_on_their_way_are_awaited() {
        let set = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<_>>();
        let status = Status {
            revisions: [("web".to_owned(), "0000000002.000000000-1".to_owned())].into(),
            unreached: set(&["10.0.0.2:80"]),
            leaving: set(&["10.0.0.3:80", "[fd00::3]:80"]),
            ..Status::default()
        };
        let revision = WaitCondition::revision("web", "0000000001.999999999-7");
        assert!(revision.is_met(&status), "a later revision is fine");
        assert!(!WaitCondition::revision("web", "0000000003.000000000-1").is_met(&status));
        let awaited = |reached: &[&str], gone: &[&str]| {
            WaitCondition { reached: set(reached), gone: set(gone), ..revision.clone() }.is_met(&status)
        };
        assert!(!awaited(&["10.0.0.2"], &[]) && awaited(&["10.0.0.3"], &[]));
        assert!(
            !awaited(&[], &["10.0.0.3"]) && !awaited(&[], &["fd00::3"]) && awaited(&[], &["10.0.0.2", "10.0.0.33"])
        );
    }
}
