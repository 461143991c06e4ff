//! `stack version`

use std::process::ExitCode;

use super::to_json;
use crate::error::{CommandError, Result};
use crate::ui::output;
use crate::ui::style::printable;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Print the version
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to print
    #[arg(short, long, value_name = "pretty|json", default_value = "pretty")]
    format: String,
    /// Only the number
    #[arg(long)]
    short: bool,
}

/// Prints the version.
///
/// # Errors
/// See [`CommandError`].
pub fn run(args: &Args) -> Result<ExitCode> {
    let text = match args.format.as_str() {
        _ if args.short => VERSION.to_owned(),
        "pretty" | "" => format!("stack version {VERSION}"),
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
