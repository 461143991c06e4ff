//! Every folder of examples/ runs as its README says.

use integration::{Curl, Scenario, eventually};

#[test]
fn hello_is_served_and_healthy() {
    let Some(s) = Scenario::alone("hello") else { return };
    s.copy_from("examples/02-hello");
    let up = s.stack(["up", "-d", "--wait"]).ok();
    assert_eq!(s.inspect(&s.container("hello"), "{{.State.Health.Status}}"), "healthy");
    // Where a project with a Traefik service runs beside it (the demo), that one's entry points are used.
    let plain = up.text().contains("Route http://hello.localhost  ");
    let (scheme, port) = if plain { ("http", 80) } else { ("https", 443) };
    eventually("the gateway serves it", || {
        let answer = Curl::to(scheme, "hello.localhost", port, "/").with("--insecure").send();
        (answer.status == 200 && answer.body.starts_with("hello from ")).then_some(())
    });
    let _ = s.stack(["down"]).ok();
}

#[test]
fn every_example_has_a_valid_file_and_a_readme() {
    let examples = integration::scenario::repository().join("examples");
    for entry in std::fs::read_dir(examples).unwrap() {
        let folder = entry.unwrap().path();
        assert!(folder.join("README.md").is_file(), "{} has no README.md", folder.display());
        let checked = integration::run(
            std::process::Command::new(integration::scenario::stack()).args(["config", "--quiet"]).current_dir(&folder),
        );
        let _ = checked.ok();
    }
}
