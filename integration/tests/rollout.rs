//! Changes under load: none of them may cost a request.

use std::io::Write;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use integration::engine::docker;
use integration::load::{Load, Tunnel};
use integration::{Scenario, eventually, free_port};

const HOST: &str = "rollout.example.com";

/// `app` behind an entry point without TLS; `more` are further attributes of it.
fn file(port: u16, more: &str) -> String {
    format!(
        r#"
services:
  traefik:
    image: traefik:v3
    command: ["--providers.docker=true", "--entrypoints.r{port}.address=:{port}"]
    ports: ["{port}:{port}"]
  app:
    build: ./hello
    environment:
      GREETING: ${{GREETING:-one}}
    labels:
      - "traefik.http.routers.app.rule=Host(`{HOST}`)"
      - "traefik.http.routers.app.entrypoints=r{port}"
    {more}
"#
    )
}

fn ready(s: &Scenario, port: u16) -> Load {
    let _ = s.stack(["up", "-d"]).ok();
    eventually("it is served", || Tunnel::open(HOST, port).ok());
    let load = Load::start(4, HOST, port, "/slow/10");
    load.settle(50);
    load
}

/// For whoever runs the test alone and wants to see the figures.
fn told(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Ends the load; nothing may have failed.
fn lost_nothing(load: Load, least: usize) {
    load.settle(50);
    let (answers, failures) = load.end();
    assert!(failures.is_empty(), "{} of {answers} failed, the first: {}", failures.len(), failures[0]);
    assert!(answers >= least, "{answers} answers");
    told(&format!("{answers} answers, none lost"));
}

#[test]
fn a_changed_service_is_replaced_without_losing_a_request() {
    let Some(s) = Scenario::new("rollout") else { return };
    let port = free_port();
    s.hello_context("hello");
    s.compose_file(&file(port, "x-stack: {drain: 3s}"));
    let load = ready(&s, port);
    let old = s.container("app");
    let mut tunnel = Tunnel::open(HOST, port).unwrap();
    let plan = s.stack_command(["up", "-d", "--dry-run"]).env("GREETING", "two").output().unwrap();
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(plan.contains("route to ") && plan.contains("3 s for what is under way"), "{plan}");

    let began = Instant::now();
    let changed = std::thread::scope(|scope| {
        let up = scope.spawn(|| s.stack_command(["up", "-d"]).env("GREETING", "two").output().unwrap());
        // The tunnel lives until its time is over, whatever has taken the container's place.
        while tunnel.echo().is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let cut_after = began.elapsed();
        assert!(cut_after >= Duration::from_secs(3), "the tunnel was cut after {cut_after:?}");
        up.join().unwrap()
    });
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    assert_ne!(s.container("app"), old);
    assert_eq!(s.inspect(&s.container("app"), "{{.Name}}"), format!("/{}-app-1", s.project));
    let mut tunnel = Tunnel::open(HOST, port).unwrap();
    tunnel.echo().unwrap();
    lost_nothing(load, 150);
}

#[test]
fn changes_lose_no_request_while_other_containers_come_and_go() {
    let Some(s) = Scenario::new("busy") else { return };
    let port = free_port();
    s.hello_context("hello");
    let neighbour = "  neighbour: {image: busybox:stable, command: [sleep, infinity], stop_signal: SIGKILL}\n";
    s.compose_file(&(file(port, "x-stack: {drain: 1s}\n") + neighbour));
    let load = ready(&s, port);
    let neighbour = s.container("neighbour");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ = scope.spawn(|| {
            // Each is an event at which the agent reads what the projects want.
            while !done.load(SeqCst) {
                for does in ["pause", "unpause"] {
                    let _ = docker([does, &neighbour]);
                    // It reads when nothing more comes for a moment.
                    std::thread::sleep(Duration::from_millis(55));
                }
            }
        });
        for greeting in ["two", "three", "four", "five", "six"] {
            let up = s.stack_command(["up", "-d", "app"]).env("GREETING", greeting).output().unwrap();
            if !up.status.success() || !load.failures().is_empty() {
                break;
            }
        }
        done.store(true, SeqCst);
    });
    assert!(s.inspect(&s.container("app"), "{{.Config.Env}}").contains("GREETING=six"), "{:?}", load.failures());
    lost_nothing(load, 150);
}

