//! The commands of every day on two small services.

use integration::engine::docker;
use integration::{Scenario, eventually};
use serde_json::Value;

/// Services that stop at once on SIGTERM.
pub(crate) const TWO_SERVICES: &str = r#"
services:
  web:
    image: busybox:stable
    command: ["sh", "-c", "trap 'echo web stopped; exit 0' TERM; echo web started; sleep 1000 & wait"]
    depends_on: [db]
  db:
    image: busybox:stable
    command: ["sh", "-c", "trap 'echo db stopped; exit 0' TERM; echo db started; sleep 1000 & wait"]
    volumes: ["data:/data"]
volumes:
  data:
"#;

fn state(s: &Scenario, service: &str) -> String {
    s.inspect(&s.container(service), "{{.State.Status}}")
}

#[test]
fn ps_tells_what_runs() {
    let Some(s) = Scenario::new("ps") else { return };
    s.compose_file(TWO_SERVICES);
    let _ = s.stack(["up", "-d"]).ok();
    let table = s.stack(["ps"]).ok();
    let mut lines = table.stdout.lines();
    let head: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"]);
    assert_eq!(lines.count(), 2, "{table}");
    let rows = s.stack(["ps", "--format", "json"]).ok();
    let rows: Vec<Value> = rows.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let services: Vec<&str> = rows.iter().filter_map(|row| row["Service"].as_str()).collect();
    assert_eq!(services, ["db", "web"]);
    assert!(rows.iter().all(|row| row["State"] == "running" && row["Project"] == s.project.as_str()), "{rows:?}");
    assert_eq!(s.stack(["ps", "-q"]).ok().stdout.lines().count(), 2);

    let listed = s.stack(["ls", "--format", "json"]).ok();
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let mine = listed.as_array().unwrap().iter().find(|row| row["Name"] == s.project.as_str()).unwrap();
    assert_eq!(mine["Status"], "running(2)");
}

#[test]
fn stop_start_and_restart_keep_the_containers() {
    let Some(s) = Scenario::new("stop") else { return };
    s.compose_file(TWO_SERVICES);
    let _ = s.stack(["up", "-d"]).ok();
    let ids = || (s.container("web"), s.container("db"));
    let before = ids();
    let finished = |service: &str| s.inspect(&s.container(service), "{{.State.FinishedAt}}");

    let _ = s.stack(["stop"]).ok();
    assert_eq!((state(&s, "web"), state(&s, "db")), ("exited".into(), "exited".into()));
    assert_eq!(s.inspect(&before.0, "{{.State.ExitCode}}"), "0", "stopped by SIGTERM, not killed");
    assert!(finished("web") < finished("db"), "dependents stop first");

    let _ = s.stack(["start"]).ok();
    assert_eq!((state(&s, "web"), state(&s, "db")), ("running".into(), "running".into()));

    let pid = s.inspect(&before.1, "{{.State.Pid}}");
    let _ = s.stack(["restart", "web"]).ok();
    assert_eq!(s.inspect(&before.1, "{{.State.Pid}}"), pid, "only the named service restarts");
    assert_eq!(ids(), before);

    let _ = s.stack(["down"]).ok();
    assert!(s.containers("web").is_empty() && s.owned("network").is_empty());
    assert_eq!(s.owned("volume"), [format!("{}_data", s.project)]);
    let _ = s.stack(["down", "--volumes"]).ok();
    assert!(s.owned("volume").is_empty());
}

#[test]
fn exec_runs_in_the_container_and_returns_its_code() {
    let Some(s) = Scenario::new("exec") else { return };
    s.compose_file(TWO_SERVICES);
    let _ = s.stack(["up", "-d"]).ok();
    let ran = s.stack(["exec", "-T", "web", "sh", "-c", "echo out; echo err >&2; exit 7"]).exits(7);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
    // A terminal for the command, though we have none.
    assert_eq!(s.stack(["exec", "-t", "--index=-1", "web", "echo", "typed"]).ok().stdout, "typed\r\n");
    // Service names are host names.
    let _ = s.stack(["exec", "-T", "web", "ping", "-c", "1", "-W", "2", "db"]).ok();
    let _ = s.stack(["exec", "-T", "nobody", "true"]).exits(1).says("nobody");
    let _ = s.stack(["stop", "web"]).ok();
    let _ = s.stack(["exec", "-T", "web", "true"]).exits(1).says("not running");
}

