//! What a watch does with whole services.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compose_schema::Loaded;
use futures_util::future::join_all;

use super::session::Watching;
use super::word::{warn, warn_all};
use crate::backend::{ExecSpec, State};
use crate::cli::carry_out::Runner;
use crate::cli::up::{Prepared, Work};
use crate::develop::rule::Rule;
use crate::develop::run;
use crate::error::{CommandError, Result};
use crate::reconcile::up::{PullPolicy, Recreate, UpOptions};
use crate::reconcile::{Desired, Selection, lifecycle};

impl Watching {
    /// Brings the engine to what a project says, as `up -d` does; what that is.
    ///
    /// # Errors
    /// Whatever `up` fails with.
    pub(super) async fn converge(&self, loaded: &Arc<Loaded>) -> Result<Desired> {
        let Work { selection, mut options, .. } = self.how.work.clone();
        // What was asked for once is not done again with every change.
        options.recreate = Recreate::Diverged;
        options.recreate_dependencies = Recreate::Diverged;
        options.renew_anonymous_volumes = false;
        options.pull = options.pull.filter(|pull| *pull != PullPolicy::Always);
        let mut prepared =
            self.prepare(loaded, Work { selection, options, ask: false, ..self.how.work.clone() }).await?;
        // Before its containers begin to print.
        self.say.project(loaded, &prepared.desired).await;
        prepared.converge().await?;
        Ok(prepared.desired)
    }

    /// Builds services anew and replaces their containers. A build that fails leaves them as they are.
    pub(super) async fn rebuild(&mut self, services: &BTreeSet<String>) {
        let names = Self::services(services);
        self.say.line(&format!("Rebuilding {names} after changes were detected...")).await;
        // What is carried over from now on may miss this build.
        let carried: BTreeMap<&String, _> =
            services.iter().map(|service| (service, self.sync.building(service))).collect();
        let before = self.images(services).await;
        let selection = Selection {
            services: services.iter().cloned().collect(),
            no_dependencies: true,
            ..self.how.work.selection.clone()
        };
        let options = UpOptions {
            recreate_dependencies: Recreate::Never,
            // They were told of when everything was brought up.
            ignore_orphans: true,
            timeout: self.how.work.options.timeout,
            forget: self.how.prune,
            ..UpOptions::default()
        };
        let work = Work { selection, options, ask: false, route: true, ..self.how.work.clone() };
        let built = async {
            let mut prepared = self.prepare(&self.loaded, work).await?;
            prepared.build(|_| true).await?;
            Ok::<_, CommandError>(prepared)
        };
        let mut prepared = match built.await {
            Ok(prepared) => prepared,
            Err(error) => {
                for (service, carried) in carried {
                    self.sync.not_built(service, carried);
                }
                self.failed(&error);
                return self.say.line(&format!("Build of {names} failed: what runs goes on as it is")).await;
            }
        };
        self.say.line(&format!("{names} successfully built")).await;
        if let Err(error) = prepared.converge().await {
            self.failed(&error);
            return self.say.line(&format!("{names} could not be replaced")).await;
        }
        drop(prepared);
        if self.how.prune {
            self.prune(before).await;
        }
        // Containers that share with these were made anew of the images they had.
        let problems = self.sync.catch_up(&self.engine).await;
        warn_all(&problems);
    }

    /// Restarts services, and those that depend on them with `restart: true`.
    pub(super) async fn restart(&self, services: &BTreeSet<String>) {
        let (context, project) = (Arc::clone(&self.context), self.loaded.project.name.clone());
        // Certificates of the engine are files.
        let runner = tokio::task::spawn_blocking(move || Runner::new(&context, &project)).await;
        let outcome = async {
            let mut runner =
                runner.map_err(|error| CommandError::new(format!("the restart was cut off: {error}")))??;
            runner.cancel = self.stop.clone();
            let observed = runner.observe().await?;
            let names: Vec<String> = services.iter().cloned().collect();
            let grace = self.how.work.options.timeout;
            let plan = lifecycle::restart(&observed, Some(&self.loaded.project), &names, grace, false);
            runner.carry_out(&plan, None).await.map(drop)
        };
        match outcome.await {
            Ok(()) => self.say.line(&format!("{} restarted", Self::services(services))).await,
            Err(error) => self.failed(&error),
        }
    }

    /// Runs a rule's command in all running containers of its service.
    pub(super) async fn exec(&self, rule: &Rule) {
        let containers = match self.sync.containers(&self.engine, &rule.service).await {
            Ok(containers) => containers,
            Err(error) => return warn(&error.to_string()),
        };
        let hook = &rule.exec;
        let pair = |(key, value): (&String, &Option<String>)| match value {
            Some(value) => Some(format!("{key}={value}")),
            None => self.context.environment.get(key).map(|value| format!("{key}={value}")),
        };
        let spec = ExecSpec {
            command: hook.words().to_vec(),
            environment: hook.environment.iter().filter_map(pair).collect(),
            user: hook.user.clone(),
            working_dir: hook.working_dir.clone(),
            privileged: hook.privileged,
            ..ExecSpec::default()
        };
        let running = containers.iter().filter(|container| container.state == State::Running);
        join_all(running.map(|container| async {
            let line = async |line: &str| self.say.line(line).await;
            let name = &container.name;
            match run::run(&*self.engine, &container.id, &spec, line).await {
                Ok(Some(0)) => {}
                Ok(Some(code)) => warn(&format!("{name}: `{}` ended with exit code {code}", hook.words().join(" "))),
                Ok(None) => warn(&format!("{name}: `{}` closed its output and runs on", hook.words().join(" "))),
                Err(error) => warn(&format!("{name}: {error}")),
            }
        }))
        .await;
    }

    async fn prepare(&self, loaded: &Arc<Loaded>, work: Work) -> Result<Prepared> {
        let (context, loaded) = (Arc::clone(&self.context), Arc::clone(loaded));
        // Certificates of the engine are files.
        let prepared = tokio::task::spawn_blocking(move || Prepared::new(&context, loaded, work)).await;
        let mut prepared =
            prepared.map_err(|error| CommandError::new(format!("the change was cut off: {error}")))??;
        prepared.runner.cancel = self.stop.clone();
        prepared.runner.quiet_pull = self.how.quiet;
        prepared.runner.quiet_build = self.how.quiet;
        Ok(prepared)
    }

    /// Ids of the images of services, as far as they are here.
    async fn images(&self, services: &BTreeSet<String>) -> BTreeSet<String> {
        let names = services.iter().filter_map(|service| self.desired.services.get(service)).map(|found| &found.image);
        let found = join_all(names.map(|name| self.engine.image(name))).await;
        found.into_iter().filter_map(|image| Some(image.ok()??.id)).collect()
    }

    /// Removes images that have no name any more. One that is in use stays.
    async fn prune(&self, images: BTreeSet<String>) {
        for id in images {
            if let Ok(Some(image)) = self.engine.image(&id).await
                && image.tags.is_empty()
            {
                // A container that somebody else runs of it is reason enough to keep it.
                let _ = self.engine.remove_image(&id).await;
            }
        }
    }
}
