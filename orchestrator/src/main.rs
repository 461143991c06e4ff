//! The `stack` binary: plans and runs compose projects on a container engine.

use std::process::ExitCode;

fn main() -> ExitCode {
    orchestrator::cli::run()
}
