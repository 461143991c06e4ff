//! `stack logs`

use std::process::ExitCode;

use super::scope::Scope;
use super::{Context, block_on};
use crate::error::{CommandError, Result};
use crate::logs::print::{Look, Printer, Time, stdout_color};
use crate::logs::{Logs, Request};

/// Show what containers print
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    /// Only the last so many lines of each container
    #[arg(short = 'n', long, value_name = "all|N", default_value = "all")]
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
    /// Only this container of a service that has several
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    /// Services; none: all
    services: Vec<String>,
}

/// A length of time before now, or a time, as RFC 3339.
fn time(flag: &str, text: &str) -> Result<String> {
    if let Ok(length) = compose_schema::model::Duration::parse(text) {
        let nanos = jiff::Timestamp::now().as_nanosecond() - i128::from(length.0);
        if let Ok(time) = jiff::Timestamp::from_nanosecond(nanos) {
            return Ok(time.to_string());
        }
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.to_string());
    }
    if let Some(time) = text.parse::<i64>().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()) {
        return Ok(time.to_string());
    }
    let local = text.parse::<jiff::civil::DateTime>().or_else(|_| {
        text.parse::<jiff::civil::Date>().map(|date| date.to_datetime(jiff::civil::Time::midnight()))
    });
    local
        .and_then(|local| local.to_zoned(jiff::tz::TimeZone::system()))
        .map(|zoned| zoned.timestamp().to_string())
        .map_err(|_| {
            CommandError::new(format!("invalid value for `{flag}`: `{text}`"))
                .hint("write a time (`2026-01-02T15:04:05`) or a length of time (`10m`)")
        })
}

fn tail(text: &str) -> Result<Option<u64>> {
    match text {
        "all" | "-1" => Ok(None),
        number => number.parse().map(Some).map_err(|_| {
            CommandError::new(format!("invalid value for `--tail`: `{number}`")).hint("write a number or `all`")
        }),
    }
}

/// Prints the logs.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = Scope::find(context, &args.services)?;
    let request = Request {
        project: scope.name,
        services: args.services.clone(),
        index: args.index,
        follow: args.follow,
        stay: false,
        tail: tail(&args.tail)?,
        since: args.since.as_deref().map(|text| time("--since", text)).transpose()?,
        until: args.until.as_deref().map(|text| time("--until", text)).transpose()?,
    };
    let look = Look {
        color: !args.no_color && stdout_color(),
        prefix: !args.no_log_prefix,
        time: if args.timestamps { Time::Engine } else { Time::None },
        split: false,
    };
    let engine = context.engine()?;
    block_on(async {
        let mut logs = Logs::open(&engine, request).await?;
        let printer = Printer::start(look, logs.sources().iter().map(AsRef::as_ref));
        let mut failure = None;
        while let Some(item) = logs.next().await {
            match item {
                Ok(item) => {
                    if !printer.print(item).await {
                        break;
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        printer.finish().await?;
        failure.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
    })
}
