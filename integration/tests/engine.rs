//! The engine itself dies and comes back.

use std::process::{Command, Stdio};
use std::time::Duration;

use integration::engine::skip;
use integration::{PrivateEngine, eventually, holds_within, run};

use crate::routed;

#[test]
fn routes_outlive_the_engine_and_come_back_with_it() {
    let Some(s) = integration::Scenario::new("engine") else { return };
    let Some(mut engine) = PrivateEngine::start("engine", &["busybox:stable"]) else { return };
    s.hello_context("hello");
    s.compose_file(&routed::file(443, "engine.example.com").replace("    build:", "    restart: always\n    build:"));
    let stack = |engine: &PrivateEngine, words: &[&str]| {
        run(engine.inside(&integration::scenario::stack().to_string_lossy()).args(words).current_dir(s.folder()))
    };
    let served = |engine: &PrivateEngine| {
        let asked = run(engine.inside("curl").args([
            "--silent",
            "--insecure",
            "--max-time",
            "5",
            "--resolve",
            "engine.example.com:443:127.0.0.1",
            "https://engine.example.com/",
        ]));
        asked.stdout.starts_with("hello from ").then(|| asked.stdout.lines().next().map(str::to_owned)).flatten()
    };
    let _ = stack(&engine, &["up", "-d"]).ok();
    eventually("the gateway serves", || served(&engine));

    engine.kill();
    assert!(served(&engine).is_some(), "while the engine is down the gateway serves what it knows");
    let said = stack(&engine, &["ps"]).exits(1);
    assert!(said.stderr.contains("hint:"), "{said}");

    engine.boot();
    let back = holds_within(Duration::from_secs(60), || served(&engine));
    assert!(back.is_some(), "the engine starts the gateway and the app again");
    let _ = stack(&engine, &["up", "-d", "--scale", "app=2"]).ok();
    eventually("the agent follows the engine again", || {
        let pair = [served(&engine)?, served(&engine)?];
        (pair[0] != pair[1]).then_some(())
    });
    let _ = stack(&engine, &["down"]).ok();
}

/// The script is run as it is, with stand-ins for the engine and its clients.
#[test]
fn the_other_engines_data_goes_with_it() {
    if !run(Command::new("id").arg("-u")).stdout.starts_with("0\n") {
        return skip("the_other_engines_data_goes_with_it", "needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    for program in ["docker", "ip"] {
        let path = programs.join(program);
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        let _ = run(Command::new("chmod").arg("755").arg(path)).ok();
    }
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let state = folder.path().join("state");
    let stop = || {
        let script = integration::scenario::repository().join("integration/engine-28.sh");
        run(Command::new("bash").arg(script).arg("stop").env("PATH", &path).env("STACK_ENGINE_28", &state)).ok()
    };
    let mut engine = Command::new("sleep").arg("1000").stdout(Stdio::null()).spawn().unwrap();
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("pid"), engine.id().to_string()).unwrap();
    // Only who waits for it makes a process that was killed go.
    let waiting = std::thread::spawn(move || engine.wait());
    let _ = stop();
    assert!(!state.exists(), "nothing of it is mounted, and it is gone");
    let _ = waiting.join();
    // One that has crashed left no process.
    std::fs::create_dir(&state).unwrap();
    let _ = stop();
    assert!(!state.exists());
    let _ = stop().says("engine 28 does not run");
}
