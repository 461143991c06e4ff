//! Which images are pulled and built.

use std::collections::{BTreeMap, BTreeSet};

use super::{PlanError, Planner, UpOptions};
use crate::backend::BuildSpec;
use crate::reconcile::action::{Action, PullFallback};
use crate::reconcile::desired::{Desired, DesiredService, at};
use crate::reconcile::observed::Observed;
use crate::reconcile::plan::{Need, Plan, Step, StepId, Words};
use crate::reconcile::platform;

/// Seconds of a day.
const DAY: u64 = 24 * 3600;

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// Each time.
    Always,
    /// When it is not here.
    Missing,
    /// Not at all.
    Never,
    /// It is built each time.
    Build,
    /// When it is not here, or was pulled more than so many seconds ago (`daily`, `weekly`, `every_12h`).
    Refresh(u64),
}

impl PullPolicy {
    /// From a file or a flag; `None` for words that are none of these.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "always" => Some(Self::Always),
            // As Docker Compose has it, `refresh` says how an image is refreshed and not when: one that is here is not.
            "" | "missing" | "if_not_present" | "refresh" => Some(Self::Missing),
            "never" => Some(Self::Never),
            "build" => Some(Self::Build),
            "daily" => Some(Self::Refresh(DAY)),
            "weekly" => Some(Self::Refresh(7 * DAY)),
            _ => age(word.strip_prefix("every_")?).map(Self::Refresh),
        }
    }
}

/// `1w2d3h4m5s` in seconds, any of them left out.
fn age(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    while let Some(end) = rest.find(|letter: char| !letter.is_ascii_digit()) {
        let (number, unit) = rest.split_at(end);
        let length = match unit.as_bytes().first()? {
            b'w' => 7 * DAY,
            b'd' => DAY,
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        seconds = number.parse::<u64>().ok()?.checked_mul(length)?.checked_add(seconds)?;
        rest = unit.get(1..)?;
    }
    (rest.is_empty() && !text.is_empty()).then_some(seconds)
}

/// Whether an image that is here was last named longer ago than its policy allows. One of which nothing is known is not.
fn is_due(observed: &Observed, image: &str, age: u64) -> bool {
    let Some(Some(found)) = observed.images.get(image) else { return false };
    let (Some(now), Ok(tagged)) = (observed.now, found.tagged.parse::<jiff::Timestamp>()) else { return false };
    now.as_second().saturating_sub(tagged.as_second()) >= i64::try_from(age).unwrap_or(i64::MAX)
}

/// What brings an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Here,
    Pull { cause: &'static str, building: Building },
    Build(&'static str),
}

/// Whether an image can be built where it cannot be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Building {
    No,
    Yes,
    /// It could, but for `--no-build`.
    Forbidden,
}

fn source(
    desired: &Desired,
    observed: &Observed,
    options: &UpOptions,
    service: &DesiredService,
) -> Result<Source, PlanError> {
    if options.settled.contains(&service.image) {
        return Ok(Source::Here);
    }
    let buildable = service.build.is_some() && !options.no_build;
    // Words that the loader let through and that are no policy here are spoken of by `notice_policies`.
    let own = PullPolicy::parse(&service.service.pull_policy).unwrap_or(PullPolicy::Missing);
    let policy = if options.build && buildable { PullPolicy::Build } else { options.pull.unwrap_or(own) };
    let here = observed.image_id(&service.image).is_some();
    let builder = builder(desired, service);
    let built_for_another = || !options.no_build && builder.is_some();
    let building = match (&service.build, options.no_build) {
        (None, _) => Building::No,
        (Some(_), false) => Building::Yes,
        (Some(_), true) => Building::Forbidden,
    };
    let forbidden = || PlanError::ImageForbidden {
        image: service.image.clone(),
        service: service.name.clone(),
        builder: builder.filter(|_| options.no_build).map(|builder| builder.name.clone()),
        place: service.image_place.clone(),
    };
    match policy {
        PullPolicy::Build if buildable => Ok(Source::Build("asked for")),
        PullPolicy::Build if service.build.is_none() && options.pull.is_none() && !here => {
            Err(PlanError::NothingToBuild { service: service.name.clone(), place: service.image_place.clone() })
        }
        PullPolicy::Always if service.build.is_none() && built_for_another() => Ok(Source::Here),
        PullPolicy::Always if !service.service.image.is_empty() => {
            Ok(Source::Pull { cause: "pull policy is always", building })
        }
        PullPolicy::Refresh(age) if !service.service.image.is_empty() && is_due(observed, &service.image, age) => {
            Ok(Source::Pull { cause: "it is older than its pull policy allows", building })
        }
        _ if here => Ok(Source::Here),
        _ if buildable => Ok(Source::Build("image is not here")),
        _ if built_for_another() => Ok(Source::Here),
        PullPolicy::Never => Err(forbidden()),
        _ if service.service.image.is_empty() => Err(forbidden()),
        _ => Ok(Source::Pull { cause: "image is not here", building }),
    }
}

/// The service that builds the image of a service: itself, or one that names the same image.
fn builder<'a>(desired: &'a Desired, service: &'a DesiredService) -> Option<&'a DesiredService> {
    let others = desired.services.values().filter(|other| other.image == service.image);
    std::iter::once(service).chain(others).find(|service| service.build.is_some())
}

pub(super) fn step(service: &DesiredService, source: Source) -> Option<Step> {
    let (action, cause, words) = match source {
        Source::Here => return None,
        Source::Pull { cause, building } => (
            Action::Pull {
                image: service.image.clone(),
                platform: service.service.platform.clone(),
                service: service.name.clone(),
                fallback: match (building, &service.build) {
                    (Building::Yes, Some(build)) => PullFallback::Build(Box::new(build.clone())),
                    (Building::Forbidden, _) => PullFallback::Forbidden,
                    _ => PullFallback::Nothing,
                },
            },
            cause,
            Words::both("Pulling", "Pulled"),
        ),
        Source::Build(cause) => (
            Action::Build { spec: Box::new(service.build.clone()?), service: service.name.clone() },
            cause,
            Words::both("Building", "Built"),
        ),
    };
    Some(Step { action, cause: cause.to_owned(), resource: format!("Image {}", service.image), words })
}

/// Pulls and builds whose result decides whether containers that are there stay: they are done, and the images looked
/// up again, before the rest is planned.
///
/// # Errors
/// An image that can come from nowhere.
pub fn images_first(desired: &Desired, observed: &Observed, options: &UpOptions) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    if !options.versions.is_empty() {
        return Ok(plan);
    }
    let mut steps = ImageSteps::new();
    let used = |image: &str| {
        desired
            .services
            .values()
            .any(|service| service.image == image && observed.of_service(&service.name).next().is_some())
    };
    for service in desired.services.values().filter(|service| used(&service.image)) {
        let source = source(desired, observed, options, service)?;
        bring(&mut plan, &mut steps, desired, service, source, &|base| {
            source_of_base(desired, observed, options, base)
        });
    }
    check_contexts(&plan)?;
    Ok(plan)
}

