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
