//! `stack gateway`

pub(super) mod authority;
pub(super) mod by_hand;
mod labels;

use std::process::ExitCode;

use super::Context;
use crate::error::{CommandError, Result};

/// Run the gateway by hand, with Traefik's flags, environment or file
///
/// Names that no public authority gives certificates for (`localhost`, `*.localhost`, `*.internal`, `*.home.arpa`, private
/// addresses) get them from an authority of its own, which `stack trust` makes this machine trust; it is kept in
/// `$STACK_LOCAL_AUTHORITY`, usually `~/.local/share/stack/local-authority`; `off` goes without.
///
/// `stack gateway labels` reads containers as JSON from standard input and prints the routes that their labels make.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Traefik's static flags (`--entrypoints.web.address=:80`), or `labels`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<String>,
}

/// Runs until a signal ends it.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if context.global.dry_run {
        return Err(CommandError::new("`--dry-run` has nothing to show: the gateway changes nothing by itself")
            .hint("leave it out"));
    }
    match args.flags.as_slice() {
        [word] if word == "labels" => labels::run(context),
        flags => by_hand::run(context, flags),
    }
}
