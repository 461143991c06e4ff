//! Watching, from one batch of changes to the next.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use compose_schema::{LoadOptions, Loaded};
use tokio_util::sync::CancellationToken;

use super::files;
use super::word::{Say, listed, report, warn, warn_all};
use crate::backend::Engine;
use crate::cli::up::{Prepared, Work};
use crate::cli::{Context, Global};
use crate::develop::batch::{Batch, Transfer};
use crate::develop::rule::Rules;
use crate::develop::sync::Sync;
use crate::develop::tree::{Subject, Told, TreeWatch};
use crate::error::{CommandError, Result};
use crate::lock::Lock;
use crate::reconcile::Desired;

/// How changes are brought in.
#[derive(Debug, Clone)]
pub struct How {
    /// What `up` does with a changed project.
    pub work: Work,
    /// Images may be built.
    pub builds: bool,
    /// Do not show what builds say.
    pub quiet: bool,
    /// Remove images that a rebuild has left without a name.
    pub prune: bool,
    /// Changes of the project's own files are brought in as well.
    pub follow_project: bool,
    /// What is said where there is nothing to watch.
    pub none: &'static str,
}

/// A watch over the files of a project.
pub struct Watching {
    /// Ends it, after what is being done.
    pub stop: CancellationToken,
    /// Containers are being replaced or restarted: their ends are no news.
    pub acting: Arc<AtomicBool>,
    pub(super) context: Arc<Context>,
    pub(super) options: LoadOptions,
    pub(super) how: How,
    pub(super) engine: Engine,
    pub(super) loaded: Arc<Loaded>,
    pub(super) desired: Desired,
    /// What the files say has been done.
    applied: bool,
    pub(super) sync: Sync,
    pub(super) say: Say,
    subject: Arc<Subject>,
    tree: TreeWatch,
    lock: Option<Lock>,
}

/// The rules of the services that a command is about. Their warnings go to standard error.
///
/// # Errors
/// Where there are none; a rule that cannot be followed.
pub(super) fn rules(loaded: &Loaded, desired: &Desired, how: &How) -> Result<Rules> {
    let services: Vec<String> = desired.services.keys().cloned().collect();
    let found = Rules::of(&loaded.project, &services, how.builds)?;
    found.warnings.iter().for_each(|warning| warn(warning));
    if found.rules.is_empty() {
        return Err(CommandError::new(how.none)
            .hint("`develop: {watch: [{action: sync, path: ./src, target: /src}]}` in a service watches a folder"));
    }
    Ok(found)
}

impl Watching {
    /// Begins to watch: whatever changes from now on is brought in once [`Watching::run`] runs. Blocks: call it before the
    /// async runtime starts. Cancelling `stop` ends it.
    ///
    /// # Errors
    /// Nothing to watch, rules that cannot be followed, folders that cannot be watched.
    pub fn start(context: &Context, prepared: &Prepared, how: How, say: Say, stop: CancellationToken) -> Result<Self> {
        let rules = rules(&prepared.loaded, &prepared.desired, &how)?;
        let mut files = BTreeSet::new();
        if how.follow_project {
            files = files::of(context, &prepared.loaded);
            files.extend(rules.sources);
        }
        let subject = Arc::new(Subject { rules: rules.rules, files });
        let tree = TreeWatch::start(Arc::clone(&subject))?;
        // A live table would be drawn over what containers print.
        let progress = match context.global.progress.as_str() {
            "json" | "quiet" => context.global.progress.clone(),
            _ => "plain".to_owned(),
        };
        let context = Context {
            global: Global { progress, ..context.global.clone() },
            working_dir: context.working_dir.clone(),
            environment: context.environment.clone(),
        };
        let options = context.load_options(&how.work.selection.services);
        Ok(Self {
            stop,
            acting: Arc::default(),
            options,
            how,
            engine: prepared.runner.engine.clone(),
            loaded: Arc::clone(&prepared.loaded),
            desired: prepared.desired.clone(),
            applied: true,
            sync: Sync::new(&prepared.loaded.project.name),
            context: Arc::new(context),
            say,
            subject,
            tree,
            lock: None,
        })
    }

    /// From now on nobody else watches the project.
    ///
    /// # Errors
    /// Somebody who watches it already; an engine that cannot be asked.
    pub async fn claim(&mut self) -> Result<()> {
        self.lock = Some(Lock::of_watch(&self.engine, &self.loaded.project.name).await?);
        Ok(())
    }

    /// Brings changes in until [`Watching::stop`] is cancelled. What fails is said, and watching goes on.
    pub async fn run(&mut self) {
        self.initial().await;
        self.say.line("Watch enabled").await;
        loop {
            let told = tokio::select! {
                () = self.stop.cancelled() => return,
                told = self.tree.next() => told,
            };
            self.bring_in(told).await;
            if self.stop.is_cancelled() {
                return;
            }
        }
    }

