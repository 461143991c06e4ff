//! `stack ps`

use std::process::ExitCode;

use super::scope::Scope;
use super::{Context, block_on};
use crate::backend::{Container, PublishedPort, State};
use crate::error::Result;
use crate::labels;
use crate::ui::output;
use crate::ui::style::printable;

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
    /// Do not shorten
    #[arg(long)]
    no_trunc: bool,
    /// Services; none: all
    services: Vec<String>,
}

/// `0.0.0.0:8080->80/tcp`, or `80/tcp` where nothing is published.
fn port(port: &PublishedPort) -> String {
    if port.published == 0 {
        return format!("{}/{}", port.target, port.protocol);
    }
    let host = if port.host_ip.contains(':') { format!("[{}]", port.host_ip) } else { port.host_ip.clone() };
    format!("{host}:{}->{}/{}", port.published, port.target, port.protocol)
}

/// The largest unit that fits, as `docker ps` has it.
fn ago(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..1 => return "Less than a second ago".to_owned(),
        1..60 => (seconds, "second"),
        60..120 => return "About a minute ago".to_owned(),
        120..3_600 => (seconds / 60, "minute"),
        3_600..7_200 => return "About an hour ago".to_owned(),
        7_200..172_800 => (seconds / 3_600, "hour"),
        172_800..1_209_600 => (seconds / 86_400, "day"),
        1_209_600..5_184_000 => (seconds / 604_800, "week"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

fn row(container: &Container, now: i64, whole: bool) -> [String; 7] {
    let service = container.labels.get(labels::SERVICE).cloned().unwrap_or_default();
    let mut command = container.command.clone();
    if !whole && command.chars().count() > 20 {
        command = command.chars().take(19).chain(['…']).collect();
    }
    let ports: Vec<String> = container.ports.iter().map(port).collect();
    [
        container.name.clone(),
        container.image.clone(),
        format!("{command:?}"),
        service,
        ago(now - container.created),
        container.status.clone(),
        ports.join(", "),
    ]
    .map(|cell| printable(&cell))
}

/// Columns padded to their widest cell and three spaces; the last one is not padded.
fn table(rows: &[[String; 7]]) -> String {
    let mut widths = [0; 7];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("   ").trim_end());
        text.push('\n');
    }
    text
}

/// Prints the list.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    let mut containers = block_on(scope.containers(&engine, &args.services, args.all))?;
    let runs = |state| matches!(state, State::Running | State::Paused | State::Restarting);
    containers.retain(|container| args.all || runs(container.state));
    let text = if args.quiet {
        containers.iter().map(|container| format!("{}\n", container.id)).collect()
    } else if args.names {
        let names: std::collections::BTreeSet<&String> =
            containers.iter().filter_map(|container| container.labels.get(labels::SERVICE)).collect();
        names.into_iter().map(|name| format!("{name}\n")).collect()
    } else {
        let now = jiff::Timestamp::now().as_second();
        let titles = ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"].map(str::to_owned);
        let rows: Vec<_> =
            std::iter::once(titles).chain(containers.iter().map(|container| row(container, now, args.no_trunc))).collect();
        table(&rows)
    };
    output::stdout(&text)?;
    Ok(ExitCode::SUCCESS)
}
