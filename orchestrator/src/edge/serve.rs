//! The gateway's process: serves what the agent wrote, and says how it is.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proxy::config::statics;
use proxy::entry_point::EntryPoint;
use proxy::gateway::{Announce, Applied, Gateway, Inherited, Listener, Options, Status as Listening, Update};
use proxy::observe::access_log::AccessLog;
use proxy::observe::api::{Api, Features};
use proxy::observe::trace::Tracer;
use proxy::route::EntryPointModel;
use tokio::sync::watch;

use super::ask::{self, Background, GatewayView};
use super::handover::{HandoverListener, InheritedSockets, Predecessor};
use super::state::{self, EdgeConfiguration, Status};
use super::status;
use super::wait::STATUS;
use crate::error::{CommandError, Result};
use crate::watch::{ConfigurationFiles, FileWatch};

/// How long a request waits for a container that takes it: starting one takes a moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time that requests under way have when the gateway is told to end.
const GRACE: Duration = Duration::from_secs(10);

/// Time that they have where another gateway has taken over, so that nobody waits for the port.
const LONG_GRACE: Duration = Duration::from_secs(30);

/// Names of sockets of this host that have no file.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Where it tells how it is.
    pub status: Option<String>,
    /// Where it waits for its successor.
    pub handover: Option<String>,
    /// Where its predecessor waits.
    pub predecessor: Option<String>,
}

/// Serves until `stop` is done, then lets requests finish.
///
/// # Errors
/// A folder that cannot be watched, threads that cannot be started.
pub async fn run(root: PathBuf, names: Names, stop: impl Future<Output = ()>) -> Result<()> {
    let fail = |error: &dyn std::fmt::Display| CommandError::new(format!("the gateway cannot run: {error}"));
    super::descriptors::raise_limit();
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
    let (status_line, told) = watch::channel(String::new());
    let (view, viewed) = watch::channel(None);
    let mut serving = Serving {
        api,
        view,
        listening: gateway.subscribe(),
        status_line,
        access_log: None,
        metrics: statics::Metrics::default(),
        tracing: None,
        status: Status::default(),
        files: known,
        unread: false,
        status_file: STATUS.into(),
    };
    let inheritance = inherit(names.predecessor.as_deref()).await;
    let (inherited, predecessor) = inheritance.map(InheritedSockets::split).unzip();
    serving.read(&root, &gateway, inherited.unwrap_or_default()).await?;
    if let Some(Err(error)) = predecessor.map(Predecessor::may_go) {
        tracing::warn!(%error, "the gateway before this one has gone by itself");
    }
    serving.tell_status().await?;
    let handover = names.handover.as_deref().and_then(await_successor);
    open_sockets(&names, viewed, told);
    tokio::pin!(stop);
    let successor = async {
        match handover {
            Some(listener) => listener.hand_over(&gateway).await,
            None => std::future::pending().await,
        }
    };
    let grace = tokio::select! {
        failed = serving.follow(&root, &gateway, &mut files) => return Err(failed),
        () = &mut stop => GRACE,
        () = successor => {
            tracing::info!("another gateway has taken over");
            gateway.retire().await.map_err(|error| fail(&error))?;
            // Requests under way may still be routed by what changes now.
            tokio::select! {
                failed = serving.follow(&root, &gateway, &mut files) => return Err(failed),
                () = &mut stop => LONG_GRACE,
            }
        }
    };
    gateway.shutdown(Duration::ZERO, grace).await;
    Ok(())
}

/// Where the next gateway asks for the listening sockets.
fn await_successor(name: &str) -> Option<HandoverListener> {
    HandoverListener::open(name)
        .inspect_err(|error| {
            // The next one has to wait until this one has ended.
            tracing::warn!(%error, name, "the listening sockets cannot be handed over");
        })
        .ok()
}

/// Where `stack` asks what is routed, and is told how the gateway is.
fn open_sockets(names: &Names, view: watch::Receiver<Option<Arc<GatewayView>>>, status_line: watch::Receiver<String>) {
    let Some(socket) = &names.status else { return };
    if let Err(error) = ask::publish(socket, view) {
        tracing::warn!(%error, socket, "questions about routes are not answered");
    }
    // Without it `up` asks in a longer way.
    if let Err(error) = status::publish(socket, status_line) {
        tracing::warn!(%error, socket, "the status is not told over a socket");
    }
}

