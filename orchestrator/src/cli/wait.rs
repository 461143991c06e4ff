//! `stack wait`

use std::process::ExitCode;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::carry_out::{Runner, interruptible};
use super::scope::{Scope, runs};
use super::{Context, block_on, dry_run};
use crate::backend::Container;
use crate::edge;
use crate::error::{CommandError, Result};
use crate::reconcile::lifecycle::{self, DownOptions};
use crate::ui::output;
use crate::ui::style::printable;

/// Wait until containers of services have ended
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Take the project down when the first one has
    #[arg(long)]
    down_project: bool,
    /// Services
    #[arg(value_name = "SERVICE", required = true)]
    services: Vec<String>,
}

/// Waits; the exit code is that of the last container, with `--down-project` of the first.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = if args.down_project {
        Scope::find_whole(context, &args.services)?
    } else {
        Scope::find(context, &args.services)?
    };
    let engine = context.engine()?;
    let code = block_on(async {
        let mut containers = scope.containers(&engine, &args.services, false).await?;
        containers.retain(runs);
        if containers.is_empty() {
            return Err(CommandError::new(format!("no container of {} runs", args.services.join(", ")))
                .hint("`stack ps -a` shows how they have ended"));
        }
        if context.global.dry_run {
            let line = |container: &Container| format!("wait for {}\n", printable(&container.name));
            dry_run::print(&containers.iter().map(line).collect::<String>())?;
            return Ok(0);
        }
        let mut waits: FuturesUnordered<_> = containers
            .iter()
            .map(async |container| (&container.id, engine.wait_container(&container.id).await))
            .collect();
        let mut last = 0;
        interruptible(async {
            while let Some((id, code)) = waits.next().await {
                last = code?;
                output::stdout(&format!("container \"{id}\" exited with status code {last}\n"))?;
                if args.down_project {
                    break;
                }
            }
            Ok(last)
        })
        .await
    })?;
    if args.down_project {
        let mut runner = Runner::new(context, &scope.name)?;
        block_on(async {
            let observed = runner.observe().await?;
            let plan = lifecycle::down(&observed, &scope.name, scope.project(), &DownOptions::default());
            if !runner.dry_run {
                // As with `down`: no route leads to a container that is about to end.
                edge::withdraw(&runner.engine, &scope.name, false).await?;
            }
            runner.finish(&plan, None).await
        })?;
    }
    Ok(ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1)))
}
