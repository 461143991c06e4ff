//! `stack edge`: what runs in the containers of gateway and agent

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
    },
    /// Turn containers and labels into what the gateway serves
    Agent {
        /// The volume shared with the gateway
        #[arg(long)]
        state: PathBuf,
    },
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
        /// The project
        #[arg(long)]
        project: String,
        /// The revision
        #[arg(long)]
        revision: String,
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
        Part::Serve { state, socket } => block_on(async { serve::run(state, socket, stop()?).await })?,
        Part::Agent { state } => {
            let engine = context.engine()?;
            block_on(async { agent::run(Arc::clone(&engine), state, stop()?).await })?;
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
            let awaited = wait::Awaited {
                reached: reached.into_iter().collect(),
                gone: gone.into_iter().collect(),
                limit: Duration::from_secs(limit),
                ..wait::Awaited::revision(&project, &revision)
            };
            let status = block_on(wait::inside(wait::STATUS.as_ref(), &awaited))?;
            let text = serde_json::to_string(&status)
                .map_err(|error| CommandError::new(format!("cannot print the status: {error}")))?;
            output::stdout(&text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn stop() -> Result<impl Future<Output = ()>> {
    let mut signals = Signals::new()?;
    Ok(async move { signals.next().await })
}
