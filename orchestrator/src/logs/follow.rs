//! Reading: first what is there, then what comes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::cursor::Cursor;
use super::lines::{Line, Lines};
use super::merge::{Merge, Next};
use super::{BATCH, Item, Request, Source, Stay};
use crate::backend::{Container, Engine, Error, ErrorKind, Event, LogOptions, LogRecord, Result, State};
use crate::labels;

/// How long the last container may be gone, where somebody has stopped it, before that is the end: a restart takes a moment.
const LINGER: Duration = Duration::from_secs(2);
/// A line waits so long at most for others to be shown with it: who prints a lot is heard line by line, and each would wake
/// others up.
const GATHERING: Duration = Duration::from_millis(2);

type Sender = mpsc::Sender<Result<Vec<Item>>>;

/// Nobody reads any more.
struct Gone;

/// One container's log and how far it was read.
#[derive(Debug)]
struct Reader {
    source: Arc<Source>,
    /// Where the reading stands; none where it is never taken up again.
    cursor: Option<Cursor>,
    lines: Lines,
}

impl Reader {
    fn new(source: Arc<Source>, request: &Request) -> Self {
        let cursor = request.follow.then(|| Cursor::starting(request.since.as_deref()));
        Self { source, cursor, lines: Lines::default() }
    }

    /// Takes a record; lines that are complete go to `out`.
    fn take(&mut self, record: LogRecord, out: &mut Vec<Item>) {
        if self.cursor.as_mut().is_none_or(|cursor| cursor.admits(&record)) {
            let source = &self.source;
            self.lines.push(record, |line| out.push(shown(source, line)));
        }
    }

    /// Shows what is there of unfinished lines.
    async fn flush(&mut self, items: &Sender) -> std::result::Result<(), Gone> {
        let source = &self.source;
        send(items, &mut self.lines.rest().into_iter().map(|line| shown(source, line)).collect()).await
    }

    fn resume(&mut self) -> Option<String> {
        self.cursor.as_mut().and_then(Cursor::resume)
    }
}

fn shown(source: &Arc<Source>, (stream, time, text): Line) -> Item {
    Item::Line { source: Arc::clone(source), stream, time, text }
}

/// Hands a batch over; an empty one is none.
async fn send(items: &Sender, batch: &mut Vec<Item>) -> std::result::Result<(), Gone> {
    if batch.is_empty() {
        return Ok(());
    }
    items.send(Ok(std::mem::take(batch))).await.map_err(|_| Gone)
}

fn unreadable(source: &Source, error: &Error) -> Item {
    Item::Warning(format!("cannot read the log of {}: {}", source.label, error.message))
}

/// Reads until the end, until an error, or until nobody listens.
pub(super) async fn run(
    engine: Engine,
    request: Request,
    containers: Vec<Container>,
    events: Option<BoxStream<'static, Result<Event>>>,
    stay: watch::Receiver<Stay>,
    items: Sender,
) {
    let mut follower = Follower {
        readers: containers
            .iter()
            .map(|container| (container.id.clone(), Reader::new(request.source(container), &request)))
            .collect(),
        engine,
        request,
        stay,
        items,
        tasks: JoinSet::new(),
        read_by: HashMap::new(),
        active: BTreeMap::new(),
        again: Vec::new(),
        codes: HashMap::new(),
        told: HashSet::new(),
        signalled: HashSet::new(),
        unexplained: HashSet::new(),
        patience: LINGER,
        quiet_since: None,
    };
    // `Gone` is no failure: whoever dropped the receiver knows.
    let _ = follower.read(&containers, events).await;
}

struct Follower {
    engine: Engine,
    request: Request,
    /// Whether to stay when the last container has ended.
    stay: watch::Receiver<Stay>,
    items: Sender,
    /// Logs that are not being read at the moment, by container id.
    readers: HashMap<String, Reader>,
    tasks: JoinSet<Reader>,
    /// Whose logs the tasks read.
    read_by: HashMap<Id, Arc<Source>>,
    /// Containers that are being followed.
    active: BTreeMap<String, Arc<Source>>,
    /// Containers that started again before the end of their last run was read.
    again: Vec<String>,
    /// Exit codes of containers whose end is not read yet, and whether the engine starts them again.
    codes: HashMap<String, (i64, bool)>,
    /// Containers whose end was told before its event came, if it comes at all.
    told: HashSet<String>,
    /// Containers that somebody has sent a signal: they may be started again at once.
    signalled: HashSet<String>,
    /// Containers whose log has ended, and whose end the engine has still to tell.
    unexplained: HashSet<String>,
    /// How long to wait, once nothing is read any more, before that may be the end.
    patience: Duration,
    /// Since when nothing is read any more that the end waits for, and its containers do nothing.
    quiet_since: Option<Instant>,
}

