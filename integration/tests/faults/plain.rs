//! The first `up`, an `up` of a changed project, and `down`.

use integration::{Fault, Scenario};

use super::trial::{Found, Kind, Step, Worker, try_all};

const STACK: &str = r#"
services:
  db:
    image: busybox:stable
    command: ["sh", "-c", "trap 'exit 0' TERM; [ -e /data/kept ] || cat /proc/sys/kernel/random/uuid > /data/kept; sleep 1000 & wait"]
    environment: {COLOUR: "$COLOUR"}
    volumes: [data:/data]
    configs: [{source: conf, target: /etc/conf}]
    stop_grace_period: 1s
    healthcheck: {test: "grep -q word /etc/conf && [ -s /data/kept ]", interval: 1s, timeout: 5s, retries: 20}
  init:
    image: busybox:stable
    command: ["true"]
    depends_on: {db: {condition: service_healthy}}
  app:
    build: app
    entrypoint: ["/hello"]
    environment: {COLOUR: "$COLOUR"}
    stop_signal: SIGKILL
    depends_on: {init: {condition: service_completed_successfully}}
volumes: {data: {}}
configs: {conf: {content: "the word"}}
"#;

const UP: &[&str] = &["up", "-d"];

pub(super) static KIND: Kind = Kind {
    name: "faults",
    write,
    first: None,
    steps: &[
        Step { name: "up", words: UP, colour: "red", expected: |project| runs(project, "red") },
        Step { name: "change", words: UP, colour: "blue", expected: |project| runs(project, "blue") },
        Step { name: "down", words: &["down", "-v", "--rmi", "local"], colour: "blue", expected: |_| nothing() },
    ],
    keeps: ("db", "/data/kept"),
    workers: 6,
    always: &Fault::ALL,
    left_out: 0,
    check: image,
};

fn write(s: &Scenario, _: usize) {
    s.compose_file(STACK);
    // Few steps, since the classic builder makes a container for each; none of them shared with a project whose image is
    // being removed meanwhile.
    s.hello_context("app");
    let own = format!("FROM scratch\nLABEL scenario={}\nCOPY hello /hello\n", s.project);
    s.write("app/Dockerfile", &own);
}

fn runs(project: &str, colour: &str) -> Found {
    let containers =
        [format!("app running {colour}"), format!("db running healthy {colour}"), "init exited 0".to_owned()];
    Found {
        containers: containers.to_vec(),
        networks: vec![format!("{project}_default")],
        volumes: vec![format!("{project}_data")],
    }
}

fn nothing() -> Found {
    Found { containers: vec![], networks: vec![], volumes: vec![] }
}

fn image(worker: &Worker, step: &Step) -> Option<String> {
    let image = worker.api.get(&format!("/images/{}-app/json", worker.s.project));
    (step.name == "down" && !image.is_null()).then(|| "its image is left".to_owned())
}

#[test]
fn any_call_may_fail() {
    try_all(&KIND);
}
