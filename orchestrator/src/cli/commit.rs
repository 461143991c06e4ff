//! `stack commit`

use std::process::ExitCode;

use super::scope::Scope;
use super::{Context, block_on, dry_run};
use crate::backend::{CommitSpec, Error};
use crate::error::Result;
use crate::ui::output;
use crate::ui::progress::{Mode, Reporter, Status, Update};
use crate::ui::style::printable;

/// Make an image of a service's container as it is
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Who made it
    #[arg(short, long, value_name = "NAME", default_value = "", hide_default_value = true)]
    author: String,
    /// Instruction of a Dockerfile to apply to the image (`ENV A=b`)
    #[arg(short, long = "change", value_name = "INSTRUCTION")]
    changes: Vec<String>,
    /// Number of the container, where the service has several
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    /// What for
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// Freeze the container meanwhile
    #[arg(
        short,
        long,
        value_name = "true|false",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true"
    )]
    pause: bool,
    /// Service
    #[arg(value_name = "SERVICE")]
    service: String,
    /// Name of the image; none: only its id
    #[arg(value_name = "REPOSITORY[:TAG]", default_value = "", hide_default_value = true)]
    image: String,
}

/// Makes the image; its id is told as progress, as Docker Compose tells it.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let spec = CommitSpec {
        reference: args.image.clone(),
        author: args.author.clone(),
        message: args.message.clone(),
        changes: args.changes.clone(),
        pause: args.pause,
    };
    let scope = Scope::find(context, std::slice::from_ref(&args.service))?;
    let engine = context.engine()?;
    let mode = Mode::choose(&context.global.progress, &context.global.ansi, output::stderr_is_terminal())?;
    block_on(async {
        let container = scope.any(&engine, &args.service, args.index).await?;
        if context.global.dry_run {
            let image = if spec.reference.is_empty() { String::new() } else { format!(" as {}", spec.reference) };
            dry_run::print(&printable(&format!("commit {}{image}", container.name)))?;
            return Ok(ExitCode::SUCCESS);
        }
        let reporter = Reporter::new(mode);
        let words = format!("Commit {}", container.name);
        let update = |status, details: &str| {
            reporter.update(Update { id: &container.name, status, text: &words, details });
        };
        update(Status::Working, "Committing");
        let outcome = engine.commit_container(&container.id, &spec).await;
        match &outcome {
            Ok(id) => update(Status::Done, &format!("Committed as {id}")),
            Err(_) => update(Status::Error, "Error"),
        }
        reporter.finish();
        match outcome {
            Ok(_) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(Error { object: container.name.clone(), ..error }.into()),
        }
    })
}
