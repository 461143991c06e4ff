//! Progress on standard error: a live table on a terminal, one line per change elsewhere, JSON lines for programs.
//!
//! Commands say what happens to which resource ([`Reporter::working`], [`Reporter::done`], ...); how that looks is
//! decided once, by [`Mode::choose`].

pub(crate) mod json;
mod plain;
mod tty;

#[cfg(test)]
pub(crate) mod tests;

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::{Progress, ProgressSink};
use crate::error::{CommandError, Result};
use crate::ui::output;

/// How progress is shown (`--progress`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A live table.
    Tty,
    /// One line per change.
    Plain,
    /// One JSON object per change.
    Json,
    /// Nothing but warnings.
    Quiet,
}

impl Mode {
    /// The mode that `--progress` and `--ansi` ask for; `terminal` says whether a person watches standard error.
    ///
    /// # Errors
    /// Unknown words, and combinations that contradict each other.
    pub fn choose(progress: &str, ansi: &str, terminal: bool) -> Result<Self> {
        match (progress, ansi) {
            ("tty", "never") => Err(CommandError::new("`--progress tty` cannot be used with `--ansi never`")),
            ("plain", "always") => Err(CommandError::new("`--progress plain` cannot be used with `--ansi always`")),
            ("auto" | "", "never") => Ok(Self::Plain),
            ("auto" | "", _) => Ok(if terminal { Self::Tty } else { Self::Plain }),
            ("tty", _) => Ok(Self::Tty),
            ("plain", _) => Ok(Self::Plain),
            ("json", _) => Ok(Self::Json),
            ("quiet", _) => Ok(Self::Quiet),
            (other, _) => Err(CommandError::new(format!("unsupported value for `--progress`: `{other}`"))
                .hint("use `auto`, `tty`, `plain`, `json` or `quiet`")),
        }
    }
}

/// How far a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Something is happening to it.
    Working,
    /// It is as it should be.
    Done,
    /// It is not, and the command goes on.
    Warning,
    /// It is not, and the command will fail.
    Error,
}

/// A change of one resource.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// The resource: `Container web-app-1`, `Network web_default`, `Volume web_data`, `Image nginx`.
    pub id: &'a str,
    /// How far it is.
    pub status: Status,
    /// One word for it: `Creating`, `Created`, ...
    pub text: &'a str,
    /// More about it; may be empty.
    pub details: &'a str,
}

/// How one mode shows progress.
trait Renderer: Send {
    /// A resource has changed.
    fn update(&mut self, update: Update<'_>);
    /// Output of a pull or build that belongs to a resource.
    fn progress(&mut self, id: &str, progress: &Progress);
    /// A message that must stay readable above or between the progress.
    fn message(&mut self, text: &str);
    /// Nothing more will come.
    fn finish(&mut self);
}

/// The handle that commands report to; clones report to the same place. Cheap to call, never fails: there is nobody
/// left to tell when standard error is gone.
#[derive(Clone)]
pub struct Reporter {
    renderer: Arc<Mutex<Box<dyn Renderer>>>,
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reporter")
    }
}

impl Reporter {
    /// Reports to standard error.
    pub fn new(mode: Mode) -> Self {
        Self::with(match mode {
            Mode::Tty => Box::new(tty::Tty::new()),
            Mode::Plain => Box::new(plain::Plain::new(output::progress(), false)),
            Mode::Json => Box::new(json::Json::new(output::progress())),
            Mode::Quiet => Box::new(plain::Plain::new(output::progress(), true)),
        })
    }

    /// Reports into `out` (tests, captured output). A live table needs a terminal: it becomes plain lines.
    pub fn into_writer(mode: Mode, out: Box<dyn Write + Send>) -> Self {
        Self::with(match mode {
            Mode::Tty | Mode::Plain => Box::new(plain::Plain::new(out, false)),
            Mode::Json => Box::new(json::Json::new(out)),
            Mode::Quiet => Box::new(plain::Plain::new(out, true)),
        })
    }

    fn with(renderer: Box<dyn Renderer>) -> Self {
        Self { renderer: Arc::new(Mutex::new(renderer)) }
    }

    fn renderer(&self) -> MutexGuard<'_, Box<dyn Renderer>> {
        self.renderer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports any change.
    pub fn update(&self, update: Update<'_>) {
        self.renderer().update(update);
    }

    /// Something starts to happen to a resource.
    pub fn working(&self, id: &str, text: &str) {
        self.update(Update { id, status: Status::Working, text, details: "" });
    }

    /// A resource is as it should be.
    pub fn done(&self, id: &str, text: &str) {
        self.update(Update { id, status: Status::Done, text, details: "" });
    }

    /// A resource is not as it should be, and the command goes on.
    pub fn warning(&self, id: &str, text: &str, details: &str) {
        self.update(Update { id, status: Status::Warning, text, details });
    }

    /// A resource is not as it should be, and the command will fail.
    pub fn error(&self, id: &str, text: &str, details: &str) {
        self.update(Update { id, status: Status::Error, text, details });
    }

    /// Prints a message (`warning: ...`) without tearing the table apart; one or more lines, no final newline needed.
    pub fn message(&self, text: &str) {
        self.renderer().message(text);
    }

    /// Where a pull or build of the resource `id` sends its output.
    pub fn sink(&self, id: &str) -> ProgressSink {
        let (this, id) = (self.clone(), id.to_owned());
        Arc::new(move |progress| this.renderer().progress(&id, &progress))
    }

    /// Ends the display: what it shows last stays. Later reports start a new one.
    pub fn finish(&self) {
        self.renderer().finish();
    }
}
