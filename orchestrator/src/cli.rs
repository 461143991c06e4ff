//! The command line: one command a file, its doc comment is its help.

pub mod attach;
pub mod build;
pub mod carry_out;
pub mod change;
pub mod commit;
pub mod config;
mod context;
pub mod cp;
pub mod doctor;
pub mod down;
mod dry_run;
pub mod each;
pub mod edge;
pub mod events;
pub mod exec;
pub mod explain;
pub mod export;
mod flags;
mod format;
pub mod gateway;
pub mod images;
pub mod kill;
pub mod logs;
pub mod ls;
pub mod pause;
pub mod plan;
mod plugin;
pub mod port;
pub mod ps;
pub mod pull;
pub mod push;
mod refused;
pub mod restart;
pub mod rm;
pub mod rollback;
pub mod routes;
pub mod run;
pub mod scale;
pub mod scope;
pub mod session;
pub mod start;
pub mod stats;
pub mod stop;
pub mod top;
pub mod trust;
pub mod unpause;
pub mod up;
pub mod version;
pub mod volume;
pub mod volumes;
pub mod wait;
pub mod watch;

#[cfg(test)]
mod tests;

pub use context::{Context, Global, show_warnings};

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{CommandError, Result};
use crate::ui::progress::{Mode, json};
use crate::ui::{output, style};

/// Runs a docker-compose.yml, with an HTTPS gateway in front of it.
#[derive(Debug, Parser)]
#[command(
    name = "stack",
    version,
    max_term_width = 100,
    subcommand_required = true,
    disable_help_subcommand = false,
    disable_version_flag = true
)]
struct Cli {
    /// Print version
    #[arg(short = 'V', short_alias = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Attach(attach::Args),
    Build(build::Args),
    Commit(commit::Args),
    Config(config::Args),
    Cp(cp::Args),
    Create(up::CreateArgs),
    Doctor(doctor::Args),
    Down(down::Args),
    #[command(hide = true)]
    Edge(edge::Args),
    Events(events::Args),
    Exec(exec::Args),
    Explain(explain::Args),
    Export(export::Args),
    Gateway(gateway::Args),
    Images(images::Args),
    Kill(kill::Args),
    Logs(logs::Args),
    Ls(ls::Args),
    Pause(pause::Args),
    Plan(plan::Args),
    Port(port::Args),
    Ps(ps::Args),
    Pull(pull::Args),
    Push(push::Args),
    Restart(restart::Args),
    Rm(rm::Args),
    Rollback(rollback::Args),
    Routes(routes::Args),
    Run(Box<run::Args>),
    Scale(scale::Args),
    Start(start::Args),
    Stats(stats::Args),
    Stop(stop::Args),
    Top(top::Args),
    Trust(trust::Args),
    Unpause(unpause::Args),
    Up(up::Args),
    Version(version::Args),
    Volume(volume::Args),
    Volumes(volumes::Args),
    Wait(wait::Args),
    Watch(watch::Args),
}

