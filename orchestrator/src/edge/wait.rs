//! Waiting until the gateway serves what a project asks for.
//!
//! On the gateway's own host it tells over a socket. Elsewhere it is asked inside its container, where it writes its
//! status into a file: whoever wants to know waits for that file there, on the kernel's notice rather than by asking again
//! and again.

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

/// Waits, from outside, until the gateway serves `revision` of `project`.
///
/// # Errors
/// A gateway that does not get there in time, or cannot be asked.
pub async fn until_served(engine: &Engine, socket: Option<&str>, project: &str, revision: &str) -> Result<Status> {
    if let Some(mut told) = socket.filter(|_| engine.is_local()).and_then(|socket| Told::by(socket).ok()) {
        let served = async {
            loop {
                let status = told.next().await.ok()?;
                if status.revisions.get(project).is_some_and(|served| served == revision) {
                    return Some(status);
                }
            }
        };
        match tokio::time::timeout(LIMIT, served).await {
            Ok(Some(status)) => return Ok(status),
            // It went away; the longer way says why.
            Ok(None) => {}
            Err(_) => return Err(unreached(project)),
        }
    }
    let command = ["/stack", "edge", "wait", "--project", project, "--revision", revision];
    let asked = tokio::time::timeout(LIMIT, ask(engine, &command.map(str::to_owned))).await;
    let answer = match asked {
        Ok(answer) => answer?,
        Err(_) => return Err(unreached(project)),
    };
    serde_json::from_slice(&answer).map_err(|_| unreached(project))
}

fn unreached(project: &str) -> CommandError {
    CommandError::new(format!(
        "the gateway has not taken over the routes of `{project}` within {} s; the containers run",
        LIMIT.as_secs()
    ))
    .hint(format!("`docker logs {AGENT}` and `docker logs {GATEWAY}` say why"))
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

/// Waits, inside the gateway's container, until its status carries `revision` of `project`.
///
/// # Errors
/// A folder that cannot be watched.
pub async fn inside(status: &Path, project: &str, revision: &str) -> Result<Status> {
    let folder = status.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
    let fail =
        |error: &dyn std::fmt::Display| CommandError::new(format!("cannot watch `{}`: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(|error| fail(&error))?;
    let awaited = status.to_owned();
    let mut watch = FileWatch::new(move |path| path == awaited).map_err(|error| fail(&error))?;
    watch.add(&folder).map_err(|error| fail(&error))?;
    loop {
        let found = fs::read(status).ok().and_then(|text| serde_json::from_slice::<Status>(&text).ok());
        if let Some(found) = found.filter(|found| found.revisions.get(project).is_some_and(|served| served == revision))
        {
            return Ok(found);
        }
        watch.changed().await;
    }
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
            async move { inside(&path, "web", "2").await }
        });
        tokio::task::yield_now().await;
        state::replace(&path, &serde_json::to_vec(&status("2"))?)?;
        let found = tokio::time::timeout(Duration::from_secs(10), waiting).await??;
        assert_eq!(found.map_err(|error| error.message)?, status("2"));
        Ok(())
    }
}
