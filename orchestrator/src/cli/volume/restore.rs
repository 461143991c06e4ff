//! `stack volume restore`

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::halt::{Halt, Halted};
use super::helper::Helper;
use super::target::Target;
use crate::backend::Upload;
use crate::cli::carry_out::{Runner, Signals};
use crate::cli::scope::Scope;
use crate::cli::{Context, block_on, dry_run};
use crate::error::{CommandError, Kind, Result};
use crate::pipe;
use crate::ui::style::printable;
use crate::ui::{prompt, terminal};

/// Replace a volume's content by that of a tar archive
///
/// The archive is unpacked beside what is there, which goes only once the archive has been read to its end: a restore that
/// fails or is broken off leaves the volume as it was.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// From this file instead of standard input
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Stop the services that have the volume, and start them again afterwards
    #[arg(long)]
    stop: bool,
    /// Do not ask whether what is in the volume may go
    #[arg(short = 'y', long = "yes")]
    yes: bool,
    /// Volume, by its name in the compose file
    #[arg(value_name = "VOLUME")]
    volume: String,
}

/// Reads the archive.
///
/// # Errors
/// See [`CommandError`].
pub(super) fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let from = args.input.as_ref().filter(|path| path.as_os_str() != "-");
    if from.is_none() && terminal::stdin_is_terminal() {
        return Err(CommandError::new("standard input is a terminal, and an archive cannot be typed")
            .hint("name a file with `-i FILE`, or redirect it"));
    }
    let scope = Scope::find_whole(context, &[])?;
    let mut runner = Runner::new(context, &scope.name)?;
    let file = from.map(|path| open(context, path)).transpose()?;
    block_on(async {
        runner.begin().await?;
        let target = Target::find(&scope, &runner.engine, &args.volume).await?;
        if !target.exists && target.spec.is_none() {
            return Err(CommandError::new(format!("volume `{}` does not exist", printable(&target.name)))
                .hint("make it first (`docker volume create`)"));
        }
        if !target.users.is_empty() && !args.stop {
            return Err(CommandError::new(format!(
                "volume `{}` is in use by {}",
                printable(&target.name),
                target.user_names()
            ))
            .hint("`--stop` stops the services that have it, and starts them again afterwards"));
        }
        if runner.dry_run {
            let stop = if target.users.is_empty() { String::new() } else { format!("stop {}\n", target.user_names()) };
            let make = if target.exists { "" } else { "create it and " };
            let name = printable(&target.name);
            dry_run::print(&format!("{stop}volume {name}: {make}replace its content by the archive's\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        if let (false, Some(spec)) = (target.exists, &target.spec) {
            runner.engine.create_volume(spec).await?;
        }
        let helper = Helper::new(&runner.engine, &target.name).await?;
        let outcome = restore(args, &scope, &runner, &target, &helper, file).await;
        helper.tidy().await;
        runner.reporter.finish();
        outcome.map(|()| ExitCode::SUCCESS)
    })
}

async fn restore(
    args: &Args,
    scope: &Scope,
    runner: &Runner,
    target: &Target,
    helper: &Helper,
    file: Option<Box<dyn Read + Send>>,
) -> Result<()> {
    let name = printable(&target.name);
    if !helper.is_empty().await? && !args.yes {
        let question = format!("Volume \"{name}\" is not empty. Replace its content (data will be lost)?");
        if !prompt::confirm(&question).await? {
            return Err(CommandError::new(format!("volume `{name}` is not empty; nothing was changed"))
                .hint("`-y` replaces its content without asking"));
        }
    }
    let mut signals = Signals::new()?;
    let halted = Halted::new(if args.stop { Halt::Stop } else { Halt::None }, runner, scope, &target.users).await?;
    let resource = format!("Volume {}", target.name);
    runner.reporter.working(&resource, "Restoring");
    let cancel = CancellationToken::new();
    let archive = match file {
        Some(file) => upload(file),
        None => upload(Box::new(uncompressed(io::stdin())?)),
    };
    let work = helper.unpack(archive, &cancel);
    tokio::pin!(work);
    let restored = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            // What has come so far is taken away again.
            () = signals.next() => cancel.cancel(),
        }
    };
    match &restored {
        Ok(_) => runner.reporter.done(&resource, "Restored"),
        Err(_) => runner.reporter.error(&resource, "Error", ""),
    }
    let resumed = halted.resume(runner).await;
    for warning in restored.iter().flatten() {
        runner.reporter.message(&format!("warning: {}", printable(warning)));
    }
    runner.reporter.finish();
    let kind = if cancel.is_cancelled() { Kind::Interrupted } else { Kind::Failed };
    restored.map_err(|error| {
        let message = format!("volume `{name}` is as it was: {}", printable(&error.message));
        CommandError::new(message).of_kind(kind)
    })?;
    resumed
}

fn upload(input: Box<dyn Read + Send>) -> Upload {
    pipe::shared(input, 1).pop().unwrap_or_else(|| Box::pin(futures_util::stream::empty()))
}

fn open(context: &Context, path: &std::path::Path) -> Result<Box<dyn Read + Send>> {
    let shown = printable(&path.display().to_string());
    let file = File::open(context.working_dir.join(path))
        .map_err(|error| CommandError::new(format!("cannot read {shown}: {error}")))?;
    Ok(Box::new(uncompressed(file)?))
}

/// Looks at the first bytes: what is packed once more has to be unpacked by its own program.
fn uncompressed(mut input: impl Read + Send + 'static) -> Result<impl Read + Send> {
    const KINDS: [(&[u8], &str); 4] =
        [(b"\x1f\x8b", "gunzip"), (b"\x28\xb5\x2f\xfd", "unzstd"), (b"\xfd7zXZ", "unxz"), (b"BZh", "bunzip2")];
    let mut head = Vec::new();
    let read = (&mut input).take(6).read_to_end(&mut head);
    read.map_err(|error| CommandError::new(format!("cannot read the archive: {error}")))?;
    if let Some((_, program)) = KINDS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(CommandError::new("the archive is compressed")
            .hint(format!("`{program} -c FILE | stack volume restore VOLUME` unpacks it on the way")));
    }
    Ok(Cursor::new(head).chain(input))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::uncompressed;

    #[test]
    fn what_was_looked_at_is_not_lost() -> std::io::Result<()> {
        let mut all = String::new();
        uncompressed(&b"archive of something"[..]).map_err(std::io::Error::other)?.read_to_string(&mut all)?;
        assert_eq!(all, "archive of something");
        let refused = uncompressed(&b"\x1f\x8b\x08\x00\x00"[..]).err().map(|error| error.hints);
        assert_eq!(
            refused,
            Some(vec!["`gunzip -c FILE | stack volume restore VOLUME` unpacks it on the way".to_owned()])
        );
        Ok(())
    }
}
