//! `stack restart`

use std::process::ExitCode;

use super::Context;
use super::change::{Grace, change};
use crate::error::Result;
use crate::reconcile::lifecycle;

/// Stop and start containers as they are; changes in the files need `up`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    grace: Grace,
    /// Not those that depend on them with `restart: true`
    #[arg(long)]
    no_deps: bool,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Restarts what is there.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    change(context, &args.services, |scope, observed, services| {
        // What no profile asks for is not started, and no more is it started again.
        let asked = |name: &&String| {
            !args.services.is_empty()
                || scope.project().is_none_or(|project| !project.disabled_services.contains_key(*name))
        };
        let services: Vec<String> = services.iter().filter(asked).cloned().collect();
        Ok(lifecycle::restart(observed, scope.project(), &services, args.grace.limit(), args.no_deps))
    })
}
