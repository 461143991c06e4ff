//! `stack ps`

pub(super) mod ports;
mod row;

use std::collections::BTreeSet;
use std::process::ExitCode;

use super::format::{Format, Listing, Row};
use super::scope::{Scope, runs};
use super::{Context, block_on};
use crate::backend::Container;
use crate::error::{CommandError, Result};
use crate::reconcile::observed::service_of;
use crate::ui::output;
use crate::ui::style::printable;
pub(super) use row::word as state_word;
use row::{COLUMNS, RAW, TITLES};

const STATES: [&str; 7] = ["paused", "restarting", "removing", "running", "dead", "created", "exited"];

/// List the project's containers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Those that do not run as well
    #[arg(short, long)]
    all: bool,
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    /// Only the names of services
    #[arg(long = "services")]
    names: bool,
    /// Only containers in this state (paused, restarting, removing, running, dead, created, exited)
    #[arg(long, value_name = "STATE")]
    status: Vec<String>,
    /// Only containers that this is true of (`status=STATE`)
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// How to print
    #[arg(long, value_name = "table|raw|json|TEMPLATE", default_value = "table")]
    format: String,
    /// Do not shorten
    #[arg(long)]
    no_trunc: bool,
    /// Containers of services that are not in the files as well
    #[arg(
        long,
        value_name = "true|false",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true"
    )]
    orphans: bool,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

impl Args {
    /// The states that are asked for; none: those that run, with `--all` any.
    fn states(&self) -> Result<Vec<&str>> {
        let mut states: Vec<&str> = self.status.iter().map(String::as_str).collect();
        for filter in &self.filter {
            match filter.split_once('=') {
                Some(("status", state)) => states.push(state),
                Some((key, _)) => {
                    return Err(CommandError::new(format!("unknown filter `{}`", printable(key)))
                        .hint("the one filter is `status=STATE`"));
                }
                None => {
                    return Err(CommandError::new(format!("`{}` is not a filter", printable(filter)))
                        .hint("write `--filter status=STATE`"));
                }
            }
        }
        match states.iter().find(|state| !STATES.contains(state)) {
            Some(state) => Err(CommandError::new(format!("no container can be in the state `{}`", printable(state)))
                .hint(format!("states are: {}", STATES.join(", ")))),
            None => Ok(states),
        }
    }
}

/// The error about a `--format` that is none.
pub(super) fn unsupported_format(format: &str) -> CommandError {
    CommandError::new(format!("`--format {}` is not supported", printable(format)))
        .hint("use `--format json` and a program that reads JSON (`jq -r .Name`), or `--format table`")
}

/// Prints the list.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let (states, format) = (args.states()?, Format::parse(&args.format, Some(RAW))?);
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    let any = args.all || !states.is_empty();
    let mut containers = block_on(scope.containers(&engine, &args.services, any))?;
    containers.retain(|container| {
        let known = scope.project().is_none_or(|project| project.services.contains_key(service_of(container)));
        let state =
            if states.is_empty() { any || runs(container) } else { states.contains(&state_word(container.state)) };
        state && (known || args.orphans || !args.services.is_empty())
    });
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    output::stdout(&text(args, &format, &containers)?)?;
    Ok(ExitCode::SUCCESS)
}

fn text(args: &Args, format: &Format, containers: &[Container]) -> Result<String> {
    if args.quiet {
        return Ok(containers.iter().map(|container| format!("{}\n", container.id)).collect());
    }
    if args.names {
        let names: BTreeSet<&str> = containers.iter().map(service_of).collect();
        return Ok(names.into_iter().map(|name| format!("{}\n", printable(name))).collect());
    }
    let now = jiff::Timestamp::now().as_second();
    let row = |container| Row { fields: row::fields(container, now, args.no_trunc), labels: Some(&container.labels) };
    format.text(&Listing { columns: &COLUMNS, titles: &TITLES, rows: containers.iter().map(row).collect() })
}
