//! The engine of this machine, as scenarios see it.

use std::process::Command;

use crate::command::{Run, run};

/// Runs the `docker` client.
pub fn docker<const N: usize>(arguments: [&str; N]) -> Run {
    run(Command::new("docker").args(arguments))
}

/// Whether an engine answers. Where none does, scenarios are skipped and say so; `STACK_TEST_REQUIRE_ENGINE` (set by
/// continuous integration, which brings its own engine) turns that into a failure.
#[must_use]
pub fn is_there(scenario: &str) -> bool {
    let answer = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    let found = answer.as_ref().is_ok_and(|output| output.status.success());
    if !found {
        skip(scenario, "no Docker Engine answers; integration/engine.sh starts one (as root)");
        assert!(std::env::var_os("STACK_TEST_REQUIRE_ENGINE").is_none(), "an engine is required here and none answers");
    }
    found
}

/// Says that a scenario did not run for want of a program that it compares with or talks to; `STACK_TEST_REQUIRE_PEERS` (set by
/// continuous integration where it has found or installed them all) turns that into a failure.
///
/// # Panics
/// Such programs are required.
pub fn skip_without_peer(scenario: &str, why: &str) {
    skip(scenario, why);
    assert!(std::env::var_os("STACK_TEST_REQUIRE_PEERS").is_none(), "{scenario} is required here, but {why}");
}

/// Says that a scenario did not run, and why.
pub fn skip(scenario: &str, why: &str) {
    note(&format!("skipped: {scenario}: {why}"));
}

/// Says something that whoever reads the results should know.
pub fn note(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether an image is in the engine.
#[must_use]
pub fn has_image(image: &str) -> bool {
    docker(["image", "inspect", "--format", "{{.Id}}", image]).code() == 0
}
