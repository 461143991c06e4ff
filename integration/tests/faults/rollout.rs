//! A rollout: a service with two replicas behind the gateway gets another version.

use std::time::Duration;

use integration::{Fault, Scenario, holds_within, run};

use super::trial::{Found, Kind, Step, Worker, try_all};

pub(super) static KIND: Kind = Kind {
    name: "rollfaults",
    write,
    first: Some(Step { name: "first", words: UP, colour: "red", expected: |project| runs(project, "red") }),
    steps: &[
        Step { name: "there", words: UP, colour: "blue", expected: |project| runs(project, "blue") },
        Step { name: "back", words: UP, colour: "red", expected: |project| runs(project, "red") },
    ],
    keeps: ("app", "/data/kept"),
    workers: 6,
    always: &[Fault::Refused, Fault::LostAfter, Fault::KilledAfter],
    left_out: 5,
    check: served,
};

const UP: &[&str] = &["up", "-d"];

/// Where the gateway listens for a worker's project.
fn port(index: usize) -> usize {
    8100 + index
}

fn write(s: &Scenario, index: usize) {
    let (port, project) = (port(index), &s.project);
    s.compose_file(&format!(
        r#"
services:
  traefik:
    image: traefik:v3
    command: ["--providers.docker=true", "--entrypoints.e{port}.address=:{port}"]
    ports: ["{port}:{port}"]
  app:
    image: busybox:stable
    command:
      - sh
      - -c
      - |
        [ -e /data/kept ] || cat /proc/sys/kernel/random/uuid > /data/kept
        mkdir /www && echo $$COLOUR > /www/index.html && exec httpd -f -p 80 -h /www
    environment: {{COLOUR: "$COLOUR"}}
    volumes: [data:/data]
    stop_signal: SIGKILL
    healthcheck: {{test: "wget -q -O /dev/null http://127.0.0.1/", interval: 500ms, timeout: 5s, retries: 20}}
    deploy: {{replicas: 2, update_config: {{parallelism: 1}}}}
    labels:
      - "traefik.http.routers.{project}.rule=Host(`rollout.example.com`)"
      - "traefik.http.routers.{project}.entrypoints=e{port}"
      - "traefik.http.services.{project}.loadbalancer.server.port=80"
    x-stack: {{drain: 1s}}
volumes: {{data: {{}}}}
"#
    ));
}

fn runs(project: &str, colour: &str) -> Found {
    Found {
        containers: vec![format!("app running healthy {colour}"); 2],
        networks: vec![format!("{project}_default")],
        volumes: vec![format!("{project}_data")],
    }
}

/// The gateway asks the new version only, and is the only one.
fn served(worker: &Worker, step: &Step) -> Option<String> {
    let edge = worker.api.labelled("/containers/json?all=1", "stack.role");
    if edge.len() != 2 {
        let names = edge.iter().map(|container| container["Names"][0].to_string()).collect::<Vec<_>>();
        return Some(format!("the edge is {names:?}"));
    }
    let url = format!("http://127.0.0.1:{}/", port(worker.index));
    let ask = || {
        let flags = ["--silent", "--max-time", "5", "--header", "Host: rollout.example.com", &url, &url, &url, &url];
        run(worker.s.program("curl").args(flags)).stdout
    };
    let expected = format!("{}\n", step.colour).repeat(4);
    let mut answer = String::new();
    holds_within(Duration::from_secs(2), || {
        answer = ask();
        (answer == expected).then_some(())
    })
    .is_none()
    .then(|| format!("the gateway answers {answer:?}"))
}

#[test]
fn any_call_of_a_rollout_may_fail() {
    try_all(&KIND);
}
