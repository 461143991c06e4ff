//! `stack cp`

mod container;
mod local;
mod pack;
mod place;
mod unpack;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use super::scope::Scope;
use super::{Context, block_on, dry_run, flags};
use crate::backend::{Container, Engine};
use crate::error::{CommandError, Result};
use crate::pipe;
use crate::reconcile::observed::number_of;
use crate::ui::output;
use crate::ui::progress::{Mode, Reporter, Status, Update};
use crate::ui::style::printable;
use crate::ui::terminal;
use place::{Destination, Source};

/// Copy files between this host and the containers of a service
///
/// One side is `SERVICE:PATH`. Into a service with several containers the copy goes to all of them, out of one it comes from
/// the first; `--index` picks another. `-` is standard input or output, as a tar archive.
#[derive(Debug, clap::Args)]
#[command(override_usage = "stack cp [OPTIONS] SERVICE:PATH PATH|-\n       stack cp [OPTIONS] PATH|- SERVICE:PATH")]
pub struct Args {
    /// Containers of `run` as well
    #[arg(long)]
    all: bool,
    /// Into a container: give all to the container's user. Out of one: keep owners, as far as this user may
    #[arg(short, long)]
    archive: bool,
    /// Copy what a symbolic link at the source leads to
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Number of the container, where the service has several
    #[arg(long, value_name = "N", value_parser = flags::index, allow_negative_numbers = true)]
    index: Option<u32>,
    /// What is copied: `SERVICE:PATH`, a path of this host, or `-`
    #[arg(value_name = "SOURCE", allow_hyphen_values = true)]
    source: String,
    /// Where to, in the same forms
    #[arg(value_name = "DESTINATION", allow_hyphen_values = true)]
    destination: String,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction<'a> {
    In { source: &'a str, service: &'a str, path: &'a str },
    Out { service: &'a str, path: &'a str, destination: &'a str },
}

/// `SERVICE:PATH`; none for a path of this host, which is absolute, begins with a dot or has no colon.
fn in_service(argument: &str) -> Option<(&str, &str)> {
    let (service, path) = argument.split_once(':')?;
    (!argument.starts_with('/') && !service.starts_with('.') && !service.is_empty()).then_some((service, path))
}

fn direction<'a>(source: &'a str, destination: &'a str) -> Result<Direction<'a>> {
    match (in_service(source), in_service(destination)) {
        (None, Some((service, path))) => Ok(Direction::In { source, service, path }),
        (Some((service, path)), None) => Ok(Direction::Out { service, path, destination }),
        (Some(_), Some(_)) => Err(CommandError::new("copying between services is not supported")
            .hint("copy out first: `stack cp web:/data - | stack cp - db:/`")),
        (None, None) => Err(CommandError::new("neither path is in a service")
            .hint("write `SERVICE:PATH` for the one that is: `stack cp web:/data .`")),
    }
}

/// Copies.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let direction = direction(&args.source, &args.destination)?;
    let (Direction::In { service, path, .. } | Direction::Out { service, path, .. }) = direction;
    if path.is_empty() {
        return Err(CommandError::new("the path in the container is empty").hint("write `SERVICE:/` for all of it"));
    }
    // Before the async runtime starts: files are looked at in a blocking way.
    let local = Local::find(context, args, direction)?;
    if matches!(direction, Direction::Out { destination: "-", .. }) && terminal::stdout_is_terminal() {
        return Err(CommandError::new("standard output is a terminal, and an archive is not for reading")
            .hint("redirect it, or name a folder instead of `-`"));
    }
    let scope = Scope::find(context, &[service.to_owned()])?;
    let engine = context.engine()?;
    block_on(async {
        let containers = containers(&scope, &engine, args, service).await?;
        copy(context, &engine, args, direction, &local, &containers).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The containers of the service, in any state.
async fn containers(scope: &Scope, engine: &Engine, args: &Args, service: &str) -> Result<Vec<Container>> {
    let mut containers = scope.containers(engine, &[service.to_owned()], args.all).await?;
    if let Some(index) = args.index.filter(|index| *index > 0) {
        containers.retain(|container| number_of(container) == index);
    }
    if containers.is_empty() {
        let which = args.index.filter(|index| *index > 0).map(|index| format!(" #{index}")).unwrap_or_default();
        let service = printable(service);
        return Err(CommandError::new(format!("service \"{service}\" has no container{which}"))
            .hint(format!("`stack create {service}` makes one, `stack ps -a {service}` shows what is there")));
    }
    Ok(containers)
}

/// What there is on this host.
enum Local {
    /// A tar archive on standard input or output.
    Stream,
    /// Where to read, and what it is.
    Source(PathBuf, Source),
    /// Where to write.
    Destination(Destination),
}

impl Local {
    fn find(context: &Context, args: &Args, direction: Direction<'_>) -> Result<Self> {
        let base = &context.working_dir;
        match direction {
            Direction::In { source: "-", .. } | Direction::Out { destination: "-", .. } => Ok(Self::Stream),
            Direction::In { source, .. } => local::source(base, source, args.follow_link)
                .map(|(path, source)| Self::Source(path, source))
                .map_err(CommandError::new),
            Direction::Out { destination, .. } => {
                local::destination(base, destination).map(Self::Destination).map_err(CommandError::new)
            }
        }
    }
}

/// One copy, for progress and messages.
struct Copy<'a> {
    container: &'a Container,
    words: String,
}

async fn copy(
    context: &Context,
    engine: &Engine,
    args: &Args,
    direction: Direction<'_>,
    local: &Local,
    containers: &[Container],
) -> Result<()> {
    let containers = if matches!(direction, Direction::Out { .. }) { containers.get(..1) } else { Some(containers) };
    let copies: Vec<Copy<'_>> =
        containers.unwrap_or_default().iter().map(|container| copy_of(direction, container)).collect();
    if context.global.dry_run {
        return dry_run::print(&copies.iter().map(|copy| format!("{}\n", copy.words)).collect::<String>());
    }
    let mode = Mode::choose(&context.global.progress, &context.global.ansi, output::progress_is_watched())?;
    let reporter = Reporter::new(mode);
    let mut inputs = match (direction, local) {
        (Direction::In { .. }, Local::Stream) => pipe::shared(std::io::stdin(), copies.len()),
        _ => Vec::new(),
    };
    let works = copies.iter().map(|copy| {
        let input = inputs.pop();
        let reporter = &reporter;
        async move {
            let update = |status, details| {
                let (id, text) = (copy.container.name.as_str(), copy.words.as_str());
                reporter.update(Update { id, status, text, details });
            };
            update(Status::Working, "Copying");
            let (Direction::In { path, .. } | Direction::Out { path, .. }) = direction;
            let outcome = match (local, input) {
                (Local::Stream, Some(input)) => {
                    container::put(engine, copy.container, path, input, args.archive).await.map(|()| Vec::new())
                }
                (Local::Stream, None) => {
                    container::print(engine, copy.container, path, args.follow_link).await.map(|()| Vec::new())
                }
                (Local::Source(from, source), _) => {
                    container::copy_in(engine, copy.container, (from, source), path, args.archive).await
                }
                (Local::Destination(to), _) => {
                    container::copy_out(engine, copy.container, path, to, args.follow_link, args.archive).await
                }
            };
            match &outcome {
                Ok(notes) => {
                    for note in notes {
                        reporter.message(&format!("warning: {note}"));
                    }
                    update(Status::Done, "Copied");
                }
                // A reader of our output that has gone away is a quiet end.
                Err(error) if error.message.is_empty() => {}
                Err(_) => update(Status::Error, "Error"),
            }
            outcome.map_err(|error| (copy.words.clone(), error))
        }
    });
    let outcomes = futures_util::future::join_all(works).await;
    reporter.finish();
    let failures: Vec<_> = outcomes.into_iter().filter_map(std::result::Result::err).collect();
    failed(failures)
}

fn copy_of<'a>(direction: Direction<'_>, container: &'a Container) -> Copy<'a> {
    let name = &container.name;
    let words = match direction {
        Direction::In { source, path, .. } => format!("copy {source} to {name}:{path}"),
        Direction::Out { path, destination, .. } => format!("copy {name}:{path} to {destination}"),
    };
    Copy { container, words: printable(&words) }
}

/// All failures as one; ways out that several have are shown once.
fn failed(failures: Vec<(String, CommandError)>) -> Result<()> {
    let is_silent = |(_, error): &(String, CommandError)| error.message.is_empty();
    if failures.is_empty() || (failures.len() == 1 && failures.iter().all(is_silent)) {
        return failures.into_iter().try_for_each(|(_, error)| Err(error));
    }
    let lines: Vec<String> =
        failures.iter().map(|(words, error)| format!("cannot {words}: {}", error.message)).collect();
    let mut all = CommandError::new(lines.join("\n"));
    for hint in failures.into_iter().flat_map(|(_, error)| error.hints) {
        if !all.hints.contains(&hint) {
            all.hints.push(hint);
        }
    }
    Err(all)
}
