//! The engine itself dies and comes back.

use std::time::Duration;

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