#[test]
fn scaling_and_restarting_lose_no_request() {
    let Some(s) = Scenario::new("rescale") else { return };
    let port = free_port();
    s.hello_context("hello");
    s.compose_file(&file(port, ""));
    let load = ready(&s, port);
    let _ = s.stack(["up", "-d", "--scale", "app=3"]).ok();
    load.settle(50);
    let _ = s.stack(["restart", "app"]).ok();
    assert_eq!(load.failures(), Vec::<String>::new(), "a restart of three");
    let _ = s.stack(["scale", "app=2"]).ok();
    let _ = s.stack(["up", "-d", "--scale", "app=1"]).ok();
    assert_eq!(load.failures(), Vec::<String>::new(), "scaling down");
    let _ = s.stack(["restart", "app"]).ok();
    lost_nothing(load, 250);
}

#[test]
fn a_network_made_anew_loses_no_request() {
    let Some(s) = Scenario::new("renet-routed") else { return };
    let port = free_port();
    s.hello_context("hello");
    s.compose_file(&file(port, ""));
    let load = ready(&s, port);
    let before = s.container("app");
    for change in ["once", "twice"] {
        s.compose_file(&format!("{}networks: {{default: {{labels: {{changed: {change}}}}}}}\n", file(port, "")));
        let _ = s.stack(["up", "-d"]).ok().says("is made anew");
        load.settle(50);
    }
    assert_eq!(s.container("app"), before);
    Tunnel::open(HOST, port).unwrap().echo().unwrap();
    lost_nothing(load, 100);
}

#[test]
fn a_version_that_does_not_come_up_is_taken_back() {
    let Some(s) = Scenario::new("takenback") else { return };
    let port = free_port();
    s.hello_context("hello");
    let file = file(port, "");
    s.compose_file(&file);
    let load = ready(&s, port);
    let old = s.containers("app");

    // It ends at once, and says so.
    s.compose_file(&file.replace("build: ./hello", "build: ./hello\n    command: [--check]"));
    let failed = s.stack(["up", "-d"]).exits(1).says("exited (1)").says("Rolled back");
    assert!(failed.stderr.contains("Connection refused"), "the end of its log is shown: {failed}");
    assert_eq!(s.containers("app"), old, "the old one serves, the new one is gone");

    // It is never healthy.
    let check = r#"healthcheck: {test: ["CMD", "/none"], interval: 200ms, timeout: 1s, retries: 2}"#;
    s.compose_file(&self::file(port, check));
    let _ = s.stack(["up", "-d"]).exits(1).says("unhealthy").says("Rolled back");
    assert_eq!(s.containers("app"), old);

    // What is right again is found to be there.
    s.compose_file(&file);
    let _ = s.stack(["up", "-d"]).ok();
    assert_eq!(s.containers("app"), old);
    lost_nothing(load, 150);
}

#[test]
fn a_replica_killed_from_outside_costs_only_what_had_reached_it() {
    let Some(s) = Scenario::new("killed") else { return };
    let port = free_port();
    s.hello_context("hello");
    s.compose_file(&file(port, "scale: 2\n    restart: always"));
    let load = ready(&s, port);
    let _ = docker(["kill", &s.containers("app")[0]]).ok();
    load.settle(300);
    let (answers, failures) = load.end();
    assert!(failures.len() <= 5, "five clients have at most five requests under way: {failures:?}");
    assert!(failures.iter().all(|why| why.contains("502") || why.contains("closed")), "{failures:?}");
    told(&format!("{answers} answers, {} were under way to the killed one", failures.len()));
}

#[test]
fn a_rollback_leads_to_the_version_before_and_again_to_the_one_after() {
    let Some(s) = Scenario::new("rollback") else { return };
    let port = free_port();
    s.hello_context("hello");
    s.compose_file(&file(port, "x-stack: {drain: 1s}"));
    let _ = s.stack(["rollback", "app"]).exits(1).says("has no container");
    let load = ready(&s, port);
    let _ = s.stack(["rollback", "app"]).exits(1).says("has no version before this one");
    let _ = s.stack(["rollback", "ap"]).exits(1).says("ap");

    let running = |what: &str| s.inspect(&s.containers("app")[0], what);
    let (first, variables) = (running("{{.Image}}"), "{{.Config.Env}}");
    let _ = s.stack(["up", "-d", "--scale", "app=2"]).ok();
    // Another image and another configuration.
    let dockerfile = std::fs::read_to_string(s.folder().join("hello/Dockerfile")).unwrap();
    s.write("hello/Dockerfile", &format!("{dockerfile}\nLABEL release=two\n"));
    let change = |arguments: [&str; 5]| s.stack_command(arguments).env("GREETING", "two").output().unwrap();
    let changed = change(["up", "-d", "--build", "--scale", "app=2"]);
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    let second = running("{{.Image}}");
    assert!(second != first && running(variables).contains("GREETING=two"));
    // What nobody names any more would be pruned.
    let _ = docker(["image", "prune", "--force"]).ok();

    let _ = s.stack(["--dry-run", "rollback", "app"]).says("back to the version before");
    assert_eq!(running("{{.Image}}"), second);
    let _ = s.stack(["rollback", "app"]).ok().says("the next `stack up`");
    assert_eq!(s.containers("app").len(), 2);
    assert!(running("{{.Image}}") == first && running(variables).contains("GREETING=one"));
    assert_eq!(running("{{.Name}}"), format!("/{}-app-1", s.project));
    assert_eq!(load.failures(), Vec::<String>::new(), "there");

    let _ = s.stack(["rollback", "app"]).ok();
    assert!(running("{{.Image}}") == second && running(variables).contains("GREETING=two"));
    // Nothing of what is there differs from the file.
    let same = change(["up", "-d", "--no-build", "--scale", "app=2"]);
    assert!(!String::from_utf8_lossy(&same.stderr).contains("Recreate"), "{same:?}");
    lost_nothing(load, 150);
    let _ = s.stack(["down"]).ok();
    let kept = docker(["images", "-q", &format!("stack-previous/{}", s.project)]).ok();
    assert_eq!(kept.stdout, "", "with its containers, a version is gone");
}

