//! Two projects beside each other.

use integration::{Scenario, free_port};

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
    let probe = integration::engine::docker([
        "run",
        "--rm",
        "--network",
        &other,
        "busybox:stable",
        "nc",
        "-w",
        "2",
        &address,
        "8080",
    ]);
    assert_ne!(probe.code(), 0, "another project's network does not lead here");

    let _ = first.stack(["down"]).ok();
    assert_eq!(routed::until_unserved("one.example.com", port).status, 404);
    assert_eq!(routed::ask("two.example.com", port).status, 200);
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

    let _ = integration::engine::docker(["rm", "-f", "stack-agent"]).ok();
    let _ = scenario.stack(["-f", "other.yml", "-p", &other, "down"]).ok();
    assert_eq!(routed::until_unserved("goes.example.com", port).status, 404);
    assert_eq!(routed::ask("stays.example.com", port).status, 200);
    assert_eq!(scenario.inspect("stack-agent", "{{.State.Status}}"), "running", "it is needed again");
}
