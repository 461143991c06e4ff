//! What happens to the engine in the middle of a command: somebody removes what the command works with, the engine is
//! started anew, its disk is full.

use std::process::Command;
use std::sync::{Arc, Mutex};

use integration::engine::note;
use integration::{Calls, Point, PrivateEngine, run};

use super::LIMIT;
use super::trial::{Ground, Kind, Step, Worker, raw};
use super::{plain, rollout};

/// Whether every call is to be tried, and not just a few.
fn all() -> bool {
    std::env::var("STACK_FAULTS").is_ok_and(|faults| faults == "all")
}

/// Removes the project's networks, whoever is in them.
const NETWORK: &str = r#"
for network in $(docker network ls -q --filter "label=com.docker.compose.project=$PROJECT"); do
  for container in $(docker ps -aq --filter "network=$network"); do docker network disconnect -f "$network" "$container"; done
  docker network rm "$network"
done"#;
/// Removes all of the project's containers.
const CONTAINERS: &str =
    r#"docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" | xargs -r docker rm -f"#;
/// Removes the one that has been there for the longest time.
const OLDEST: &str =
    r#"docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" | tail -n 1 | xargs -r docker rm -f"#;
/// Removes the one that was made last.
const NEWEST: &str =
    r#"docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" | head -n 1 | xargs -r docker rm -f"#;

/// Runs a command beside which `work` is done at one call; whether that call came, and what went wrong.
fn beside(worker: &Worker, step: &Step, at: Point, work: impl FnOnce() + Send + 'static) -> (bool, Vec<String>) {
    worker.proxy.arm_work(at, work);
    let first = worker.start(step, false).wait(LIMIT);
    worker.count();
    let hit = worker.proxy.fired();
    let mut wrong = raw(&first.text());
    if hit.is_none() && first.code() != 0 {
        wrong.push("it fails by itself".to_owned());
    }
    // What was removed when it had been made is missed by the next command.
    wrong.extend(worker.mend(step));
    if !wrong.is_empty() {
        wrong.insert(0, format!("{} at {at:?}, {}:\n{first}", step.name, hit.as_deref().unwrap_or_default()));
    }
    (hit.is_some(), wrong)
}

/// Does something at calls that change something: at all of them, or at every `few`th.
fn at_any_call(worker: &Worker, kind: &'static Kind, few: usize, work: impl Fn() + Clone + Send + 'static) {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for number in if all() { (1..).step_by(1) } else { (few / 2 + 1..).step_by(few) } {
        let at = Point(Calls::Changes, number);
        if !worker.reaches(at) {
            break;
        }
        for step in kind.steps {
            let (hit, found) = beside(worker, step, at, work.clone());
            tried += usize::from(hit);
            wrong.extend(found);
        }
    }
    note(&format!("{}: {tried} runs with something else in the middle", kind.name));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn script_at_any_call(kind: &'static Kind, script: &'static str, few: usize) {
    let ground = Ground::new();
    let Some(worker) = ground.worker(kind, 0) else { return };
    let (program, project) = (worker.s.way(), worker.s.project.clone());
    at_any_call(&worker, kind, few, move || {
        let mut command = program.as_ref().map_or_else(|| Command::new("sh"), |way| way.run("sh"));
        let _ = run(command.args(["-c", script]).env("PROJECT", &project));
    });
}

#[test]
fn networks_removed_in_the_middle_are_made_again() {
    script_at_any_call(&plain::KIND, NETWORK, 8);
}

#[test]
fn containers_removed_in_the_middle_are_made_again() {
    script_at_any_call(&plain::KIND, CONTAINERS, 8);
}

#[test]
fn a_rollout_converges_whatever_is_removed_meanwhile() {
    script_at_any_call(&rollout::KIND, NEWEST, 15);
    if all() {
        script_at_any_call(&rollout::KIND, OLDEST, 1);
        script_at_any_call(&rollout::KIND, NETWORK, 1);
    }
}

#[test]
fn an_engine_may_be_killed_and_come_back_in_the_middle() {
    let Some(engine) = PrivateEngine::start("restarted", &["busybox:stable"]) else { return };
    let engine = Arc::new(Mutex::new(engine));
    let ground = Ground::of(&engine.lock().unwrap());
    let Some(worker) = ground.worker(&plain::KIND, 0) else { return };
    at_any_call(&worker, &plain::KIND, 16, move || {
        let mut engine = engine.lock().unwrap();
        engine.kill();
        engine.boot();
    });
}

#[test]
fn a_full_disk_is_said_and_once_there_is_room_all_is_well() {
    let Some(engine) = PrivateEngine::start("full", &["busybox:stable"]) else { return };
    let ground = Ground::of(&engine);
    let Some(worker) = ground.worker(&plain::KIND, 0) else { return };
    let rooms: &[u64] = if all() { &[0, 64, 256, 1024] } else { &[0] };
    for room in rooms {
        for step in plain::KIND.steps {
            engine.leave_room(*room);
            let first = worker.run(step, None);
            engine.leave_room(1 << 20);
            assert_eq!(raw(&first.text()), Vec::<String>::new(), "{first}");
            if first.code() != 0 {
                assert!(first.text().contains("no space left on device"), "{first}");
            } else {
                assert!(step.name != "up" || *room > 0, "there was no room: {first}");
            }
            assert_eq!(worker.mend(step), Vec::<String>::new(), "{} with {room} KiB", step.name);
        }
    }
}
