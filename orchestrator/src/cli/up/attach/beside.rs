//! `up --watch`: a watch over the files, beside what containers print.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::Context;
use crate::cli::up::Prepared;
use crate::cli::watch::{How, Say, Watching, Word};
use crate::error::Result;

/// What is said where no service has anything to watch.
pub(in crate::cli::up) const NOTHING_TO_WATCH: &str =
    "none of the selected services is configured for watch, see https://docs.docker.com/compose/how-tos/file-watch/";
/// Words of the watch that may wait to be shown.
const WAITING: usize = 256;

/// A watch over the files.
pub(in crate::cli::up) struct Watch {
    pub(super) watching: Watching,
    pub(super) words: mpsc::Receiver<Word>,
}

impl Watch {
    /// Begins to watch the files of a project. Blocks.
    ///
    /// # Errors
    /// As [`Watching::start`].
    pub(in crate::cli::up) fn start(context: &Context, prepared: &Prepared, how: How) -> Result<Self> {
        let (sender, words) = mpsc::channel(WAITING);
        let watching = Watching::start(context, prepared, how, Say::Channel(sender), CancellationToken::new())?;
        Ok(Self { watching, words })
    }
}

/// The watch, as the one sees it who shows what containers print.
pub(super) struct Beside {
    pub(super) words: mpsc::Receiver<Word>,
    /// Asks it to end.
    pub(super) stop: CancellationToken,
    /// It has ended.
    pub(super) done: CancellationToken,
}

impl Beside {
    /// What the watch says next; never anything without one.
    pub(super) async fn next(beside: &mut Option<Self>) -> Word {
        let Some(beside) = beside else { return std::future::pending().await };
        match beside.words.recv().await {
            Some(word) => word,
            None => std::future::pending().await,
        }
    }
}
