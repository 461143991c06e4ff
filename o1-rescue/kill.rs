//! `stack kill`

use std::process::ExitCode;

use super::scope::Scope;
use super::{Context, block_on};
use crate::backend::{ErrorKind, State};
use crate::error::Result;
use crate::ui::output;

/// Send a signal to the containers of services
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Signal
    #[arg(short, long, value_name = "SIGNAL", default_value = "SIGKILL")]
    signal: String,
    /// Services; none: all
    services: Vec<String>,
}

/// Sends the signal; a container that has ended meanwhile is fine.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    block_on(async {
        let mut containers = scope.containers(&engine, &args.services, false).await?;
        containers.retain(|container| matches!(container.state, State::Running | State::Paused));
        if containers.is_empty() {
            output::stderr("warning: no container to kill\n");
        }
        for container in containers {
            match engine.kill_container(&container.id, &args.signal).await {
                Err(error) if !matches!(error.kind, ErrorKind::Conflict | ErrorKind::NotFound) => return Err(error.into()),
                _ => output::stderr(&format!(" Container {}  Killed\n", container.name)),
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
