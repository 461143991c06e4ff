//! `up`: from what is there to what shall be. Pure: the same two descriptions give the same plan.

mod aftermath;
mod containers;
mod create;
mod decide;
mod explain;
mod fetch;
mod images;
mod one_off;
mod orphans;
mod provide;
mod resources;
pub(in crate::reconcile) mod rollout;
mod start;
mod stop;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::backend::{self, Engine};
use crate::error::CommandError;
use crate::reconcile::action::{Target, WaitFor};
use crate::reconcile::desired::{Desired, at};
use crate::reconcile::observed::Observed;
use crate::reconcile::plan::{Need, Plan, StepId};
use crate::reconcile::version::Version;

pub use aftermath::{BrokenOff, broken_off, way_back};
use decide::worth_inspecting;
pub use explain::unplaced;
pub use fetch::{builds, images_to_pull_if_missing, pulls};
use images::images_to_look_up;
pub use images::{PullPolicy, images_first};
pub use one_off::{OneOff, one_off};
pub use provide::provisions;
pub use resources::changed_volumes;

/// When containers that are there are replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recreate {
    /// When they differ from what shall be.
    #[default]
    Diverged,
    /// Always.
    Force,
    /// Never.
    Never,
}

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct UpOptions {
    /// For services that were asked for.
    pub recreate: Recreate,
    /// For services that those need.
    pub recreate_dependencies: Recreate,
    /// New anonymous volumes instead of the old ones (`-V`).
    pub renew_anonymous_volumes: bool,
    /// Remove containers of services that are gone from the files.
    pub remove_orphans: bool,
    /// Say nothing about them.
    pub ignore_orphans: bool,
    /// Make containers, do not start any.
    pub no_start: bool,
    /// Time until a stopped container is killed; its own without one.
    pub timeout: Option<Duration>,
    /// Wait until all run, or are healthy where they have a check.
    pub wait: bool,
    /// How long.
    pub wait_timeout: Option<Duration>,
    /// In place of each service's `pull_policy`.
    pub pull: Option<PullPolicy>,
    /// Build even where the image is here.
    pub build: bool,
    /// Never build.
    pub no_build: bool,
    /// Images that have been pulled or built for this `up` already.
    pub settled: BTreeSet<String>,
    /// Programs that bring services and models have been asked already.
    pub provided: bool,
    /// Volumes (by key) whose definition has changed and that are made anew, their data lost.
    pub recreate_volumes: BTreeSet<String>,
    /// Recreate, scale and start nothing but what exists: never make a container (`start`).
    pub existing_only: bool,
    /// Services to which the gateway routes, where there is one.
    pub routed: BTreeSet<String>,
    /// What is replaced is not kept for a rollback (`watch --prune`, which removes its image).
    pub forget: bool,
    /// Versions that containers (by id) go back to (`rollback`). With any, nothing is pulled or built, and nothing else is
    /// replaced.
    pub versions: BTreeMap<String, Version>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An external network or volume is not there.
    #[error("{kind} `{name}` is declared as external, but could not be found")]
    ExternalMissing {
        /// `network` or `volume`.
        kind: &'static str,
        /// Its engine name.
        name: String,
    },
    /// An image that may not be pulled is not here.
    #[error("image `{image}` of service `{service}` is not here, and {}{}", forbidden(.builder), at(.place))]
    ImageForbidden {
        /// The image.
        image: String,
        /// The service.
        service: String,
        /// The service that would build it, but for `--no-build`.
        builder: Option<String>,
        /// `file:line`, where known.
        place: Option<String>,
    },
    /// A build of no folder.
    #[error("cannot build service `{service}`: its `build.context` is empty{}", at(.place))]
    EmptyContext {
        /// The service.
        service: String,
        /// `file:line`, where known.
        place: Option<String>,
    },
    /// `pull_policy: build` without `build`.
    #[error("service `{service}` has the pull policy `build`, but no `build` section{}", at(.place))]
    NothingToBuild {
        /// The service.
        service: String,
        /// `file:line`, where known.
        place: Option<String>,
    },
    /// An image that this machine cannot run.
    #[error("{}", foreign(image, service, platform, engine, place))]
    ForeignImage {
        /// The image.
        image: String,
        /// The service.
        service: String,
        /// Platform of the image.
        platform: String,
        /// Platform of the engine.
        engine: String,
        /// `file:line`, where known.
        place: Option<String>,
    },
    /// A service that shares with another needs a container of it.
    #[error("service `{service}` shares with service `{parent}`, which has no container")]
    ParentMissing {
        /// The service.
        service: String,
        /// The other one.
        parent: String,
    },
}

fn forbidden(builder: &Option<String>) -> &'static str {
    if builder.is_some() { "`--no-build` forbids to build it" } else { "may not be pulled or built" }
}

/// The message about an image for another machine.
pub(in crate::reconcile) fn foreign(
    image: &str,
    service: &str,
    platform: &str,
    engine: &str,
    place: &Option<String>,
) -> String {
    format!("image `{image}` of service `{service}` is for `{platform}`, this engine runs `{engine}`{}", at(place))
}

/// The way out of [`foreign`].
pub(in crate::reconcile) const FOREIGN_HINT: &str = "use an image that is made for this platform, or install \
     emulation (`binfmt-support` and `qemu-user-static`)";

