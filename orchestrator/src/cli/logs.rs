//! `stack logs`

pub(super) mod time;

use std::process::ExitCode;

use super::carry_out::interruptible;
use super::scope::Scope;
use super::{Context, block_on, flags};
use crate::error::{CommandError, Result};
use crate::logs::print::{Look, Printer, Time, stdout_color};
use crate::logs::{Logs, Request};
use crate::ui::style::printable;

/// Show what containers print
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    /// Only the last so many lines of each container
    #[arg(short = 'n', long, value_name = "all|N", default_value = "all", allow_hyphen_values = true)]
    tail: String,
    /// Not before this: a time, or a length of time until now (`10m`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Not after this: a time, or a length of time until now
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Head lines with the engine's times
    #[arg(short, long)]
    timestamps: bool,
    /// No colours
    #[arg(long)]
    no_color: bool,
    /// No names in front of the lines
    #[arg(long)]
    no_log_prefix: bool,
    /// `text`, or `json` for one JSON object a line
    #[arg(long, value_name = "text|json", default_value = "text")]
    format: String,
    /// Only this container of a service that has several
    #[arg(long, value_name = "N", value_parser = flags::index, allow_negative_numbers = true)]
    index: Option<u32>,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

fn tail(text: &str) -> Result<Option<u64>> {
    match text {
        "all" | "-1" | "" => Ok(None),
        number => number.parse().map(Some).map_err(|_| {
            CommandError::new(format!("invalid value for `--tail`: `{}`", printable(number)))
                .hint("write a number or `all`")
        }),
    }
}

/// Services whose output is only shown when they are named (`attach: false`).
fn unattached(scope: &Scope) -> Vec<String> {
    let services = scope.project().into_iter().flat_map(|project| &project.services);
    services.filter(|(_, service)| service.attach == Some(false)).map(|(name, _)| name.clone()).collect()
}

/// Prints the logs.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if args.index.is_some() && args.services.len() != 1 {
        return Err(
            CommandError::new("`--index` needs one service").hint("name the service: `stack logs --index 2 web`")
        );
    }
    let json = match args.format.as_str() {
        "text" => false,
        "json" => true,
        other => {
            return Err(CommandError::new(format!("invalid value for `--format`: `{}`", printable(other)))
                .hint("write `text` or `json`"));
        }
    };
    let now = jiff::Timestamp::now();
    let (since, until) = (time::since(args.since.as_deref(), now)?, time::until(args.until.as_deref(), now)?);
    let tail = tail(&args.tail)?;
    let scope = Scope::find(context, &args.services)?;
    let request = Request {
        project: scope.name.clone(),
        services: args.services.clone(),
        except: if args.services.is_empty() { unattached(&scope) } else { Vec::new() },
        index: args.index,
        follow: args.follow,
        stay: false,
        awaited: None,
        ended_since: None,
        tail,
        since,
        until,
    };
    let look = Look {
        color: !args.no_color && stdout_color(),
        prefix: !args.no_log_prefix,
        time: if args.timestamps { Time::Engine } else { Time::None },
        split: false,
        json,
    };
    let engine = context.engine()?;
    block_on(interruptible(async {
        let containers = engine.containers(&scope.filter()).await?;
        scope.check(&args.services, &containers)?;
        if let (Some(index), [service]) = (args.index, args.services.as_slice()) {
            scope.any(&engine, service, Some(index)).await?;
        }
        let mut logs = Logs::open(&engine, request).await?;
        let printer = Printer::start(look, logs.sources().iter().map(AsRef::as_ref));
        let mut failure = None;
        while let Some(batch) = logs.next_batch().await {
            match batch {
                Ok(batch) => {
                    if !printer.print_all(batch).await {
                        break;
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        printer.finish().await?;
        failure.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
    }))
}