/// An empty context is legal in a file, and in the way of a build only.
pub(super) fn check_contexts(plan: &Plan) -> Result<(), PlanError> {
    let empty = plan.steps().find_map(|(_, step)| match &step.action {
        Action::Build { spec, service } if spec.build.context.is_empty() => Some((service, &spec.places.context)),
        _ => None,
    });
    empty.map_or(Ok(()), |(service, place)| {
        Err(PlanError::EmptyContext { service: service.clone(), place: place.clone() })
    })
}

/// Steps that bring images, by image.
pub(super) type ImageSteps<'a> = BTreeMap<&'a str, StepId>;

/// Where the image comes from that a build begins with: what cannot be pulled is built, at little cost if it is as it was.
fn source_of_base(desired: &Desired, observed: &Observed, options: &UpOptions, base: &DesiredService) -> Source {
    source(desired, observed, options, base).unwrap_or(Source::Build("image is not here"))
}

/// Adds the step that brings a service's image, behind those of the images that its build begins with; none where the
/// image is here, or is being brought already. Where services build one image in different ways, each build is done, and
/// always in the same order: what the name means in the end is not left to chance.
pub(super) fn bring<'a>(
    plan: &mut Plan,
    steps: &mut ImageSteps<'a>,
    desired: &'a Desired,
    service: &'a DesiredService,
    from: Source,
    source: &dyn Fn(&DesiredService) -> Source,
) -> Option<StepId> {
    let before = steps.get(service.image.as_str()).copied();
    let mut needs = Vec::new();
    if let Some(before) = before {
        let rival = rival(plan, before, service, from)?;
        plan.notices.push(disagreement(desired, service, &rival));
        needs.push((before, Need::Success));
    }
    let step = step(service, from)?;
    if matches!(from, Source::Build(_)) {
        // There are no circles in it: the project has been checked.
        for base in
            service.bases.iter().filter_map(|name| desired.services.get(name).or_else(|| desired.bases.get(name)))
        {
            bring(plan, steps, desired, base, source(base), source);
            needs.extend(steps.get(base.image.as_str()).map(|id| (*id, Need::Success)));
        }
    }
    let id = plan.add(step, needs);
    steps.insert(&service.image, id);
    Some(id)
}

