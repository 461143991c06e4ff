//! `stack doctor`

mod addresses;
mod certificates;
mod check;
mod facts;
mod gather;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use serde::Serialize;

use super::format::is_json;
use super::{Context, block_on, to_json};
use crate::error::Result;
use crate::ui::output;
use crate::ui::style::printable;

/// Look for what keeps the engine, the gateway and the project from working
///
/// Looks at the engine, its clock and disk, the gateway, the ports it needs, the names it answers to, its certificates, and at
/// what in the project is open to the world or worth a look. Nothing is changed. The exit code is 1 where there is an error.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to print
    #[arg(long, value_name = "text|json", default_value = "text")]
    format: String,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Something does not work.
    Error,
    /// Something is about not to work, or is unsafe.
    Warning,
    /// Worth knowing.
    Note,
    /// Looked at, and well.
    Ok,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Ok => "ok",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    severity: Severity,
    /// What was looked at (`engine`, `ports`, ...).
    check: &'static str,
    /// What is so.
    message: String,
    /// What to do about it; empty where there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    mend: String,
}

/// Looks, and prints what was found.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let json = is_json(&args.format)?;
    let facts = block_on(gather::gather(context))?;
    let findings = check::all(&facts);
    let text =
        if json { format!("{}\n", to_json(&serde_json::json!({ "findings": findings }))?) } else { text(&findings) };
    output::stdout(&text)?;
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One line each, with what to do below.
fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let (word, check) = (finding.severity.word(), finding.check);
        text.push_str(&format!("{word:<8} {check:<13} {}\n", printable(&finding.message)));
        if !finding.mend.is_empty() {
            text.push_str(&format!("{:>24}{}\n", "-> ", printable(&finding.mend)));
        }
    }
    text
}
