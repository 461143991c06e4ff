//! Carrying plans out for a command: the lock, notices, `--dry-run`, progress, interruption.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::{Context, dry_run};
use crate::backend::Engine;
use crate::error::{CommandError, INTERRUPTED, Result};
use crate::lock::Lock;
use crate::reconcile::execute::{Executor, Outcome};
use crate::reconcile::{Desired, Observed, Plan};
use crate::ui::output;
use crate::ui::progress::{Mode, Reporter};

/// What a command works with: an engine, a project that nobody else changes from [`Runner::begin`] on, a place for progress.
pub struct Runner {
    /// The engine.
    pub engine: Engine,
    /// The project.
    pub project: String,
    /// Where progress goes.
    pub reporter: Reporter,
    /// Cancelled by the first interrupt, once [`Runner::watch_signals`] runs.
    pub cancel: CancellationToken,
    /// Nothing is to be changed.
    pub dry_run: bool,
    /// Do not show the output of pulls.
    pub quiet_pull: bool,
    /// Do not show the output of builds.
    pub quiet_build: bool,
    parallel: Option<usize>,
    lock: Option<Lock>,
}

impl Runner {
    /// For a command about a project. Nothing is sent yet.
    ///
    /// # Errors
    /// Global flags that make no sense; an engine's address that makes none.
    pub fn new(context: &Context, project: &str) -> Result<Self> {
        let mode = Mode::choose(&context.global.progress, &context.global.ansi, output::progress_is_watched())?;
        let parallel = context.calls_at_once()?;
        Ok(Self {
            engine: context.engine()?,
            project: project.to_owned(),
            reporter: Reporter::new(mode),
            cancel: CancellationToken::new(),
            dry_run: context.global.dry_run,
            quiet_pull: false,
            quiet_build: false,
            parallel,
            lock: None,
        })
    }

    /// From now on nobody else changes the project: waits for other commands that do. Nothing where that is so already, or
    /// where nothing is to be changed.
    ///
    /// # Errors
    /// An engine that cannot be asked; another command that does not come to its end; an interrupt.
    pub async fn begin(&mut self) -> Result<()> {
        if self.dry_run || self.lock.is_some() {
            return Ok(());
        }
        let lock = tokio::select! {
            lock = Lock::of_project(&self.engine, &self.project) => lock?,
            () = self.cancel.cancelled() => return Err(CommandError::interrupted()),
        };
        self.lock = Some(lock);
        Ok(())
    }

    /// [`Runner::begin`], then a look at what there is.
    ///
    /// # Errors
    /// As there; the engine's.
    pub async fn observe(&mut self) -> Result<Observed> {
        self.begin().await?;
        Ok(Observed::project(&*self.engine, &self.project).await?)
    }

    /// Whoever worked on the project before was killed: the engine may still be doing what it had asked for.
    pub fn after_a_kill(&self) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.abandoned)
    }

    /// Lets other commands change the project from now on.
    pub fn release(&mut self) {
        self.lock = None;
    }

    /// From now on the first interrupt (Ctrl-C, SIGTERM) cancels, the second ends the process.
    ///
    /// # Errors
    /// Signals that cannot be listened to.
    pub fn watch_signals(&self) -> Result<()> {
        let mut signals = Signals::new()?;
        let cancel = self.cancel.clone();
        tokio::spawn(async move {
            signals.next().await;
            cancel.cancel();
            signals.next().await;
            #[expect(clippy::disallowed_methods, reason = "whoever interrupts twice does not want to wait")]
            std::process::exit(i32::from(INTERRUPTED));
        });
        Ok(())
    }

    /// Carries a plan out, or prints it with `--dry-run` (then nothing is done and the outcome is empty). `desired` adds
    /// places to messages.
    ///
    /// # Errors
    /// What failed, and what was and was not done.
    pub async fn carry_out(&self, plan: &Plan, desired: Option<&Desired>) -> Result<Outcome> {
        if self.dry_run {
            dry_run::print(&plan.to_string())?;
            return Ok(Outcome::default());
        }
        self.execute(plan).await.into_result(plan, desired)
    }

    /// Carries a plan out, whatever `--dry-run` says; how it ended is for the caller to judge.
    pub async fn execute(&self, plan: &Plan) -> Outcome {
        for notice in &plan.notices {
            self.reporter.message(&format!("warning: {notice}"));
        }
        let executor = Executor {
            engine: self.engine.clone(),
            project: self.project.clone(),
            reporter: self.reporter.clone(),
            parallel: self.parallel,
            cancel: self.cancel.clone(),
            quiet_pull: self.quiet_pull,
            quiet_build: self.quiet_build,
        };
        let outcome = executor.execute(plan).await;
        self.reporter.finish();
        outcome
    }

    /// [`Runner::carry_out`] as a whole command that an interrupt ends early.
    ///
    /// # Errors
    /// As there.
    pub async fn finish(&self, plan: &Plan, desired: Option<&Desired>) -> Result<ExitCode> {
        self.watch_signals()?;
        self.carry_out(plan, desired).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Interrupts: Ctrl-C and SIGTERM.
#[derive(Debug)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// Signals that cannot be listened to.
    pub fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let fail = |error: std::io::Error| CommandError::new(format!("cannot listen to signals: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(fail)?,
            terminate: signal(SignalKind::terminate()).map_err(fail)?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Does `work` until it ends or somebody interrupts it, also where the process was started with interrupts ignored, as
/// shells start what is to run in the background.
///
/// # Errors
/// The work's; an interrupt.
pub async fn interruptible<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut signals = Signals::new()?;
    tokio::select! {
        done = work => done,
        () = signals.next() => Err(CommandError::interrupted()),
    }
}
