//! `stack pull`

use std::process::ExitCode;

use super::carry_out::{INTERRUPTED, Runner};
use super::{Context, block_on};
use crate::edge::Wish;
use crate::error::{CommandError, Result};
use crate::reconcile::up::{self, Pulls};
use crate::reconcile::{Desired, Observed, Selection};

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
    /// Which images: those that are not here, or all
    #[arg(long, value_name = "missing|always", default_value = "always", hide_default_value = true)]
    policy: String,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Pulls all images, also after the failure of one; failures are told together at the end.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let missing = match args.policy.as_str() {
        "missing" => true,
        "always" => false,
        other => {
            return Err(CommandError::new(format!("unsupported value for `--policy`: `{other}`"))
                .hint("use `missing` or `always`"));
        }
    };
    let loaded = context.load(&context.load_options(&args.services))?;
    let adopted = Wish::of(&loaded, true)?.as_ref().map(Wish::adopted).unwrap_or_default();
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
        if missing {
            let names = desired.services.values().map(|service| service.image.clone()).collect();
            observed.look_up_images(&*runner.engine, &names).await?;
        }
        let Pulls { needed, optional, buildable } = up::pulls(&desired, &observed, missing, args.ignore_buildable);
        if !optional.is_empty()
            && let Err(error) = runner.carry_out(&optional, Some(&desired)).await
        {
            tolerated(&runner, error)?;
            let names: Vec<String> = buildable.into_iter().collect();
            runner.reporter.message(&format!("hint: `stack build {}` builds what cannot be pulled", names.join(" ")));
        }
        match runner.carry_out(&needed, Some(&desired)).await {
            Err(error) if args.ignore_pull_failures => tolerated(&runner, error)?,
            outcome => drop(outcome?),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// A failure that only deserves a warning; an interrupt still ends the command.
fn tolerated(runner: &Runner, error: CommandError) -> Result<()> {
    if error.code == INTERRUPTED {
        return Err(error);
    }
    runner.reporter.message(&format!("warning: {}", error.message));
    Ok(())
}
