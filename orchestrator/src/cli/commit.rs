//! `stack commit`

use std::process::ExitCode;

use super::scope::Scope;
use super::{Context, block_on, dry_run, flags};
use crate::backend::{CommitSpec, Container, Engine, Error};
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
    #[arg(long, value_name = "N", value_parser = flags::index, allow_negative_numbers = true)]
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
    let mode = Mode::choose(&context.global.progress, &context.global.ansi, output::progress_is_watched())?;
    block_on(async {
        let container = scope.any(&engine, &args.service, args.index).await?;
        if context.global.dry_run {
            let image = if spec.reference.is_empty() { String::new() } else { format!(" as {}", spec.reference) };
            dry_run::print(&printable(&format!("commit {}{image}", container.name)))?;
            return Ok(ExitCode::SUCCESS);
        }
        commit(&engine, &Reporter::new(mode), &container, &spec).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Makes the image, with progress.
async fn commit(engine: &Engine, reporter: &Reporter, container: &Container, spec: &CommitSpec) -> Result<()> {
    let words = format!("Commit {}", container.name);
    let update = |status, details: &str| {
        reporter.update(Update { id: &container.name, status, text: &words, details });
    };
    update(Status::Working, "Committing");
    let outcome = engine.commit_container(&container.id, spec).await;
    match &outcome {
        Ok(id) => update(Status::Done, &format!("Committed as {id}")),
        Err(_) => update(Status::Error, "Error"),
    }
    reporter.finish();
    outcome.map_err(|error| Error { object: container.name.clone(), ..error })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::commit;
    use crate::backend::memory::{Fault, Memory};
    use crate::backend::{Backend as _, CommitSpec, Container, ContainerSpec, Engine, ErrorKind};
    use crate::ui::progress::{Mode, Reporter};

    #[tokio::test]
    async fn an_image_is_made_and_a_failure_names_the_container() -> crate::backend::Result<()> {
        let memory = Memory::new();
        memory.add_image_named("app");
        let spec = ContainerSpec { name: "web-1".into(), image: "app".into(), ..ContainerSpec::default() };
        let (id, _) = memory.create_container(&spec).await?;
        let container = Container { id, name: "web-1".to_owned(), ..Container::default() };
        let engine: Engine = memory.clone();
        let reporter = Reporter::into_writer(Mode::Quiet, Box::new(std::io::sink()));
        let spec = CommitSpec { reference: "kept:one".to_owned(), ..CommitSpec::default() };
        assert!(commit(&engine, &reporter, &container, &spec).await.is_ok());
        assert!(memory.image("kept:one").await?.is_some());
        memory.reset_calls();
        memory.fail_call(1, Fault::Before(ErrorKind::Engine));
        let failed = commit(&engine, &reporter, &container, &spec).await.err().map(|error| error.message);
        assert_eq!(failed.as_deref(), Some("commit container web-1: injected fault"));
        Ok(())
    }
}
