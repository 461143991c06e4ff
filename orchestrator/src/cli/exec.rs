//! `stack exec`

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use super::scope::Scope;
use super::session::{Input, ended, relay};
use super::{Context, block_on, dry_run, flags};
use crate::backend::{Engine, ExecSpec};
use crate::error::{CommandError, Result};
use crate::ui::style::printable;
use crate::ui::terminal;

/// How long the engine may take to notice that a command has ended, after its output has.
const NOTICE: Duration = Duration::from_secs(2);

/// Run a command in a running container
#[derive(Debug, clap::Args)]
#[command(override_usage = "stack exec [OPTIONS] SERVICE COMMAND [ARGS]...")]
pub struct Args {
    /// Do not wait for it
    #[arg(short, long)]
    detach: bool,
    /// Environment variable; without a value, ours
    #[arg(short, long = "env", value_name = "KEY=VALUE")]
    environment: Vec<String>,
    /// Number of the container, where the service has several
    #[arg(long, value_name = "N", value_parser = flags::index, allow_negative_numbers = true)]
    index: Option<u32>,
    /// No terminal for the command, even where we have one
    #[arg(short = 'T', long, alias = "no-TTY")]
    no_tty: bool,
    /// A terminal for the command, as is the default
    #[arg(short, long, hide = true, conflicts_with = "no_tty")]
    tty: bool,
    /// Keep standard input open, as is the default
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    interactive: bool,
    /// With all privileges
    #[arg(long)]
    privileged: bool,
    /// As this user
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// In this folder
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Service, then the command with its arguments
    #[arg(value_names = ["SERVICE", "COMMAND"], required = true, num_args = 2.., trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// `KEY=value` as it is; `KEY` with our value, or alone where we have none: the engine takes the variable away.
fn environment(ours: &BTreeMap<String, String>, given: &[String]) -> Vec<String> {
    given
        .iter()
        .map(|entry| match ours.get(entry).filter(|_| !entry.contains('=')) {
            Some(value) => format!("{entry}={value}"),
            None => entry.clone(),
        })
        .collect()
}

/// Runs the command; its exit code is ours.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let Some((service, command)) = args.command.split_first() else { return Ok(ExitCode::FAILURE) };
    if service.starts_with('-') {
        return Err(CommandError::new(format!("unknown flag `{service}`")).hint("`stack exec --help` lists the flags"));
    }
    let tty = !args.no_tty && !args.detach && terminal::stdin_is_terminal() && terminal::stdout_is_terminal();
    let spec = ExecSpec {
        command: command.to_vec(),
        environment: environment(&context.environment, &args.environment),
        user: args.user.clone().unwrap_or_default(),
        working_dir: args.workdir.clone().unwrap_or_default(),
        tty: tty || args.tty,
        privileged: args.privileged,
        stdin: args.interactive,
        detach: args.detach,
    };
    let scope = Scope::find(context, std::slice::from_ref(service))?;
    let engine = context.engine()?;
    block_on(async {
        let container = scope.running(&engine, service, args.index).await?;
        if context.global.dry_run {
            dry_run::print(&printable(&format!("run `{}` in {}", command.join(" "), container.name)))?;
            return Ok(ExitCode::SUCCESS);
        }
        let session = engine.exec(&container.id, &spec).await?;
        if args.detach {
            return Ok(ExitCode::SUCCESS);
        }
        let id = session.id.clone();
        let input = match spec.tty && !terminal::stdin_is_terminal() {
            true if spec.stdin => Input::Typed,
            _ => Input::ours(spec.stdin),
        };
        let resize = async |rows, columns| engine.resize_exec(&id, rows, columns).await;
        tokio::select! {
            outcome = relay(session, input, spec.tty, resize) => outcome?,
            code = ended() => return Ok(ExitCode::from(code)),
        }
        let code = exit_code(&engine, &id).await?;
        Ok(ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1)))
    })
}

/// The code a command has ended with; 0 for one that runs on (its terminal was detached).
async fn exit_code(engine: &Engine, id: &str) -> Result<i64> {
    let ended = async {
        loop {
            if let Some(code) = engine.exec_exit_code(id).await? {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(NOTICE, ended).await.unwrap_or(Ok(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_without_value_here_is_taken_away() {
        let ours = BTreeMap::from([("HERE".to_owned(), "1".to_owned())]);
        let given = ["A=b", "HERE", "NOT", "E="].map(str::to_owned);
        assert_eq!(environment(&ours, &given), ["A=b", "HERE=1", "NOT", "E="]);
    }
}
