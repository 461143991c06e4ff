//! Logs of many containers as one stream of lines: of `logs`, and of an attached `up`.
//!
//! What is there already is merged by the engine's times. What comes is followed container by container: across
//! restarts (resumed by time, nothing lost and nothing twice), across recreations, and with containers of the project
//! that join later.

mod cursor;
mod follow;
mod lines;
mod merge;
pub mod print;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::backend::{Container, Engine, Event, LabelFilter, Labels, Result, Stream};
use crate::labels;
use crate::ui::style::printable;

/// Items that travel together: passing one on alone costs more than the line itself.
const BATCH: usize = 256;
/// Batches that may wait for a slow reader.
const WAITING: usize = 4;

/// Whose logs, and which part.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The project.
    pub project: String,
    /// Services; none: all.
    pub services: Vec<String>,
    /// Not these services.
    pub except: Vec<String>,
    /// Only this container of each service.
    pub index: Option<u32>,
    /// Go on with what comes.
    pub follow: bool,
    /// When following: do not end with the last container.
    pub stay: bool,
    /// When following: end with the last container of these services, whatever the others do; none: of all.
    pub awaited: Option<BTreeSet<String>>,
    /// When following: containers that were started since then (RFC 3339) and have ended already are told of as well.
    pub ended_since: Option<String>,
    /// Only the last so many lines of each container; 0 for what comes from now on.
    pub tail: Option<u64>,
    /// Not before this (RFC 3339).
    pub since: Option<String>,
    /// Not after this (RFC 3339).
    pub until: Option<String>,
}

/// A container whose log is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Full id.
    pub id: String,
    /// Name of the container.
    pub name: String,
    /// Its service.
    pub service: String,
    /// Its number within the service, as the label says it.
    pub number: String,
    /// What the lines are headed with: the name without the project.
    pub label: String,
}

impl Source {
    fn new(project: &str, id: &str, name: &str, labels: &Labels) -> Self {
        let label = name.strip_prefix(project).and_then(|rest| rest.strip_prefix(['-', '_'])).unwrap_or(name);
        let text = |label: &str| labels.get(label).cloned().unwrap_or_default();
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            service: text(labels::SERVICE),
            number: text(labels::NUMBER),
            label: printable(label),
        }
    }
}

/// Something to show.
#[derive(Debug, Clone)]
pub enum Item {
    /// One line, without its end.
    Line {
        /// Whose.
        source: Arc<Source>,
        /// On which stream.
        stream: Stream,
        /// The engine's time of its beginning, RFC 3339; empty where the log driver keeps none.
        time: String,
        /// The bytes.
        text: Bytes,
    },
    /// A container has ended; all its lines came before.
    Exited {
        /// Which.
        source: Arc<Source>,
        /// Its exit code.
        code: i64,
        /// The engine starts it again.
        restarting: bool,
    },
    /// Something that cannot be shown, and why.
    Warning(String),
    /// A word about something else that happens meanwhile (`up --watch`).
    Note(String),
}

impl Request {
    fn filter(&self) -> LabelFilter {
        LabelFilter(vec![
            (labels::PROJECT.to_owned(), Some(self.project.clone())),
            (labels::ONEOFF.to_owned(), Some("False".to_owned())),
        ])
    }

    fn selects(&self, labels: &Labels) -> bool {
        let service = labels.get(labels::SERVICE).is_some_and(|service| {
            !self.except.contains(service) && (self.services.is_empty() || self.services.contains(service))
        });
        let index = self
            .index
            .is_none_or(|index| labels.get(labels::NUMBER).is_some_and(|number| *number == index.to_string()));
        service && index
    }

    /// Whether the end waits for containers of a service.
    fn awaits(&self, service: &str) -> bool {
        self.awaited.as_ref().is_none_or(|awaited| awaited.contains(service))
    }

    fn awaits_container(&self, container: &Container) -> bool {
        self.awaits(container.labels.get(labels::SERVICE).map_or("", String::as_str))
    }

    fn source(&self, container: &Container) -> Arc<Source> {
        Arc::new(Source::new(&self.project, &container.id, &container.name, &container.labels))
    }
}

/// How long a reading stays that has read everything.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stay {
    /// For as long as somebody listens.
    Always,
    /// For as long as another container may come in the place of the last one.
    ForAnother,
    /// Not at all; containers of these services are not waited for.
    Never {
        /// Names of the services.
        running_on: Vec<String>,
    },
}

/// A stream of lines. Dropping it ends the reading.
#[derive(Debug)]
pub struct Logs {
    items: mpsc::Receiver<Result<Vec<Item>>>,
    /// Items of a batch that are still to be handed out.
    ready: VecDeque<Item>,
    reader: JoinHandle<()>,
    stay: watch::Sender<Stay>,
    sources: Vec<Arc<Source>>,
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Logs {
    /// Begins to read. When this returns, whatever the project's containers do from now on is seen.
    ///
    /// # Errors
    /// An engine that cannot be asked.
    pub async fn open(engine: &Engine, request: Request) -> Result<Self> {
        let filter = request.filter();
        let events: Option<BoxStream<'static, Result<Event>>> =
            if request.follow { Some(engine.events(&filter).await?) } else { None };
        let mut containers = engine.containers(&filter).await?;
        containers.retain(|container| request.selects(&container.labels));
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        let sources = containers.iter().map(|container| request.source(container)).collect();
        let (sender, items) = mpsc::channel(WAITING);
        let engine = Arc::clone(engine);
        let (stay, stays) = watch::channel(if request.stay { Stay::Always } else { Stay::ForAnother });
        let reader = tokio::spawn(async move {
            follow::run(engine, request, containers, events, stays, sender).await;
        });
        Ok(Self { items, ready: VecDeque::new(), reader, stay, sources })
    }

    /// The containers that were there at the beginning, by name.
    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// From now on the last container's end is the end, whatever [`Request::stay`] said.
    pub fn leave(&self) {
        self.stay.send_replace(Stay::ForAnother);
    }

    /// All containers have been stopped but those of some services, and none comes after them: once the last lines have
    /// been read that is the end.
    pub fn end(&self, running_on: Vec<String>) {
        self.stay.send_replace(Stay::Never { running_on });
    }

    /// The next item; none at the end. An error is the last item.
    pub async fn next(&mut self) -> Option<Result<Item>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            match self.items.recv().await? {
                Ok(batch) => self.ready = batch.into(),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// All items that have come together; none at the end. An error is the last of all.
    pub async fn next_batch(&mut self) -> Option<Result<Vec<Item>>> {
        if self.ready.is_empty() { self.items.recv().await } else { Some(Ok(std::mem::take(&mut self.ready).into())) }
    }
}
