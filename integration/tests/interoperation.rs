//! The real Docker Compose and `stack` on one project.

use integration::Scenario;

use crate::lifecycle::TWO_SERVICES;

#[test]
fn docker_compose_sees_and_ends_what_stack_started() {
    let Some(s) = Scenario::new("handover") else { return };
    s.compose_file(TWO_SERVICES);
    let _ = s.stack(["up", "-d"]).ok();
    let ids = [s.container("web"), s.container("db")];
    let Some(ps) = s.compose(["ps", "--format", "{{.Service}} {{.State}}"]) else { return };
    assert_eq!(ps.ok().stdout, "db running\nweb running\n");
    let _ = s.compose(["logs", "web"]).unwrap().ok().says("web started");
    let _ = s.compose(["up", "-d"]).unwrap().ok();
    assert_eq!([s.container("web"), s.container("db")], ids, "Docker Compose finds nothing to change");
    let _ = s.compose(["down", "--volumes"]).unwrap().ok();
    assert!(s.containers("web").is_empty() && s.owned("network").is_empty() && s.owned("volume").is_empty());
}

#[test]
fn stack_takes_over_what_docker_compose_started() {
    let Some(s) = Scenario::new("takeover") else { return };
    s.copy_from("examples/01-webapp");
    let _ =
        integration::run(std::process::Command::new("./certs.sh").arg("takeover.example.com").current_dir(s.folder()))
            .ok();
    // The gateway's port is not this scenario's matter.
    let file = std::fs::read_to_string(s.folder().join("docker-compose.yml")).unwrap();
    let port = integration::free_port();
    s.compose_file(
        &file.replace("\"443:443\"", &format!("\"{port}:443\"")).replace("app.example.com", "takeover.example.com"),
    );
    let Some(up) = s.compose(["up", "-d", "app", "db"]) else { return };
    let _ = up.ok();
    let facts = || {
        [s.container("app"), s.container("db")].map(|id| {
            s.inspect(&id, "{{.Id}} {{.State.StartedAt}} {{index .Config.Labels \"com.docker.compose.config-hash\"}}")
        })
    };
    let before = facts();
    let _ = s.stack(["up", "-d"]).ok();
    assert_eq!(facts(), before, "not one container is recreated or restarted");
    let answer = integration::eventually("the app answers through the gateway", || {
        let answer = crate::routed::ask("takeover.example.com", port);
        (answer.status == 200).then_some(answer)
    });
    assert!(answer.body.contains("visits"), "{answer:?}");
    let _ = s.stack(["down", "--volumes"]).ok();
    assert!(s.owned("network").is_empty() && s.owned("volume").is_empty());
}
