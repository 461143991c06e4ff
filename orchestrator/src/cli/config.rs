//! `stack config`

use std::process::ExitCode;

use crate::cli::Context;
use crate::error::Result;

/// Check the compose files and print what they mean
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only check
    #[arg(short, long)]
    quiet: bool,
}

/// Loads the project; prints nothing with `--quiet`.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let loaded = context.load(&context.load_options(&[]))?;
    if !args.quiet {
        crate::ui::output::stdout(&format!("name: {}\n", loaded.project.name))?;
    }
    Ok(ExitCode::SUCCESS)
}
