//! `stack kill`

use std::process::ExitCode;

use super::each::{Words, each};
use super::scope::{Scope, runs};
use super::{Context, block_on};
use crate::backend::ErrorKind;
use crate::error::Result;
use crate::reconcile::observed::service_of;
use crate::ui::output;

/// Send a signal to the containers of services
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Signal
    #[arg(short, long, value_name = "SIGNAL", default_value = "SIGKILL")]
    signal: String,
    /// Kill and remove containers of services that are not in the files, too
    #[arg(long)]
    remove_orphans: bool,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
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
        let containers = scope.containers(&engine, &args.services, false).await?;
        let known = |service: &str| {
            scope.project().is_none_or(|project| {
                project.services.contains_key(service) || project.disabled_services.contains_key(service)
            })
        };
        let (ours, orphans): (Vec<_>, Vec<_>) =
            containers.into_iter().partition(|container| !args.services.is_empty() || known(service_of(container)));
        let orphans = if args.remove_orphans { orphans } else { Vec::new() };
        let targets: Vec<_> = ours.iter().chain(&orphans).filter(|container| runs(container)).cloned().collect();
        if targets.is_empty() && orphans.is_empty() {
            output::stderr("no container to kill\n");
        }
        let words = Words { order: "kill", working: Some("Killing"), done: "Killed" };
        each(context, &targets, words, async |container| {
            match engine.kill_container(&container.id, &args.signal).await {
                Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::NotFound) => Ok(()),
                outcome => outcome,
            }
        })
        .await?;
        let words = Words { order: "remove", working: Some("Removing"), done: "Removed" };
        each(context, &orphans, words, async |container| engine.remove_container(&container.id, false).await).await?;
        Ok(ExitCode::SUCCESS)
    })
}
