//! `stack version`

use std::process::ExitCode;

use super::{plugin, to_json};
use crate::error::{CommandError, Result};
use crate::labels::COMPOSE_VERSION;
use crate::ui::output;
use crate::ui::style::printable;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Print the version
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// How to print
    #[arg(short, long, value_name = "pretty|json", default_value = "pretty")]
    format: String,
    /// Only the number
    #[arg(long)]
    short: bool,
}

/// Prints the version. As a plugin it is asked by scripts that want to know what `docker compose` can do: they are told
/// the version of Docker Compose whose commands it has.
///
/// # Errors
/// See [`CommandError`].
pub fn run(args: &Args) -> Result<ExitCode> {
    let plugin = plugin::is_called();
    let text = match args.format.as_str() {
        _ if args.short => if plugin { COMPOSE_VERSION } else { VERSION }.to_owned(),
        "pretty" | "" if plugin => format!("Docker Compose version v{COMPOSE_VERSION} (stack {VERSION})"),
        "pretty" | "" => format!("stack version {VERSION}"),
        "json" if plugin => {
            to_json(&serde_json::json!({ "version": format!("v{COMPOSE_VERSION}"), "stack": VERSION }))?
        }
        "json" => to_json(&serde_json::json!({ "version": VERSION }))?,
        other => {
            return Err(
                CommandError::new(format!("unsupported format `{}`", printable(other))).hint("use `pretty` or `json`")
            );
        }
    };
    output::stdout(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}