/// The sockets of the gateway before this one, if there is one.
async fn inherit(predecessor: Option<&str>) -> Option<InheritedSockets> {
    match InheritedSockets::ask(predecessor?).await {
        Ok(inheritance) => Some(inheritance),
        Err(error) => {
            // As after each restart of this container.
            tracing::info!(%error, "there is no other gateway to take over from");
            None
        }
    }
}

/// What is served now.
#[derive(Debug)]
struct Serving {
    api: Api,
    /// For those who ask what is routed where, and why.
    view: watch::Sender<Option<Arc<GatewayView>>>,
    /// Where it listens, and which servers it reaches.
    listening: watch::Receiver<Listening>,
    /// The status as a line, for whoever asks over the socket.
    status_line: watch::Sender<String>,
    access_log: Option<statics::AccessLog>,
    metrics: statics::Metrics,
    tracing: Option<statics::Tracing>,
    /// All but where it listens.
    status: Status,
    /// What it is made of.
    files: ConfigurationFiles,
    /// A reading has begun and not come to its end: it was broken off when another gateway took over, and nothing else tells
    /// of the change that it was for.
    unread: bool,
    /// Where the status is told as a file.
    status_file: PathBuf,
}

impl Serving {
    /// Serves what the files say and says how it is, until something is wrong with the gateway itself.
    async fn follow(&mut self, root: &Path, gateway: &Gateway, files: &mut FileWatch) -> CommandError {
        if self.unread
            && let Err(error) = self.read(root, gateway, Inherited::default()).await
        {
            return error;
        }
        loop {
            if let Err(error) = self.tell_status().await {
                return error;
            }
            tokio::select! {
                () = files.changed() => {
                    if let Err(error) = self.read(root, gateway, Inherited::default()).await {
                        return error;
                    }
                }
                changed = self.listening.changed() => {
                    if changed.is_err() {
                        return CommandError::new("the gateway cannot run: its threads have ended");
                    }
                }
            }
        }
    }

    /// Reads the configuration and puts it in force. One that cannot be read leaves the last one in force.
    /// Entry points take over those of the listening sockets that are theirs.
    async fn read(&mut self, root: &Path, gateway: &Gateway, inherited: Inherited) -> Result<()> {
        self.unread = true;
        if let Some(edge) = load(state::edge_path(root)).await {
            self.put_in_force(edge, gateway, inherited).await?;
        }
        self.unread = false;
        Ok(())
    }

    async fn put_in_force(
        &mut self,
        mut edge: EdgeConfiguration,
        gateway: &Gateway,
        inherited: Inherited,
    ) -> Result<()> {
        // Before they are read: a change after that is seen.
        self.files.set_named(edge.dynamic.files());
        self.observe(&edge, gateway).await;
        let stopped = |_| CommandError::new("the gateway's threads have ended");
        // Routes first: a new listener answers properly from its first connection on.
        let applied = gateway.apply(self.update(&mut edge)).await.map_err(stopped)?;
        let points = edge.entry_points.iter().map(|(name, options)| EntryPoint::from_static(name, options));
        let points: Vec<EntryPoint> = points.collect();
        gateway.take_over(points.clone(), inherited).await.map_err(stopped)?;
        if self.access_log != edge.access_log {
            gateway.set_access_log(edge.access_log.as_ref().map(access_log).transpose()?);
            self.access_log = edge.access_log.take();
        }
        self.show(edge, applied, points);
        Ok(())
    }

    /// Has the gateway count and trace as the configuration asks for.
    async fn observe(&mut self, edge: &EdgeConfiguration, gateway: &Gateway) {
        if self.metrics != edge.metrics {
            gateway.set_metrics(&edge.metrics);
            self.metrics = edge.metrics.clone();
        }
        if self.tracing != edge.tracing {
            match tracer(edge.tracing.clone()).await {
                Ok(tracer) => gateway.set_tracer(tracer),
                Err(reason) => tracing::warn!("no traces are sent: {reason}"),
            }
            self.tracing = edge.tracing.clone();
        }
    }

