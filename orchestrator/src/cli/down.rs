//! `stack down`

use std::process::ExitCode;
use std::time::Duration;

use super::carry_out::Runner;
use super::scope::Scope;
use super::{Context, block_on, flags};
use crate::edge;
use crate::error::Result;
use crate::reconcile::Plan;
use crate::reconcile::action::Action;
use crate::reconcile::lifecycle::{self, DownOptions, Images};
use crate::ui::style::printable;
use crate::ui::{output, prompt};

/// Stop and remove containers and networks, and what else is asked for
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Services; none: all
    services: Vec<String>,
    /// Remove volumes too
    #[arg(short, long)]
    volumes: bool,
    /// Remove images too: all, or those without a name of their own in the file
    #[arg(long, value_name = "all|local")]
    rmi: Option<Removed>,
    /// Remove containers of services that are gone from the files
    #[arg(long)]
    remove_orphans: bool,
    /// Do not ask whether volumes may go; without a terminal nothing is asked
    #[arg(short = 'y', long = "yes")]
    yes: bool,
    /// Seconds until a container is killed
    #[arg(short, long, value_name = "SECONDS", value_parser = flags::grace, allow_negative_numbers = true)]
    timeout: Option<Duration>,
}

/// Which images go.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Removed {
    Local,
    All,
}

impl From<Removed> for Images {
    fn from(removed: Removed) -> Self {
        match removed {
            Removed::Local => Self::Local,
            Removed::All => Self::All,
        }
    }
}

/// Takes a project down, and its routes out of the gateway.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = Scope::find_whole(context, &args.services)?;
    let mut runner = Runner::new(context, &scope.name)?;
    let options = DownOptions {
        services: args.services.clone(),
        volumes: args.volumes,
        images: args.rmi.map(Images::from),
        remove_orphans: args.remove_orphans || context.is_true("COMPOSE_REMOVE_ORPHANS"),
        timeout: args.timeout,
    };
    block_on(async {
        let observed = runner.observe().await?;
        scope.check(&args.services, &observed.containers)?;
        let plan = lifecycle::down(&observed, &scope.name, scope.project(), &options);
        if runner.dry_run {
            runner.carry_out(&plan, None).await?;
            return Ok(ExitCode::SUCCESS);
        }
        if options.volumes && !may_lose(&plan, args.yes).await? {
            output::stderr("nothing was removed; `-y` does not ask, and without `-v` volumes stay\n");
            return Ok(ExitCode::SUCCESS);
        }
        runner.watch_signals()?;
        // No route leads to a container that is about to end.
        let routed =
            options.services.is_empty() && edge::withdraw(&runner.engine, &scope.name, options.volumes).await?;
        if plan.is_empty() && !routed {
            output::stderr(&format!("warning: no resource found to remove for project `{}`\n", scope.name));
        }
        runner.carry_out(&plan, None).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Says which volumes will be lost, and asks whether they may where somebody can answer. Scripts are not asked: Docker
/// Compose asks nobody.
async fn may_lose(plan: &Plan, yes: bool) -> Result<bool> {
    let names: Vec<String> = plan
        .steps()
        .filter_map(|(_, step)| match &step.action {
            Action::RemoveVolume { name, .. } => Some(printable(name)),
            _ => None,
        })
        .collect();
    if names.is_empty() || yes {
        return Ok(true);
    }
    let lost = names.join(", ");
    if !prompt::is_possible() {
        output::stderr(&format!("removing volumes with all that is in them: {lost}\n"));
        return Ok(true);
    }
    prompt::confirm(&format!("All data in these volumes will be lost: {lost}. Remove them?")).await
}
