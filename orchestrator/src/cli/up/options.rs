//! The flags of `up` and `create`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Work;
use crate::cli::{Context, flags};
use crate::error::{CommandError, Result};
use crate::reconcile::Selection;
use crate::reconcile::up::{PullPolicy, Recreate, UpOptions};
use crate::ui::{output, terminal};

/// Create containers without starting them
#[derive(Debug, Default, clap::Args)]
pub struct CreateArgs {
    /// Services, with those they depend on; none: all
    pub services: Vec<String>,
    /// Build images before, even where they are here
    #[arg(long)]
    pub build: bool,
    /// Build nothing
    #[arg(long, conflicts_with = "build")]
    pub no_build: bool,
    /// When images are pulled
    #[arg(long, value_name = "always|missing|never|policy", default_value = "policy")]
    pub pull: String,
    /// Do not show what pulls say
    #[arg(long)]
    pub quiet_pull: bool,
    /// Do not show what builds say
    #[arg(long)]
    pub quiet_build: bool,
    /// Replace containers even where nothing has changed
    #[arg(long)]
    pub force_recreate: bool,
    /// Replace no container, whatever has changed
    #[arg(long, conflicts_with = "force_recreate")]
    pub no_recreate: bool,
    /// Remove containers of services that are gone from the files
    #[arg(long)]
    pub remove_orphans: bool,
    /// How many containers of a service
    #[arg(long, value_name = "SERVICE=N")]
    pub scale: Vec<String>,
    /// Answer yes to all questions
    #[arg(short = 'y', long = "yes")]
    pub yes: bool,
    /// Run a Traefik service as it is, instead of letting the built-in gateway stand in for it
    #[arg(long)]
    pub no_adopt: bool,
}

/// Create and start containers, and route to them
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(in crate::cli) create: CreateArgs,
    /// Return once everything is started
    #[arg(short, long)]
    detach: bool,
    /// Wait until everything runs, and is healthy where it has a check
    #[arg(long)]
    wait: bool,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS")]
    wait_timeout: Option<u64>,
    /// Replace what services depend on as well
    #[arg(long)]
    pub(in crate::cli) always_recreate_deps: bool,
    /// New anonymous volumes instead of the old ones
    #[arg(short = 'V', long)]
    pub(in crate::cli) renew_anon_volumes: bool,
    /// Leave out what services depend on
    #[arg(long)]
    pub(in crate::cli) no_deps: bool,
    /// Create, do not start
    #[arg(long)]
    pub(in crate::cli) no_start: bool,
    /// Seconds until a container that is stopped is killed
    #[arg(short, long, value_name = "SECONDS", value_parser = flags::grace, allow_negative_numbers = true)]
    pub(in crate::cli) timeout: Option<Duration>,
    /// Show only what these services print
    #[arg(long, value_name = "SERVICE")]
    pub(super) attach: Vec<String>,
    /// Do not show what these services print
    #[arg(long, value_name = "SERVICE")]
    pub(super) no_attach: Vec<String>,
    /// Show what services depended on print as well
    #[arg(long)]
    pub(super) attach_dependencies: bool,
    /// Stop everything when a container ends
    #[arg(long)]
    pub(super) abort_on_container_exit: bool,
    /// Stop everything when a container fails
    #[arg(long)]
    pub(super) abort_on_container_failure: bool,
    /// End with the exit code of this service's container; stops everything when it ends
    #[arg(long, value_name = "SERVICE")]
    pub(super) exit_code_from: Option<String>,
    /// No colours
    #[arg(long)]
    pub(super) no_color: bool,
    /// No names in front of the lines
    #[arg(long)]
    pub(super) no_log_prefix: bool,
    /// Head lines with the time they are shown at
    #[arg(long)]
    pub(super) timestamps: bool,
    /// Watch the files and bring changes in
    #[arg(short, long)]
    pub(super) watch: bool,
    /// Keys while attached
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", value_parser = flags::boolean)]
    menu: Option<bool>,
}

