//! The gateway's process: serves what the agent wrote, and says how it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proxy::gateway::{Gateway, Listener, Options, Status as Listening, Update};
use proxy::route::EntryPointModel;

use super::state::{self, EdgeConfiguration, Revisions, Status};
use super::wait::STATUS;
use crate::error::{CommandError, Result};
use crate::watch::FileWatch;

/// How long a request waits for a server that restarts.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time that requests under way have when the gateway is told to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop` is done, then lets requests finish.
///
/// # Errors
/// A folder that cannot be watched, threads that cannot be started.
pub async fn run(root: PathBuf, stop: impl Future<Output = ()>) -> Result<()> {
    let fail = |error: &dyn std::fmt::Display| CommandError::new(format!("the gateway cannot run: {error}"));
    let mut files = FileWatch::new().map_err(|error| fail(&error))?;
    files.add(&root).map_err(|error| fail(&error))?;
    let options = Options { hostname: hostname(), mark_errors: true, wait_for_server: PATIENCE, ..Options::default() };
    let gateway = Gateway::start(options).await.map_err(|error| fail(&error))?;
    let mut listening = gateway.subscribe();
    let mut serving = Serving::default();
    serving.read(&root, &gateway).await?;
    tokio::pin!(stop);
    loop {
        serving.say(&listening.borrow_and_update().clone())?;
        tokio::select! {
            () = &mut stop => break,
            () = files.changed() => serving.read(&root, &gateway).await?,
            changed = listening.changed() => {
                if changed.is_err() {
                    return Err(fail(&"its threads have ended"));
                }
            }
        }
    }
    gateway.shutdown(Duration::ZERO, GRACE).await;
    Ok(())
}

/// What is served now.
#[derive(Debug, Default)]
struct Serving {
    revisions: Revisions,
    problems: Vec<String>,
    project_problems: std::collections::BTreeMap<String, Vec<String>>,
}

impl Serving {
    /// Reads the configuration and puts it in force. One that cannot be read leaves the last one in force.
    async fn read(&mut self, root: &Path, gateway: &Gateway) -> Result<()> {
        let path = state::edge_path(root);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "cannot read the configuration; the last one stays in force");
                return Ok(());
            }
        };
        let edge: EdgeConfiguration = match serde_json::from_slice(&text) {
            Ok(edge) => edge,
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the configuration makes no sense; the last one stays in force");
                return Ok(());
            }
        };
        let stopped = |_| CommandError::new("the gateway's threads have ended");
        let models =
            edge.entry_points.keys().map(|name| EntryPointModel { name: name.clone(), ..EntryPointModel::default() });
        let update = Update {
            models: models.collect(),
            configuration: edge.dynamic,
            certificate_folders: edge.certificate_folders,
        };
        // Routes first: a new listener answers properly from its first connection on.
        let applied = gateway.apply(update).await.map_err(stopped)?;
        let points =
            edge.entry_points.iter().map(|(name, options)| proxy::entry_point::EntryPoint::from_static(name, options));
        gateway.set_entry_points(points.collect()).await.map_err(stopped)?;
        for problem in &applied.problems {
            tracing::warn!("{problem}");
        }
        self.problems = applied.problems.iter().map(ToString::to_string).collect();
        self.project_problems = edge.problems;
        self.revisions = edge.revisions;
        Ok(())
    }

    /// Writes the status for those who wait for it.
    fn say(&self, listening: &Listening) -> Result<()> {
        let mut status = Status {
            revisions: self.revisions.clone(),
            project_problems: self.project_problems.clone(),
            problems: self.problems.clone(),
            ..Status::default()
        };
        for (name, listener) in &listening.listeners {
            match listener {
                Listener::Bound(address) => status.listening.push(address.to_string()),
                Listener::Failed(reason) => {
                    status.refused.insert(name.clone(), reason.clone());
                }
            }
        }
        let fail = |error: &dyn std::fmt::Display| CommandError::new(format!("cannot write `{STATUS}`: {error}"));
        let text = serde_json::to_vec(&status).map_err(|error| fail(&error))?;
        state::replace(Path::new(STATUS), &text).map_err(|error| fail(&error))
    }
}

/// This machine's name, for `X-Forwarded-Server`.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
