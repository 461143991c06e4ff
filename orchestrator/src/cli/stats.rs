//! `stack stats`

mod live;
mod row;

use std::process::ExitCode;

use futures_util::StreamExt as _;

use super::carry_out::interruptible;
use super::format::Format;
use super::scope::{Scope, runs};
use super::{Context, block_on};
use crate::backend::{Container, Engine, ErrorKind, Usage};
use crate::error::Result;
use crate::ui::output;
use crate::ui::terminal;
use row::Look;

/// Show what containers use: processors, memory, network, disks
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Those that do not run as well
    #[arg(short, long)]
    all: bool,
    /// How to print
    #[arg(long, value_name = "table|json|TEMPLATE", default_value = "table")]
    format: String,
    /// One look, and no more
    #[arg(long)]
    no_stream: bool,
    /// Do not shorten
    #[arg(long)]
    no_trunc: bool,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Prints a table once, or every second until it is interrupted; on a terminal each takes the place of the one before.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let look = Look { format: Format::parse(&args.format, None)?, no_trunc: args.no_trunc };
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    block_on(interruptible(async {
        if args.no_stream {
            let containers = chosen(&scope, &engine, args).await?;
            output::stdout(&look.text(&once(&engine, &containers).await?)?)?;
        } else {
            let redraw =
                look.format != Format::Json && context.global.ansi != "never" && terminal::stdout_is_terminal();
            live::show(&scope, &engine, args, &look, redraw).await?;
        }
        Ok(ExitCode::SUCCESS)
    }))
}

/// The containers to show, by name.
async fn chosen(scope: &Scope, engine: &Engine, args: &Args) -> Result<Vec<Container>> {
    let mut containers = scope.containers(engine, &args.services, true).await?;
    containers.retain(|container| args.all || runs(container));
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(containers)
}

/// One sample of each; nothing at all for one that does not run, none for one that ended meanwhile.
async fn once<'a>(engine: &Engine, containers: &'a [Container]) -> Result<Vec<(&'a Container, Option<Usage>)>> {
    let samples = containers.iter().map(|container| async move {
        if !runs(container) {
            return Ok((container, Some(Usage::default())));
        }
        let sample = match engine.usage(&container.id, false).await {
            Ok(mut samples) => samples.next().await.transpose(),
            Err(error) => Err(error),
        };
        match sample {
            Ok(usage) => Ok((container, usage)),
            Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::NotFound) => Ok((container, None)),
            Err(error) => Err(error.into()),
        }
    });
    futures_util::future::try_join_all(samples).await
}

#[cfg(test)]
mod tests;
