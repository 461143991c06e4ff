//! `stack pull`

use std::collections::BTreeSet;
use std::process::ExitCode;

use compose_schema::LoadOptions;

use super::carry_out::Runner;
use super::{Context, block_on};
use crate::edge::EdgeRequest;
use crate::error::{CommandError, Kind, Result};
use crate::reconcile::action::Action;
use crate::reconcile::execute::Outcome;
use crate::reconcile::up::{self, PullPolicy};
use crate::reconcile::{Desired, Observed, Plan, Selection};
use crate::ui::style::printable;

/// Pull the images of services
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not show what pulls say
    #[arg(short, long)]
    quiet: bool,
    /// Images of what the services depend on, too
    #[arg(long)]
    include_deps: bool,
    /// An image that cannot be pulled is no failure
    #[arg(long)]
    ignore_pull_failures: bool,
    /// Leave out images that can be built
    #[arg(long)]
    ignore_buildable: bool,
    /// In place of each service's `pull_policy`
    #[arg(long, value_name = "missing|always")]
    policy: Option<String>,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Pulls all images, also after the failure of one; failures are told together at the end.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let policy = match args.policy.as_deref() {
        None | Some("") => None,
        Some(word) => Some(PullPolicy::parse(word).ok_or_else(|| {
            CommandError::new(format!("unsupported value for `--policy`: `{}`", printable(word)))
                .hint("use `missing` or `always`")
        })?),
    };
    let loaded = context.load(&LoadOptions { unique_containers: false, ..context.load_options(&args.services) })?;
    let adopted = EdgeRequest::of(&loaded, true)?.as_ref().map(EdgeRequest::adopted).unwrap_or_default();
    let selection = Selection {
        services: args.services.clone(),
        no_dependencies: !args.include_deps,
        adopted,
        ..Selection::default()
    };
    let desired = Desired::new(&loaded.project, &selection, &|path| loaded.place(path))?;
    let mut runner = Runner::new(context, &loaded.project.name)?;
    runner.quiet_pull = args.quiet;
    block_on(async {
        runner.watch_signals()?;
        let mut observed = Observed::default();
        observed.look_up_images(&*runner.engine, &up::images_to_pull_if_missing(&desired, policy)).await?;
        let plan = up::pulls(&desired, &observed, policy, args.ignore_buildable);
        if runner.dry_run {
            runner.carry_out(&plan, Some(&desired)).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let outcome = runner.execute(&plan).await;
        let hint = buildable(&plan, &outcome, &desired);
        match outcome.into_result(&plan, Some(&desired)) {
            Ok(_) => {}
            Err(error) if args.ignore_pull_failures => {
                tolerated(&runner, error)?;
                hint.iter().for_each(|hint| runner.reporter.message(&format!("hint: {hint}")));
            }
            Err(error) => return Err(hint.into_iter().fold(error, CommandError::hint)),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// What else can be done where images did not come that can be built.
fn buildable(plan: &Plan, outcome: &Outcome, desired: &Desired) -> Option<String> {
    let failed = outcome.failures.iter().filter_map(|(id, _)| match &plan.step(*id)?.action {
        Action::Pull { image, .. } => Some(image),
        _ => None,
    });
    let failed: BTreeSet<&String> = failed.collect();
    let builders = desired.services.values().filter(|service| service.build.is_some());
    let names: Vec<&str> =
        builders.filter(|service| failed.contains(&service.image)).map(|service| service.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("`stack build {}` builds what cannot be pulled", names.join(" ")))
}

/// A failure that only deserves a warning; an interrupt still ends the command.
fn tolerated(runner: &Runner, error: CommandError) -> Result<()> {
    if error.kind == Kind::Interrupted {
        return Err(error);
    }
    runner.reporter.message(&format!("warning: {}", error.message));
    Ok(())
}
