//! `up` puts right what differs, and only that.

use std::process::Command;
use std::time::Duration;

use integration::engine::docker;
use integration::{Background, Scenario};

use crate::lifecycle::TWO_SERVICES;

fn ids(s: &Scenario) -> [String; 2] {
    [s.container("web"), s.container("db")]
}

fn both_run(s: &Scenario) {
    for id in ids(s) {
        assert_eq!(s.inspect(&id, "{{.State.Status}}"), "running");
    }
    for service in ["web", "db"] {
        assert_eq!(s.inspect(&s.container(service), "{{.Name}}"), format!("/{}-{service}-1", s.project));
    }
}

#[test]
fn a_changed_environment_recreates_that_one_and_says_why() {
    let Some(s) = Scenario::new("change") else { return };
    let file = |value: &str| {
        s.compose_file(&TWO_SERVICES.replace("depends_on: [db]", &format!("environment: {{COLOUR: {value}}}")));
    };
    file("red");
    let _ = s.stack(["up", "-d"]).ok();
    let [web, db] = ids(&s);
    file("blue");
    let planned = s.stack(["up", "-d", "--dry-run"]).ok().says("COLOUR");
    assert_eq!(ids(&s), [web.clone(), db.clone()], "a dry run touches nothing\n{planned}");
    let _ = s.stack(["up", "-d"]).ok().says("COLOUR");
    let [new_web, same_db] = ids(&s);
    assert_ne!(new_web, web);
    assert_eq!(same_db, db);
    both_run(&s);
    assert!(s.inspect(&new_web, "{{json .Config.Env}}").contains("COLOUR=blue"));
}

#[test]
fn what_was_removed_killed_or_cut_off_comes_back() {
    let Some(s) = Scenario::new("repair") else { return };
    s.compose_file(TWO_SERVICES);
    let _ = s.stack(["up", "-d"]).ok();
    let [web, db] = ids(&s);

    let _ = docker(["rm", "--force", &db]).ok();
    let _ = s.stack(["up", "-d"]).ok();
    both_run(&s);
    assert_eq!(s.container("web"), web, "who was well is left alone");

    let _ = docker(["kill", &web]).ok();
    let _ = s.stack(["up", "-d"]).ok();
    both_run(&s);

    let network = format!("{}_default", s.project);
    for id in ids(&s) {
        let _ = docker(["network", "disconnect", "--force", &network, &id]).ok();
    }
    let _ = docker(["network", "rm", &network]).ok();
    let _ = s.stack(["up", "-d"]).ok();
    both_run(&s);
    let _ = s.stack(["exec", "-T", "web", "ping", "-c", "1", "-W", "2", "db"]).ok();
}

/// A project in two networks, the second one with these attributes.
fn in_two_networks(s: &Scenario, second: &str) {
    s.compose_file(&format!(
        "services:
  app: {{image: busybox:stable, command: sleep 1000, init: true, volumes: [/anonymous],
        networks: {{first: {{}}, second: {{aliases: [other-name]}}}}}}
  beside: {{image: busybox:stable, command: sleep 1000, init: true, network_mode: 'service:app'}}
  asker: {{image: busybox:stable, command: sleep 1000, init: true, networks: [second]}}
networks: {{first: {{}}, second: {{{second}}}}}
"
    ));
}

#[test]
fn containers_stay_when_a_network_of_theirs_is_made_anew() {
    let Some(s) = Scenario::new("renet") else { return };
    in_two_networks(&s, "");
    let _ = s.stack(["up", "-d"]).ok();
    let ids = || ["app", "beside", "asker"].map(|service| s.container(service));
    let before = ids();
    let _ = s.stack(["exec", "-T", "app", "touch", "/written", "/anonymous/written"]).ok();
    let works = |context: &str| {
        assert_eq!(ids(), before, "{context}");
        let _ = s.stack(["exec", "-T", "app", "ls", "/written", "/anonymous/written"]).ok();
        let _ = s.stack(["exec", "-T", "asker", "ping", "-c", "1", "-W", "2", "other-name"]).ok();
        // It is where the other one is, not where that was.
        let network = |service: &str| s.stack(["exec", "-T", service, "ip", "-4", "addr"]).ok().stdout;
        assert_eq!(network("beside"), network("app"), "{context}");
    };
    in_two_networks(&s, "labels: {changed: once}");
    let _ = s.stack(["up", "-d", "-t", "1", "--dry-run"]).ok().says("is made anew");
    let _ = s.stack(["up", "-d", "-t", "1"]).ok();
    works("made anew");
    let again = s.stack(["up", "-d"]).ok();
    assert!(!again.stderr.contains("Started"), "{again}");

    // Killed at some moment or other, and refused by the engine: what comes next puts it right.
    for (round, milliseconds) in [30, 90, 180, 350].into_iter().enumerate() {
        in_two_networks(&s, &format!("labels: {{changed: killed-{round}}}"));
        let up = s.stack_in_background(["up", "-d", "-t", "1"]);
        std::thread::sleep(Duration::from_millis(milliseconds));
        up.signal("KILL");
        let _ = up.wait(Duration::from_secs(5));
        let _ = s.stack(["up", "-d", "-t", "1"]).ok();
        works(&format!("killed after {milliseconds} ms"));
    }
    let taken =
        s.inspect(&before[0], &format!("{{{{(index .NetworkSettings.Networks \"{}_first\").Gateway}}}}", s.project));
    in_two_networks(&s, &format!("ipam: {{config: [{{subnet: {taken}/30}}]}}"));
    let _ = s.stack(["up", "-d", "-t", "1"]).exits(1).says("cannot create network");
    assert_eq!(ids(), before);
    in_two_networks(&s, "");
    let _ = s.stack(["up", "-d", "-t", "1"]).ok();
    works("refused before");
}

#[test]
fn after_a_kill_at_any_moment_the_next_up_converges() {
    let Some(s) = Scenario::new("kill9") else { return };
    s.compose_file(TWO_SERVICES);
    for milliseconds in [1, 10, 25, 50, 80, 120, 180, 260, 400, 700] {
        for arguments in [["up", "-d", "--no-build"], ["up", "-d", "--force-recreate"]] {
            let up = Background::start(&mut s.stack_command(arguments));
            // No condition is waited for: the point is to strike at some moment or other.
            std::thread::sleep(Duration::from_millis(milliseconds));
            up.signal("KILL");
            let _ = up.wait(Duration::from_secs(5));
        }
        let _ = s.stack(["up", "-d"]).ok();
        both_run(&s);
        assert_eq!(s.owned("network").len(), 1);
        if milliseconds % 2 == 0 {
            let _ = s.stack(["down", "-t", "1"]).ok();
        }
    }
}

#[test]
fn two_ups_at_once_take_turns() {
    let Some(s) = Scenario::new("turns") else { return };
    s.compose_file(TWO_SERVICES);
    let first = s.stack_in_background(["up", "-d"]);
    let second = s.stack_in_background(["up", "-d"]);
    let _ = first.wait(Duration::from_secs(60)).ok();
    let _ = second.wait(Duration::from_secs(60)).ok();
    both_run(&s);
}

#[test]
fn a_closed_output_is_a_quiet_end() {
    let Some(s) = Scenario::new("pipe") else { return };
    s.compose_file(TWO_SERVICES);
    let line = format!("'{}' config | head -n 1", integration::scenario::stack().display());
    let cut = integration::run(Command::new("bash").args(["-o", "pipefail", "-c", &line]).current_dir(s.folder())).ok();
    assert_eq!(cut.stderr, "");
}
