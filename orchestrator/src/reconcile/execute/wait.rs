//! Waits for containers: one look, and another at each event about them. Without an event there is a look from time to
//! time: an engine that has died, or lost its health checks with a restart, sends none.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::{OnceCell, broadcast};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::StepError;
use crate::backend::{ContainerDetail, Engine, Error, ErrorKind, Event, Health, LabelFilter, State};
use crate::reconcile::action::WaitFor;
use crate::reconcile::observed::of_project;

/// Events that a wait may be behind before it has to look again.
const BACKLOG: usize = 256;

/// Longest time between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// How often in a row a stream of events may end soon and without an event before it is given up, and the pause after the
/// first time; after the next it is twice as long, and so on.
const MOST_ENDS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);
/// A stream that lasted so long was one: what ends those without an event, between here and the engine, ends others too.
const LASTING: Duration = Duration::from_secs(5);

/// What waits hear.
#[derive(Debug, Clone)]
enum News {
    Event(Event),
    /// Events may have been missed.
    Gap,
}

/// Events of one project, subscribed to when the first wait needs them.
pub(super) struct Waiter {
    engine: Engine,
    filter: LabelFilter,
    events: OnceCell<(broadcast::WeakSender<News>, AbortOnDropHandle<()>)>,
    /// Why no events come any more.
    lost: Arc<OnceLock<Error>>,
}

impl Waiter {
    pub(super) fn new(engine: Engine, project: &str) -> Self {
        Self { engine, filter: of_project(project), events: OnceCell::new(), lost: Arc::default() }
    }

    /// Waits until all `targets` (id and name) are where `until` says, for `limit` at most.
    pub(super) async fn wait(
        &self,
        service: &str,
        targets: Vec<(String, String)>,
        until: WaitFor,
        limit: Option<Duration>,
    ) -> Result<(), StepError> {
        let work = self.until(service, targets, until);
        match limit {
            None => work.await,
            Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or(Err(StepError::TimeLimit(limit))),
        }
    }

    /// Watches for `time` that containers (id and name) go on running and are not unhealthy; without a time it is one look.
    pub(super) async fn stay(&self, targets: &[(String, String)], time: Duration) -> Result<(), StepError> {
        if time.is_zero() {
            return self.still(targets).await;
        }
        let watch = async {
            let mut events = self.subscribe().await?;
            loop {
                self.still(targets).await?;
                self.next(&mut events, targets).await?;
            }
        };
        tokio::time::timeout(time, watch).await.unwrap_or(Ok(()))
    }

    /// Whether they run and are not unhealthy now. One that the engine is about to start again has failed.
    pub(super) async fn still(&self, targets: &[(String, String)]) -> Result<(), StepError> {
        for (id, name) in targets {
            let detail = self.detail(id, name).await?;
            let container = || name.clone();
            if detail.summary.state != State::Running {
                return Err(StepError::Exited { container: container(), code: detail.exit_code });
            }
            if detail.health == Some(Health::Unhealthy) {
                return Err(StepError::Unhealthy { container: container(), probe: detail.last_probe.clone() });
            }
        }
        Ok(())
    }

    async fn detail(&self, id: &str, name: &str) -> Result<ContainerDetail, StepError> {
        match self.engine.container(id).await {
            Err(error) if error.kind == ErrorKind::NotFound => Err(StepError::Gone { container: name.to_owned() }),
            other => Ok(other?),
        }
    }

    async fn until(&self, service: &str, mut open: Vec<(String, String)>, until: WaitFor) -> Result<(), StepError> {
        self.look(service, &mut open, until).await?;
        if open.is_empty() {
            return Ok(());
        }
        let mut events = self.subscribe().await?;
        loop {
            // What happened before the subscription shows now, what happens from now on comes as an event.
            self.look(service, &mut open, until).await?;
            if open.is_empty() {
                return Ok(());
            }
            self.next(&mut events, &open).await?;
        }
    }

    /// Takes those from the list that have got there.
    async fn look(&self, service: &str, open: &mut Vec<(String, String)>, until: WaitFor) -> Result<(), StepError> {
        let mut left = Vec::new();
        for (id, name) in open.drain(..) {
            let detail = self.detail(&id, &name).await?;
            if !arrived(service, &name, &detail, until)? {
                left.push((id, name));
            }
        }
        *open = left;
        Ok(())
    }