/// The way out where an image could be built, and may not.
pub(in crate::reconcile) fn no_build_hint(service: &str) -> String {
    format!("leave `--no-build` out, or build it before: `stack build {service}`")
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        let hint = match &error {
            PlanError::ExternalMissing { kind, name } => {
                format!("make it (`docker {kind} create {name}`), or take `external: true` out")
            }
            PlanError::ImageForbidden { builder: Some(builder), .. } => no_build_hint(builder),
            PlanError::ImageForbidden { .. } => "allow it with `--pull missing`, or load the image".to_owned(),
            PlanError::EmptyContext { .. } => {
                "write the folder to build, `.` for that of the compose file; a variable in it may be unset".to_owned()
            }
            PlanError::NothingToBuild { .. } => "add `build:`, or use another pull policy".to_owned(),
            PlanError::ForeignImage { .. } => FOREIGN_HINT.to_owned(),
            PlanError::ParentMissing { parent, .. } => format!("give `{parent}` at least one container"),
        };
        Self::new(error.to_string()).hint(hint)
    }
}

/// What has to be done.
///
/// # Errors
/// What makes the goal impossible, before anything is done.
pub fn plan(desired: &Desired, observed: &Observed, options: &UpOptions) -> Result<Plan, PlanError> {
    let mut planner = Planner::new(desired, observed, options);
    planner.notice_other_folder();
    planner.decide_all();
    planner.programs();
    planner.images()?;
    planner.networks()?;
    planner.volumes()?;
    planner.orphans();
    for service in desired.order() {
        planner.service(service)?;
    }
    planner.final_waits();
    Ok(planner.plan)
}

/// Looks at the engine as far as a plan of `up` needs it. Where nothing has to be done that is one listing each of
/// containers, networks and volumes; images and containers are inspected only where the listings leave a doubt or
/// where something will be made.
///
/// # Errors
/// The engine's.
pub async fn observe(engine: &Engine, desired: &Desired, options: &UpOptions) -> backend::Result<Observed> {
    let mut observed = Observed::project(&**engine, &desired.project).await?;
    observed.complete(&**engine, desired).await?;
    observed.look_up_images(&**engine, &images_to_look_up(desired, &observed, options)).await?;
    observed.inspect(&**engine, &worth_inspecting(desired, &observed, options)).await?;
    Ok(observed)
}

/// How a container is named among what is shown.
fn resource(name: &str) -> String {
    format!("Container {name}")
}

/// A plan in the making.
struct Planner<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    options: &'a UpOptions,
    plan: Plan,
    /// Steps that bring images, by image.
    image_steps: BTreeMap<&'a str, StepId>,
    /// Steps that make networks, and those that make volumes, by engine name.
    network_steps: BTreeMap<&'a str, StepId>,
    volume_steps: BTreeMap<&'a str, StepId>,
    /// Networks (by engine name) that are made anew because their definition has changed: containers stay.
    remade_networks: BTreeSet<&'a str>,
    /// Volumes of the same kind: containers are made anew.
    remade_volumes: BTreeSet<&'a str>,
    /// What becomes of each container, by service.
    decisions: BTreeMap<&'a str, decide::ServiceDecisions<'a>>,
    /// Services some container of which is started.
    starting: BTreeSet<&'a str>,
    /// Stops and removals, by container id.
    stops: BTreeMap<&'a str, StepId>,
    removals: BTreeMap<&'a str, StepId>,
    /// Steps after which a service is up, as far as the engine is concerned.
    ready: BTreeMap<&'a str, Vec<StepId>>,
    /// Containers of a service once the plan is done.
    targets: BTreeMap<&'a str, Vec<(u32, Target)>>,
    /// Waits, by service and end.
    waits: BTreeMap<(&'a str, WaitFor), StepId>,
    /// Time for what is under way to a container when it is stopped, by id; where it is not the short one.
    drains: BTreeMap<&'a str, Duration>,
    /// What the next container to be made has to wait for: the batch before it.
    gate: Vec<(StepId, Need)>,
    /// Services the image of whose version before is kept.
    kept: BTreeSet<&'a str>,
}

impl<'a> Planner<'a> {
    fn new(desired: &'a Desired, observed: &'a Observed, options: &'a UpOptions) -> Self {
        Self {
            desired,
            observed,
            options,
            plan: Plan::default(),
            image_steps: BTreeMap::new(),
            network_steps: BTreeMap::new(),
            volume_steps: BTreeMap::new(),
            remade_networks: BTreeSet::new(),
            remade_volumes: BTreeSet::new(),
            decisions: BTreeMap::new(),
            starting: BTreeSet::new(),
            stops: BTreeMap::new(),
            removals: BTreeMap::new(),
            ready: BTreeMap::new(),
            targets: BTreeMap::new(),
            waits: BTreeMap::new(),
            drains: BTreeMap::new(),
            gate: Vec::new(),
            kept: BTreeSet::new(),
        }
    }

    /// How containers of a service are judged.
    fn recreate(&self, service: &str) -> Recreate {
        let selected = self.desired.services.get(service).is_some_and(|service| service.selected);
        if selected { self.options.recreate } else { self.options.recreate_dependencies }
    }
}