impl Args {
    /// Refuses flags that contradict each other, as Docker Compose does.
    pub(in crate::cli) fn check(&self, context: &Context) -> Result<()> {
        let create = &self.create;
        let aborts = self.abort_on_container_exit || self.abort_on_container_failure || self.exit_code_from.is_some();
        let follows = aborts || !self.attach.is_empty() || self.attach_dependencies || self.watch;
        let conflicts = [
            (
                self.detach && follows,
                "`--detach` cannot be used with `--abort-on-container-exit`, `--abort-on-container-failure`, `--exit-code-from`, `--attach`, `--attach-dependencies` or `--watch`",
            ),
            (
                self.wait && follows,
                "`--wait` cannot be used with `--abort-on-container-exit`, `--abort-on-container-failure`, `--exit-code-from`, `--attach`, `--attach-dependencies` or `--watch`",
            ),
            (
                self.renew_anon_volumes && create.no_recreate,
                "`--renew-anon-volumes` cannot be used with `--no-recreate`",
            ),
            (
                self.always_recreate_deps && create.no_recreate,
                "`--always-recreate-deps` cannot be used with `--no-recreate`",
            ),
            (
                self.abort_on_container_exit && self.abort_on_container_failure,
                "`--abort-on-container-exit` cannot be used with `--abort-on-container-failure`",
            ),
            (
                !self.attach.is_empty() && self.attach_dependencies,
                "`--attach` cannot be used with `--attach-dependencies`",
            ),
        ];
        if let Some((_, message)) = conflicts.iter().find(|(conflict, _)| *conflict) {
            return Err(CommandError::new(*message));
        }
        if self.watch && create.no_build {
            return Err(CommandError::new("--no-build and --watch are incompatible"));
        }
        if self.no_start && follows {
            output::stderr("warning: with `--no-start` nothing runs: flags about running containers have no effect\n");
        }
        // Without a terminal Docker Compose has none either.
        if self.menu == Some(true) && terminal::stdout_is_terminal() {
            output::stderr("warning: `--menu` is not supported: no keys are listened to but Ctrl-C, which stops\n");
        }
        if create.remove_orphans && context.is_true("COMPOSE_IGNORE_ORPHANS") {
            return Err(CommandError::new("`--remove-orphans` contradicts COMPOSE_IGNORE_ORPHANS")
                .hint("unset COMPOSE_IGNORE_ORPHANS"));
        }
        Ok(())
    }

    /// Time until a container that is stopped is killed.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Whether the command stays and shows what containers print.
    pub(super) const fn attaches(&self) -> bool {
        !(self.detach || self.wait || self.no_start)
    }

    pub(in crate::cli) fn work(&self, context: &Context) -> Result<Work> {
        let mut work = self.create.work(context)?;
        let options = &mut work.options;
        options.no_start = self.no_start;
        options.wait = self.wait && !self.no_start;
        options.wait_timeout = self.wait_timeout.map(Duration::from_secs);
        options.timeout = self.timeout();
        options.renew_anonymous_volumes = self.renew_anon_volumes;
        if self.renew_anon_volumes {
            options.recreate = Recreate::Force;
        }
        if self.always_recreate_deps {
            options.recreate_dependencies = Recreate::Force;
        }
        work.selection.no_dependencies = self.no_deps;
        work.route = !self.no_start;
        Ok(work)
    }

    /// Whether services were named on the command line.
    pub(super) const fn names_services(&self) -> bool {
        !self.create.services.is_empty()
    }
}

impl CreateArgs {
    pub(super) fn work(&self, context: &Context) -> Result<Work> {
        let pull = match self.pull.as_str() {
            "policy" | "" => None,
            word @ ("always" | "missing" | "never" | "build" | "if_not_present") => PullPolicy::parse(word),
            other => {
                return Err(CommandError::new(format!("invalid value for `--pull`: `{other}`"))
                    .hint("use `always`, `missing`, `never` or `policy`"));
            }
        };
        let recreate = match (self.force_recreate, self.no_recreate) {
            (true, _) => Recreate::Force,
            (_, true) => Recreate::Never,
            _ => Recreate::Diverged,
        };
        Ok(Work {
            selection: Selection {
                services: self.services.clone(),
                scale: scale(&self.scale)?,
                ..Selection::default()
            },
            options: UpOptions {
                recreate,
                recreate_dependencies: if self.no_recreate { Recreate::Never } else { Recreate::Diverged },
                remove_orphans: self.remove_orphans || context.is_true("COMPOSE_REMOVE_ORPHANS"),
                ignore_orphans: context.is_true("COMPOSE_IGNORE_ORPHANS"),
                no_start: true,
                pull,
                build: self.build,
                no_build: self.no_build,
                ..UpOptions::default()
            },
            adopt: !self.no_adopt,
            yes: self.yes,
            ask: true,
            route: false,
        })
    }
}

/// Reads `SERVICE=N`s.
///
/// # Errors
/// What is not of that form.
pub(super) fn scale(words: &[String]) -> Result<BTreeMap<String, u32>> {
    let parse = |word: &String| {
        let (service, count) = word.split_once('=')?;
        Some((service.to_owned(), count.parse().ok()?))
    };
    words
        .iter()
        .map(|word| {
            parse(word).ok_or_else(|| {
                CommandError::new(format!("invalid value for `--scale`: `{word}`")).hint("write `--scale app=3`")
            })
        })
        .collect()
}
