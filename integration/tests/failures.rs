//! What goes wrong is said with its place and the way out, with the right exit code.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use integration::engine::{self, docker};
use integration::{Run, Scenario, free_port, run};

use crate::lifecycle::TWO_SERVICES;
use crate::routed;

/// Nothing of the project was left in the engine.
fn nothing_made(s: &Scenario, after: &Run) {
    let left = (s.containers("app"), s.containers("web"), s.owned("network"), s.owned("volume"));
    assert_eq!(left, Default::default(), "{after}");
}

#[test]
fn no_engine_answers() {
    let Some(s) = Scenario::new("noengine") else { return };
    s.compose_file(TWO_SERVICES);
    let socket = s.folder().join("nobody.sock");
    let address = format!("unix://{}", socket.display());
    let said = run(s.stack_command(["up", "-d"]).env("DOCKER_HOST", &address)).exits(1).says(&address).says("hint:");
    nothing_made(&s, &said);
}

#[test]
fn no_permission_on_the_socket() {
    let Some(s) = Scenario::new("permission") else { return };
    if run(Command::new("id").arg("-u")).stdout.trim() != "0" {
        return engine::skip("permission", "only root can take permissions away from itself");
    }
    s.compose_file(TWO_SERVICES);
    let open = |path: &std::path::Path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    open(s.folder());
    open(s.folder().parent().unwrap());
    // Where the binary lies, another user may not look.
    let copy = s.folder().join("stack");
    std::fs::copy(integration::scenario::stack(), &copy).unwrap();
    open(&copy);
    let said = run(Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args(["up", "-d"])
        .current_dir(s.folder())
        .env("HOME", s.folder()))
    .exits(1)
    .says("permission")
    .says("group");
    nothing_made(&s, &said);
}

#[test]
fn a_broken_file_is_shown_at_its_place() {
    let Some(s) = Scenario::new("broken") else { return };
    for (file, place, word) in [
        ("services:\n  app:\n    image: \"x\n", "docker-compose.yml:3:", "quot"),
        ("services:\n  app:\n    image: x\n    networks: [nowhere]\n", "docker-compose.yml:4:", "nowhere"),
        (
            "services:\n  app:\n    image: x\n    depends_on: [web]\n  web:\n    image: x\n    depends_on: [app]\n",
            "docker-compose.yml:",
            "cycle",
        ),
        ("services:\n  app:\n    image: x\n    prots: ['80:80']\n", "docker-compose.yml:4:", "prots"),
    ] {
        s.compose_file(file);
        let said = s.stack(["up", "-d"]);
        assert_ne!(said.code(), 0, "{said}");
        let said = said.says(place).says(word);
        nothing_made(&s, &said);
    }
}

#[test]
fn a_failing_build_shows_the_step_and_its_output() {
    let Some(s) = Scenario::new("failbuild") else { return };
    s.compose_file("services:\n  app:\n    build: .\n");
    s.write("Dockerfile", "FROM busybox:stable\nRUN echo half-way && exit 3\n");
    let said = s.stack(["up", "-d"]).exits(1).says("app").says("half-way").says("3");
    assert!(s.containers("app").is_empty(), "{said}");
}

#[test]
fn an_image_that_is_nowhere_is_named_with_its_service() {
    let Some(s) = Scenario::new("noimage") else { return };
    s.compose_file("services:\n  app:\n    image: registry.invalid/nobody/nothing:1\n");
    let said = s
        .stack(["up", "-d"])
        .exits(1)
        .says("app")
        .says("registry.invalid/nobody/nothing:1")
        .says("docker-compose.yml:");
    assert!(s.containers("app").is_empty(), "{said}");
}

#[test]
fn an_image_of_another_architecture_names_both() {
    let Some(s) = Scenario::new("arch") else { return };
    let here = docker(["version", "--format", "{{.Server.Arch}}"]).ok().stdout.trim().to_owned();
    let other = if here == "arm64" { "amd64" } else { "arm64" };
    // An image of another architecture without a registry: the label of an empty one is enough.
    let image = format!("{}-foreign", s.project);
    s.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\nCMD [\"/Dockerfile\"]\n");
    let script = format!(
        r#"set -e; docker build -q -t {image} . >/dev/null 2>&1; docker save {image} | tar -x -C "$1"; cd "$1"
        config=$(grep -o '"Config":"[^"]*"' manifest.json | cut -d'"' -f4)
        sed -i 's/"architecture":"{here}"/"architecture":"{other}"/' "$config"
        docker rmi {image} >/dev/null; tar -c . | docker load -q"#
    );
    let unpacked = s.folder().join("unpacked");
    std::fs::create_dir(&unpacked).unwrap();
    let made = run(Command::new("bash").args(["-c", &script, "sh"]).arg(&unpacked).current_dir(s.folder()));
    let shown = docker(["image", "inspect", "--format", "{{.Architecture}}", &image]);
    assert_eq!(shown.stdout.trim(), other, "{made}{shown}");
    s.compose_file(&format!("services:\n  app:\n    image: {image}\n"));
    let _ = s.stack(["up", "-d"]).exits(1).says("app").says(&format!("linux/{other}")).says(&format!("linux/{here}"));
}

#[test]
fn a_service_that_never_gets_healthy_is_named_with_its_last_probe() {
    let Some(s) = Scenario::new("unhealthy") else { return };
    s.compose_file(
        r#"
services:
  app:
    image: busybox:stable
    command: ["sleep", "1000"]
    depends_on: {sick: {condition: service_healthy}}
  sick:
    image: busybox:stable
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    healthcheck: {test: "echo no pulse; exit 1", interval: 300ms, timeout: 2s, retries: 2}
"#,
    );
    let said = s.stack(["up", "-d"]).exits(1).says("sick").says("unhealthy").says("no pulse");
    for id in s.containers("app") {
        assert_ne!(s.inspect(&id, "{{.State.Status}}"), "running", "{said}");
    }
    let _ = s.stack(["up", "-d", "--wait", "sick"]).exits(1).says("sick");
}

#[test]
fn a_taken_port_is_named_with_its_holder() {
    let Some(s) = Scenario::new("taken") else { return };
    let holder = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    s.compose_file(&format!(
        "services:\n  app:\n    image: busybox:stable\n    command: [sleep, '1000']\n    ports: ['{port}:80']\n"
    ));
    let _ = s.stack(["up", "-d"]).exits(1).says(&port.to_string()).says("app");
    drop(holder);
    let _ = s.stack(["up", "-d", "-t", "1"]).ok();
    assert_eq!(s.inspect(&s.container("app"), "{{.State.Status}}"), "running");
}

#[test]
fn a_taken_port_of_the_gateway_is_named_with_its_holder() {
    let Some(s) = Scenario::new("taken443") else { return };
    let holder = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    routed::write(&s, port, "taken.example.com");
    let _ = s
        .stack(["up", "-d"])
        .exits(1)
        .says(&port.to_string())
        .says(&format!("pid {}", std::process::id()))
        .says("hint:");
    drop(holder);
    let _ = s.stack(["up", "-d"]).ok();
    routed::until_served("taken.example.com", port);
}

#[test]
fn a_wrong_flag_is_refused() {
    let Some(s) = Scenario::new("flag") else { return };
    s.compose_file(TWO_SERVICES);
    let port = free_port().to_string();
    let _ = s.stack(["up", "-d", "--no-such-flag", &port]).exits(1).says("--no-such-flag");
    let said = s.stack(["up", "-d", "--build", "--no-build"]).exits(1);
    nothing_made(&s, &said);
}
