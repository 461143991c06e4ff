//! `run`: one more container of a service, for one command, beside those that `up` makes.

use super::{PlanError, Planner, UpOptions};
use crate::backend::ContainerSpec;
use crate::labels;
use crate::reconcile::action::{Action, Create, Target};
use crate::reconcile::desired::{Desired, DesiredService, references};
use crate::reconcile::observed::Observed;
use crate::reconcile::plan::{Need, Plan, Step, StepId, Words};

/// The container of a `run`.
#[derive(Debug, Clone, Default)]
pub struct OneOff {
    /// Its service.
    pub service: String,
    /// Its name.
    pub name: String,
    /// What tells it from others, for its label.
    pub slug: String,
    /// The engine removes it at its end.
    pub auto_remove: bool,
    /// It reads our input.
    pub open_stdin: bool,
    /// It answers to the names of its service.
    pub use_aliases: bool,
}

/// What has to be done until the container can be started: what the service needs is brought up, the container is made.
/// The step that makes it comes with the plan.
///
/// # Errors
/// What makes it impossible, before anything is done.
pub fn one_off(
    desired: &Desired,
    observed: &Observed,
    options: &UpOptions,
    container: &OneOff,
) -> Result<(Plan, Option<StepId>), PlanError> {
    let mut planner = Planner::new(desired, observed, options);
    planner.notice_other_folder();
    planner.decide_all();
    planner.programs();
    planner.images()?;
    planner.networks()?;
    planner.volumes()?;
    planner.orphans();
    for name in desired.order().into_iter().filter(|name| *name != container.service) {
        planner.service(name)?;
    }
    let Some(service) = desired.services.get(&container.service) else { return Ok((planner.plan, None)) };
    let made = planner.one_off(service, container)?;
    Ok((planner.plan, Some(made)))
}

impl<'a> Planner<'a> {
    fn one_off(&mut self, service: &'a DesiredService, container: &OneOff) -> Result<StepId, PlanError> {
        let image_from = self.image_steps.get(service.image.as_str()).copied();
        let shares = self.shares(service)?;
        let made = shares.values().filter_map(|target| match target {
            Target::Made { step, .. } => Some(*step),
            Target::Existing { .. } => None,
        });
        let mut needs: Vec<(StepId, Need)> = image_from
            .into_iter()
            .chain(self.resources(service))
            .chain(made)
            .map(|step| (step, Need::Success))
            .collect();
        needs.extend(self.dependencies(service));
        let create = Create {
            spec: self.one_off_spec(service, container, image_from.is_some()),
            links: references::links(&service.service, &|service| {
                let targets = self.targets.get(service).map_or(&[][..], Vec::as_slice);
                targets.iter().map(|(number, target)| (*number, target.name().to_owned())).collect()
            }),
            shares,
            image_from,
        };
        let resource = format!("Container {}", container.name);
        let silent = |action| Step { action, cause: String::new(), resource: resource.clone(), words: Words::SILENT };
        let made = self.plan.add(silent(Action::Create(Box::new(create))), needs);
        if !service.files.is_empty() {
            let target = Target::Made { step: made, name: container.name.clone() };
            self.plan.add(silent(Action::Put { target, files: service.files.clone() }), [(made, Need::Success)]);
        }
        Ok(made)
    }

    fn one_off_spec(&self, service: &DesiredService, container: &OneOff, new_image: bool) -> ContainerSpec {
        let mut labels = service.labels.clone();
        labels.insert(labels::ONEOFF.to_owned(), "True".to_owned());
        labels.insert(labels::SLUG.to_owned(), container.slug.clone());
        if let Some(image) = self.observed.image_id(&service.image).filter(|_| !new_image) {
            labels.insert(labels::IMAGE.to_owned(), image.to_owned());
        }
        let mut networks = service.networks.clone();
        for attachment in &mut networks {
            if !container.use_aliases {
                attachment.aliases.clear();
            }
            attachment.aliases.insert(0, container.name.clone());
        }
        ContainerSpec {
            name: container.name.clone(),
            image: service.image.clone(),
            service: service.service.clone(),
            labels,
            networks,
            mounts: service.mounts.clone(),
            environment: service.environment.clone(),
            auto_remove: container.auto_remove,
            open_stdin: container.open_stdin,
            body: None,
        }
    }
}
