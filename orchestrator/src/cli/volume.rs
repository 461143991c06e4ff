//! `stack volume`

mod backup;
mod halt;
mod helper;
mod restore;
mod target;

use std::process::ExitCode;

use clap::Subcommand;

use super::{Context, Global};
use crate::error::Result;

/// Back up a volume of the project, and restore it
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Backup(backup::Args),
    Restore(restore::Args),
}

/// Runs one of them.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    // A volume may well be one that no service uses at the moment.
    let context = Context {
        global: Global { all_resources: true, ..context.global.clone() },
        working_dir: context.working_dir.clone(),
        environment: context.environment.clone(),
    };
    match &args.command {
        Command::Backup(args) => backup::run(&context, args),
        Command::Restore(args) => restore::run(&context, args),
    }
}
