//! `stack stop`

use std::process::ExitCode;

use super::Context;
use super::change::{Grace, change};
use crate::error::Result;
use crate::reconcile::lifecycle;

/// Stop containers, dependents first; they stay
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    grace: Grace,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Stops what runs.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    change(context, &args.services, |scope, observed, services| {
        Ok(lifecycle::stop(observed, scope.project(), services, args.grace.limit()))
    })
}
