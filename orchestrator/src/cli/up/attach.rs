//! An attached `up`: what containers print, until they have all ended or an interrupt stops them.

mod beside;
mod exit_code;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::Prepared;
use super::audience::Audience;
use super::options::Args;
use crate::backend::{self, Engine, ErrorKind, State};
use crate::cli::carry_out::Signals;
use crate::cli::scope::runs;
use crate::cli::watch::Word;
use crate::edge;
use crate::error::{INTERRUPTED, Result};
use crate::logs::print::{Look, Printer, Time, stdout_color};
use crate::logs::{Item, Logs, Request, Source};
use crate::reconcile::lifecycle;
use crate::reconcile::observed::{of_project, service_of};
use crate::ui::output;
use beside::Beside;
pub(super) use beside::{NOTHING_TO_WATCH, Watch};
use exit_code::{code_of, exit_code};

/// How long the last lines of stopped containers are waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Brings the project up and stays with it.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub(super) async fn run(prepared: &mut Prepared, args: &Args, mut watch: Option<Watch>) -> Result<ExitCode> {
    let audience = audience(args, prepared)?;
    if let Some(watch) = &mut watch {
        watch.watching.claim().await?;
    }
    let since = backend::now(&*prepared.runner.engine).await?.to_string();
    let mut signals = Signals::new()?;
    let cancel = prepared.runner.cancel.clone();
    let brought_up = {
        let mut work = std::pin::pin!(prepared.converge());
        tokio::select! {
            result = &mut work => Some(result),
            () = signals.next() => {
                cancel.cancel();
                // What it says of having been interrupted is no news.
                let _ = work.await;
                None
            }
        }
    };
    let mut session = Session { prepared, args, audience, end: None, owed: false, acting: None };
    match brought_up {
        Some(result) => result?,
        None => {
            session.end = Some(INTERRUPTED);
            return session.stop(&mut signals, None).await;
        }
    }
    // Others may change the project while we only look on.
    session.prepared.runner.release();
    let Some(Watch { mut watching, words }) = watch else {
        return session.follow(&mut signals, since, None).await;
    };
    let beside = Beside { words, stop: watching.stop.clone(), done: CancellationToken::new() };
    session.acting = Some(Arc::clone(&watching.acting));
    let done = beside.done.clone();
    let watched = async {
        watching.run().await;
        done.cancel();
        std::future::pending().await
    };
    tokio::select! {
        ended = session.follow(&mut signals, since, Some(beside)) => ended,
        ended = watched => ended,
    }
}

struct Session<'a> {
    prepared: &'a mut Prepared,
    args: &'a Args,
    audience: Audience,
    /// Exit code, once something has ended the session.
    end: Option<u8>,
    /// The exit code is to be that of `--exit-code-from`, if its containers end as well: those that were not asked for run on.
    owed: bool,
    /// Beside a watch: whether it replaces or restarts containers at the moment.
    acting: Option<Arc<AtomicBool>>,
}

struct Output {
    logs: Logs,
    printer: Printer,
}

