//! `stack plan`

use std::process::ExitCode;
use std::time::Duration;

use super::format::is_json;
use super::up::{self, CreateArgs, Prepared};
use super::{Context, Global, block_on, flags, to_json};
use crate::error::Result;
use crate::ui::output;

/// Exit code with `--detailed-exitcode` where something would be changed.
const CHANGES: u8 = 2;

/// Show what `up` with the same flags would do, and why; change nothing
///
/// Each line is a step: what is done, which steps it needs (`<- #1`), why, and where that is written. What a pull would
/// bring is not known before. Values that look like secrets are not shown.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Services, with those they depend on; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// How to print
    #[arg(long, value_name = "text|json", default_value = "text")]
    format: String,
    /// Exit with 2 where something would be changed, with 0 where nothing would be
    #[arg(long)]
    detailed_exitcode: bool,
    /// Build images before, even where they are here
    #[arg(long)]
    build: bool,
    /// Build nothing
    #[arg(long, conflicts_with = "build")]
    no_build: bool,
    /// When images are pulled
    #[arg(long, value_name = "always|missing|never|policy", default_value = "policy")]
    pull: String,
    /// Replace containers even where nothing has changed
    #[arg(long)]
    force_recreate: bool,
    /// Replace no container, whatever has changed
    #[arg(long, conflicts_with = "force_recreate")]
    no_recreate: bool,
    /// Replace what services depend on as well
    #[arg(long)]
    always_recreate_deps: bool,
    /// New anonymous volumes instead of the old ones
    #[arg(short = 'V', long)]
    renew_anon_volumes: bool,
    /// Remove containers of services that are gone from the files
    #[arg(long)]
    remove_orphans: bool,
    /// How many containers of a service
    #[arg(long, value_name = "SERVICE=N")]
    scale: Vec<String>,
    /// Leave out what services depend on
    #[arg(long)]
    no_deps: bool,
    /// Create, do not start
    #[arg(long)]
    no_start: bool,
    /// Seconds until a container that is stopped is killed
    #[arg(short, long, value_name = "SECONDS", value_parser = flags::grace, allow_negative_numbers = true)]
    timeout: Option<Duration>,
    /// As if all questions were answered with yes: changed volumes are made anew
    #[arg(short = 'y', long = "yes")]
    yes: bool,
    /// Run a Traefik service as it is, instead of letting the built-in gateway stand in for it
    #[arg(long)]
    no_adopt: bool,
}

impl Args {
    /// The same flags of `up`.
    fn up(&self) -> up::Args {
        let mut up = up::Args::default();
        up.create = CreateArgs {
            services: self.services.clone(),
            build: self.build,
            no_build: self.no_build,
            pull: self.pull.clone(),
            force_recreate: self.force_recreate,
            no_recreate: self.no_recreate,
            remove_orphans: self.remove_orphans,
            scale: self.scale.clone(),
            yes: self.yes,
            no_adopt: self.no_adopt,
            ..CreateArgs::default()
        };
        up.always_recreate_deps = self.always_recreate_deps;
        up.renew_anon_volumes = self.renew_anon_volumes;
        up.no_deps = self.no_deps;
        up.no_start = self.no_start;
        up.timeout = self.timeout;
        up
    }
}

/// Prints the plan.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let json = is_json(&args.format)?;
    let context = &Context {
        global: Global { dry_run: true, ..context.global.clone() },
        working_dir: context.working_dir.clone(),
        environment: context.environment.clone(),
    };
    let up = args.up();
    up.check(context)?;
    let work = up.work(context)?;
    let loaded = context.load(&context.load_options(&args.services))?;
    let mut prepared = Prepared::new(context, loaded, work)?;
    let preview = block_on(prepared.preview())?;
    let text =
        if json { format!("{}\n", to_json(&preview.json(&prepared.desired.project))?) } else { preview.to_string() };
    output::stdout(&text)?;
    let changes = args.detailed_exitcode && preview.changes();
    Ok(if changes { ExitCode::from(CHANGES) } else { ExitCode::SUCCESS })
}