impl Follower {
    async fn read(
        &mut self,
        containers: &[Container],
        events: Option<BoxStream<'static, Result<Event>>>,
    ) -> std::result::Result<(), Gone> {
        self.history(containers).await?;
        let Some(events) = events else {
            let mut ids: Vec<&str> = containers.iter().map(|container| container.id.as_str()).collect();
            ids.dedup();
            for id in ids {
                if let Some(reader) = self.readers.get_mut(id) {
                    reader.flush(&self.items).await?;
                }
            }
            return Ok(());
        };
        let lives = |state| matches!(state, State::Running | State::Paused | State::Restarting);
        self.ended_before(containers.iter().filter(|container| !lives(container.state))).await?;
        let mut any = false;
        for container in containers.iter().filter(|container| lives(container.state)) {
            any |= self.request.awaits_container(container);
            self.follow(&container.id);
        }
        if !any && *self.stay.borrow() != Stay::Always {
            return self.flush_all().await;
        }
        self.watch(events).await
    }

    /// Tells of containers that have come and gone before anybody listened.
    async fn ended_before(&mut self, dead: impl Iterator<Item = &Container>) -> std::result::Result<(), Gone> {
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
        let Some(since) = self.request.ended_since.as_deref().and_then(time) else { return Ok(()) };
        for container in dead {
            // One that is gone meanwhile is nobody's concern any more.
            let Ok(detail) = self.engine.container(&container.id).await else { continue };
            let Some(reader) = self.readers.get_mut(&container.id) else { continue };
            if detail.summary.state == State::Exited && time(&detail.started_at).is_some_and(|started| started >= since)
            {
                reader.flush(&self.items).await?;
                let source = Arc::clone(&reader.source);
                self.told.insert(container.id.clone());
                let item = Item::Exited { source, code: detail.exit_code, restarting: false };
                send(&self.items, &mut vec![item]).await?;
            }
        }
        Ok(())
    }

    async fn flush_all(&mut self) -> std::result::Result<(), Gone> {
        for reader in self.readers.values_mut() {
            reader.flush(&self.items).await?;
        }
        Ok(())
    }

    /// What is there already. With `tail: 0` nothing of it is shown, but it has to be known where it ends.
    async fn history(&mut self, containers: &[Container]) -> std::result::Result<(), Gone> {
        let nothing = self.request.tail == Some(0);
        if nothing && !self.request.follow {
            return Ok(());
        }
        let options = LogOptions {
            follow: false,
            tail: self.request.tail.map(|tail| tail.max(1)),
            since: self.request.since.clone(),
            until: self.request.until.clone(),
        };
        let logs = containers.iter().enumerate().map(|(position, container)| {
            let (engine, options) = (&self.engine, &options);
            async move { (position, engine.logs(&container.id, options).await) }
        });
        let mut streams = Vec::new();
        for (position, log) in futures_util::future::join_all(logs).await {
            match log {
                Ok(log) => streams.push((position, log)),
                Err(error) => self.warn(containers, position, &error).await?,
            }
        }
        let mut merge = Merge::new(streams);
        let mut begun = vec![false; containers.len()];
        let mut batch = Vec::new();
        loop {
            let next = match merge.next().now_or_never() {
                Some(next) => next,
                // Nobody waits for a line that is there while the next one is on its way.
                None => {
                    send(&self.items, &mut batch).await?;
                    merge.next().await
                }
            };
            let Some(next) = next else { break };
            match next {
                Next::Record(position, record) => {
                    let Some(container) = containers.get(position) else { continue };
                    let Some(reader) = self.readers.get_mut(&container.id) else { continue };
                    if let Some(cursor) = &mut reader.cursor {
                        if nothing {
                            cursor.skip_through(&record);
                            continue;
                        }
                        if let Some(begun) = begun.get_mut(position)
                            && !std::mem::replace(begun, true)
                            && self.request.tail.is_some()
                        {
                            cursor.skip_before(&record);
                        }
                    }
                    reader.take(record, &mut batch);
                    if batch.len() >= BATCH {
                        send(&self.items, &mut batch).await?;
                    }
                }
                Next::Failed(position, error) => {
                    send(&self.items, &mut batch).await?;
                    self.warn(containers, position, &error).await?;
                }
            }
        }
        send(&self.items, &mut batch).await
    }

    async fn warn(&self, containers: &[Container], position: usize, error: &Error) -> std::result::Result<(), Gone> {
        // A container that has been removed meanwhile has no log to miss.
        if error.kind == ErrorKind::NotFound {
            return Ok(());
        }
        let Some(reader) = containers.get(position).and_then(|container| self.readers.get(&container.id)) else {
            return Ok(());
        };
        send(&self.items, &mut vec![unreadable(&reader.source, error)]).await
    }

