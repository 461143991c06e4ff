//! Ctrl-C on an attached `up`.

use std::time::Duration;

use integration::Scenario;

use crate::lifecycle::TWO_SERVICES;

#[test]
fn the_first_interrupt_stops_gracefully() {
    let Some(s) = Scenario::new("interrupt") else { return };
    s.compose_file(TWO_SERVICES);
    let mut up = s.stack_in_background(["up"]);
    up.until_it_says("web started");
    up.until_it_says("db started");
    up.signal("INT");
    let run = up.wait(Duration::from_secs(30));
    assert_eq!(run.code(), 130, "{run}");
    let run = run.says("web stopped").says("db stopped");
    for service in ["web", "db"] {
        let id = s.container(service);
        assert_eq!(s.inspect(&id, "{{.State.Status}} {{.State.ExitCode}}"), "exited 0", "{run}");
    }
}

#[test]
fn the_second_interrupt_kills() {
    let Some(s) = Scenario::new("interrupts") else { return };
    s.compose_file(
        r#"
services:
  deaf:
    image: busybox:stable
    command: ["sh", "-c", "trap 'echo heard' TERM; echo started; while :; do sleep 1000 & wait; done"]
    stop_grace_period: 2m
"#,
    );
    let mut up = s.stack_in_background(["up"]);
    up.until_it_says("started");
    up.signal("INT");
    up.until_it_says("Stopping");
    up.signal("INT");
    let run = up.wait(Duration::from_secs(20));
    assert_ne!(run.code(), 0, "{run}");
    let id = s.container("deaf");
    integration::eventually("the container is killed", || {
        (s.inspect(&id, "{{.State.Running}}") == "false").then_some(())
    });
    assert_eq!(s.inspect(&id, "{{.State.ExitCode}}"), "137");
}
