//! Samples as `docker stats` prints them.

use proxy::template::Value;

use crate::backend::{Container, Usage};
use crate::cli::format::{Format, Listing, Row, record};
use crate::error::Result;
use crate::ui::human;

/// The fields of the table.
const COLUMNS: [&str; 8] = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"];
/// Titles of fields in tables.
const TITLES: [(&str, &str); 9] = [
    ("BlockIO", "BLOCK I/O"),
    ("CPUPerc", "CPU %"),
    ("Container", "CONTAINER"),
    ("ID", "CONTAINER ID"),
    ("MemPerc", "MEM %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("Name", "NAME"),
    ("NetIO", "NET I/O"),
    ("PIDs", "PIDS"),
];
/// Where nothing is known yet.
const UNKNOWN: &str = "--";

/// How samples are printed.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// As a table, lines of JSON, or a template.
    pub(super) format: Format,
    /// Whole ids.
    pub(super) no_trunc: bool,
}

/// Two amounts beside each other.
fn pair(amounts: Option<(u64, u64)>, words: fn(u64) -> String) -> String {
    match amounts {
        Some((one, other)) => format!("{} / {}", words(one), words(other)),
        None => format!("{UNKNOWN} / {UNKNOWN}"),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| UNKNOWN.to_owned(), |share| format!("{share:.2}%"))
}

/// One sample with Docker's names of fields.
fn fields(container: &Container, usage: Option<&Usage>, no_trunc: bool) -> Value {
    let decimal = |bytes: u64| human::size(i64::try_from(bytes).unwrap_or(i64::MAX));
    let id = if no_trunc { container.id.clone() } else { container.id.chars().take(12).collect() };
    let processes = usage.map_or_else(|| UNKNOWN.to_owned(), |usage| usage.pids.to_string());
    record([
        ("BlockIO", Value::Text(pair(usage.map(|usage| (usage.read, usage.written)), decimal))),
        ("CPUPerc", Value::Text(percent(usage.map(|usage| usage.cpu)))),
        ("Container", container.id.as_str().into()),
        ("ID", Value::Text(id)),
        ("MemPerc", Value::Text(percent(usage.map(Usage::memory_share)))),
        ("MemUsage", Value::Text(pair(usage.map(|usage| (usage.memory, usage.memory_limit)), human::binary_size))),
        ("Name", container.name.as_str().into()),
        ("NetIO", Value::Text(pair(usage.map(|usage| (usage.received, usage.sent)), decimal))),
        ("PIDs", Value::Text(processes)),
    ])
}

impl Look {
    /// All rows.
    ///
    /// # Errors
    /// Templates that make no sense with them.
    pub(super) fn text(&self, samples: &[(&Container, Option<Usage>)]) -> Result<String> {
        let row = |(container, usage): &(&Container, Option<Usage>)| Row {
            fields: fields(container, usage.as_ref(), self.no_trunc),
            labels: None,
        };
        self.format.text(&Listing { columns: &COLUMNS, titles: &TITLES, rows: samples.iter().map(row).collect() })
    }
}
