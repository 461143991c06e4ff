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

use super::deploy::{AGENT, GATEWAY};
use super::state::Status;
use super::status::Told;
use crate::backend::{Engine, ExecSpec, Stream};
use crate::error::{CommandError, Result};
use crate::watch::FileWatch;

/// Where the gateway says how it is, in its own container.
pub const STATUS: &str = "/run/stack/status.json";
/// A gateway that works takes well below a second.
const LIMIT: Duration = Duration::from_secs(20);
/// Exit code of [`until`] and of `stack edge wait` when the time is over.
pub const TOO_LATE: u8 = 75;

/// What the gateway's status shall say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// A project, and the revision of it that is served, or a later one; none: whatever it serves.
    pub revision: Option<(String, String)>,
    /// Addresses none of whose servers is still to be reached.
    pub reached: BTreeSet<String>,
    /// Addresses that no request is under way to any more, after they have left the routes.
    pub gone: BTreeSet<String>,
    /// How long it may take.
    pub limit: Duration,
}

impl Awaited {
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

    fn too_late(&self) -> CommandError {
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
        CommandError { code: TOO_LATE, ..CommandError::new(text).hint(hint) }
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
/// A gateway that does not get there in time (with the code [`TOO_LATE`]), or cannot be asked.
pub async fn until(engine: &Engine, socket: Option<&str>, awaited: &Awaited) -> Result<Status> {
    let work = async {
        if let Some(mut told) = socket.filter(|_| engine.is_local()).and_then(|socket| Told::by(socket).ok()) {
            // Where it goes away, the longer way says why.
            while let Ok(status) = told.next().await {
                if awaited.is_met(&status) {
                    return Ok(Some(status));
                }
            }
        }
        let answer = ask(engine, &awaited.arguments()).await?;
        Ok::<_, CommandError>(serde_json::from_slice(&answer).ok())
    };
    match tokio::time::timeout(awaited.limit, work).await {
        Ok(answer) => answer?.ok_or_else(|| awaited.too_late()),
        Err(_) => Err(awaited.too_late()),
    }
}

async fn ask(engine: &Engine, command: &[String]) -> Result<BytesMut> {
    let spec = ExecSpec { command: command.to_vec(), ..ExecSpec::default() };
    let mut session = engine.exec(GATEWAY, &spec).await?;
    let mut answer = BytesMut::new();
    while let Some(part) = session.output.next().await {
        if let (Stream::Stdout, bytes) = part? {
            answer.extend_from_slice(&bytes);
        }
    }
    Ok(answer)
}

/// Waits, inside the gateway's container, until its status says what is awaited.
///
/// # Errors
/// A folder that cannot be watched; a gateway that does not get there in time.
pub async fn inside(status: &Path, awaited: &Awaited) -> Result<Status> {
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
    use crate::edge::state;

    #[tokio::test]
    async fn the_status_is_awaited() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("status.json");
        let status = |revision: &str| Status {
            revisions: [("web".to_owned(), revision.to_owned())].into(),
            ..Status::default()
        };
        state::replace(&path, &serde_json::to_vec(&status("1"))?)?;
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { inside(&path, &Awaited::revision("web", "2")).await }
        });
        tokio::task::yield_now().await;
        state::replace(&path, &serde_json::to_vec(&status("2"))?)?;
        let found = tokio::time::timeout(Duration::from_secs(10), waiting).await??;
        assert_eq!(found.map_err(|error| error.message)?, status("2"));
        Ok(())
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
        let revision = Awaited::revision("web", "0000000001.999999999-7");
        assert!(revision.is_met(&status), "a later revision is fine");
        assert!(!Awaited::revision("web", "0000000003.000000000-1").is_met(&status));
        let awaited = |reached: &[&str], gone: &[&str]| {
            Awaited { reached: set(reached), gone: set(gone), ..revision.clone() }.is_met(&status)
        };
        assert!(!awaited(&["10.0.0.2"], &[]) && awaited(&["10.0.0.3"], &[]));
        assert!(
            !awaited(&[], &["10.0.0.3"]) && !awaited(&[], &["fd00::3"]) && awaited(&[], &["10.0.0.2", "10.0.0.33"])
        );
    }
}
