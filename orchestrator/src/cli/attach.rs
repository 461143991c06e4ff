//! `stack attach`

use std::cell::Cell;
use std::process::ExitCode;

use super::scope::Scope;
use super::session::{Input, ended, forward, relay};
use super::{Context, block_on, flags};
use crate::backend::State;
use crate::error::{CommandError, Result};

/// Attach our input and output to a service's container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keys that detach from a terminal, instead of Ctrl-P Ctrl-Q: letters and `ctrl-X`, with commas between
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Number of the container, where the service has several
    #[arg(long, value_name = "N", value_parser = flags::index, allow_negative_numbers = true)]
    index: Option<u32>,
    /// Do not hand our input to it
    #[arg(long)]
    no_stdin: bool,
    /// Hand signals on to it
    #[arg(
        long,
        value_name = "true|false",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true"
    )]
    sig_proxy: bool,
    /// Service
    #[arg(value_name = "SERVICE")]
    service: String,
}

/// Stays until the container ends, with its exit code, or until its terminal is detached.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if context.global.dry_run {
        return Err(CommandError::new("`--dry-run` has nothing to show: attaching changes nothing by itself")
            .hint("leave it out"));
    }
    let scope = Scope::find(context, std::slice::from_ref(&args.service))?;
    let engine = context.engine()?;
    block_on(async {
        let id = scope.running(&engine, &args.service, args.index).await?.id;
        let tty = engine.container(&id).await?.tty;
        let session = engine.attach_container(&id, !args.no_stdin, args.detach_keys.as_deref()).await?;
        let resize = async |rows, columns| engine.resize_container(&id, rows, columns).await;
        let interrupted = Cell::new(false);
        let hand_on = async |signal: &'static str| {
            if matches!(signal, "SIGINT" | "SIGTERM") {
                interrupted.set(true);
            }
            // It may have ended by itself.
            let _ = engine.kill_container(&id, signal).await;
        };
        tokio::select! {
            outcome = relay(session, Input::ours(!args.no_stdin), tty, resize) => outcome?,
            outcome = forward(hand_on), if args.sig_proxy => outcome?,
            code = ended(), if !args.sig_proxy => return Ok(ExitCode::from(code)),
        }
        // However the container has taken the signal.
        if interrupted.get() {
            return Err(CommandError::interrupted());
        }
        let detail = engine.container(&id).await;
        match detail {
            Ok(detail) if detail.summary.state != State::Running => {
                Ok(ExitCode::from(u8::try_from(detail.exit_code & 0xff).unwrap_or(1)))
            }
            // Detached, or started again, or removed meanwhile.
            _ => Ok(ExitCode::SUCCESS),
        }
    })
}