    /// What the gateway is to put in force; the dynamic part of the configuration goes with it.
    fn update(&self, edge: &mut EdgeConfiguration) -> Update {
        let (datagrams, others): (Vec<_>, Vec<_>) = edge.entry_points.iter().partition(|(_, options)| options.is_udp());
        let models = others.into_iter();
        let models = models.map(|(name, _)| EntryPointModel { name: name.clone(), ..EntryPointModel::default() });
        let models = models.collect();
        let udp_entry_points = datagrams.into_iter().map(|(name, _)| name.clone()).collect();
        let (api, points) = (self.api.clone(), edge.entry_points.clone());
        let features = Features {
            metrics: edge.metrics.prometheus.is_some(),
            access_log: edge.access_log.is_some(),
            tracing: edge.tracing.is_some(),
        };
        Update {
            models,
            udp_entry_points,
            announce: Some(Announce::new(move |applied| api.show(&points, features, applied))),
            configuration: std::mem::take(&mut edge.dynamic),
            certificate_folders: std::mem::take(&mut edge.certificate_folders),
            local_authority: Some(state::authority()),
            resolvers: std::mem::take(&mut edge.resolvers),
        }
    }

    /// What is in force now, for those who ask.
    fn show(&mut self, edge: EdgeConfiguration, applied: Applied, points: Vec<EntryPoint>) {
        let found: Vec<String> = applied.problems.iter().map(ToString::to_string).collect();
        for problem in &found {
            tracing::warn!("{problem}");
        }
        let mut problems = edge.problems.clone();
        problems.entry(String::new()).or_default().extend(found.iter().cloned());
        let background = Background { origins: edge.origins, entry_points: edge.entry_point_names, problems };
        self.view.send_replace(Some(Arc::new(GatewayView { inspector: applied.inspector, points, background })));
        self.status = Status {
            revisions: edge.revisions,
            requests: edge.requests,
            urls: edge.urls,
            project_problems: edge.problems,
            problems: found,
            ..Status::default()
        };
    }

    /// Tells the status to those who wait for it.
    async fn tell_status(&mut self) -> Result<()> {
        let listening = self.listening.borrow_and_update().clone();
        let mut status = Status { unreached: listening.unreached, leaving: listening.leaving, ..self.status.clone() };
        for (name, listener) in listening.listeners {
            match listener {
                Listener::Bound(address) => status.listening.push(address.to_string()),
                Listener::Failed(reason) => {
                    status.refused.insert(name, reason);
                }
            }
        }
        let fail = |error: &dyn std::fmt::Display| {
            CommandError::new(format!("cannot write `{}`: {error}", self.status_file.display()))
        };
        let text = serde_json::to_string(&status).map_err(|error| fail(&error))?;
        let (line, file) = (text.clone(), self.status_file.clone());
        tokio::task::spawn_blocking(move || proxy::file::replace(&file, text.as_bytes()))
            .await
            .map_err(|error| fail(&error))?
            .map_err(|error| fail(&error))?;
        self.status_line.send_if_modified(|told| {
            let differs = *told != line;
            *told = line;
            differs
        });
        Ok(())
    }
}

/// The configuration that the agent has written; none where nothing is there yet, or it cannot be read.
async fn load(path: PathBuf) -> Option<EdgeConfiguration> {
    let read = move || {
        match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .inspect_err(|error| {
                tracing::error!(%error, path = %path.display(), "the configuration is invalid; the last one stays in force");
            })
            .ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "cannot read the configuration; the last one stays in force");
            None
        }
    }
    };
    tokio::task::spawn_blocking(read)
        .await
        .inspect_err(
            |error| tracing::error!(%error, "reading the configuration was cut off; the last one stays in force"),
        )
        .ok()
        .flatten()
}

/// The access log on standard output, as the options ask for it.
///
/// # Errors
/// A thread that cannot be started.
fn access_log(options: &statics::AccessLog) -> Result<AccessLog> {
    AccessLog::start(options, io::stdout())
        .map_err(|error| CommandError::new(format!("cannot write the access log: {error}")))
}

/// Where traces go, as the options ask for it.
///
/// # Errors
/// Options that make no sense; a thread that cannot be started.
pub async fn tracer(options: Option<statics::Tracing>) -> std::result::Result<Option<Tracer>, String> {
    let Some(options) = options else { return Ok(None) };
    let started = tokio::task::spawn_blocking(move || Tracer::start(&options, &hostname())).await;
    started.map_err(|error| error.to_string())?.map(Some)
}

/// This machine's name, for `X-Forwarded-Server`.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
