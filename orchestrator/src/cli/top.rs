//! `stack top`

use std::process::ExitCode;

use super::scope::{Scope, runs};
use super::{Context, block_on};
use crate::backend::{Container, ErrorKind, Processes, State};
use crate::error::Result;
use crate::reconcile::observed::{number_of, service_of};
use crate::ui::output;
use crate::ui::table::table;

/// Show the processes in containers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Prints the processes of all containers as one table.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    let found = block_on(async {
        let mut containers = scope.containers(&engine, &args.services, false).await?;
        containers.retain(|container| runs(container) && container.state != State::Restarting);
        let processes =
            futures_util::future::join_all(containers.iter().map(|container| engine.top_container(&container.id)))
                .await;
        let mut found = Vec::new();
        for (container, processes) in containers.into_iter().zip(processes) {
            match processes {
                Ok(processes) => found.push((container, processes)),
                // It has ended meanwhile.
                Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    })?;
    if !found.is_empty() {
        output::stdout(&table(&rows(&found), 4, 2))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The titles of all, each once, and the rows under them; a dash where a container's `ps` has no such column.
fn rows(found: &[(Container, Processes)]) -> Vec<Vec<String>> {
    let mut titles: Vec<&String> = Vec::new();
    for title in found.iter().flat_map(|(_, processes)| &processes.titles) {
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    let head = ["SERVICE", "#"].map(str::to_owned).into_iter().chain(titles.iter().map(|title| (*title).clone()));
    let mut rows = vec![head.collect::<Vec<String>>()];
    for (container, processes) in found {
        for row in &processes.rows {
            let cell = |title: &String| {
                let position = processes.titles.iter().position(|other| other == title);
                position.and_then(|position| row.get(position)).cloned().unwrap_or_else(|| "-".to_owned())
            };
            let own = [service_of(container).to_owned(), number_of(container).to_string()];
            rows.push(own.into_iter().chain(titles.iter().map(|title| cell(title))).collect());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::rows;
    use crate::backend::{Container, Processes};

    #[test]
    fn columns_of_all_containers_are_shown() {
        let processes = |titles: &[&str], row: &[&str]| Processes {
            titles: titles.iter().map(|title| (*title).to_owned()).collect(),
            rows: vec![row.iter().map(|cell| (*cell).to_owned()).collect()],
        };
        let found = [
            (Container::default(), processes(&["PID", "CMD"], &["1", "a"])),
            (Container::default(), processes(&["CMD", "USER"], &["b", "root"])),
        ];
        let rows: Vec<String> = rows(&found).iter().map(|row| row.join(" ")).collect();
        assert_eq!(rows, ["SERVICE # PID CMD USER", " 0 1 a -", " 0 - b root"]);
    }
}
