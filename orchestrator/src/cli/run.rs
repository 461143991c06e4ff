//! `stack run`

mod overrides;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::carry_out::Signals;
use super::session::{Input, forward, relay};
use super::up::{Prepared, Work};
use super::{Context, Global, block_on, dry_run};
use crate::backend::{Engine, State};
use crate::error::{CommandError, Result};
use crate::reconcile::Selection;
use crate::reconcile::up::{self, OneOff, PullPolicy, Recreate, UpOptions};
use crate::ui::style::printable;
use crate::ui::{output, terminal};

/// How long a process may live on after it has closed its terminal, before we take that for a detachment.
const DETACHED: Duration = Duration::from_secs(2);

/// Run a command in a container of its own
#[derive(Debug, clap::Args)]
#[command(override_usage = "stack run [OPTIONS] SERVICE [COMMAND] [ARGS]...")]
pub struct Args {
    /// Build images before, even where they are here
    #[arg(long)]
    build: bool,
    /// Add a Linux capability
    #[arg(long, value_name = "CAP")]
    cap_add: Vec<String>,
    /// Take a Linux capability away
    #[arg(long, value_name = "CAP")]
    cap_drop: Vec<String>,
    /// Do not wait for it; print its id
    #[arg(short, long)]
    detach: bool,
    /// In place of the image's entrypoint
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Environment variable; without a value, ours
    #[arg(short, long = "env", value_name = "KEY=VALUE")]
    environment: Vec<String>,
    /// Environment variables from a file
    #[arg(long, value_name = "FILE")]
    env_from_file: Vec<PathBuf>,
    /// Hand our input to it
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", hide = true, action = clap::ArgAction::Set)]
    interactive: bool,
    /// Add a label
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Name of the container
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// No terminal for it, even where we have one
    #[arg(short = 'T', long = "no-TTY", alias = "no-tty")]
    no_tty: bool,
    /// A terminal for it, as is the default
    #[arg(short, long, hide = true, conflicts_with = "no_tty")]
    tty: bool,
    /// Leave what the service depends on alone
    #[arg(long)]
    no_deps: bool,
    /// Publish a port
    #[arg(short, long, value_name = "PORT", conflicts_with = "service_ports")]
    publish: Vec<String>,
    /// When images are pulled
    #[arg(long, value_name = "always|missing|never|policy", default_value = "policy")]
    pull: String,
    /// Show nothing but its output
    #[arg(short, long)]
    quiet: bool,
    /// Do not show what builds say
    #[arg(long)]
    quiet_build: bool,
    /// Do not show what pulls say
    #[arg(long)]
    quiet_pull: bool,
    /// Remove containers of services that are gone from the files
    #[arg(long)]
    remove_orphans: bool,
    /// Remove the container at its end
    #[arg(long)]
    rm: bool,
    /// Publish the service's ports
    #[arg(short = 'P', long)]
    service_ports: bool,
    /// Answer to the service's names in its networks
    #[arg(long)]
    use_aliases: bool,
    /// As this user
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Mount a volume
    #[arg(short, long = "volume", value_name = "VOLUME")]
    volumes: Vec<String>,
    /// In this folder
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Service, then the command with its arguments
    #[arg(value_names = ["SERVICE", "COMMAND"], required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Args {
    fn service(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    fn options(&self, context: &Context) -> Result<UpOptions> {
        let pull = match self.pull.as_str() {
            "policy" => None,
            "always" | "missing" | "never" => PullPolicy::parse(&self.pull),
            other => {
                return Err(CommandError::new(format!("unsupported value for `--pull`: `{}`", printable(other)))
                    .hint("use `always`, `missing`, `never` or `policy`"));
            }
        };
        Ok(UpOptions {
            // Containers of the service itself have nothing to do with this.
            recreate: Recreate::Never,
            remove_orphans: self.remove_orphans,
            ignore_orphans: context.is_true("COMPOSE_IGNORE_ORPHANS"),
            build: self.build,
            pull,
            ..UpOptions::default()
        })
    }

    /// The container, apart from others of its service by something that comes only once.
    fn one_off(&self, project: &str) -> OneOff {
        let once = format!("{project} {} {} {}", self.service(), std::process::id(), jiff::Timestamp::now());
        let slug: String = Sha256::digest(once.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let own = || format!("{project}-{}-run-{}", self.service(), slug.get(..12).unwrap_or(&slug));
        OneOff {
            service: self.service().to_owned(),
            name: self.name.clone().unwrap_or_else(own),
            // Attached, we remove it: its exit code has to be asked for before.
            auto_remove: self.rm && self.detach,
            open_stdin: self.interactive,
            use_aliases: self.use_aliases,
            slug,
        }
    }
}

/// Brings up what the service needs, runs the command in a container of its own; its exit code is ours.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if args.service().starts_with('-') {
        return Err(CommandError::new(format!("unknown flag `{}`", printable(args.service())))
            .hint("`stack run --help` lists the flags"));
    }
    let has_terminal = terminal::stdin_is_terminal() && terminal::stdout_is_terminal();
    let tty = args.tty || (has_terminal && !args.no_tty && !args.detach);
    if args.tty && args.interactive && !terminal::stdin_is_terminal() {
        return Err(CommandError::new("the input device is not a TTY").hint("leave `-t` out, or add `-i=false`"));
    }
    let options = args.options(context)?;
    let services = vec![args.service().to_owned()];
    let mut loaded = context.load(&context.load_options(&services))?;
    if !loaded.project.services.contains_key(args.service()) {
        return Err(super::scope::no_such_service(args.service(), loaded.project.services.keys().map(String::as_str)));
    }
    let command = args.command.get(1..).unwrap_or_default();
    overrides::apply(context, args, tty, command, &mut loaded.project)?;
    let selection = Selection {
        scale: services.iter().map(|name| (name.clone(), 1)).collect(),
        services,
        no_dependencies: args.no_deps,
        ..Selection::default()
    };
    let progress = if args.quiet { "quiet".to_owned() } else { context.global.progress.clone() };
    let context = &Context {
        global: Global { progress, ..context.global.clone() },
        working_dir: context.working_dir.clone(),
        environment: context.environment.clone(),
    };
    let work = Work { selection, options, adopt: true, yes: false, ask: true, route: false };
    let mut prepared = Prepared::new(context, loaded, work)?;
    if prepared.desired.programs.services.contains_key(args.service()) {
        return Err(CommandError::new(format!(
            "service `{}` is brought by a provider and has no container",
            args.service()
        ))
        .hint("run the command in another service"));
    }
    if !prepared.desired.services.contains_key(args.service()) {
        return Err(CommandError::new(format!("the gateway stands in for service `{}`", args.service()))
            .hint("`stack gateway --help` shows what it does"));
    }
    prepared.runner.quiet_pull = args.quiet_pull || args.quiet;
    prepared.runner.quiet_build = args.quiet_build || args.quiet;
    let container = args.one_off(&prepared.desired.project);
    block_on(async move {
        let engine = prepared.runner.engine.clone();
        let Some(id) = make(&mut prepared, &container).await? else { return Ok(ExitCode::SUCCESS) };
        drop(prepared);
        if args.detach {
            engine.start_container(&id).await?;
            output::stdout(&format!("{id}\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let outcome = tokio::select! {
            outcome = attached(&engine, &id, args.interactive, tty) => outcome,
            outcome = forward(async |signal| {
                // It may have ended by itself.
                let _ = engine.kill_container(&id, signal).await;
            }) => outcome.map(|()| Some(0)),
        };
        if args.rm && !matches!(outcome, Ok(None)) {
            engine.remove_container(&id, true).await?;
        }
        let code = outcome?.unwrap_or(0);
        Ok(ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1)))
    })
}