/// Three replicas that are replaced one after another; of every version but `one` only the first two come up.
fn three_one_by_one(port: u16, failure_action: &str) -> String {
    format!(
        r#"
services:
  traefik:
    image: traefik:v3
    command: ["--providers.docker=true", "--entrypoints.r{port}.address=:{port}"]
    ports: ["{port}:{port}"]
  app:
    image: busybox:stable
    command:
      - sh
      - -c
      - |
        if [ $$VERSION != one ]; then
          [ $$(ls /state | wc -l) -lt 2 ] || exit 3
          mkdir /state/$$HOSTNAME
        fi
        mkdir /www && echo $$VERSION > /www/index.html && exec httpd -f -p 80 -h /www
    environment:
      VERSION: ${{VERSION:-one}}
      RELEASE: ${{RELEASE:-second}}
    volumes: ["./state:/state"]
    stop_signal: SIGKILL
    healthcheck: {{test: "wget -q -O /dev/null http://127.0.0.1/", interval: 200ms, timeout: 5s, retries: 50}}
    deploy:
      replicas: 3
      update_config: {{parallelism: 1, failure_action: {failure_action}}}
    labels:
      - "traefik.http.routers.app.rule=Host(`{HOST}`)"
      - "traefik.http.routers.app.entrypoints=r{port}"
      - "traefik.http.services.app.loadbalancer.server.port=80"
    x-stack: {{drain: 2s}}
"#
    )
}

#[test]
fn a_later_batch_that_fails_takes_the_ones_before_it_back() {
    for (failure_action, after) in [("rollback", ["one"; 3]), ("pause", ["two", "two", "one"])] {
        let Some(s) = Scenario::new("batches") else { return };
        let port = free_port();
        std::fs::create_dir(s.folder().join("state")).unwrap();
        s.compose_file(&three_one_by_one(port, failure_action));
        if failure_action == "rollback" {
            let _ = integration::run(s.stack_command(["up", "-d", "--wait"]).env("RELEASE", "first")).ok();
        }
        let _ = s.stack(["up", "-d", "--wait"]).ok();
        let load = Load::start(4, HOST, port, "/");
        load.settle(50);

        let changed = integration::run(s.stack_command(["up", "-d"]).env("VERSION", "two")).exits(1).says("exited (3)");
        let said = if failure_action == "rollback" {
            "service `app` is what it was before".to_owned()
        } else {
            let app = |number| format!("{}-app-{number}", s.project);
            format!("service `app`: {}, {} new, {} as before", app(1), app(2), app(3))
        };
        let _ = changed.says(&said);
        let found = s.containers("app");
        assert_eq!(found.len(), 3, "no container is left over");
        for (id, version) in found.iter().zip(after) {
            let shown = s.inspect(id, "{{.State.Health.Status}} {{.Config.Env}}");
            assert!(shown.starts_with("healthy") && shown.contains(&format!("VERSION={version}")), "{shown}");
        }
        lost_nothing(load, 150);
        if failure_action == "rollback" {
            // It leads where it would have led before the version that failed.
            let _ = s.stack(["rollback", "app"]).ok();
            for id in s.containers("app") {
                assert!(s.inspect(&id, "{{.Config.Env}}").contains("RELEASE=first"));
            }
        }

        // The file as it was brings all of them back, or finds them there.
        let _ = s.stack(["up", "-d"]).ok();
        for id in s.containers("app") {
            assert!(s.inspect(&id, "{{.Config.Env}}").contains("VERSION=one"));
        }
    }
}