    async fn initial(&mut self) {
        let subject = Arc::clone(&self.subject);
        match tokio::task::spawn_blocking(move || Batch::initial(&subject.rules)).await {
            Ok(batch) => {
                warn_all(&batch.problems);
                for (service, transfer) in batch.sync {
                    self.transfer(&service, transfer).await;
                }
            }
            Err(error) => warn(&format!("looking for the first files was cut off: {error}")),
        }
    }

    async fn bring_in(&mut self, told: Told) {
        // The batch is about the rules that it was made with.
        let subject = Arc::clone(&self.subject);
        let replaces = told.files || !told.batch.rebuild.is_empty() || !told.batch.restart.is_empty();
        self.acting.store(replaces, Ordering::Relaxed);
        if told.files {
            self.reload().await;
        }
        let Batch { mut rebuild, sync, mut restart, exec, problems } = told.batch;
        warn_all(&problems);
        let known = |service: &String| self.desired.services.contains_key(service);
        rebuild.retain(known);
        restart.retain(known);
        if !rebuild.is_empty() {
            self.rebuild(&rebuild).await;
        }
        for (service, transfer) in sync {
            let count = transfer.count();
            if count > 0 && !self.stop.is_cancelled() {
                self.say.line(&format!("Syncing service \"{service}\" after {count} changes were detected")).await;
                self.transfer(&service, transfer).await;
            }
        }
        if !restart.is_empty() && !self.stop.is_cancelled() {
            self.restart(&restart).await;
        }
        self.acting.store(false, Ordering::Relaxed);
        for rule in exec.into_iter().filter_map(|position| subject.rules.get(position)) {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.exec(rule) => {}
            }
        }
    }

    async fn transfer(&mut self, service: &str, transfer: Transfer) {
        let problems = self.sync.transfer(&self.engine, service, transfer).await;
        warn_all(&problems);
    }

    /// Reads the project again. One that cannot be read leaves the last one in force; its files are watched all the same,
    /// since one of them has to be mended.
    async fn reload(&mut self) {
        let options = self.options.clone();
        let read = tokio::task::spawn_blocking(move || compose_schema::load(&options)).await;
        let loaded = match read {
            // Patterns of `.dockerignore` may be others.
            Ok(Ok(loaded)) if self.applied && files::same(&self.loaded.sources, &loaded.sources) => {
                return self.watch_anew().await;
            }
            Ok(Ok(loaded)) => Arc::new(loaded),
            Ok(Err(failure)) => {
                let more = files::read(&self.context, &failure.sources);
                self.watch_files(&more).await;
                report(&crate::error::from_failure(&failure, crate::ui::output::stderr_color()));
                self.say.line("The changed project cannot be read: what runs goes on as it is").await;
                return;
            }
            Err(error) => return warn(&format!("reading the project was cut off: {error}")),
        };
        crate::cli::show_warnings(&loaded.warnings, &loaded.sources);
        if loaded.project.name != self.loaded.project.name {
            return warn("the project has another name now: end this watch and bring the other project up");
        }
        self.say.line("Applying the changed project...").await;
        let converged = self.converge(&loaded).await;
        // Its rules and files count even where not all of it could be done: it is what the next change starts from.
        self.loaded = loaded;
        self.applied = converged.is_ok();
        match converged {
            Ok(desired) => {
                self.desired = desired;
                self.say.line("The changed project is applied").await;
            }
            Err(error) => self.failed(&error),
        }
        self.watch_anew().await;
        let problems = self.sync.catch_up(&self.engine).await;
        warn_all(&problems);
    }

    /// Watches what the project says now.
    async fn watch_anew(&mut self) {
        let found = Rules::of(
            &self.loaded.project,
            &self
                .desired
                .services
                .keys()
                .filter(|name| self.loaded.project.services.contains_key(*name))
                .cloned()
                .collect::<Vec<_>>(),
            self.how.builds,
        );
        match found {
            Ok(found) => {
                found.warnings.iter().for_each(|warning| warn(warning));
                let mut files = files::of(&self.context, &self.loaded);
                files.extend(found.sources);
                self.subject = Arc::new(Subject { rules: found.rules, files });
                self.tree.turn_to(Arc::clone(&self.subject)).await;
            }
            Err(error) => {
                report(&error);
                self.watch_files(&files::of(&self.context, &self.loaded)).await;
            }
        }
    }

    /// Watches more files beside what is watched.
    async fn watch_files(&mut self, more: &BTreeSet<PathBuf>) {
        if more.is_subset(&self.subject.files) {
            return;
        }
        let files = self.subject.files.union(more).cloned().collect();
        let rules = self.subject.rules.clone();
        self.subject = Arc::new(Subject { rules, files });
        self.tree.turn_to(Arc::clone(&self.subject)).await;
    }

    /// Says why something has failed; not where it was only cut short by the end of the watch.
    pub(super) fn failed(&self, error: &CommandError) {
        if !self.stop.is_cancelled() {
            report(error);
        }
    }

    /// The words about several services.
    pub(super) fn services(services: &BTreeSet<String>) -> String {
        format!("service(s) {}", listed(services))
    }
}
