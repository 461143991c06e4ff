//! Two projects beside each other.

use std::time::Duration;

use integration::engine::docker;
use integration::{Background, Calls, FaultyEngine, Point, Scenario, eventually, free_port};

use crate::routed;

#[test]
fn two_projects_share_one_gateway_and_nothing_else() {
    let Some(first) = Scenario::new("one") else { return };
    let Some(second) = Scenario::new("two") else { return };
    let port = free_port();
    for (scenario, host) in [(&first, "one.example.com"), (&second, "two.example.com")] {
        routed::write(scenario, port, host);
        let _ = scenario.stack(["up", "-d"]).ok();
    }
    let one = routed::until_served("one.example.com", port);
    let two = routed::until_served("two.example.com", port);
    let name = |scenario: &Scenario| scenario.inspect(&scenario.container("app"), "{{.Config.Hostname}}");
    assert_eq!((routed::served_by(&one), routed::served_by(&two)), (name(&first), name(&second)));

    let address = first.inspect(&first.container("app"), "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    let other = format!("{}_default", second.project);
    let probe = docker(["run", "--rm", "--network", &other, "busybox:stable", "nc", "-w", "2", &address, "8080"]);
    assert_ne!(probe.code(), 0, "another project's network does not lead here");

    let _ = first.stack(["down"]).ok();
    assert_eq!(routed::until_unserved("one.example.com", port).status, 404);
    assert_eq!(routed::ask("two.example.com", port).status, 200);

    // One that goes when a container of it ends takes its routes along as well.
    let _ = first.stack(["up", "-d"]).ok();
    let _ = routed::until_served("one.example.com", port);
    let app = first.container("app");
    let engine = FaultyEngine::start(first.folder());
    engine.arm_work(Point(Calls::Changes, 1), || ());
    let waiting =
        Background::start(first.stack_command(["wait", "--down-project", "app"]).env("DOCKER_HOST", engine.address()));
    // Only what runs is waited for: it has been seen running when the engine is asked to tell of its end.
    let asked = eventually("it waits", || engine.fired());
    assert!(asked.contains("/wait"), "{asked}");
    let _ = docker(["kill", &app]).ok();
    let waited = waiting.wait(Duration::from_secs(30));
    assert!(waited.code() == 137 && first.containers("app").is_empty(), "{waited}");
    assert_eq!(routed::until_unserved("one.example.com", port).status, 404);
}

#[test]
fn a_project_that_goes_leaves_the_gateway_to_others_though_somebody_removed_the_agent() {
    let Some(scenario) = Scenario::alone("agentless") else { return };
    let port = free_port();
    routed::write(&scenario, port, "stays.example.com");
    scenario.write("other.yml", &routed::file(port, "goes.example.com"));
    let other = format!("{}-other", scenario.project);
    let _ = scenario.stack(["up", "-d"]).ok();
    let _ = scenario.stack(["-f", "other.yml", "-p", &other, "up", "-d"]).ok();
    let _ = routed::until_served("stays.example.com", port);
    let _ = routed::until_served("goes.example.com", port);

    let _ = docker(["rm", "-f", "stack-agent"]).ok();
    let _ = scenario.stack(["-f", "other.yml", "-p", &other, "down"]).ok();
    assert_eq!(routed::until_unserved("goes.example.com", port).status, 404);
    assert_eq!(routed::ask("stays.example.com", port).status, 200);
    assert_eq!(scenario.inspect("stack-agent", "{{.State.Status}}"), "running", "it is needed again");
}