/// Parses the command line, runs the command, reports its failure; the exit code of the process.
pub fn run() -> ExitCode {
    match started() {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn started() -> Result<ExitCode> {
    let arguments = match plugin::called(std::env::args_os().collect::<Vec<OsString>>())? {
        plugin::Called::With(arguments) => arguments,
        plugin::Called::ForMetadata => {
            output::stdout(&plugin::metadata())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    plugin::follow_docker();
    match flags::parse(arguments) {
        Ok(cli) => dispatch(cli),
        Err(error) if error.kind() == clap::error::ErrorKind::DisplayVersion && plugin::is_called() => {
            version::run(&version::Args::default())
        }
        Err(error) => answer(&error),
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let context = Context::new(cli.global)?;
    output::progress_to_stdout(context.is_true("COMPOSE_STATUS_STDOUT"));
    let mode = Mode::choose(&context.global.progress, &context.global.ansi, output::progress_is_watched())?;
    output::speak_to_programs(mode == Mode::Json);
    style::apply_ansi(&context.global.ansi)?;
    if context.global.compatibility && !matches!(cli.command, Command::Config(_)) {
        return Err(CommandError::new("`--compatibility` is not supported: names have a `-` between their parts")
            .hint("leave it out; for one container use `container_name`"));
    }
    match cli.command {
        Command::Attach(args) => attach::run(&context, &args),
        Command::Build(args) => build::run(&context, &args),
        Command::Commit(args) => commit::run(&context, &args),
        Command::Config(args) => config::run(&context, &args),
        Command::Cp(args) => cp::run(&context, &args),
        Command::Create(args) => up::create(&context, &args),
        Command::Doctor(args) => doctor::run(&context, &args),
        Command::Down(args) => down::run(&context, &args),
        Command::Edge(args) => edge::run(&context, args),
        Command::Events(args) => events::run(&context, &args),
        Command::Exec(args) => exec::run(&context, &args),
        Command::Explain(args) => explain::run(&context, &args),
        Command::Export(args) => export::run(&context, &args),
        Command::Gateway(args) => gateway::run(&context, &args),
        Command::Images(args) => images::run(&context, &args),
        Command::Kill(args) => kill::run(&context, &args),
        Command::Logs(args) => logs::run(&context, &args),
        Command::Ls(args) => ls::run(&context, &args),
        Command::Pause(args) => pause::run(&context, &args),
        Command::Plan(args) => plan::run(&context, &args),
        Command::Port(args) => port::run(&context, &args),
        Command::Ps(args) => ps::run(&context, &args),
        Command::Pull(args) => pull::run(&context, &args),
        Command::Push(args) => push::run(&context, &args),
        Command::Restart(args) => restart::run(&context, &args),
        Command::Rm(args) => rm::run(&context, &args),
        Command::Rollback(args) => rollback::run(&context, &args),
        Command::Routes(args) => routes::run(&context, &args),
        Command::Run(args) => run::run(&context, &args),
        Command::Scale(args) => scale::run(&context, &args),
        Command::Start(args) => start::run(&context, &args),
        Command::Stats(args) => stats::run(&context, &args),
        Command::Stop(args) => stop::run(&context, &args),
        Command::Top(args) => top::run(&context, &args),
        Command::Trust(args) => trust::run(&context, &args),
        Command::Unpause(args) => unpause::run(&context, &args),
        Command::Up(args) => up::run(&context, &args),
        Command::Version(args) => version::run(&args),
        Command::Volume(args) => volume::run(&context, &args),
        Command::Volumes(args) => volumes::run(&context, &args),
        Command::Wait(args) => wait::run(&context, &args),
        Command::Watch(args) => watch::run(&context, &args),
    }
}

/// Runs an engine command on a runtime of one thread: it mostly waits for the engine.
///
/// # Errors
/// Whatever the work fails with.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::new(format!("cannot start the async runtime: {error}")))?;
    runtime.block_on(work)
}

/// A value as one line of JSON, with the characters that Docker Compose escapes for browsers escaped.
fn to_json(value: &impl serde::Serialize) -> Result<String> {
    let text =
        serde_json::to_string(value).map_err(|error| CommandError::new(format!("cannot print JSON: {error}")))?;
    // Outside strings JSON has none of them.
    let odd = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    if !text.contains(odd) {
        return Ok(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if odd.contains(&character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    Ok(escaped)
}

/// What the parser has to say: help and version are answers; everything else is a mistake, with Docker Compose's exit code 1.
fn answer(error: &clap::Error) -> Result<ExitCode> {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    let rendered = error.render();
    // No command at all is a question, too.
    if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        output::stdout(&rendered.ansi().to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    if error.kind() == clap::error::ErrorKind::InvalidSubcommand
        && let Some(clap::error::ContextValue::String(name)) = error.get(clap::error::ContextKind::InvalidSubcommand)
        && let Some(refused) = refused::command(name)
    {
        return Err(refused);
    }
    output::stderr(&rendered.ansi().to_string());
    Err(CommandError::reported())
}

fn report(error: &CommandError) {
    if error.message.is_empty() {
        return;
    }
    if output::speaks_to_programs() {
        output::stderr(&json::failure(error));
        return;
    }
    output::stderr(&error.text());
}
