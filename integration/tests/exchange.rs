//! A newer `stack` puts a newer gateway in place of the one that serves: no request may notice.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use integration::command::{Background, run};
use integration::engine::docker;
use integration::load::{Load, Tunnel};
use integration::{Scenario, eventually, free_port, stack};

const HOST: &str = "exchange.example.com";

fn file(port: u16) -> String {
    format!(
        r#"
services:
  traefik:
    image: traefik:v3
    command: ["--providers.docker=true", "--entrypoints.x{port}.address=:{port}"]
    ports: ["{port}:{port}"]
  app:
    build: ./hello
    labels:
      - "traefik.http.routers.app.rule=Host(`{HOST}`)"
      - "traefik.http.routers.app.entrypoints=x{port}"
"#
    )
}

/// The same program with another digest: what follows the last section of an executable is not read.
fn newer(s: &Scenario, name: &str) -> PathBuf {
    let path = s.folder().with_file_name(name);
    fs::copy(stack(), &path).expect("a copy of the program");
    let mut program = OpenOptions::new().append(true).open(&path).expect("the copy");
    program.write_all(name.as_bytes()).expect("another end");
    path
}

fn gateways() -> Vec<String> {
    let listed = docker(["ps", "--filter", "label=stack.role=gateway", "--format", "{{.Names}} {{.ID}}"]);
    listed.ok().stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_newer_gateway_takes_over_without_losing_a_request_or_a_tunnel() {
    let Some(s) = Scenario::alone("exchange") else { return };
    let port = free_port();
    s.hello_context("hello");
    s.compose_file(&file(port));
    let _ = s.stack(["up", "-d"]).ok();
    eventually("it is served", || Tunnel::open(HOST, port).ok());
    let before = gateways();
    let load = Load::start(4, HOST, port, "/slow/10");
    load.settle(50);
    let mut tunnel = Tunnel::open(HOST, port).expect("a tunnel through the old gateway");

    let up = Background::start(&mut s.command_of(&newer(&s, "stack-2"), ["up", "-d"]));
    eventually("another gateway is there", || (gateways().len() == 2).then_some(()));
    // The old gateway has nothing under way but this tunnel, and waits for it.
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        tunnel.echo().expect("a tunnel is not cut before its time");
        std::thread::sleep(Duration::from_millis(50));
    }
    load.settle(50);
    drop(tunnel);
    let done = up.wait(Duration::from_secs(20)).ok();
    assert!(!done.text().contains("warning"), "{done}");

    let after = gateways();
    assert!(after.len() == 1 && after != before && after[0].starts_with("stack-gateway "), "{before:?} {after:?}");
    load.settle(50);
    let (answers, failures) = load.end();
    assert!(failures.is_empty(), "{} of {answers} failed, the first: {}", failures.len(), failures[0]);
    let _ = writeln!(std::io::stdout(), "{answers} answers, none lost");
    let _ = s.stack(["down"]).ok();
}

#[test]
fn an_exchange_that_was_killed_is_finished_by_the_next_up() {
    let Some(s) = Scenario::alone("exchange-killed") else { return };
    let port = free_port();
    s.hello_context("hello");
    s.compose_file(&file(port));
    let _ = s.stack(["up", "-d"]).ok();
    let served = || Tunnel::open(HOST, port).ok();
    eventually("it is served", served);

    // Killed after the old gateway had made room for the name.
    let _ = docker(["rename", "stack-gateway", "stack-gateway-old"]).ok();
    let _ = run(&mut s.command_of(&newer(&s, "stack-2"), ["up", "-d"])).ok();
    eventually("it is served", served);
    assert!(gateways().len() == 1 && gateways()[0].starts_with("stack-gateway "), "{:?}", gateways());

    // Killed after the new one had taken over: here, one that serves nothing.
    let _ = docker(["rename", "stack-gateway", "stack-gateway-old"]).ok();
    let image = docker(["inspect", "-f", "{{.Image}}", "stack-gateway-old"]).ok().stdout.trim().to_owned();
    let _ = docker(["create", "--name", "stack-gateway", "--label", "stack.role=gateway", &image, "edge"]).ok();
    let _ = run(&mut s.command_of(&newer(&s, "stack-3"), ["up", "-d"])).ok();
    eventually("it is served", served);
    assert!(gateways().len() == 1 && gateways()[0].starts_with("stack-gateway "), "{:?}", gateways());
    let _ = s.stack(["down"]).ok();
    assert!(gateways().is_empty(), "{:?}", gateways());
}
