//! The same small thing done to several containers at once, with progress.

use futures_util::StreamExt as _;

use super::{Context, dry_run};
use crate::backend::{self, Container};
use crate::error::{CommandError, Result};
use crate::ui::output;
use crate::ui::progress::{Mode, Reporter};
use crate::ui::style::printable;

/// What is done, in words.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// As an order (`pause`).
    pub order: &'static str,
    /// While it happens; nothing is shown without one.
    pub working: Option<&'static str>,
    /// When it is done (`Paused`).
    pub done: &'static str,
}

/// Does it to all, also after a failure of one; with `--dry-run` only says so.
///
/// # Errors
/// All failures.
pub async fn each(
    context: &Context,
    containers: &[Container],
    words: Words,
    act: impl AsyncFn(&Container) -> backend::Result<()>,
) -> Result<()> {
    if context.global.dry_run {
        let lines: String =
            containers.iter().map(|container| format!("{} {}\n", words.order, printable(&container.name))).collect();
        return dry_run::print(&lines);
    }
    let mode = Mode::choose(&context.global.progress, &context.global.ansi, output::progress_is_watched())?;
    let reporter = Reporter::new(mode);
    let one = async |container: &Container| {
        let resource = format!("Container {}", container.name);
        if let Some(working) = words.working {
            reporter.working(&resource, working);
        }
        match act(container).await {
            Ok(()) => {
                reporter.done(&resource, words.done);
                None
            }
            Err(error) => {
                reporter.error(&resource, "Error", "");
                Some(format!("{}: {}", container.name, error.message))
            }
        }
    };
    let at_once = context.calls_at_once()?.unwrap_or(usize::MAX);
    let failures: Vec<Option<String>> =
        futures_util::stream::iter(containers.iter().map(one)).buffered(at_once).collect().await;
    reporter.finish();
    let failures: Vec<String> = failures.into_iter().flatten().map(|failure| printable(&failure)).collect();
    if failures.is_empty() {
        return Ok(());
    }
    Err(CommandError::new(format!("cannot {} {}", words.order, failures.join("\n  "))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;
    use crate::cli::context::Global;

    /// How many of six containers are at it at once.
    async fn most_at_once(parallel: i32) -> usize {
        let (progress, ansi) = ("quiet".to_owned(), "never".to_owned());
        let global = Global { progress, ansi, parallel, ..Global::default() };
        let context = Context { global, working_dir: PathBuf::new(), environment: BTreeMap::new() };
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let act = async |_: &Container| {
            most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
            // The others have their turn.
            tokio::task::yield_now().await;
            now.fetch_sub(1, Relaxed);
            Ok(())
        };
        let words = Words { order: "pause", working: None, done: "Paused" };
        let done = each(&context, &vec![Container::default(); 6], words, act).await;
        if done.is_ok() { most.into_inner() } else { 0 }
    }

    #[tokio::test]
    async fn no_more_at_a_time_than_allowed() {
        assert_eq!([most_at_once(2).await, most_at_once(1).await, most_at_once(-1).await], [2, 1, 6]);
        assert_eq!(most_at_once(0).await, 0, "which is an error");
    }
}
