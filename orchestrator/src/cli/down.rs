//! `stack down`

use std::process::ExitCode;
use std::time::Duration;

use super::carry_out::Runner;
use super::scope::Scope;
use super::{Context, block_on};
use crate::edge;
use crate::error::Result;
use crate::reconcile::Observed;
use crate::reconcile::lifecycle::{self, DownOptions, Images};
use crate::ui::output;

/// Stop and remove containers and networks, and what else is asked for
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Services, with those that depend on them; none: all
    services: Vec<String>,
    /// Remove volumes too
    #[arg(short, long)]
    volumes: bool,
    /// Remove images too: all, or those without a name of their own in the file
    #[arg(long, value_name = "all|local")]
    rmi: Option<Images>,
    /// Remove containers of services that are gone from the files
    #[arg(long)]
    remove_orphans: bool,
    /// Seconds until a container is killed
    #[arg(short, long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

/// Takes a project down, and its routes out of the gateway.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let scope = Scope::find_whole(context, &args.services)?;
    let runner = Runner::new(context, &scope.name)?;
    let options = DownOptions {
        services: args.services.clone(),
        volumes: args.volumes,
        images: args.rmi,
        remove_orphans: args.remove_orphans || context.is_true("COMPOSE_REMOVE_ORPHANS"),
        timeout: args.timeout.map(Duration::from_secs),
    };
    block_on(async {
        runner.watch_signals()?;
        let observed = Observed::project(&*runner.engine, &scope.name).await?;
        scope.check(&args.services, &observed.containers)?;
        let plan = lifecycle::down(&observed, &scope.name, scope.project(), &options);
        if runner.dry_run {
            runner.carry_out(&plan, None).await?;
            return Ok(ExitCode::SUCCESS);
        }
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
