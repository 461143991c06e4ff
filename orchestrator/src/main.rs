//! The `stack` binary: plans and runs compose projects on a container engine.

use std::process::ExitCode;

/// The C library's is slow for what a gateway asks of it: tasks, which are aligned, and header maps, which are large.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    orchestrator::cli::run()
}
