//! Commands that change containers which are there: one look, a plan, and carrying it out.

use std::process::ExitCode;
use std::time::Duration;

use super::carry_out::Runner;
use super::scope::Scope;
use super::{Context, block_on, flags};
use crate::edge;
use crate::error::Result;
use crate::reconcile::{Observed, Plan};

/// `-t`, as stop commands have it.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Grace {
    /// Seconds until a container is killed (default: its own `stop_grace_period`)
    #[arg(short, long, value_name = "SECONDS", value_parser = flags::grace, allow_negative_numbers = true)]
    timeout: Option<Duration>,
}

impl Grace {
    /// As a length of time.
    pub fn limit(self) -> Option<Duration> {
        self.timeout
    }
}

/// The services that a command is about: those that were named, else all of the files. Without files none are named,
/// which means all that have containers.
pub fn services(scope: &Scope, named: &[String]) -> Vec<String> {
    match scope.project() {
        Some(project) if named.is_empty() => {
            project.services.keys().chain(project.disabled_services.keys()).cloned().collect()
        }
        _ => named.to_vec(),
    }
}

/// Plans from what is there, and does it.
///
/// # Errors
/// A project that cannot be loaded, services that do not exist, whatever fails.
pub fn change(
    context: &Context,
    named: &[String],
    plan: impl FnOnce(&Scope, &Observed, &[String]) -> Result<Plan>,
) -> Result<ExitCode> {
    let scope = Scope::find_whole(context, named)?;
    let mut runner = Runner::new(context, &scope.name)?;
    block_on(async {
        let mut observed = runner.observe().await?;
        observed.gateway = edge::may_route(&runner.engine, &observed.containers).await?;
        scope.check(named, &observed.containers)?;
        let plan = plan(&scope, &observed, &services(&scope, named))?;
        runner.finish(&plan, None).await
    })
}
