//! `stack up`

mod attach;
mod audience;
mod options;
mod preview;
mod programs;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use compose_schema::Loaded;

use super::carry_out::Runner;
use super::watch::How;
use super::{Context, block_on, dry_run};
use crate::edge::{EdgeRequest, EdgeSnapshot};
use crate::error::{CommandError, Result};
use crate::reconcile::desired::DesiredService;
use crate::reconcile::settle::settle;
use crate::reconcile::up::{self, BrokenOff, UpOptions};
use crate::reconcile::version::Version;
use crate::reconcile::{Desired, Observed, Plan, Selection};
use crate::ui::progress::{Status, Update};
use crate::ui::prompt;

pub use options::{Args, CreateArgs};
pub use preview::Preview;

/// What `up`, `create` and `scale` do, once their flags are read.
#[derive(Debug, Clone)]
pub struct Work {
    /// Which services, how many of each.
    pub selection: Selection,
    /// How.
    pub options: UpOptions,
    /// Let the gateway stand in for a Traefik service.
    pub adopt: bool,
    /// Answer all questions with yes.
    pub yes: bool,
    /// Put questions to the user; without, the answer is no.
    pub ask: bool,
    /// Hand routes to the gateway once the containers run.
    pub route: bool,
}

/// Runs `up`.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    args.check(context)?;
    let work = args.work(context)?;
    let how = How {
        work: work.clone(),
        builds: !args.create.no_build,
        quiet: args.create.quiet_build,
        prune: true,
        follow_project: true,
        none: attach::NOTHING_TO_WATCH,
    };
    let loaded = context.load(&context.load_options(&args.create.services))?;
    let mut prepared = Prepared::new(context, loaded, work)?;
    prepared.runner.quiet_pull = args.create.quiet_pull;
    prepared.runner.quiet_build = args.create.quiet_build;
    let attached = args.attaches() && !prepared.runner.dry_run;
    let watch = (attached && args.watch).then(|| attach::Watch::start(context, &prepared, how)).transpose()?;
    block_on(async move {
        // An interrupt ends the waiting for others at once.
        prepared.runner.begin().await?;
        if !attached {
            prepared.runner.watch_signals()?;
            prepared.converge().await?;
            return Ok(ExitCode::SUCCESS);
        }
        attach::run(&mut prepared, args, watch).await
    })
}