/// Brings up what the service needs and makes the container; its id, none with `--dry-run`.
async fn make(prepared: &mut Prepared, container: &OneOff) -> Result<Option<String>> {
    prepared.runner.begin().await?;
    prepared.provide().await?;
    let observed = prepared.observe().await?;
    let observed = prepared.settle_images(observed).await?;
    let (plan, made) = up::one_off(&prepared.desired, &observed, &prepared.options, container)?;
    let mut signals = Signals::new()?;
    let cancel = prepared.runner.cancel.clone();
    let interrupted = async {
        signals.next().await;
        cancel.cancel();
        signals.next().await;
    };
    let outcome = tokio::select! {
        outcome = prepared.runner.carry_out(&plan, Some(&prepared.desired)) => outcome?,
        () = interrupted => return Err(CommandError::interrupted()),
    };
    if prepared.runner.dry_run {
        dry_run::print(&format!("start {}", printable(&container.name)))?;
    }
    Ok(made.and_then(|step| outcome.made.get(&step).cloned()))
}

/// Starts the container and stays with it until it ends: its exit code; none when it was detached from and runs on.
async fn attached(engine: &Engine, id: &str, interactive: bool, tty: bool) -> Result<Option<i64>> {
    let session = engine.attach_container(id, interactive, None).await?;
    engine.start_container(id).await?;
    relay(session, Input::ours(interactive), tty, async |rows, columns| {
        engine.resize_container(id, rows, columns).await
    })
    .await?;
    if !tty {
        return Ok(Some(engine.wait_container(id).await?));
    }
    match tokio::time::timeout(DETACHED, engine.wait_container(id)).await {
        Ok(code) => Ok(Some(code?)),
        Err(_) if engine.container(id).await?.summary.state == State::Running => Ok(None),
        Err(_) => Ok(Some(engine.wait_container(id).await?)),
    }
}