impl Session<'_> {
    async fn follow(&mut self, signals: &mut Signals, since: String, mut beside: Option<Beside>) -> Result<ExitCode> {
        let mut services = self.audience.followed();
        let mut awaited = Some(self.audience.awaited.clone());
        if beside.is_some() {
            // The changed project may have others; which of them are shown is decided line by line.
            services.clear();
            awaited = None;
        } else if services.is_empty() {
            // All that was asked for is brought by programs: there are no containers.
            return Ok(ExitCode::SUCCESS);
        }
        let request = Request {
            project: self.prepared.desired.project.clone(),
            services,
            awaited,
            follow: true,
            stay: beside.is_some(),
            ended_since: Some(since.clone()),
            since: Some(since),
            ..Request::default()
        };
        let logs = Logs::open(&self.prepared.runner.engine, request).await?;
        let look = Look {
            color: !self.args.no_color && stdout_color(),
            prefix: !self.args.no_log_prefix,
            time: if self.args.timestamps { Time::Local } else { Time::None },
            split: true,
            json: false,
        };
        let sources: Vec<&Source> = logs
            .sources()
            .iter()
            .map(AsRef::as_ref)
            .filter(|source| self.audience.shown.contains(&source.service))
            .collect();
        let names: Vec<&str> = sources.iter().map(|source| source.label.as_str()).collect();
        output::stdout(&format!("Attaching to {}\n", names.join(", ")))?;
        let printer = Printer::start(look, sources.into_iter());
        let mut output = Output { logs, printer };
        loop {
            tokio::select! {
                more = self.next(&mut output) => {
                    if !more? {
                        output.printer.finish().await?;
                        return Ok(ExitCode::SUCCESS);
                    }
                    if self.end.is_some() {
                        output::stderr("Aborting on container exit...\n");
                        break;
                    }
                }
                () = signals.next() => {
                    self.end = Some(INTERRUPTED);
                    output::stderr("Gracefully stopping... (press Ctrl+C again to force)\n");
                    break;
                }
                word = Beside::next(&mut beside) => self.hear(word, &output).await,
            }
        }
        if let Some(beside) = &mut beside {
            self.until_done(beside, signals, &output).await;
        }
        self.stop(signals, Some(output)).await
    }

    /// Shows what the watch says, and takes over the project that it has brought in.
    async fn hear(&mut self, word: Word, output: &Output) {
        match word {
            // A reader that has gone away is met by the next line of a container.
            Word::Line(text) => drop(output.printer.print(Item::Note(text)).await),
            Word::Project(project) => {
                (self.prepared.loaded, self.prepared.desired) = *project;
                // A service named on the command line may be gone: then the others are shown as before.
                if let Ok(audience) = audience(self.args, self.prepared) {
                    self.audience = audience;
                }
            }
        }
    }

    /// Lets the watch finish what it is doing, so that it starts nothing that we have stopped; the next interrupt does not
    /// wait for it.
    async fn until_done(&mut self, beside: &mut Beside, signals: &mut Signals, output: &Output) {
        beside.stop.cancel();
        loop {
            tokio::select! {
                () = beside.done.cancelled() => return,
                () = signals.next() => return,
                Some(word) = beside.words.recv() => self.hear(word, output).await,
            }
        }
    }

    /// Shows the next item; false at the end of all.
    async fn next(&mut self, output: &mut Output) -> Result<bool> {
        let Some(item) = output.logs.next().await else { return Ok(false) };
        let item = item?;
        // As with Docker Compose, also where the engine is about to start it again.
        if let Item::Exited { source, code, .. } = &item
            && self.ends_with(*code)
            && self.audience.awaited.contains(&source.service)
            && !self.is_watchs_doing(&source.id).await
        {
            let from = self.args.exit_code_from.as_ref();
            self.owed = from.is_some_and(|wanted| *wanted != source.service);
            self.end = Some(exit_code(*code));
        }
        Ok(self.audience.hides(&item) || output.printer.print(item).await)
    }

    /// Whether the end of a container is the end of the session.
    fn ends_with(&self, code: i64) -> bool {
        let args = self.args;
        let any = args.abort_on_container_exit || args.exit_code_from.is_some();
        let ends = if args.abort_on_container_failure { code != 0 } else { any };
        self.end.is_none() && ends
    }

    /// Whether the watch has ended a container, to replace it or to start it again: it may be told of later.
    async fn is_watchs_doing(&self, container: &str) -> bool {
        let Some(acting) = &self.acting else { return false };
        if acting.load(Ordering::Relaxed) {
            return true;
        }
        match self.prepared.runner.engine.container(container).await {
            Ok(detail) => runs(&detail.summary),
            Err(error) => error.kind == ErrorKind::NotFound,
        }
    }

    /// Stops the containers of the services that were asked for; the next interrupt kills them.
    async fn stop(&mut self, signals: &mut Signals, mut output: Option<Output>) -> Result<ExitCode> {
        self.prepared.runner.cancel = CancellationToken::new();
        if let Some(output) = &output {
            output.logs.leave();
        }
        let code = ExitCode::from(self.end.unwrap_or_default());
        let ours = stopped(self.prepared);
        let all = self.prepared.desired.services.keys();
        let running_on = all.filter(|service| !ours.contains(service)).cloned().collect();
        let stopped = {
            let (engine, project) = (self.prepared.runner.engine.clone(), self.prepared.runner.project.clone());
            let services = ours.clone();
            let mut stop = std::pin::pin!(stop_services(self.prepared, self.args));
            loop {
                tokio::select! {
                    result = &mut stop => break result,
                    () = signals.next() => {
                        kill(&engine, &project, &services).await?;
                        return Ok(code);
                    }
                    more = show(&mut output, &self.audience) => {
                        if !more {
                            output = None;
                        }
                    }
                }
            }
        };
        if let Some(output) = output.as_ref().filter(|_| stopped.is_ok()) {
            output.logs.end(running_on);
        }
        let rest = async { while show(&mut output, &self.audience).await {} };
        // A container that somebody else has started again goes on printing: it is not ours to wait for.
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
        if let Some(output) = output {
            output.printer.finish().await?;
        }
        stopped?;
        let runner = &self.prepared.runner;
        let owed = match &self.args.exit_code_from {
            Some(service) if self.owed => code_of(&runner.engine, &runner.project, service).await?,
            _ => None,
        };
        Ok(owed.map_or(code, ExitCode::from))
    }
}

/// Shows the next item, if there is a log at all; false at its end.
async fn show(output: &mut Option<Output>, audience: &Audience) -> bool {
    let Some(output) = output else { return std::future::pending().await };
    match output.logs.next().await {
        Some(Ok(item)) => audience.hides(&item) || output.printer.print(item).await,
        Some(Err(_)) | None => false,
    }
}

fn audience(args: &Args, prepared: &Prepared) -> Result<Audience> {
    let known = &prepared.loaded.project.services;
    Audience::choose(args, |name| known.contains_key(name), &prepared.desired.services)
}

/// The services that end with the session: as with Docker Compose, what those need that were named runs on.
fn stopped(prepared: &Prepared) -> Vec<String> {
    let selected = prepared.desired.services.values().filter(|service| service.selected);
    selected.map(|service| service.name.clone()).collect()
}

async fn stop_services(prepared: &mut Prepared, args: &Args) -> Result<()> {
    let mut observed = prepared.runner.observe().await?;
    let runner = &prepared.runner;
    observed.gateway = edge::may_route(&runner.engine, &observed.containers).await?;
    let services = stopped(prepared);
    let plan = lifecycle::stop(&observed, Some(&prepared.loaded.project), &services, args.timeout());
    runner.carry_out(&plan, None).await?;
    Ok(())
}

async fn kill(engine: &Engine, project: &str, services: &[String]) -> Result<()> {
    let containers = engine.containers(&of_project(project)).await?;
    let running = containers.iter().filter(|container| {
        container.state == State::Running && services.iter().any(|service| service == service_of(container))
    });
    for killed in join_all(running.map(|container| engine.kill_container(&container.id, "SIGKILL"))).await {
        killed?;
    }
    Ok(())
}
