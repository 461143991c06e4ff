//! Samples as they come, of containers as they come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::Args;
use super::row::Look;
use crate::backend::{Container, Engine, Usage};
use crate::cli::scope::{Scope, runs};
use crate::error::{CommandError, Result};
use crate::ui::output;

/// Time between two tables: the engine takes a sample a second.
const TICK: Duration = Duration::from_secs(1);
/// How long the first table waits for a sample of everything.
const FIRST: Duration = Duration::from_secs(3);
/// Events after which other containers run than before.
const CHANGES: [&str; 7] = ["create", "start", "die", "destroy", "rename", "pause", "unpause"];

/// A sample of a container, by id; none when there will be no more.
type Sample = (String, Option<Usage>);

/// Reads the samples of one container; ends when this is dropped.
struct Reader(AbortHandle);

impl Reader {
    fn start(engine: &Engine, id: &str, samples: &mpsc::Sender<Sample>) -> Self {
        let (engine, id, samples) = (engine.clone(), id.to_owned(), samples.clone());
        let reading = tokio::spawn(async move {
            if let Ok(mut stream) = engine.usage(&id, true).await {
                while let Some(Ok(usage)) = stream.next().await {
                    if samples.send((id.clone(), Some(usage))).await.is_err() {
                        return;
                    }
                }
            }
            let _ = samples.send((id, None)).await;
        });
        Self(reading.abort_handle())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is shown.
struct Board<'a> {
    scope: &'a Scope,
    engine: &'a Engine,
    args: &'a Args,
    samples: mpsc::Sender<Sample>,
    containers: Vec<Container>,
    readers: BTreeMap<String, Reader>,
    known: BTreeMap<String, Option<Usage>>,
}

impl Board<'_> {
    /// Looks which containers there are, begins to read those that are new, and forgets those that are gone.
    async fn look(&mut self) -> Result<()> {
        self.containers = super::chosen(self.scope, self.engine, self.args).await?;
        let running: BTreeSet<&String> =
            self.containers.iter().filter(|container| runs(container)).map(|container| &container.id).collect();
        self.readers.retain(|id, _| running.contains(id));
        self.known.retain(|id, _| running.contains(id));
        for id in running {
            if !self.readers.contains_key(id) {
                self.readers.insert(id.clone(), Reader::start(self.engine, id, &self.samples));
            }
        }
        Ok(())
    }

    /// Every container that runs has been heard of.
    fn is_complete(&self) -> bool {
        self.readers.keys().all(|id| self.known.contains_key(id))
    }

    fn text(&self, look: &Look) -> Result<String> {
        let sample = |container: &Container| {
            if runs(container) { self.known.get(&container.id).cloned().flatten() } else { Some(Usage::default()) }
        };
        let samples: Vec<_> = self.containers.iter().map(|container| (container, sample(container))).collect();
        look.text(&samples)
    }
}

/// A table that takes the place of the one before: from the top, each line to its end, and nothing below.
fn over(text: &str, first: bool) -> String {
    let lines: String = text.lines().map(|line| format!("{line}\x1b[K\n")).collect();
    let clear = if first { "\x1b[2J" } else { "" };
    format!("{clear}\x1b[H{lines}\x1b[J")
}

/// Prints tables until nobody reads them any more, or the engine breaks off.
///
/// # Errors
/// As there.
pub(super) async fn show(scope: &Scope, engine: &Engine, args: &Args, look: &Look, redraw: bool) -> Result<()> {
    let (sender, mut samples) = mpsc::channel(64);
    // Before the first look: what happens from then on is seen.
    let mut events = engine.events(&scope.filter()).await?;
    let mut board = Board {
        scope,
        engine,
        args,
        samples: sender,
        containers: Vec::new(),
        readers: BTreeMap::new(),
        known: BTreeMap::new(),
    };
    board.look().await?;
    let begun = Instant::now();
    let mut first = true;
    // The engine's listing may be a moment behind its events: after some, a second look is due.
    let mut look_again = false;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = tokio::select! {
            Some((id, usage)) = samples.recv() => {
                if board.readers.contains_key(&id) {
                    board.known.insert(id, usage);
                }
                first && board.is_complete()
            }
            event = events.next() => match event {
                Some(event) => {
                    let event = event?;
                    if event.kind == "container" && CHANGES.contains(&event.action.as_str()) {
                        board.look().await?;
                        look_again = true;
                    }
                    false
                }
                None => return Err(CommandError::new("the engine has ended the stream of events")),
            },
            _ = ticks.tick() => {
                if std::mem::take(&mut look_again) {
                    board.look().await?;
                }
                !first || board.is_complete() || begun.elapsed() >= FIRST
            }
        };
        if due {
            let text = board.text(look)?;
            output::stdout(&if redraw { over(&text, first) } else { text })?;
            if first {
                first = false;
                ticks.reset();
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeMap;

    use tokio::sync::mpsc;

    use super::super::row::Look;
    use super::{Args, Board, over};
    use crate::backend::memory::Memory;
    use crate::backend::{Backend as _, ContainerSpec, Engine, Usage};
    use crate::cli::format::Format;
    use crate::cli::scope::Scope;
    use crate::labels;

    #[tokio::test]
    async fn containers_come_and_go() {
        let memory = Memory::new();
        memory.add_image_named("app");
        let start = async |name: &str| {
            let of = |label: &str, value: &str| (label.to_owned(), value.to_owned());
            let labels = BTreeMap::from([of(labels::PROJECT, "demo"), of(labels::SERVICE, name)]);
            let spec = ContainerSpec { name: name.into(), image: "app".into(), labels, ..ContainerSpec::default() };
            let (id, _) = memory.create_container(&spec).await?;
            memory.start_container(&id).await
        };
        start("one").await.unwrap();
        memory.set_usage("one", Usage { pids: 4, ..Usage::default() });
        let engine: Engine = memory.clone();
        let scope = Scope { name: "demo".to_owned(), loaded: None, declared: std::collections::BTreeSet::new() };
        let args = Args { all: false, format: String::new(), no_stream: false, no_trunc: false, services: Vec::new() };
        let (samples, mut incoming) = mpsc::channel(4);
        let mut board = Board {
            scope: &scope,
            engine: &engine,
            args: &args,
            samples,
            containers: Vec::new(),
            readers: BTreeMap::new(),
            known: BTreeMap::new(),
        };
        let look = Look { format: Format::Table, no_trunc: false };
        let rows = |board: &Board<'_>| {
            let text = board.text(&look).unwrap();
            let row = |line: &str| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>();
            text.lines().skip(1).map(|line| row(line).join(" ")).collect::<Vec<_>>()
        };
        board.look().await.unwrap();
        assert!(!board.is_complete());
        assert_eq!(rows(&board), ["one -- -- / -- -- -- / -- -- / -- --"]);
        let (id, usage) = incoming.recv().await.unwrap();
        board.known.insert(id, usage);
        assert!(board.is_complete());
        assert_eq!(rows(&board), ["one 0.00% 0B / 0B 0.00% 0B / 0B 0B / 0B 4"]);

        start("two").await.unwrap();
        memory.stop_container("one", None).await.unwrap();
        board.look().await.unwrap();
        assert_eq!(rows(&board), ["two -- -- / -- -- -- / -- -- / -- --"]);
        assert_eq!((board.readers.len(), board.known.len()), (1, 0));
    }

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        assert_eq!(over("A\nb\n", true), "\x1b[2J\x1b[HA\x1b[K\nb\x1b[K\n\x1b[J");
        assert_eq!(over("A\n", false), "\x1b[HA\x1b[K\n\x1b[J");
    }
}