/// Runs `create`.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn create(context: &Context, args: &CreateArgs) -> Result<ExitCode> {
    let work = args.work(context)?;
    let loaded = context.load(&context.load_options(&args.services))?;
    let mut prepared = Prepared::new(context, loaded, work)?;
    prepared.runner.quiet_pull = args.quiet_pull;
    prepared.runner.quiet_build = args.quiet_build;
    block_on(async move {
        prepared.runner.begin().await?;
        prepared.runner.watch_signals()?;
        prepared.converge().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// A project that is about to be brought up.
pub struct Prepared {
    /// The files.
    pub loaded: Arc<Loaded>,
    /// What shall be.
    pub desired: Desired,
    /// Engine, turn, progress.
    pub runner: Runner,
    pub(super) options: UpOptions,
    /// All questions are answered with yes.
    yes: bool,
    /// Questions are put to the user.
    ask: bool,
    wish: Option<EdgeRequest>,
    /// Whether it is handed to the gateway.
    route: bool,
    look: EdgeSnapshot,
}

impl Prepared {
    /// Works out what shall be. Nothing is sent yet.
    ///
    /// # Errors
    /// A project that cannot be run as it is written.
    pub fn new(context: &Context, loaded: impl Into<Arc<Loaded>>, work: Work) -> Result<Self> {
        let loaded = loaded.into();
        let wish = EdgeRequest::of(&loaded, work.adopt)?;
        let adopted = wish.as_ref().map(EdgeRequest::adopted).unwrap_or_default();
        let selection = Selection { adopted, ..work.selection };
        let desired = Desired::new(&loaded.project, &selection, &|path| loaded.place(path))?;
        let runner = Runner::new(context, &loaded.project.name)?;
        // `up db` starts no Traefik either; all services are Traefik too, which is none of those that are started here.
        let all = selection.services.is_empty();
        let named = selection.services.iter().chain(desired.services.keys());
        let wish = wish.filter(|wish| all || wish.is_about(named));
        for note in wish.iter().flat_map(|wish| &wish.notes) {
            runner.reporter.message(note);
        }
        Ok(Self {
            loaded,
            desired,
            runner,
            options: work.options,
            yes: work.yes,
            wish,
            route: work.route,
            ask: work.ask,
            look: EdgeSnapshot::default(),
        })
    }

    /// Brings the engine to what shall be, once it is our turn: images whose newness decides something first, then the plan, then the
    /// routes.
    ///
    /// # Errors
    /// What stands in the way, or failed.
    pub async fn converge(&mut self) -> Result<()> {
        if self.runner.dry_run {
            return dry_run::print(&self.preview().await?.to_string());
        }
        self.runner.begin().await?;
        if self.runner.after_a_kill() {
            settle(&*self.runner.engine, &self.desired.project).await?;
        }
        self.provide().await?;
        let observed = self.observe().await?;
        self.look_at_gateway().await?;
        self.ask_about_volumes(&observed).await?;
        let observed = self.settle_images(observed).await?;
        let plan = self.plan(&observed)?;
        let outcome = self.runner.execute(&plan).await;
        let broken = up::broken_off(&self.desired, &observed, &plan, &outcome);
        match outcome.into_result(&plan, Some(&self.desired)) {
            Ok(_) => self.route(plan.changes()).await,
            Err(error) => Err(self.clean_up(error, &broken).await),
        }
    }

    /// After a failure: services that ask for it go back to the version before, of others it is said how they stand.
    async fn clean_up(&self, mut error: CommandError, broken: &[BrokenOff]) -> CommandError {
        for service in broken {
            if service.goes_back && !self.runner.cancel.is_cancelled() {
                match self.take_back(service).await {
                    Ok(true) => {
                        error.message.push_str(&format!("\n  service `{}` is what it was before", service.service));
                        continue;
                    }
                    Ok(false) => {}
                    Err(again) => {
                        let name = &service.service;
                        error.message.push_str(&format!("\n  service `{name}` cannot go back: {}", again.message));
                        error.hints.extend(again.hints);
                    }
                }
            }
            if let Some(state) = service.state() {
                error.message.push_str(&format!("\n{state}"));
            }
        }
        error
    }

    /// Replaces the containers of a service that this run has made by what they took the place of; false where there are
    /// none.
    async fn take_back(&self, broken: &BrokenOff) -> Result<bool> {
        let name = &broken.service;
        let observed = Observed::project(&*self.runner.engine, &self.desired.project).await?;
        let Some((desired, options)) = up::way_back(broken, &self.desired, &observed, &self.options) else {
            return Ok(false);
        };
        self.runner.reporter.message(&format!("service `{name}` has failed: it goes back to the version before"));
        let observed = up::observe(&self.runner.engine, &desired, &options).await?;
        let plan = up::plan(&desired, &observed, &options)?;
        self.runner.carry_out(&plan, Some(&desired)).await?;
        Ok(true)
    }

    /// [`Prepared::converge`], but only to bring containers (by id) back to versions that were there before.
    ///
    /// # Errors
    /// As there.
    pub async fn go_back(&mut self, versions: BTreeMap<String, Version>) -> Result<()> {
        self.options.versions = versions;
        self.converge().await?;
        if !self.runner.dry_run {
            let note = "the compose file says otherwise: the next `stack up` brings its version again";
            self.runner.reporter.message(note);
        }
        Ok(())
    }

    /// What [`Prepared::converge`] would do, as far as it can be known without doing anything: what a pull would bring is
    /// not.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn preview(&mut self) -> Result<Preview> {
        let observed = self.observe().await?;
        self.look_at_gateway().await?;
        if self.yes {
            let changed = up::changed_volumes(&self.desired, &observed);
            self.options.recreate_volumes.extend(changed.into_iter().map(|(key, _)| key));
        }
        let plan = self.plan(&observed)?;
        let edge = match self.wish.as_ref().filter(|_| self.route) {
            Some(wish) => wish.preview(&self.runner.engine, &self.look).await?,
            None => Vec::new(),
        };
        Ok(Preview { plan, edge })
    }

    /// The plan from what was seen.
    ///
    /// # Errors
    /// What makes the goal impossible.
    pub fn plan(&mut self, observed: &Observed) -> Result<Plan> {
        // Finding places takes time, and is of use only where something is replaced.
        let Self { loaded, desired, .. } = self;
        for (service, paths) in up::unplaced(desired, observed) {
            let Some(desired) = desired.services.get_mut(&service) else { continue };
            for path in paths {
                let (attribute, entry) = path.split_once('.').map_or((path.as_str(), None), |(a, e)| (a, Some(e)));
                let keys: Vec<&str> = ["services", &service, attribute].into_iter().chain(entry).collect();
                if let Some(place) = loaded.place(&keys) {
                    desired.places.insert(path, place);
                }
            }
        }
        Ok(up::plan(&self.desired, observed, &self.options)?)
    }

    /// A changed volume is made anew only if the user says that its data may go.
    async fn ask_about_volumes(&mut self, observed: &Observed) -> Result<()> {
        for (key, name) in up::changed_volumes(&self.desired, observed) {
            let question = format!(
                "Volume \"{name}\" exists but doesn't match configuration in compose file. Recreate (data will be lost)?"
            );
            let agreed = self.yes
                || (self.ask
                    && tokio::select! {
                        answer = prompt::confirm(&question) => answer?,
                        () = self.runner.cancel.cancelled() => return Err(CommandError::interrupted()),
                    });
            if agreed {
                self.options.recreate_volumes.insert(key);
            }
        }
        Ok(())
    }

    /// What the gateway routes to now; and, before anything is done, whether it can listen where it has to.
    async fn look_at_gateway(&mut self) -> Result<()> {
        let Some(wish) = &self.wish else { return Ok(()) };
        self.look = EdgeSnapshot::take(&self.runner.engine).await?;
        if self.look.has_gateway() {
            self.options.routed = wish.routed();
        }
        if self.route { wish.check(&self.runner.engine, &self.look).await } else { Ok(()) }
    }

    /// Builds the images of those services that have a `build` section, whatever is here; [`Prepared::converge`] then takes
    /// them as they are.
    ///
    /// # Errors
    /// A build that failed; the others are done.
    pub async fn build(&mut self, which: impl Fn(&DesiredService) -> bool) -> Result<()> {
        let mut chosen = self.desired.clone();
        chosen.services.retain(|_, service| which(service));
        let plan = up::builds(&chosen)?;
        self.runner.carry_out(&plan, Some(&self.desired)).await?;
        let images = plan.steps().filter_map(|(_, step)| step.resource.strip_prefix("Image ").map(str::to_owned));
        self.options.settled.extend(images);
        Ok(())
    }

    /// Pulls and builds that decide whether containers stay, and looks again.
    pub(super) async fn settle_images(&mut self, observed: Observed) -> Result<Observed> {
        let first = up::images_first(&self.desired, &observed, &self.options)?;
        if first.is_empty() || self.runner.dry_run {
            return Ok(observed);
        }
        self.runner.carry_out(&first, Some(&self.desired)).await?;
        let images = first.steps().filter_map(|(_, step)| step.resource.strip_prefix("Image ").map(str::to_owned));
        self.options.settled.extend(images);
        Ok(up::observe(&self.runner.engine, &self.desired, &self.options).await?)
    }

    /// Hands the routes over, and says what they are reached at.
    async fn route(&self, changed: bool) -> Result<()> {
        let Some(wish) = self.wish.as_ref().filter(|_| self.route) else { return Ok(()) };
        let reporter = &self.runner.reporter;
        let granted = wish.apply(&self.runner.engine, &self.look, changed).await?;
        for url in &granted.urls {
            reporter.update(Update { id: &format!("Route {url}"), status: Status::Done, text: "Serving", details: "" });
        }
        for problem in &granted.problems {
            reporter.message(&format!("warning: {problem}"));
        }
        reporter.finish();
        Ok(())
    }
}
