//! A fault at every single call to the engine: what is said is right, and the same command again mends everything.
//!
//! `STACK_FAULTS=all` (`make faults`) tries every fault at every call; without it each call that changes something gets one
//! fault of a few, and so does every third of the others.

mod behind;
mod plain;
mod rollout;
mod trial;

use std::time::Duration;

use integration::{Background, Calls, Fault, FaultyEngine, Point, Scenario};

/// Longest run, with an engine that never answers.
const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn commands_take_turns_and_a_killed_one_lets_go() {
    let Some(s) = Scenario::new("turns") else { return };
    s.compose_file(crate::lifecycle::TWO_SERVICES);
    let engine = FaultyEngine::start(s.folder());
    engine.arm(Some((Fault::Stuck, Point(Calls::All, 3))));
    let first = Background::start(s.stack_command(["up", "-d"]).env("DOCKER_HOST", engine.address()));
    integration::eventually("the first one is held up by the engine", || engine.fired());
    // The same engine at another address, as somebody else who sees none of the first one's files.
    std::fs::create_dir(s.folder().join("run")).unwrap();
    let mut second = Background::start(s.stack_command(["up", "-d"]).env("XDG_RUNTIME_DIR", s.folder().join("run")));
    second.until_it_says("waiting for another `stack` (process");
    assert!(!second.has_ended(), "it has its turn later");
    first.signal("KILL");
    assert_eq!(first.wait(LIMIT).code(), 137);
    let _ = second.wait(LIMIT).ok();
    for service in ["web", "db"] {
        assert_eq!(s.inspect(&s.container(service), "{{.State.Status}}"), "running");
    }
}
