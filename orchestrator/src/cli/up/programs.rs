//! Programs that bring services and models are asked before anything is planned.

use std::collections::BTreeMap;

use super::Prepared;
use crate::backend::ErrorKind;
use crate::error::Result;
use crate::provide::{Provision, Task};
use crate::reconcile::action::Action;
use crate::reconcile::observed::{is_oneoff, of_project, service_of};
use crate::reconcile::{Observed, up};

impl Prepared {
    /// Has programs bring services and models, which decides what containers shall be. Nothing with `--dry-run`, and
    /// nothing where containers go back to what they were.
    ///
    /// # Errors
    /// A program that is not there or fails: nothing else has been done then.
    pub(in crate::cli) async fn provide(&mut self) -> Result<()> {
        if self.runner.dry_run || !self.options.versions.is_empty() || self.desired.programs.is_empty() {
            return Ok(());
        }
        let plan = up::provisions(&self.desired);
        let outcome = self.runner.carry_out(&plan, Some(&self.desired)).await?;
        let (mut by_service, mut endpoint) = (BTreeMap::new(), None);
        for (step, mut variables) in outcome.provided {
            let Some(Action::Provide(provision)) = plan.step(step).map(|step| &step.action) else { continue };
            match &provision.task {
                Task::Service { name, .. } => {
                    by_service.insert(name.clone(), variables);
                }
                Task::Endpoint => endpoint = variables.remove(Provision::ENDPOINT),
                Task::Model { .. } => {}
            }
        }
        self.desired.provide(&by_service, endpoint.as_deref());
        self.options.provided = true;
        Ok(())
    }

    /// One look at the engine. Where programs are not asked, what containers have got of them before is taken to be what
    /// they would say.
    pub(in crate::cli) async fn observe(&mut self) -> Result<Observed> {
        let engine = self.runner.engine.clone();
        let unasked = self.desired.unasked(!self.options.provided);
        if unasked.is_empty() {
            return Ok(up::observe(&engine, &self.desired, &self.options).await?);
        }
        let containers = engine.containers(&of_project(&self.desired.project)).await?;
        for (service, (prefixes, names)) in unasked {
            let own = containers.iter().filter(|found| service_of(found) == service && !is_oneoff(found));
            let Some(newest) = own.max_by_key(|found| found.created) else { continue };
            match engine.container(&newest.id).await {
                Ok(detail) => self.desired.remember(&service, &prefixes, &names, &detail.environment),
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(up::observe(&engine, &self.desired, &self.options).await?)
    }
}
