//! Replicas behind the gateway.

use std::collections::BTreeSet;

use integration::{Scenario, eventually, free_port};

use crate::routed;

#[test]
fn requests_spread_over_replicas_and_back() {
    let Some(s) = Scenario::new("scale") else { return };
    let port = free_port();
    routed::write(&s, port, "scale.example.com");
    let _ = s.stack(["up", "-d"]).ok();
    routed::until_served("scale.example.com", port);

    let replicas_seen = |requests: usize| -> BTreeSet<String> {
        (0..requests)
            .map(|_| {
                let answer = routed::ask("scale.example.com", port);
                assert_eq!(answer.status, 200, "no request is lost while scaling: {answer:?}");
                routed::served_by(&answer)
            })
            .collect()
    };
    assert_eq!(replicas_seen(4).len(), 1);
    let original = s.container("app");

    let _ = s.stack(["up", "-d", "--scale", "app=3"]).ok();
    assert_eq!(s.containers("app").len(), 3);
    assert!(s.containers("app").contains(&original), "the first replica stays");
    eventually("three replicas answer", || (replicas_seen(6).len() == 3).then_some(()));

    let _ = s.stack(["up", "-d", "--scale", "app=1"]).ok();
    assert_eq!(s.containers("app"), [original]);
    assert_eq!(replicas_seen(6).len(), 1);
}