    fn follow(&mut self, id: &str) {
        let Some(reader) = self.readers.remove(id) else { return };
        let source = Arc::clone(&reader.source);
        self.active.insert(id.to_owned(), Arc::clone(&source));
        let (engine, items, until) = (Arc::clone(&self.engine), self.items.clone(), self.request.until.clone());
        let task = self.tasks.spawn(follow_one(engine, reader, until, items));
        self.read_by.insert(task.id(), source);
    }

    /// Containers come, go and come again.
    async fn watch(&mut self, mut events: BoxStream<'static, Result<Event>>) -> std::result::Result<(), Gone> {
        loop {
            let stay = self.stay.borrow_and_update().clone();
            let idle = match &stay {
                Stay::Always => false,
                Stay::ForAnother => !self.active.values().any(|source| self.request.awaits(&source.service)),
                Stay::Never { running_on } => self.active.values().all(|source| running_on.contains(&source.service)),
            };
            let is_last = matches!(stay, Stay::Never { .. });
            if idle && is_last && self.unexplained.is_empty() {
                return self.flush_all().await;
            }
            let patience = if self.unexplained.is_empty() { self.patience } else { LINGER };
            // What others do, such as the checks of a container that runs on, does not make the wait any longer.
            self.quiet_since = idle.then(|| self.quiet_since.unwrap_or_else(Instant::now));
            let deadline = self.quiet_since.unwrap_or_else(Instant::now) + patience;
            tokio::select! {
                () = self.items.closed() => return Err(Gone),
                Ok(()) = self.stay.changed(), if !is_last => {}
                Some(ended) = self.tasks.join_next_with_id() => match ended {
                    Ok((task, reader)) => {
                        self.read_by.remove(&task);
                        self.ended(reader).await?;
                    }
                    Err(error) => self.broken(&error).await?,
                },
                event = events.next() => match event {
                    Some(Ok(event)) => self.event(event).await?,
                    Some(Err(error)) => return self.fail(error).await,
                    None => {
                        let message = "the engine stopped sending events".to_owned();
                        let error = Error { kind: ErrorKind::Unreachable, call: "follow logs", object: String::new(), message };
                        return self.fail(error).await;
                    }
                },
                () = tokio::time::sleep_until(deadline), if idle => {
                    match self.somebody_lives().await {
                        Ok(true) => (self.patience, self.quiet_since) = (LINGER, None),
                        Ok(false) => return self.flush_all().await,
                        Err(error) => return self.fail(error).await,
                    }
                }
            }
        }
    }

    async fn fail(&mut self, error: Error) -> std::result::Result<(), Gone> {
        self.items.send(Err(error)).await.map_err(|_| Gone)
    }

    async fn somebody_lives(&self) -> Result<bool> {
        let containers = self.engine.containers(&self.request.filter()).await?;
        Ok(containers.iter().any(|container| {
            self.request.selects(&container.labels)
                && self.request.awaits_container(container)
                && matches!(container.state, State::Running | State::Paused | State::Restarting)
        }))
    }

    async fn event(&mut self, event: Event) -> std::result::Result<(), Gone> {
        if event.kind != "container" || !self.request.selects(&event.attributes) {
            return Ok(());
        }
        let awaited = self.request.awaits(event.attributes.get(labels::SERVICE).map_or("", String::as_str));
        if awaited {
            self.quiet_since = None;
        }
        match event.action.as_str() {
            "start" if self.active.contains_key(&event.id) => self.again.push(event.id),
            "kill" => {
                self.signalled.insert(event.id);
            }
            "start" => {
                self.signalled.remove(&event.id);
                self.unexplained.remove(&event.id);
                self.told.remove(&event.id);
                self.codes.remove(&event.id);
                if !self.readers.contains_key(&event.id) {
                    let name = event.attributes.get("name").map(String::as_str).unwrap_or_default();
                    let source = Source::new(&self.request.project, &event.id, name, &event.attributes);
                    self.readers.insert(event.id.clone(), Reader::new(Arc::new(source), &self.request));
                }
                self.follow(&event.id);
            }
            "die" if self.told.remove(&event.id) => {}
            "die" => {
                self.unexplained.remove(&event.id);
                let signalled = self.signalled.remove(&event.id);
                if awaited {
                    self.patience = if signalled { LINGER } else { Duration::ZERO };
                }
                let code = event.attributes.get("exitCode").and_then(|code| code.parse().ok()).unwrap_or(0);
                // The engine waits a moment before it starts it again; after the last lines have been read that may be over.
                let detail = self.engine.container(&event.id).await;
                let restarting = detail.is_ok_and(|detail| detail.summary.state == State::Restarting);
                self.codes.insert(event.id.clone(), (code, restarting));
                if let Some(source) = self.readers.get(&event.id).map(|reader| Arc::clone(&reader.source)) {
                    self.exited(&source).await?;
                }
            }
            "destroy" => {
                self.unexplained.remove(&event.id);
                self.readers.remove(&event.id);
            }
            _ => {}
        }
        Ok(())
    }

