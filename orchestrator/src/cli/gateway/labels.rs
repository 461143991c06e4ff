//! `stack gateway labels`: what labels mean, without an engine.

use std::io::Read as _;
use std::process::ExitCode;

use crate::cli::Context;
use crate::error::{CommandError, Result};
use crate::ui::output;

/// Environment variable with options of the docker provider, as JSON.
const OPTIONS: &str = "DOCKER_PROVIDER_OPTIONS";

/// Reads containers from standard input, prints the configuration; problems go to standard error.
///
/// # Errors
/// Input that is not what is expected.
pub(super) fn run(context: &Context) -> Result<ExitCode> {
    let mut input = String::new();
    std::io::stdin()
        .read_to_string(&mut input)
        .map_err(|error| CommandError::new(format!("cannot read the containers from standard input: {error}")))?;
    let options = context.environment.get(OPTIONS).map(String::as_str);
    let (configuration, problems) = proxy::config::labels::command(&input, options).map_err(|error| {
        CommandError::new(format!("the containers (or `{OPTIONS}`) cannot be understood: {error}"))
            .hint("a JSON list is expected: [{\"name\": ..., \"labels\": {...}, \"ports\": [\"80/tcp\"], ...}]")
    })?;
    for problem in &problems {
        output::stderr(&format!("warning: {problem}\n"));
    }
    output::stdout(&configuration)?;
    Ok(ExitCode::SUCCESS)
}