    async fn subscribe(&self) -> Result<broadcast::Receiver<News>, StepError> {
        let (sender, _) = self
            .events
            .get_or_try_init(|| async {
                let stream = self.engine.events(&self.filter).await?;
                let (sender, _) = broadcast::channel(BACKLOG);
                let weak = sender.downgrade();
                let (engine, filter, lost) = (self.engine.clone(), self.filter.clone(), Arc::clone(&self.lost));
                // The task owns the sender: when no events come any more, every wait hears of it.
                let task = tokio::spawn(async move {
                    let error = pass_on(&engine, &filter, stream, &sender).await;
                    let _ = lost.set(error);
                    drop(sender);
                });
                Ok::<_, Error>((weak, AbortOnDropHandle::new(task)))
            })
            .await?;
        sender.upgrade().map(|sender| sender.subscribe()).ok_or_else(|| self.lost())
    }

    fn lost(&self) -> StepError {
        StepError::Engine(self.lost.get().cloned().unwrap_or_else(ended))
    }

    /// Waits for the next reason to look.
    async fn next(&self, events: &mut broadcast::Receiver<News>, open: &[(String, String)]) -> Result<(), StepError> {
        let next_look = tokio::time::sleep(LOOK);
        let mut next_look = std::pin::pin!(next_look);
        loop {
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                () = &mut next_look => return Ok(()),
            };
            match event {
                Ok(News::Event(event)) => {
                    let matters = event.action.starts_with("health_status")
                        || matches!(event.action.as_str(), "start" | "die" | "destroy" | "stop" | "unpause");
                    if event.kind == "container" && matters && open.iter().any(|(id, _)| *id == event.id) {
                        return Ok(());
                    }
                }
                Ok(News::Gap) | Err(broadcast::error::RecvError::Lagged(_)) => return Ok(()),
                Err(broadcast::error::RecvError::Closed) => return Err(self.lost()),
            }
        }
    }
}

/// Passes events on; one stream that ends is followed by another, for as long as the engine gives one. Returns why it does
/// not.
async fn pass_on(
    engine: &Engine,
    filter: &LabelFilter,
    mut stream: BoxStream<'static, Result<Event, Error>>,
    sender: &broadcast::Sender<News>,
) -> Error {
    let mut ends = 0;
    loop {
        let mut error = None;
        let began = Instant::now();
        // That nobody listens is fine, here and below.
        while let Some(next) = stream.next().await {
            match next {
                Ok(event) => {
                    ends = 0;
                    let _ = sender.send(News::Event(event));
                }
                Err(broken) => {
                    error = Some(broken);
                    break;
                }
            }
        }
        ends = if began.elapsed() >= LASTING { 1 } else { ends + 1 };
        if ends > MOST_ENDS {
            return error.unwrap_or_else(ended);
        }
        tokio::time::sleep(PAUSE * ends).await;
        match engine.events(filter).await {
            Ok(next) => stream = next,
            Err(error) => return error,
        }
        let _ = sender.send(News::Gap);
    }
}

fn ended() -> Error {
    Error {
        kind: ErrorKind::Unreachable,
        call: "watch events",
        object: String::new(),
        message: "the engine has ended the stream of events".to_owned(),
    }
}

/// Whether a container is where it should be; an error if it will not get there.
fn arrived(service: &str, name: &str, detail: &ContainerDetail, until: WaitFor) -> Result<bool, StepError> {
    let ended = matches!(detail.summary.state, State::Exited | State::Dead | State::Removing);
    let running = detail.summary.state == State::Running;
    let container = || name.to_owned();
    if until == WaitFor::Completed {
        return match detail.exit_code {
            _ if !ended => Ok(false),
            0 => Ok(true),
            code => Err(StepError::NotCompleted { service: service.to_owned(), code }),
        };
    }
    if ended {
        return match detail.exit_code {
            0 if until == WaitFor::RunningOrCompleted => Ok(true),
            code => Err(StepError::Exited { container: container(), code }),
        };
    }
    match detail.health {
        Some(Health::Healthy) => Ok(running),
        Some(Health::Unhealthy) => {
            Err(StepError::Unhealthy { container: container(), probe: detail.last_probe.clone() })
        }
        Some(Health::Starting) => Ok(false),
        None if until == WaitFor::Healthy && running => Err(StepError::NoHealthcheck { container: container() }),
        None => Ok(running),
    }
}
