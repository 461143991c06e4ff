//! Keeping containers from writing to a volume for a while.

use std::collections::BTreeSet;

use crate::backend::{Container, State};
use crate::cli::carry_out::Runner;
use crate::cli::scope::Scope;
use crate::edge;
use crate::error::{CommandError, Result};
use crate::labels;
use crate::reconcile::observed::service_of;
use crate::reconcile::{Observed, lifecycle};

/// What is done to the containers that have the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// They go on.
    None,
    /// They are stopped.
    Stop,
    /// They are frozen.
    Pause,
}

/// Containers that do not run until [`Halted::resume`].
#[derive(Debug, Default)]
pub(super) struct Halted {
    stopped: Vec<String>,
    paused: Vec<Container>,
}

impl Halted {
    /// Halts containers.
    ///
    /// # Errors
    /// Containers of other projects; what the engine answers. Those that were halted before go on.
    pub(super) async fn new(how: Halt, runner: &Runner, scope: &Scope, users: &[Container]) -> Result<Self> {
        let mut halted = Self::default();
        if how == Halt::None || users.is_empty() {
            return Ok(halted);
        }
        if let Some(other) = users.iter().find(|user| user.labels.get(labels::PROJECT) != Some(&scope.name)) {
            return Err(CommandError::new(format!("container `{}` is of no service of this project", other.name))
                .hint("stop it by hand; this command stops services of its own project only"));
        }
        let outcome = match how {
            Halt::None => Ok(()),
            Halt::Stop => halted.stop(runner, scope, users).await,
            Halt::Pause => halted.pause(runner, users).await,
        };
        match outcome {
            Ok(()) => Ok(halted),
            Err(error) => Err(with_consequence(error, halted.resume(runner).await)),
        }
    }

    async fn stop(&mut self, runner: &Runner, scope: &Scope, users: &[Container]) -> Result<()> {
        let mut observed = Observed::project(&*runner.engine, &scope.name).await?;
        observed.gateway = edge::may_route(&runner.engine, &observed.containers).await?;
        self.stopped = users.iter().map(|user| user.id.clone()).collect();
        observed.containers.retain(|container| self.stopped.contains(&container.id));
        let plan = lifecycle::stop(&observed, scope.project(), &services(users), None);
        runner.carry_out(&plan, None).await?;
        Ok(())
    }

    async fn pause(&mut self, runner: &Runner, users: &[Container]) -> Result<()> {
        for user in users.iter().filter(|user| user.state == State::Running) {
            runner.engine.pause_container(&user.id).await?;
            self.paused.push(user.clone());
            runner.reporter.done(&format!("Container {}", user.name), "Paused");
        }
        Ok(())
    }

    /// Lets them go on, also after an interrupt.
    ///
    /// # Errors
    /// What the engine answers: those that do not run then are named.
    pub(super) async fn resume(self, runner: &Runner) -> Result<()> {
        let mut failures = Vec::new();
        for user in &self.paused {
            match runner.engine.unpause_container(&user.id).await {
                Ok(()) => runner.reporter.done(&format!("Container {}", user.name), "Unpaused"),
                Err(error) => failures.push(format!("{} is still paused: {}", user.name, error.message)),
            }
        }
        if !self.stopped.is_empty() {
            let mut observed = Observed::project(&*runner.engine, &runner.project).await?;
            observed.containers.retain(|container| self.stopped.contains(&container.id));
            let services = services(&observed.containers);
            let plan = lifecycle::start(&observed, &services, false, None);
            if let Err(error) = runner.carry_out(&plan, None).await {
                failures.push(format!("{} may not run again: {}", services.join(", "), error.message));
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(CommandError::new(failures.join("\n"))) }
    }
}

/// Why halting failed, and what has become of those that were to go on.
fn with_consequence(error: CommandError, resumed: Result<()>) -> CommandError {
    let Err(second) = resumed else { return error };
    let consequences = second.message.lines().map(str::to_owned).chain(second.hints);
    consequences.fold(error, CommandError::hint)
}

fn services(containers: &[Container]) -> Vec<String> {
    let services: BTreeSet<&str> = containers.iter().map(service_of).collect();
    services.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_told_with_what_follows_from_it() {
        let error = || CommandError::new("the engine is gone").hint("start it");
        let told = with_consequence(error(), Err(CommandError::new("a is still paused: no\nb may not run again: no")));
        assert_eq!(told.message, "the engine is gone");
        assert_eq!(told.hints, ["start it", "a is still paused: no", "b may not run again: no"]);
        assert_eq!(with_consequence(error(), Ok(())).hints, ["start it"]);
    }
}
