//! The gateway's process: serves what the agent wrote, and says how it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proxy::config::statics;
use proxy::entry_point::EntryPoint;
use proxy::gateway::{Announce, Gateway, Listener, Options, Status as Listening, Update};
use proxy::observe::access_log::AccessLog;
use proxy::observe::api::{Api, Features};
use proxy::route::EntryPointModel;
use tokio::sync::watch;

use super::ask::{self, Background, Look};
use super::state::{self, EdgeConfiguration, Status};
use super::status;
use super::wait::STATUS;
use crate::error::{CommandError, Result};
use crate::watch::{ConfigurationFiles, FileWatch};

/// How long a request waits for a container that takes it: starting one takes a moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time that requests under way have when the gateway is told to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop` is done, then lets requests finish. How it is, is told at `socket` too.
///
/// # Errors
/// A folder that cannot be watched, threads that cannot be started.
pub async fn run(root: PathBuf, socket: Option<String>, stop: impl Future<Output = ()>) -> Result<()> {
    let fail = |error: &dyn std::fmt::Display| CommandError::new(format!("the gateway cannot run: {error}"));
    let known = ConfigurationFiles::default();
    let mut files = FileWatch::new({
        let known = known.clone();
        move |path| known.has(path)
    })
    .map_err(|error| fail(&error))?;
    files.add(&root).map_err(|error| fail(&error))?;
    let api = Api::new(env!("CARGO_PKG_VERSION"), "", true);
    let options = Options {
        hostname: hostname(),
        mark_errors: true,
        wait_for_server: PATIENCE,
        reach_servers: true,
        handlers: api.handlers().into_iter().collect(),
        ..Options::default()
    };
    let gateway = Gateway::start(options).await.map_err(|error| fail(&error))?;
    let mut listening = gateway.subscribe();
    let (look, looked) = watch::channel(None);
    let mut serving = Serving {
        api,
        look,
        access_log: None,
        metrics: statics::Metrics::default(),
        status: Status::default(),
        files: known,
    };
    let (teller, told) = watch::channel(String::new());
    serving.read(&root, &gateway).await?;
    teller.send_replace(serving.say(&listening.borrow_and_update().clone())?);
    if let Some(socket) = socket {
        if let Err(error) = ask::publish(&socket, looked) {
            tracing::warn!(%error, socket, "questions about routes are not answered");
        }
        // Without it `up` asks in a longer way.
        if let Err(error) = status::publish(&socket, told) {
            tracing::warn!(%error, socket, "the status is not told over a socket");
        }
    }
    tokio::pin!(stop);
    loop {
        let line = serving.say(&listening.borrow_and_update().clone())?;
        teller.send_if_modified(|told| {
            let differs = *told != line;
            *told = line;
            differs
        });
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
#[derive(Debug)]
struct Serving {
    api: Api,
    /// For those who ask what is routed where, and why.
    look: watch::Sender<Option<Arc<Look>>>,
    access_log: Option<statics::AccessLog>,
    metrics: statics::Metrics,
    /// All but where it listens.
    status: Status,
    /// What it is made of.
    files: ConfigurationFiles,
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
        // Before they are read: a change after that is seen.
        self.files.set_named(edge.dynamic.files());
        let stopped = |_| CommandError::new("the gateway's threads have ended");
        let models =
            edge.entry_points.keys().map(|name| EntryPointModel { name: name.clone(), ..EntryPointModel::default() });
        let (api, points) = (self.api.clone(), edge.entry_points.clone());
        let features = Features { metrics: edge.metrics.prometheus.is_some(), access_log: edge.access_log.is_some() };
        let update = Update {
            models: models.collect(),
            announce: Some(Announce::new(move |applied| api.show(&points, features, applied))),
            configuration: edge.dynamic,
            certificate_folders: edge.certificate_folders,
            local_authority: Some(state::authority()),
            resolvers: edge.resolvers,
        };
        if self.metrics != edge.metrics {
            gateway.set_metrics(&edge.metrics);
            self.metrics = edge.metrics;
        }
        // Routes first: a new listener answers properly from its first connection on.
        let applied = gateway.apply(update).await.map_err(stopped)?;
        let points = edge.entry_points.iter().map(|(name, options)| EntryPoint::from_static(name, options));
        let points: Vec<EntryPoint> = points.collect();
        gateway.set_entry_points(points.clone()).await.map_err(stopped)?;
        if self.access_log != edge.access_log {
            gateway.set_access_log(edge.access_log.as_ref().map(access_log).transpose()?);
            self.access_log = edge.access_log;
        }
        for problem in &applied.problems {
            tracing::warn!("{problem}");
        }
        let mut problems = edge.problems.clone();
        problems.entry(String::new()).or_default().extend(applied.problems.iter().map(ToString::to_string));
        let background = Background { origins: edge.origins, entry_points: edge.entry_point_names, problems };
        self.look.send_replace(Some(Arc::new(Look { inspector: applied.inspector, points, background })));
        self.status = Status {
            revisions: edge.revisions,
            wishes: edge.wishes,
            urls: edge.urls,
            project_problems: edge.problems,
            problems: applied.problems.iter().map(ToString::to_string).collect(),
            ..Status::default()
        };
        Ok(())
    }

    /// Writes the status for those who wait for it, and returns it as a line.
    fn say(&self, listening: &Listening) -> Result<String> {
        let mut status = Status {
            unreached: listening.unreached.clone(),
            leaving: listening.leaving.clone(),
            ..self.status.clone()
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
        let text = serde_json::to_string(&status).map_err(|error| fail(&error))?;
        state::replace(Path::new(STATUS), text.as_bytes()).map_err(|error| fail(&error))?;
        Ok(text)
    }
}

/// The access log on standard output, as the options ask for it.
///
/// # Errors
/// A thread that cannot be started.
fn access_log(options: &statics::AccessLog) -> Result<AccessLog> {
    AccessLog::start(options.into(), options.into(), std::io::stdout())
        .map_err(|error| CommandError::new(format!("cannot write the access log: {error}")))
}

/// This machine's name, for `X-Forwarded-Server`.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
