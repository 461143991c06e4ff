//! `stack start`

use std::process::ExitCode;
use std::time::Duration;

use super::carry_out::Runner;
use super::scope::Scope;
use super::{Context, block_on};
use crate::edge::EdgeRequest;
use crate::error::{CommandError, Result};
use crate::reconcile::observed::{is_oneoff, service_of};
use crate::reconcile::up::{self, Recreate, UpOptions};
use crate::reconcile::{Desired, Observed, Plan, Selection, lifecycle};
use crate::ui::style::printable;

/// Start containers that are there, those that others depend on first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Wait until they run, or are healthy where they have a check
    #[arg(long)]
    wait: bool,
    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS")]
    wait_timeout: Option<u64>,
    /// Services, with what they depend on; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Starts what does not run.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = Scope::find_whole(context, &args.services)?;
    let mut runner = Runner::new(context, &scope.name)?;
    block_on(async {
        let observed = runner.observe().await?;
        scope.check(&args.services, &observed.containers)?;
        let has = |service: &str| {
            observed.containers.iter().any(|container| !is_oneoff(container) && service_of(container) == service)
        };
        if !observed.containers.iter().any(|container| !is_oneoff(container)) {
            return Err(CommandError::new(format!("no container found for project \"{}\"", scope.name))
                .hint("`stack up -d` makes and starts them"));
        }
        for service in args.services.iter().filter(|service| !has(service)) {
            let service = printable(service);
            let note = format!("warning: service `{service}` has no container; `stack up -d {service}` makes one");
            runner.reporter.message(&note);
        }
        let (plan, desired) = plan(&runner, &scope, &observed, args).await?;
        runner.finish(&plan, desired.as_ref()).await
    })
}

/// From the files where there are any: they know hooks, files to be put in, and conditions. Else from labels.
async fn plan(runner: &Runner, scope: &Scope, observed: &Observed, args: &Args) -> Result<(Plan, Option<Desired>)> {
    let limit = args.wait_timeout.map(Duration::from_secs);
    let Some(loaded) = &scope.loaded else {
        return Ok((lifecycle::start(observed, &args.services, args.wait, limit), None));
    };
    // Orphans can be named, and stay out of the way of the others.
    let services: Vec<String> =
        args.services.iter().filter(|name| loaded.project.services.contains_key(*name)).cloned().collect();
    if services.len() < args.services.len() {
        return Ok((lifecycle::start(observed, &args.services, args.wait, limit), None));
    }
    let adopted = EdgeRequest::of(loaded, true)?.as_ref().map(EdgeRequest::adopted).unwrap_or_default();
    let selection = Selection { services, adopted, ..Selection::default() };
    let desired = Desired::new(&loaded.project, &selection, &|path| loaded.place(path))?;
    let options = UpOptions {
        recreate: Recreate::Never,
        recreate_dependencies: Recreate::Never,
        ignore_orphans: true,
        wait: args.wait,
        wait_timeout: limit,
        existing_only: true,
        ..UpOptions::default()
    };
    let observed = up::observe(&runner.engine, &desired, &options).await?;
    let mut plan = up::plan(&desired, &observed, &options)?;
    plan.unchanged.clear();
    Ok((plan, Some(desired)))
}
