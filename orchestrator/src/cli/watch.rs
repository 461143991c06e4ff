//! `stack watch`, and what `up --watch` shares with it.

mod apply;
mod files;
mod session;
mod word;

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::carry_out::Signals;
use super::up::{Prepared, Work};
use super::{Context, block_on, dry_run};
use crate::error::{INTERRUPTED, Result};
use crate::reconcile::Selection;
use crate::reconcile::up::{Recreate, UpOptions};

pub use session::{How, Watching};
pub use word::{Say, Word};

/// What is said where no service has anything to watch.
const NOTHING_TO_WATCH: &str =
    "none of the selected services is configured for watch, consider setting a 'develop' section";

/// Watch the files of services and bring changes into their containers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not build and start the services before
    #[arg(long)]
    no_up: bool,
    /// Remove images that a rebuild has left without a name
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set, value_name = "BOOL")]
    prune: bool,
    /// Do not show what builds say
    #[arg(long)]
    quiet: bool,
    /// Services, with those they depend on; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

impl Args {
    /// What `up` does before the files are watched, and again when the project's own files change.
    fn work(&self, context: &Context) -> Work {
        Work {
            selection: Selection { services: self.services.clone(), ..Selection::default() },
            options: UpOptions {
                recreate_dependencies: Recreate::Never,
                ignore_orphans: context.is_true("COMPOSE_IGNORE_ORPHANS"),
                ..UpOptions::default()
            },
            adopt: true,
            yes: false,
            ask: true,
            route: true,
        }
    }
}

/// Brings the services up and watches their files until an interrupt; what runs goes on.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let loaded = context.load(&context.load_options(&args.services))?;
    let work = args.work(context);
    let mut prepared = Prepared::new(context, loaded, work.clone())?;
    prepared.runner.quiet_pull = args.quiet;
    prepared.runner.quiet_build = args.quiet;
    let how = How {
        work,
        builds: true,
        quiet: args.quiet,
        prune: args.prune,
        follow_project: !args.no_up,
        none: NOTHING_TO_WATCH,
    };
    if prepared.runner.dry_run {
        let rules = session::rules(&prepared.loaded, &prepared.desired, &how)?;
        return block_on(async move {
            if !args.no_up {
                prepared.converge().await?;
            }
            let lines = rules.rules.iter().map(|rule| format!("watch {rule}\n"));
            dry_run::print(&lines.collect::<String>())?;
            Ok(ExitCode::SUCCESS)
        });
    }
    let stop = CancellationToken::new();
    let mut watching = Watching::start(context, &prepared, how, Say::Stdout(stop.clone()), stop.clone())?;
    block_on(async move {
        watching.claim().await?;
        if !args.no_up {
            // An interrupt ends the waiting for others at once.
            prepared.runner.begin().await?;
        }
        let mut signals = Signals::new()?;
        if !args.no_up && !bring_up(&mut prepared, &mut signals).await? {
            return Ok(ExitCode::from(INTERRUPTED));
        }
        // Others may change the project while we only look on.
        drop(prepared);
        let mut interrupted = false;
        let mut work = std::pin::pin!(watching.run());
        loop {
            tokio::select! {
                // Without an interrupt it ends because nobody reads what it says: a quiet end.
                () = &mut work => return Ok(ExitCode::from(if interrupted { INTERRUPTED } else { 0 })),
                () = signals.next() => {
                    if interrupted {
                        #[expect(clippy::disallowed_methods, reason = "whoever interrupts twice does not want to wait")]
                        std::process::exit(i32::from(INTERRUPTED));
                    }
                    interrupted = true;
                    stop.cancel();
                }
            }
        }
    })
}

/// `up -d` with an image built for each watched service that has a `build` section; false if an interrupt ended it.
async fn bring_up(prepared: &mut Prepared, signals: &mut Signals) -> Result<bool> {
    let cancel = prepared.runner.cancel.clone();
    let mut work = std::pin::pin!(async {
        prepared.build(|service| service.service.develop.is_some()).await?;
        prepared.converge().await
    });
    tokio::select! {
        result = &mut work => result.map(|()| true),
        () = signals.next() => {
            cancel.cancel();
            // What it says of having been interrupted is no news.
            let _ = work.await;
            Ok(false)
        }
    }
}
