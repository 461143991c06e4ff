//! `stack edge`: what runs in the containers of gateway and agent

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;

use super::carry_out::Signals;
use super::{Context, block_on};
use crate::agent;
use crate::edge::{ask, serve, state, wait};
use crate::error::{CommandError, Result};
use crate::ui::{output, trace};
use crate::volume::{self, pack, swap, unpack};

/// Most bytes of an archive that are written at a time.
const PIECE: usize = 256 * 1024;

/// Parts of the gateway that `stack up` starts by itself
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Serve what the agent writes
    Serve {
        /// The volume shared with the agent
        #[arg(long)]
        state: PathBuf,
        /// Name of the socket that the status is told at
        #[arg(long)]
        socket: Option<String>,
        /// Name of the socket that it waits for its successor at
        #[arg(long)]
        handover: Option<String>,
        /// Name of the socket that its predecessor waits at
        #[arg(long)]
        predecessor: Option<String>,
    },
    /// Turn containers and labels into what the gateway serves
    Agent {
        /// The volume shared with the gateway
        #[arg(long)]
        state: PathBuf,
    },
    /// Write a volume's content as a tar archive
    Pack,
    /// Replace a volume's content by that of a tar archive
    Unpack,
    /// Say whether a volume is empty
    Look,
    /// Remove the certificates that were obtained for a project
    Forget {
        /// The project
        #[arg(long)]
        project: String,
    },
    /// Ask the gateway what is routed where, and why; the answer is JSON
    Ask {
        /// Name of the gateway's socket
        #[arg(long)]
        socket: String,
        /// The question, as JSON
        #[arg(long)]
        question: String,
    },
    /// Wait until the gateway serves a revision of a project, and print its status
    Wait {
        /// The project; without one, until it has taken up whatever there is
        #[arg(long, requires = "revision")]
        project: Option<String>,
        /// The revision
        #[arg(long, requires = "project")]
        revision: Option<String>,
        /// Addresses of servers that have to be reached
        #[arg(long)]
        reached: Vec<String>,
        /// Addresses of servers to which nothing may be under way any more
        #[arg(long)]
        gone: Vec<String>,
        /// Seconds until it gives up
        #[arg(long)]
        limit: u64,
    },
}

/// Runs until it is told to end.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    trace::init("info");
    match args.part {
        Part::Serve { state, socket, handover, predecessor } => {
            let names = serve::Names { status: socket, handover, predecessor };
            block_on(async { serve::run(state, names, stop()?).await })?;
        }
        Part::Agent { state } => {
            let engine = context.engine()?;
            block_on(async { agent::run(Arc::clone(&engine), state, stop()?).await })?;
        }
        Part::Pack => {
            tell(pack::pack(volume::MOUNT.as_ref(), io::BufWriter::with_capacity(PIECE, io::stdout().lock())))?;
        }
        Part::Unpack => tell(unpack::unpack(volume::MOUNT.as_ref(), io::stdin().lock()))?,
        Part::Look => {
            let empty = swap::is_empty(volume::MOUNT.as_ref())
                .map_err(|error| CommandError::new(format!("cannot look into the volume: {error}")))?;
            output::stdout(if empty { "empty" } else { "used" })?;
            output::stderr(&format!("{}\n", volume::COMPLETE));
        }
        Part::Forget { project } => state::forget(state::CERTIFICATES.as_ref(), &project)
            .map_err(|error| CommandError::new(format!("cannot remove the certificates of `{project}`: {error}")))?,
        Part::Ask { socket, question } => {
            let answer = block_on(async {
                ask::put(&socket, &question)
                    .await
                    .map_err(|error| CommandError::new(format!("the gateway does not answer: {error}")))
            })?;
            output::stdout(&answer)?;
        }
        Part::Wait { project, revision, reached, gone, limit } => {
            let awaited = wait::WaitCondition {
                reached: reached.into_iter().collect(),
                gone: gone.into_iter().collect(),
                limit: Duration::from_secs(limit),
                revision: project.zip(revision),
            };
            let status = block_on(async {
                wait::inside(wait::STATUS.as_ref(), &awaited).await.map_err(wait::WaitError::into_command_error)
            })?;
            let text = serde_json::to_string(&status)
                .map_err(|error| CommandError::new(format!("cannot print the status: {error}")))?;
            output::stdout(&text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what could not be done, and that all else was.
fn tell(outcome: io::Result<Vec<String>>) -> Result<()> {
    let problems = outcome.map_err(|error| CommandError::new(error.to_string()))?;
    for problem in problems {
        output::stderr(&format!("warning: {}\n", problem.escape_debug()));
    }
    output::stderr(&format!("{}\n", volume::COMPLETE));
    Ok(())
}

fn stop() -> Result<impl Future<Output = ()>> {
    let mut signals = Signals::new()?;
    Ok(async move { signals.next().await })
}
