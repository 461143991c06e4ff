//! `stack volume backup`

use std::path::PathBuf;
use std::process::ExitCode;

use super::halt::{Halt, Halted};
use super::helper::{Helper, Said};
use super::target::Target;
use crate::cli::carry_out::{Runner, Signals};
use crate::cli::scope::Scope;
use crate::cli::{Context, block_on, dry_run, export};
use crate::error::{CommandError, Result};
use crate::ui::style::printable;
use crate::ui::terminal;

/// Write a volume's content as a tar archive
///
/// Owners, modes, links, devices, times and extended attributes are kept. A service that writes meanwhile may leave the
/// archive with halves of its changes: `--stop` or `--pause` keeps those that have the volume from it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Into this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Stop the services that have the volume, and start them again afterwards
    #[arg(long)]
    stop: bool,
    /// Freeze them instead
    #[arg(long, conflicts_with = "stop")]
    pause: bool,
    /// Volume, by its name in the compose file
    #[arg(value_name = "VOLUME")]
    volume: String,
}

/// Writes the archive. A file appears only once it is whole.
///
/// # Errors
/// See [`CommandError`].
pub(super) fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let output = args.output.as_ref().filter(|path| path.as_os_str() != "-");
    if output.is_none() && terminal::stdout_is_terminal() {
        return Err(CommandError::new("standard output is a terminal, and an archive is not for reading")
            .hint("name a file with `-o FILE`, or redirect it"));
    }
    let halt = match (args.stop, args.pause) {
        (true, _) => Halt::Stop,
        (_, true) => Halt::Pause,
        _ => Halt::None,
    };
    let scope = Scope::find_whole(context, &[])?;
    let mut runner = Runner::new(context, &scope.name)?;
    block_on(async {
        runner.begin().await?;
        let target = Target::find(&scope, &runner.engine, &args.volume).await?;
        if !target.exists {
            return Err(CommandError::new(format!("volume `{}` does not exist", printable(&target.name)))
                .hint("`stack up` or `stack create` makes it"));
        }
        if runner.dry_run {
            let names = target.user_names();
            let words = match halt {
                _ if target.users.is_empty() => String::new(),
                Halt::None => String::new(),
                Halt::Stop => format!("stop {names} until it is done\n"),
                Halt::Pause => format!("pause {names} until it is done\n"),
            };
            let to = output.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
            dry_run::print(&printable_lines(&format!("{words}write volume {} to {to}\n", target.name)))?;
            return Ok(ExitCode::SUCCESS);
        }
        if halt == Halt::None && !target.users.is_empty() {
            runner.reporter.message(&format!(
                "warning: {} may write to the volume while it is read; `--stop` or `--pause` prevents that",
                target.user_names()
            ));
        }
        let mut signals = Signals::new()?;
        let halted = Halted::new(halt, &runner, &scope, &target.users).await?;
        let resource = format!("Volume {}", target.name);
        runner.reporter.working(&resource, "Backing up");
        let helper = Helper::new(&runner.engine, &target.name).await;
        let written = match &helper {
            Ok(helper) => {
                let work = write(context, output, helper);
                // An interrupt takes what has been written away, too.
                let outcome = tokio::select! {
                    outcome = work => outcome,
                    () = signals.next() => Err(CommandError::interrupted()),
                };
                helper.tidy().await;
                outcome
            }
            Err(error) => Err(CommandError::new(error.message.clone())),
        };
        match &written {
            Ok(_) => runner.reporter.done(&resource, "Backed up"),
            Err(_) => runner.reporter.error(&resource, "Error", ""),
        }
        let resumed = halted.resume(&runner).await;
        for warning in written.iter().flatten() {
            runner.reporter.message(&format!("warning: {}", printable(warning)));
        }
        runner.reporter.finish();
        written?;
        resumed?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Writes the archive; what could not be read.
async fn write(context: &Context, output: Option<&PathBuf>, helper: &Helper) -> Result<Vec<String>> {
    let said = Said::default();
    let archive = helper.pack(&said).await?;
    match output {
        Some(path) => export::to_file(archive, &context.working_dir.join(path)).await?,
        None => export::write(archive, &mut tokio::io::stdout()).await?,
    }
    said.outcome().map_err(CommandError::new)
}

fn printable_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", printable(line))).collect()
}
