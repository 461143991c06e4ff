//! `--format` of listings: a table, JSON, or a template in Go's form.

mod functions;
#[cfg(test)]
mod tests;

use proxy::template::{BUILT_IN, Mistake, Place, Template as Filling, Value};

use super::ps::unsupported_format;
use crate::backend::Labels;
use crate::error::{CommandError, Result};
use crate::ui::style::printable;
use crate::ui::table::{ragged_table, table};
use functions::{HeadFunctions, RowFunctions};

/// Whether `--format` of a command that prints for people or programs asks for JSON.
///
/// # Errors
/// Neither `text` nor `json`.
pub(super) fn is_json(name: &str) -> Result<bool> {
    match name {
        "text" => Ok(false),
        "json" => Ok(true),
        other => {
            Err(CommandError::new(format!("unsupported format `{}`", printable(other))).hint("use `text` or `json`"))
        }
    }
}

/// How a listing is printed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Format {
    /// Its own table.
    Table,
    /// JSON.
    Json,
    /// As a template says.
    Template(Template),
}

/// A template: a line for each row, or with `table` in front the columns of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    text: String,
    filling: Filling,
    as_table: bool,
}

/// What is listed.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    /// The fields of its own table.
    pub(super) columns: &'static [&'static str],
    /// Titles of fields; the others have none.
    pub(super) titles: &'static [(&'static str, &'static str)],
    /// The rows.
    pub(super) rows: Vec<Row<'a>>,
}

/// One row of a listing.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// The fields, in the order of their names.
    pub(super) fields: Value,
    /// What `.Label` looks names up in.
    pub(super) labels: Option<&'a Labels>,
}

/// Fields in their order.
pub(super) fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

impl Format {
    /// Reads a `--format`. `raw` is the template that the word `raw` stands for.
    ///
    /// # Errors
    /// Words that are none of the formats, templates that are not understood.
    pub(super) fn parse(text: &str, raw: Option<&str>) -> Result<Self> {
        match (text, raw) {
            ("" | "table", _) => Ok(Self::Table),
            ("json", _) => Ok(Self::Json),
            ("raw", Some(raw)) => Template::parse(raw).map(Self::Template),
            (other, _) if !other.contains("{{") => Err(unsupported_format(other)),
            (other, _) => Template::parse(other).map(Self::Template),
        }
    }

    /// A listing as it is printed.
    ///
    /// # Errors
    /// Templates that make no sense with a row of it.
    pub(super) fn text(&self, listing: &Listing<'_>) -> Result<String> {
        match self {
            Self::Table => {
                let head = listing.columns.iter().map(|name| listing.title(name).to_owned()).collect();
                let cell = |row: &Row<'_>, name: &&str| row.fields.below(&[(*name).to_owned()]).map(|cell| cell.text());
                let cells = |row| listing.columns.iter().map(|name| cell(row, name).unwrap_or_default()).collect();
                let rows: Vec<Vec<String>> = std::iter::once(head).chain(listing.rows.iter().map(cells)).collect();
                Ok(table(&rows, 10, 3))
            }
            Self::Json => listing.rows.iter().map(|row| Ok(format!("{}\n", super::to_json(&row.fields)?))).collect(),
            Self::Template(template) => template.text(listing),
        }
    }
}

impl Listing<'_> {
    fn title(&self, name: &str) -> &'static str {
        self.titles.iter().find(|(field, _)| *field == name).map(|(_, title)| *title).unwrap_or_default()
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self> {
        let (text, as_table) = text.strip_prefix("table").map_or((text, false), |rest| (rest, true));
        // A shell hands these over as they were typed.
        let text = text.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n");
        let filling = Filling::parse(&text).map_err(|mistake| {
            misunderstood(&text, &mistake).hint("`{{.Name}}` prints a field, `{{json .}}` all of them with their names")
        })?;
        let known = |name: &str| BUILT_IN.contains(&name) || functions::NAMES.contains(&name);
        if let Some((name, place)) = filling.calls().find(|(name, _)| !known(name)) {
            let reason = format!("there is no function `{}`", printable(name));
            let mut names = [BUILT_IN.as_slice(), functions::NAMES.as_slice()].concat();
            names.sort_unstable();
            return Err(
                misunderstood(&text, &Mistake { place, reason }).hint(format!("functions are: {}", names.join(", ")))
            );
        }
        Ok(Self { text, filling, as_table })
    }

    fn text(&self, listing: &Listing<'_>) -> Result<String> {
        let mut text = String::new();
        if self.as_table {
            let titles = listing.titles.iter().map(|(name, title)| ((*name).to_owned(), Value::from(*title)));
            // A title that cannot be made is not there: the rows say what is wrong, if anything is.
            let _ = self.filling.fill(&Value::Map(titles.collect()), &HeadFunctions, &mut text);
            text.push('\n');
        }
        for row in &listing.rows {
            self.filling.fill(&row.fields, &RowFunctions(row), &mut text).map_err(|mistake| {
                let Value::Record(fields) = &row.fields else { return misunderstood(&self.text, &mistake) };
                let names: Vec<String> = fields.iter().map(|(name, _)| format!(".{name}")).collect();
                misunderstood(&self.text, &mistake).hint(format!("fields are: {}", names.join(", ")))
            })?;
            text.push('\n');
        }
        if self.as_table {
            let cells = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
            return Ok(ragged_table(&text.lines().map(cells).collect::<Vec<_>>(), 10, 3));
        }
        Ok(text.split('\n').map(printable).collect::<Vec<_>>().join("\n"))
    }
}

/// The error about an action that cannot be carried out.
fn misunderstood(template: &str, mistake: &Mistake) -> CommandError {
    let Place { line, column } = mistake.place;
    let action: String = template
        .lines()
        .nth(line.saturating_sub(1))
        .unwrap_or_default()
        .chars()
        .skip(column.saturating_sub(1))
        .collect();
    let action = action.find("}}").and_then(|end| action.get(..end + 2)).unwrap_or(&action);
    CommandError::new(format!("`{}` in `--format`: {}", printable(action), mistake.reason))
}
