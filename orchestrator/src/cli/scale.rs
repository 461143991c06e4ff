//! `stack scale`

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::up::{Prepared, Work};
use super::{Context, block_on};
use crate::error::{CommandError, Result};
use crate::reconcile::Selection;
use crate::reconcile::up::{Recreate, UpOptions};
use crate::ui::style::printable;

/// Run so many containers of services
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave services that they depend on alone
    #[arg(long)]
    no_deps: bool,
    /// How many of which
    #[arg(value_name = "SERVICE=NUMBER", required = true)]
    numbers: Vec<String>,
}

/// `web=2`.
///
/// # Errors
/// What is not a service and a number.
pub(super) fn parse(entries: &[String]) -> Result<BTreeMap<String, u32>> {
    let entry = |entry: &String| {
        let parts = entry.split_once('=').filter(|(name, _)| !name.is_empty());
        let parsed = parts.and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)));
        parsed.ok_or_else(|| {
            CommandError::new(format!("invalid scale specifier: {}", printable(entry)))
                .hint("write a service and a number: `web=2`")
        })
    };
    entries.iter().map(entry).collect()
}

/// Makes and removes containers until the numbers are right; none is replaced.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scale = parse(&args.numbers)?;
    let services: Vec<String> = scale.keys().cloned().collect();
    let loaded = context.load(&context.load_options(&services))?;
    let project = &loaded.project;
    if let Some(name) = services.iter().find(|name| !project.services.contains_key(*name)) {
        return Err(super::scope::no_such_service(name, project.services.keys().map(String::as_str)));
    }
    let selection = Selection { services, no_dependencies: args.no_deps, scale, ..Selection::default() };
    let options = UpOptions {
        recreate: Recreate::Never,
        recreate_dependencies: Recreate::Never,
        ignore_orphans: true,
        ..UpOptions::default()
    };
    let work = Work { selection, options, adopt: true, yes: false, ask: true, route: false };
    let mut prepared = Prepared::new(context, loaded, work)?;
    block_on(async move {
        prepared.runner.begin().await?;
        prepared.runner.watch_signals()?;
        prepared.converge().await?;
        Ok(ExitCode::SUCCESS)
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn services_and_numbers() {
        let parsed = |entry: &str| parse(&[entry.to_owned()]).map_err(|error| error.message);
        assert_eq!(parsed("web=2").map(|map| map.get("web").copied()), Ok(Some(2)));
        for wrong in ["web", "web=", "web=-1", "web=x", "=2"] {
            assert_eq!(parsed(wrong).err(), Some(format!("invalid scale specifier: {wrong}")));
        }
    }
}
