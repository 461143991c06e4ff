//! `stack ls`

use std::collections::BTreeMap;
use std::process::ExitCode;

use regex::Regex;
use serde::Serialize;

use super::ps::{state_word, unsupported_format};
use super::scope::runs;
use super::{Context, block_on, to_json};
use crate::backend::{Container, LabelFilter};
use crate::error::{CommandError, Result};
use crate::labels;
use crate::ui::output;
use crate::ui::style::printable;
use crate::ui::table::table;

/// List the projects on the engine
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Those that do not run as well
    #[arg(short, long)]
    all: bool,
    /// Only names
    #[arg(short, long)]
    quiet: bool,
    /// Only projects that this is true of (`name=PATTERN`)
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// How to print
    #[arg(long, value_name = "table|json", default_value = "table")]
    format: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Project {
    name: String,
    status: String,
    config_files: String,
}

/// The names that are asked for; none: all.
fn patterns(filters: &[String]) -> Result<Vec<Regex>> {
    let wrong = |filter: &str| {
        CommandError::new(format!("unknown filter `{}`", printable(filter)))
            .hint("the one filter is `name=PATTERN`, a regular expression")
    };
    let pattern = |filter: &String| match filter.split_once('=') {
        Some(("name", pattern)) => Regex::new(pattern).map_err(|_| wrong(filter)),
        _ => Err(wrong(filter)),
    };
    filters.iter().map(pattern).collect()
}

/// Projects by name, each with how many of its containers are in which state.
fn projects(containers: &[Container]) -> Vec<Project> {
    let mut projects: BTreeMap<&str, (BTreeMap<&str, usize>, Vec<&str>)> = BTreeMap::new();
    for container in containers {
        let label = |name: &str| container.labels.get(name).map(String::as_str).unwrap_or_default();
        let (states, files) = projects.entry(label(labels::PROJECT)).or_default();
        *states.entry(state_word(container.state)).or_default() += 1;
        for file in label(labels::CONFIG_FILES).split(',').filter(|file| !file.is_empty()) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    let project = |(name, (states, files)): (&str, (BTreeMap<&str, usize>, Vec<&str>))| Project {
        name: name.to_owned(),
        status: states.iter().map(|(state, count)| format!("{state}({count})")).collect::<Vec<_>>().join(", "),
        config_files: if files.is_empty() { "N/A".to_owned() } else { files.join(",") },
    };
    projects.into_iter().map(project).collect()
}

/// Prints the list.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if !matches!(args.format.as_str(), "table" | "pretty" | "json") {
        return Err(unsupported_format(&args.format));
    }
    let patterns = patterns(&args.filter)?;
    let engine = context.engine()?;
    let filter = LabelFilter(vec![(labels::PROJECT.to_owned(), None)]);
    let mut containers = block_on(async { Ok(engine.containers(&filter).await?) })?;
    containers.retain(|container| args.all || runs(container));
    let mut projects = projects(&containers);
    projects.retain(|project| patterns.is_empty() || patterns.iter().any(|pattern| pattern.is_match(&project.name)));
    let text = if args.quiet {
        projects.iter().map(|project| format!("{}\n", printable(&project.name))).collect()
    } else if args.format == "json" {
        format!("{}\n", to_json(&projects)?)
    } else {
        let titles = ["NAME", "STATUS", "CONFIG FILES"].map(str::to_owned);
        let rows = projects.into_iter().map(|project| [project.name, project.status, project.config_files]);
        table(&std::iter::once(titles).chain(rows).collect::<Vec<_>>(), 20, 3)
    };
    output::stdout(&text)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::projects;
    use crate::backend::{Container, State};
    use crate::labels;

    #[test]
    fn states_are_counted() {
        let container = |project: &str, files: &str, state| Container {
            labels: [(labels::PROJECT, project), (labels::CONFIG_FILES, files)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            state,
            ..Container::default()
        };
        let found = projects(&[
            container("b", "/b.yaml,/c.yaml", State::Running),
            container("b", "/b.yaml", State::Exited),
            container("b", "/b.yaml", State::Running),
            container("a", "", State::Paused),
        ]);
        let lines: Vec<String> =
            found.into_iter().map(|found| format!("{} {} {}", found.name, found.status, found.config_files)).collect();
        assert_eq!(lines, ["a paused(1) N/A", "b exited(1), running(2) /b.yaml,/c.yaml"]);
    }
}
