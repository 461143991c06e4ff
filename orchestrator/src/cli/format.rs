//! `--format`: a table, JSON, or a template in Go's form, as far as listings need it: fields, `json`, `upper`, `lower`.

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::Value;

use crate::backend::Labels;
use crate::error::{CommandError, Result};
use crate::ui::style::printable;
use crate::ui::table::table;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// Its own table.
    Table,
    /// JSON.
    Json,
    /// As a template says.
    Template(Template),
}

/// A template: a line for each row, or with `table ` in front the columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
    as_table: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Action { operand: Operand, functions: Vec<Function> },
}

/// What an action is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    /// `.`: all fields.
    Row,
    /// `.Name`
    Field(String),
    /// `.Label "name"`
    Label(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Json,
    Upper,
    Lower,
}

/// One row of a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    /// The fields, by name.
    pub(super) row: &'a Value,
    /// What `.Label` looks names up in.
    pub(super) labels: Option<&'a Labels>,
}

fn unsupported(action: &str) -> CommandError {
    CommandError::new(format!("`{{{{{}}}}}` in `--format` is not supported", printable(action)))
        .hint("use fields (`{{.Name}}`), `json`, `upper` and `lower`, or `--format json` and a program that reads JSON")
}

impl Format {
    /// Reads a `--format`.
    ///
    /// # Errors
    /// Words that are none of the formats, templates that are not understood.
    pub(super) fn parse(text: &str) -> Result<Self> {
        match text {
            "" | "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            other if !other.contains("{{") => Err(super::ps::unsupported_format(other)),
            other => Template::parse(other).map(Self::Template),
        }
    }
}

impl Function {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Self::Json),
            "upper" => Some(Self::Upper),
            "lower" => Some(Self::Lower),
            _ => None,
        }
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self> {
        let (text, as_table) = match text.strip_prefix("table ") {
            Some(rest) => (rest.trim_start(), true),
            None => (text, false),
        };
        // A shell hands these over as they were typed.
        let text = text.replace("\\t", "\t").replace("\\n", "\n");
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((action, behind)) = after.split_once("}}") else {
                return Err(CommandError::new("a `{{` in `--format` has no `}}`"));
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(action_of(action).ok_or_else(|| unsupported(action))?);
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts, as_table })
    }

    /// All rows. `titles` are those of fields in a table whose title is not just their name.
    ///
    /// # Errors
    /// Fields that a row does not have, lists that only `json` prints.
    pub(super) fn text(&self, rows: &[Fields<'_>], titles: &[(&str, &str)]) -> Result<String> {
        let mut lines = rows.iter().map(|fields| self.line(fields)).collect::<Result<Vec<String>>>()?;
        if !self.as_table {
            return Ok(lines.iter().map(|line| format!("{line}\n")).collect());
        }
        lines.insert(0, self.head(titles));
        let cells = |line: &String| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        Ok(table(&lines.iter().map(cells).collect::<Vec<_>>(), 10, 3))
    }

    /// The titles of a table.
    fn head(&self, titles: &[(&str, &str)]) -> String {
        let title = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Action { operand: Operand::Row, .. } => String::new(),
            Part::Action { operand: Operand::Field(name) | Operand::Label(name), .. } => {
                let known = titles.iter().find(|(field, _)| field == name);
                known.map_or_else(|| name.to_uppercase(), |(_, title)| (*title).to_owned())
            }
        };
        self.parts.iter().map(title).collect()
    }

    fn line(&self, fields: &Fields<'_>) -> Result<String> {
        let mut line = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Action { operand, functions } => line.push_str(&fields.value(operand, functions)?),
            }
        }
        Ok(line)
    }
}

/// `.Name`, `json .Name`, `.Label "name"`, each with `| function` behind it; none for anything else.
fn action_of(action: &str) -> Option<Part> {
    let mut pipeline = action.split('|').map(str::trim);
    let first = pipeline.next()?;
    let (function, operand) = match first.split_once(char::is_whitespace) {
        Some((word, rest)) if !word.starts_with('.') => (Some(Function::parse(word)?), rest.trim()),
        _ => (None, first),
    };
    let functions = function.map(Some).into_iter().chain(pipeline.map(Function::parse)).collect::<Option<Vec<_>>>()?;
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let operand = match operand.strip_prefix('.')? {
        "" => Operand::Row,
        label if label.starts_with("Label ") => {
            let name = label.strip_prefix("Label ")?.trim();
            Operand::Label(name.strip_prefix('"')?.strip_suffix('"')?.to_owned())
        }
        name if is_name(name) => Operand::Field(name.to_owned()),
        _ => return None,
    };
    Some(Part::Action { operand, functions })
}

impl Fields<'_> {
    fn value(&self, operand: &Operand, functions: &[Function]) -> Result<String> {
        let label;
        let value = match operand {
            Operand::Row => self.row,
            Operand::Label(name) => {
                label = Value::String(self.labels.and_then(|labels| labels.get(name)).cloned().unwrap_or_default());
                &label
            }
            Operand::Field(name) => self.row.get(name).ok_or_else(|| {
                let known = self.row.as_object().into_iter().flat_map(serde_json::Map::keys);
                let known: Vec<String> = known.map(|name| format!(".{name}")).collect();
                CommandError::new(format!("`--format` names `.{name}`, which is not there"))
                    .hint(format!("fields are: {}", known.join(", ")))
            })?,
        };
        let json = functions.first() == Some(&Function::Json);
        let mut text = match value {
            _ if json => super::to_json(value)?,
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(CommandError::new("`--format` names what is not a single text or number")
                    .hint("put `json` in front of it: `{{json .Publishers}}`"));
            }
        };
        for function in functions.iter().skip(usize::from(json)) {
            text = match function {
                Function::Json => super::to_json(&text)?,
                Function::Upper => text.to_uppercase(),
                Function::Lower => text.to_lowercase(),
            };
        }
        Ok(printable(&text))
    }
}

/// A row as its fields.
///
/// # Errors
/// What has no form in JSON.
pub(super) fn fields(row: &impl Serialize) -> Result<Value> {
    serde_json::to_value(row).map_err(|error| CommandError::new(format!("cannot print JSON: {error}")))
}
