//! `stack pause`

use std::process::ExitCode;

use super::each::{Words, each};
use super::scope::{Scope, runs};
use super::{Context, block_on};
use crate::error::Result;

/// Freeze the containers of services
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Freezes what runs.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    block_on(async {
        let mut containers = scope.containers(&engine, &args.services, false).await?;
        containers.retain(runs);
        let words = Words { order: "pause", working: None, done: "Paused" };
        each(context, &containers, words, async |container| engine.pause_container(&container.id).await).await?;
        Ok(ExitCode::SUCCESS)
    })
}
