//! `stack rm`

use std::io::{self, BufRead as _};
use std::process::ExitCode;

use super::carry_out::Runner;
use super::change::services;
use super::scope::Scope;
use super::{Context, block_on};
use crate::edge;
use crate::error::{CommandError, Result};
use crate::reconcile::action::Action;
use crate::reconcile::{Plan, lifecycle};
use crate::ui::output;
use crate::ui::style::printable;

/// Remove containers that do not run
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Stop those that run first
    #[arg(short, long)]
    stop: bool,
    /// Their anonymous volumes too
    #[arg(short, long)]
    volumes: bool,
    /// No effect any more, as in Docker Compose
    #[arg(short, long, hide = true)]
    all: bool,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Names of the containers that a plan removes.
fn removed(plan: &Plan) -> Vec<String> {
    let names = plan.steps().filter_map(|(_, step)| match &step.action {
        Action::Remove { target, .. } => Some(printable(target.name())),
        _ => None,
    });
    names.collect()
}

/// Asks; the answer may come from a person or a pipe.
fn confirmed() -> Result<bool> {
    output::stderr("Are you sure? [y/N] ");
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| CommandError::new(format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Removes what does not run.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if args.all {
        output::stderr("warning: `--all` has no effect: containers of `run` that have ended always go\n");
    }
    let scope = Scope::find_whole(context, &args.services)?;
    let mut runner = Runner::new(context, &scope.name)?;
    let plan = block_on(async {
        let mut observed = runner.observe().await?;
        if args.stop {
            observed.gateway = edge::may_route(&runner.engine, &observed.containers).await?;
        }
        scope.check(&args.services, &observed.containers)?;
        let services = services(&scope, &args.services);
        Ok(lifecycle::remove(
            &observed,
            scope.project(),
            &services,
            lifecycle::RemoveOptions { stop_first: args.stop, volumes: args.volumes },
        ))
    })?;
    let names = removed(&plan);
    if names.is_empty() {
        output::stderr("No stopped containers\n");
        return Ok(ExitCode::SUCCESS);
    }
    if !runner.dry_run {
        output::stdout(&format!("Going to remove {}\n", names.join(", ")))?;
        if args.volumes {
            output::stderr("Their anonymous volumes go too, and what is in them is lost\n");
        }
        if !args.force && !confirmed()? {
            output::stderr("nothing was removed; `--force` does not ask\n");
            return Ok(ExitCode::SUCCESS);
        }
    }
    block_on(runner.finish(&plan, None))
}
