//! Samples as `docker stats` prints them.

use serde::Serialize;

use crate::backend::{Container, Usage};
use crate::cli::format::{Fields, Format, fields};
use crate::cli::to_json;
use crate::error::Result;
use crate::ui::human;
use crate::ui::table::table;

const TITLES: [&str; 8] =
    ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"];
/// Titles of fields that are not called as the field is.
const FIELD_TITLES: [(&str, &str); 6] = [
    ("ID", "CONTAINER ID"),
    ("CPUPerc", "CPU %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemPerc", "MEM %"),
    ("NetIO", "NET I/O"),
    ("BlockIO", "BLOCK I/O"),
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

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(rename = "BlockIO")]
    block_io: String,
    #[serde(rename = "CPUPerc")]
    cpu: String,
    container: String,
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "MemPerc")]
    memory_share: String,
    #[serde(rename = "MemUsage")]
    memory: String,
    name: String,
    #[serde(rename = "NetIO")]
    network_io: String,
    #[serde(rename = "PIDs")]
    pids: String,
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

impl Row {
    fn new(container: &Container, usage: Option<&Usage>, no_trunc: bool) -> Self {
        let decimal = |bytes: u64| human::size(i64::try_from(bytes).unwrap_or(i64::MAX));
        Self {
            block_io: pair(usage.map(|usage| (usage.read, usage.written)), decimal),
            cpu: percent(usage.map(|usage| usage.cpu)),
            container: container.id.clone(),
            id: if no_trunc { container.id.clone() } else { container.id.chars().take(12).collect() },
            memory_share: percent(usage.map(Usage::memory_share)),
            memory: pair(usage.map(|usage| (usage.memory, usage.memory_limit)), human::binary_size),
            name: container.name.clone(),
            network_io: pair(usage.map(|usage| (usage.received, usage.sent)), decimal),
            pids: usage.map_or_else(|| UNKNOWN.to_owned(), |usage| usage.pids.to_string()),
        }
    }

    fn cells(self) -> [String; 8] {
        [self.id, self.name, self.cpu, self.memory, self.memory_share, self.network_io, self.block_io, self.pids]
    }
}

impl Look {
    /// All rows.
    ///
    /// # Errors
    /// Names that have no form in JSON.
    pub(super) fn text(&self, samples: &[(&Container, Option<Usage>)]) -> Result<String> {
        let rows = samples.iter().map(|(container, usage)| Row::new(container, usage.as_ref(), self.no_trunc));
        match &self.format {
            Format::Table => {
                let rows: Vec<_> = std::iter::once(TITLES.map(str::to_owned)).chain(rows.map(Row::cells)).collect();
                Ok(table(&rows, 10, 3))
            }
            Format::Json => rows.map(|row| Ok(format!("{}\n", to_json(&row)?))).collect(),
            Format::Template(template) => {
                let rows = rows.map(|row| fields(&row)).collect::<Result<Vec<_>>>()?;
                let rows: Vec<_> = rows.iter().map(|row| Fields { row, labels: None }).collect();
                template.text(&rows, &FIELD_TITLES)
            }
        }
    }
}
