//! `stack unpause`

use std::process::ExitCode;

use super::each::{Words, each};
use super::scope::{Scope, runs};
use super::{Context, block_on};
use crate::backend::State;
use crate::error::Result;

/// Let frozen containers of services go on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Lets go on what is frozen; it is an error to name a service that is not.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    block_on(async {
        let named = !args.services.is_empty();
        let mut containers = scope.containers(&engine, &args.services, false).await?;
        containers.retain(|container| runs(container) && (container.state == State::Paused || named));
        let words = Words { order: "unpause", working: None, done: "Unpaused" };
        each(context, &containers, words, async |container| engine.unpause_container(&container.id).await).await?;
        Ok(ExitCode::SUCCESS)
    })
}
