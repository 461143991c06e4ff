//! What a watch has to say, and where it says it.

use std::sync::Arc;

use compose_schema::Loaded;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::CommandError;
use crate::reconcile::Desired;
use crate::ui::output;
use crate::ui::style::printable;

/// Problems of one batch that are told.
const MAX_PROBLEMS: usize = 10;

/// Something for whoever shows what a watch does.
#[derive(Debug)]
pub enum Word {
    /// A line for the user.
    Line(String),
    /// The project is another one from now on.
    Project(Box<(Arc<Loaded>, Desired)>),
}

/// Where lines go.
#[derive(Debug, Clone)]
pub enum Say {
    /// Standard output. Cancels this when nobody reads it any more.
    Stdout(CancellationToken),
    /// Whoever shows the containers' output as well.
    Channel(mpsc::Sender<Word>),
}

impl Say {
    /// Says a line; control characters in it are shown escaped.
    pub(super) async fn line(&self, text: &str) {
        let text = printable(text);
        match self {
            Self::Stdout(stop) => {
                if output::stdout(&format!("{text}\n")).is_err() {
                    stop.cancel();
                }
            }
            // Whoever shows the containers' output ends the watch when it ends.
            Self::Channel(words) => drop(words.send(Word::Line(text)).await),
        }
    }

    /// Says that the project is another one.
    pub(super) async fn project(&self, loaded: &Arc<Loaded>, desired: &Desired) {
        if let Self::Channel(words) = self {
            let _ = words.send(Word::Project(Box::new((Arc::clone(loaded), desired.clone())))).await;
        }
    }
}

/// Says what went wrong, on standard error: watching goes on.
pub(super) fn warn(text: &str) {
    output::stderr(&format!("warning: {}\n", printable(text)));
}

/// Says what went wrong with many things, as far as a person reads it.
pub(super) fn warn_all(problems: &[String]) {
    problems.iter().take(MAX_PROBLEMS).for_each(|problem| warn(problem));
    if let Some(left_out) = problems.len().checked_sub(MAX_PROBLEMS).filter(|left_out| *left_out > 0) {
        warn(&format!("and {left_out} more"));
    }
}

/// The same of a failed command, with the ways out.
pub(super) fn report(error: &CommandError) {
    output::stderr(&error.text());
}

/// Names as Docker Compose lists them in these lines (`["app" "db"]`).
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(" "))
}