    /// A log has been read to its end.
    async fn ended(&mut self, mut reader: Reader) -> std::result::Result<(), Gone> {
        let id = reader.source.id.clone();
        self.active.remove(&id);
        reader.flush(&self.items).await?;
        let source = Arc::clone(&reader.source);
        self.readers.insert(id.clone(), reader);
        if !self.codes.contains_key(&id) && !self.told.contains(&id) {
            self.unexplained.insert(id.clone());
        }
        self.exited(&source).await?;
        if let Some(position) = self.again.iter().position(|other| *other == id) {
            self.again.swap_remove(position);
            self.follow(&id);
        }
        Ok(())
    }

    /// A reader has panicked, which is a bug of ours: the others go on, and what its container says is read again from its next
    /// start on.
    async fn broken(&mut self, error: &JoinError) -> std::result::Result<(), Gone> {
        let Some(source) = self.read_by.remove(&error.id()) else { return Ok(()) };
        let id = source.id.clone();
        self.active.remove(&id);
        let text = format!("the log of {} is not read any more: {error}", source.label);
        send(&self.items, &mut vec![Item::Warning(text)]).await?;
        let now = jiff::Timestamp::now().to_string();
        let reader =
            Reader { cursor: Some(Cursor::starting(Some(&now))), ..Reader::new(Arc::clone(&source), &self.request) };
        self.readers.insert(id.clone(), reader);
        self.exited(&source).await?;
        if let Some(position) = self.again.iter().position(|other| *other == id) {
            self.again.swap_remove(position);
            self.follow(&id);
        }
        Ok(())
    }

    /// Says that a container has ended, once its code and all its lines are known.
    async fn exited(&mut self, source: &Arc<Source>) -> std::result::Result<(), Gone> {
        let Some((code, restarting)) = self.codes.remove(&source.id) else { return Ok(()) };
        let item = Item::Exited { source: Arc::clone(source), code, restarting };
        send(&self.items, &mut vec![item]).await
    }
}

/// Follows one container until it ends.
async fn follow_one(engine: Engine, mut reader: Reader, until: Option<String>, items: Sender) -> Reader {
    let mut options = LogOptions { follow: true, since: reader.resume(), until, ..LogOptions::default() };
    let id = reader.source.id.clone();
    let outcome = match engine.logs(&id, &options).await {
        Ok(log) => drain(&mut reader, log, &items).await,
        Err(error) => Err(error),
    };
    match outcome {
        // What was written between the end of the stream and the end of the process.
        Ok(true) => {
            options.follow = false;
            options.since = reader.resume();
            if let Ok(log) = engine.logs(&id, &options).await {
                let _ = drain(&mut reader, log, &items).await;
            }
        }
        Ok(false) => {}
        Err(error) if error.kind == ErrorKind::NotFound => {}
        // The log driver keeps nothing that could be read: what comes from now on can still be seen.
        Err(_) => {
            if let Ok(session) = engine.attach_container(&id, false, None).await {
                let log = session
                    .output
                    .map(|part| part.map(|(stream, bytes)| LogRecord { stream, time: String::new(), bytes }));
                let _ = drain(&mut reader, log.boxed(), &items).await;
            }
        }
    }
    reader
}

/// Shows a log to its end; false when nobody listens any more.
async fn drain(reader: &mut Reader, mut log: BoxStream<'static, Result<LogRecord>>, items: &Sender) -> Result<bool> {
    let mut batch = Vec::new();
    let mut due = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
    loop {
        let record = tokio::select! {
            biased;
            record = log.next() => record,
            () = due.as_mut(), if !batch.is_empty() => {
                if send(items, &mut batch).await.is_err() {
                    return Ok(false);
                }
                continue;
            }
        };
        let end = match record {
            Some(Ok(record)) => {
                let is_first = batch.is_empty();
                reader.take(record, &mut batch);
                if is_first {
                    due.as_mut().reset(Instant::now() + GATHERING);
                }
                None
            }
            None => Some(Ok(true)),
            Some(Err(error)) => Some(Err(error)),
        };
        if (end.is_some() || batch.len() >= BATCH) && send(items, &mut batch).await.is_err() {
            return Ok(false);
        }
        if let Some(end) = end {
            return end;
        }
    }
}