#[test]
fn any_end_ends_all_and_the_code_is_the_wanted_ones() {
    let Some(s) = Scenario::new("codefrom") else { return };
    s.compose_file(
        r#"
services:
  first: {image: busybox:stable, command: ["sh", "-c", "sleep 1; exit 3"]}
  wanted: {image: busybox:stable, command: ["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done"]}
"#,
    );
    let _ = s.stack(["up", "--exit-code-from=wanted", "--detach=false"]).exits(7).says("Aborting on container exit");
    let _ = s.stack(["up", "--exit-code-from", "first", "--no-attach", "nobody"]).exits(3);
    let _ = s.stack(["up", "--exit-code-from", "first", "wanted"]).exits(1).says("no such service: first");
}

#[test]
fn down_of_one_service_leaves_those_that_need_it() {
    let Some(s) = Scenario::new("downone") else { return };
    s.compose_file(
        r#"
services:
  db: {image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL}
  web: {image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, depends_on: [db]}
"#,
    );
    let _ = s.stack(["up", "-d"]).ok();
    let _ = s.stack(["down", "db"]).ok();
    assert_eq!(s.stack(["ps", "-a", "--services"]).ok().stdout, "web\n");
}

#[test]
fn build_makes_the_image_and_reuses_it() {
    let Some(s) = Scenario::new("build") else { return };
    s.compose_file("services: {app: {build: {context: ./hello, labels: {kind: tested}}}}\n");
    s.hello_context("hello");
    let image = format!("{}-app", s.project);
    let id = || docker(["image", "inspect", "--format", "{{.Id}} {{.Config.Labels.kind}}", &image]).ok().stdout;
    let _ = s.stack(["build"]).ok();
    let built = id();
    assert!(built.ends_with(" tested\n"), "{built}");
    let _ = s.stack(["build"]).ok();
    assert_eq!(id(), built);
    let _ = s.stack(["up", "-d"]).ok();
    eventually("the program listens", || s.stack(["logs", "app"]).stdout.contains("listening").then_some(()));
}

#[test]
fn pull_tells_which_service_it_could_not_serve() {
    let Some(s) = Scenario::new("pull") else { return };
    s.compose_file("services:\n  app:\n    image: registry.invalid/nobody/nothing:1\n");
    let _ = s.stack(["pull"]).exits(1).says("registry.invalid/nobody/nothing:1").says("app");
}

#[test]
fn config_prints_the_project() {
    let Some(s) = Scenario::new("config") else { return };
    s.compose_file(TWO_SERVICES);
    let printed = s.stack(["config"]).ok().says(&format!("name: {}", s.project)).says("service_started");
    assert!(printed.stderr.is_empty(), "{printed}");
    assert_eq!(s.stack(["config", "--services"]).ok().stdout, "db\nweb\n");
    let _ = s.stack(["config", "--quiet"]).ok();
    assert!(s.containers("web").is_empty(), "config touches nothing");
}

#[test]
fn an_attached_up_stays_for_what_was_named() {
    let Some(s) = Scenario::new("named") else { return };
    s.compose_file(
        r#"
services:
  db: {image: busybox:stable, command: [sleep, "1000"], init: true, stop_grace_period: 0s}
  prepare: {image: busybox:stable, command: ["true"], depends_on: [db]}
  tests:
    image: busybox:stable
    command: [sh, -c, "sleep 1; echo tested; exit 6"]
    depends_on: {db: {condition: service_started}, prepare: {condition: service_completed_successfully}}
  again: {image: busybox:stable, command: [sh, -c, "sleep 3; exit 1"], restart: "on-failure:1", profiles: [again]}
"#,
    );
    let _ = s
        .stack(["up", "again"])
        .exits(0)
        .says("again-1 exited with code 1 (restarting)")
        .says("again-1 exited with code 1\n");
    let state = || s.inspect(&s.container("db"), "{{.State.Status}}");
    let ended = |run: integration::Run| {
        let _ =
            run.says("tested").says("tests-1 exited with code 6").never_says("prepare-1 exited").never_says("Aborting");
        assert_eq!(state(), "running", "what it depends on runs on");
    };
    ended(s.stack(["up", "tests"]).exits(0));
    ended(s.stack(["up", "--attach", "tests"]).exits(0));
    let _ = s.stack(["down"]).ok();
    // The end of a dependency ends nothing.
    let _ = s.stack(["up", "--abort-on-container-exit", "tests"]).exits(6).says("tests-1 exited with code 6");
    let _ = s.stack(["up", "--no-attach", "tests", "tests"]).exits(0).never_says("tested").says("exited with code 6");
    for arguments in [["up", "--no-log-prefix", "tests"], ["up", "--abort-on-container-exit", "tests"]] {
        let Some(theirs) = s.compose(arguments) else { return };
        let ours = s.stack(arguments);
        assert_eq!(ours.code(), theirs.code(), "{arguments:?}: {ours}");
    }
}