/// The service whose image is built by an earlier step, where this one builds an image of the same name in another way.
fn rival(plan: &Plan, before: StepId, service: &DesiredService, from: Source) -> Option<String> {
    let (Source::Build(_), Some(build)) = (from, &service.build) else { return None };
    let Action::Build { spec, service: rival } = &plan.step(before)?.action else { return None };
    // Labels and places name the service.
    let same = **spec == BuildSpec { labels: spec.labels.clone(), places: spec.places.clone(), ..build.clone() };
    (!same).then(|| rival.clone())
}

fn disagreement(desired: &Desired, service: &DesiredService, rival: &str) -> String {
    let place = |name: &str| {
        let service = desired.services.get(name).or_else(|| desired.bases.get(name));
        at(&service.and_then(|service| service.image_place.clone()))
    };
    let name = &service.name;
    format!(
        "services `{rival}`{} and `{name}`{} build image `{}` in different ways: both are built, and all that run it get \
         the one of `{name}`; give each an `image` of its own",
        place(rival),
        at(&service.image_place),
        service.image
    )
}

/// Images that a plan has to know more about than listings tell: of containers that will be made, and those of which
/// no listing proves what the name means now.
pub(super) fn images_to_look_up(desired: &Desired, observed: &Observed, options: &UpOptions) -> BTreeSet<String> {
    let mut planner = Planner::new(desired, observed, options);
    planner.decide_all();
    desired
        .services
        .values()
        .filter(|service| !observed.images.contains_key(&service.image))
        .filter(|service| {
            // Its age decides.
            let ages = options.pull.is_none()
                && matches!(PullPolicy::parse(&service.service.pull_policy), Some(PullPolicy::Refresh(_)));
            let makes =
                planner.decisions.get(service.name.as_str()).is_some_and(super::decide::ServiceDecisions::makes);
            ages || makes || (service.replicas > 0 && observed.image_id(&service.image).is_none())
        })
        .map(|service| service.image.clone())
        .collect()
}

impl<'a> Planner<'a> {
    /// Adds the steps that bring images; refuses images that cannot run here.
    pub(super) fn images(&mut self) -> Result<(), PlanError> {
        let desired = self.desired;
        for service in desired.services.values().filter(|service| service.replicas > 0) {
            self.notice_policy(service);
            if self.options.existing_only || !self.options.versions.is_empty() {
                continue;
            }
            self.refuse_foreign(service)?;
            let (observed, options) = (self.observed, self.options);
            let from = source(desired, observed, options, service)?;
            let base = |base: &DesiredService| source_of_base(desired, observed, options, base);
            let brought = bring(&mut self.plan, &mut self.image_steps, desired, service, from, &base);
            if brought.is_some() && self.observed.of_service(&service.name).next().is_some() {
                self.plan.notices.push(format!(
                    "containers of `{}` are recreated if its image turns out to be another one",
                    service.name
                ));
            }
        }
        check_contexts(&self.plan)
    }

    fn notice_policy(&mut self, service: &'a DesiredService) {
        let word = &service.service.pull_policy;
        if PullPolicy::parse(word).is_none() {
            self.plan.notices.push(format!(
                "service `{}`: the pull policy `{word}` is treated as `missing`; `stack pull` gets newer images",
                service.name
            ));
        }
    }

    /// Where the engine's own platform is wanted, an image for another one that is here is refused before it fails in
    /// the container. With `platform:` the user has asked for it.
    fn refuse_foreign(&self, service: &DesiredService) -> Result<(), PlanError> {
        let Some(Some(image)) = self.observed.images.get(&service.image) else { return Ok(()) };
        let engine = &self.observed.engine.platform;
        if self.observed.engine.local
            && service.service.platform.is_empty()
            && platform::is_foreign(&image.platform, engine, &self.observed.emulated)
        {
            return Err(PlanError::ForeignImage {
                image: service.image.clone(),
                service: service.name.clone(),
                platform: image.platform.clone(),
                engine: engine.clone(),
                place: service.image_place.clone(),
            });
        }
        Ok(())
    }
}
