//! `stack gateway`

use std::process::ExitCode;

use crate::error::{CommandError, Result};

/// Run the gateway with Traefik's flags, environment or file
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Traefik's static flags
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<String>,
}

/// Runs until a signal ends it.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(args: &Args) -> Result<ExitCode> {
    Err(CommandError::new(format!("the gateway cannot start yet with {:?}", args.flags)))
}
