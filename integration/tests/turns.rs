//! The first `up`s of several projects at once: all of them make the gateway, and only one does.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use integration::command::Background;
use integration::{Calls, FaultyEngine, Point, PrivateEngine, run, stack};

const PROJECTS: [&str; 3] = ["one", "two", "three"];

/// A project whose adopted Traefik has a folder of its own, so that each `up` wants another agent.
fn write(folder: &Path, project: &str, port: usize) {
    std::fs::create_dir_all(folder.join("dynamic")).expect("the project's folder");
    let file = format!(
        r#"
services:
  traefik:
    image: traefik:v3
    command: ["--providers.docker=true", "--entrypoints.e{port}.address=:{port}", "--providers.file.directory=/dynamic"]
    ports: ["{port}:{port}"]
    volumes: ["./dynamic:/dynamic:ro"]
  app:
    image: busybox:stable
    command: ["sh", "-c", "mkdir /www && echo {project} > /www/index.html && exec httpd -f -p 80 -h /www"]
    stop_signal: SIGKILL
    labels:
      - "traefik.http.routers.{project}.rule=Host(`{project}.example.com`)"
      - "traefik.http.routers.{project}.entrypoints=e{port}"
      - "traefik.http.services.{project}.loadbalancer.server.port=80"
"#
    );
    std::fs::write(folder.join("docker-compose.yml"), file).expect("its compose file");
}

/// Runs `stack` on all projects at once, each started by `start`; all must end well.
fn at_once(root: &Path, words: &[&str], start: impl Fn(&str) -> Command) {
    let running = PROJECTS.map(|project| {
        let mut command = start(project);
        command.args(words).current_dir(root.join(project));
        Background::start(&mut command)
    });
    for one in running {
        let _ = one.wait(Duration::from_secs(200)).ok();
    }
}

/// What gateway and agent are, and have said.
fn edge_of(engine: &PrivateEngine) -> String {
    let containers = run(engine.inside("docker").args(["ps", "--all"]));
    let logs = ["stack-gateway", "stack-agent"].map(|name| run(engine.inside("docker").args(["logs", name])));
    format!("{containers}{}{}", logs[0], logs[1])
}

#[test]
fn first_ups_of_several_projects_share_one_gateway_whoever_starts_them() {
    let Some(engine) = PrivateEngine::start("turns", &["busybox:stable"]) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    for (index, project) in PROJECTS.into_iter().enumerate() {
        write(&root.join(project), project, 8001 + index);
    }
    // Users whose locks lie in different folders.
    let users = |project: &str| {
        let mut command = engine.inside(&stack().to_string_lossy());
        command.env("XDG_RUNTIME_DIR", root.join(project));
        command
    };
    // Hosts, or containers, that share nothing but the engine.
    let hosts = |_: &str| {
        let mut command = Command::new("unshare");
        command.arg("--net").arg(stack()).env("DOCKER_HOST", engine.address());
        command
    };
    type Start<'a> = &'a dyn Fn(&str) -> Command;
    for (who, start) in [("users", &users as Start), ("hosts", &hosts)] {
        at_once(root, &["up", "-d"], start);
        for (index, project) in PROJECTS.into_iter().enumerate() {
            let to = format!("{project}.example.com:{}:127.0.0.1", 8001 + index);
            let url = format!("http://{project}.example.com:{}/", 8001 + index);
            let flags =
                ["--silent", "--fail", "--retry", "20", "--retry-delay", "1", "--retry-all-errors", "--resolve"];
            let answer = run(engine.inside("curl").args(flags).args([&to, &url]));
            assert_eq!(answer.stdout.trim(), project, "{who}: {answer}{}", edge_of(&engine));
        }
        at_once(root, &["down"], start);
        let left = run(engine.inside("docker").args(["ps", "--all", "--format", "{{.Names}}"])).ok();
        assert_eq!(left.stdout, "", "{who}");
        let volumes = run(engine.inside("docker").args(["volume", "ls", "--quiet"])).ok();
        assert_eq!(volumes.stdout, "", "{who}");
    }
}

#[test]
fn the_last_two_downs_from_two_hosts_leave_no_gateway() {
    let Some(engine) = PrivateEngine::start("lastdowns", &["busybox:stable"]) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    let stack_in = |project: &str, address: &str, words: &[&str]| {
        let mut command = Command::new("unshare");
        command.arg("--net").arg(stack()).args(words).current_dir(root.join(project)).env("DOCKER_HOST", address);
        command
    };
    for (index, project) in ["one", "two"].into_iter().enumerate() {
        write(&root.join(project), project, 8001 + index);
        // Without a folder of its own, so that the agent stays the same.
        let path = root.join(project).join("docker-compose.yml");
        let file = std::fs::read_to_string(&path).expect("its compose file");
        let file = file
            .replace(r#", "--providers.file.directory=/dynamic""#, "")
            .replace(r#"volumes: ["./dynamic:/dynamic:ro"]"#, "");
        std::fs::write(&path, file).expect("its compose file");
        let _ = run(&mut stack_in(project, &engine.address(), &["up", "-d"])).ok();
    }
    // Each has seen the other's project when it takes its own back.
    let proxy = FaultyEngine::before(engine.way().socket(), root);
    let mut second = stack_in("two", &engine.address(), &["down", "-t", "1"]);
    let (sender, ended) = std::sync::mpsc::channel();
    proxy.arm_work(Point(Calls::Changes, 1), move || {
        let _ = sender.send(run(&mut second).code());
    });
    let _ = run(&mut stack_in("one", &proxy.address(), &["down", "-t", "1"])).ok();
    assert_eq!(ended.recv(), Ok(0));
    assert!(proxy.fired().is_some_and(|call| call.contains("/archive")), "{:?}", proxy.fired());
    let left = run(engine.inside("docker").args(["ps", "--all", "--format", "{{.Names}}"])).ok();
    assert_eq!(left.stdout, "");
    let volumes = run(engine.inside("docker").args(["volume", "ls", "--quiet"])).ok();
    assert_eq!(volumes.stdout, "");
}
