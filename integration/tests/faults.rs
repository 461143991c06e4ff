//! A fault at every single call to the engine: what is said is right, and the same command again mends everything.
//!
//! `STACK_FAULTS=all` (`make faults`) tries every fault at every call; without it each call gets one fault of a few.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use integration::engine::{docker, note};
use integration::{Background, Fault, FaultyEngine, Run, Scenario, holds_within, run};

/// Projects that are tried beside each other.
const WORKERS: usize = 6;
/// Longest run, with an engine that never answers.
const LIMIT: Duration = Duration::from_secs(120);
/// Time limit of a call to an engine that never answers.
const CALL_LIMIT: &str = "4";

const STACK: &str = r#"
services:
  db:
    image: busybox:stable
    command: ["sh", "-c", "trap 'exit 0' TERM; [ -e /data/kept ] || cat /proc/sys/kernel/random/uuid > /data/kept; sleep 1000 & wait"]
    environment: {COLOUR: "$COLOUR"}
    volumes: [data:/data]
    configs: [{source: conf, target: /etc/conf}]
    stop_grace_period: 1s
    healthcheck: {test: "grep -q word /etc/conf && [ -s /data/kept ]", interval: 300ms, timeout: 5s, retries: 20}
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

/// Commands under test, in the order of a round: each begins where the one before it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Up,
    Change,
    Down,
}

/// One project and its way to the engine.
struct Worker {
    s: Scenario,
    engine: FaultyEngine,
}

/// What a project consists of, at a moment.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// `SERVICE STATE`, sorted.
    containers: Vec<String>,
    networks: Vec<String>,
    volumes: Vec<String>,
}

impl Worker {
    fn start() -> Option<Self> {
        let s = Scenario::new("faults")?;
        s.compose_file(STACK);
        // Few steps, since the classic builder makes a container for each; none of them shared with a project whose image is
        // being removed meanwhile.
        s.hello_context("app");
        let own = format!("FROM scratch\nLABEL scenario={}\nCOPY hello /hello\n", s.project);
        s.write("app/Dockerfile", &own);
        let engine = FaultyEngine::start(s.folder());
        Some(Self { s, engine })
    }

    fn run(&self, step: Step, colour: &str, fault: Option<(Fault, usize)>) -> Run {
        self.engine.arm(fault);
        let mut command = match step {
            Step::Up | Step::Change => self.s.stack_command(["up", "-d"]),
            Step::Down => self.s.stack_command(["down", "-v", "--rmi", "local"]),
        };
        command.env("DOCKER_HOST", self.engine.address()).env("COLOUR", colour);
        if fault.is_some_and(|(fault, _)| fault.hangs()) {
            command.env("STACK_ENGINE_TIMEOUT", CALL_LIMIT);
        }
        let mut running = Background::start(&mut command);
        if fault.is_some_and(|(fault, _)| matches!(fault, Fault::Stuck | Fault::Mute)) {
            // Nobody knows how long a build takes: while the engine answers other calls, only an interrupt ends it.
            let building = |call: String| call.contains("/build?");
            let stuck = || self.engine.fired().is_some_and(building).then_some(true);
            let waits = holds_within(LIMIT, || if running.has_ended() { Some(false) } else { stuck() });
            if waits == Some(true) {
                holds_within(Duration::from_secs(6), || running.has_ended().then_some(()));
                running.signal("INT");
            }
        }
        running.wait(LIMIT)
    }

    fn found(&self) -> Found {
        let project = format!("label=com.docker.compose.project={}", self.s.project);
        let format = r#"{{.Label "com.docker.compose.service"}} {{.State}} {{.Status}}"#;
        let listed = docker(["ps", "--all", "--filter", &project, "--format", format]).ok();
        let short = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let more = if line.contains("(healthy)") {
                " healthy"
            } else if line.contains("Exited (0)") {
                " 0"
            } else {
                ""
            };
            format!("{} {}{more}", words[0], words[1])
        };
        let mut containers: Vec<String> = listed.stdout.lines().map(short).collect();
        containers.sort_unstable();
        Found { containers, networks: self.s.owned("network"), volumes: self.s.owned("volume") }
    }

    /// What the database wrote at its first start, if it has been started.
    fn kept(&self) -> Option<String> {
        let id = self.s.containers("db").pop()?;
        let copied = run(Command::new("docker").args(["exec", &id, "cat", "/data/kept"]));
        (copied.code() == 0).then_some(copied.stdout)
    }

    /// What is wrong with the project after a command that should have succeeded.
    fn wrong(&self, step: Step, colour: &str) -> Option<String> {
        let project = &self.s.project;
        let expected = match step {
            Step::Down => Found { containers: vec![], networks: vec![], volumes: vec![] },
            Step::Up | Step::Change => Found {
                containers: ["app running", "db running healthy", "init exited 0"].map(str::to_owned).to_vec(),
                networks: vec![format!("{project}_default")],
                volumes: vec![format!("{project}_data")],
            },
        };
        let found = self.found();
        if found != expected {
            return Some(format!("expected {expected:?}, found {found:?}"));
        }
        if step == Step::Down {
            let image = docker(["image", "inspect", &format!("{project}-app")]);
            return (image.code() == 0).then(|| "its image is left".to_owned());
        }
        ["app", "db"].into_iter().find_map(|service| {
            let id = self.s.container(service);
            let found = self.s.inspect(&id, "{{.Name}} {{.Config.Env}}");
            (!found.contains(&format!("/{project}-{service}-1 ")) || !found.contains(&format!("COLOUR={colour}")))
                .then(|| format!("`{service}` is {found}"))
        })
    }

    /// One command with a fault, and again without; the call that was hit, and what went wrong.
    fn attempt(&self, step: Step, colour: &str, fault: Fault, at: usize) -> (Option<String>, Vec<String>) {
        let before = self.kept();
        let first = self.run(step, colour, Some((fault, at)));
        let hit = self.engine.fired();
        let mut wrong = Vec::new();
        if hit.is_some() {
            wrong.extend(misspoken(&first, fault, hit.as_deref().unwrap_or_default()));
        }
        // An engine is believed when it says that a thing is not there, or in use: it takes the next run to see that it is
        // otherwise.
        let misled = matches!(fault, Fault::Missing | Fault::Conflict) && hit.is_some();
        if first.code() == 0
            && !misled
            && let Some(what) = self.wrong(step, colour)
        {
            wrong.push(format!("it ended well, but {what}"));
        }
        let before = before.or_else(|| self.kept());
        if first.code() != 0 || misled {
            let again = self.run(step, colour, None);
            if again.code() != 0 {
                wrong.push(format!("the command fails without a fault, too:\n{again}"));
            }
            if let Some(what) = self.wrong(step, colour) {
                wrong.push(format!("not mended: {what}\n{again}"));
            }
        }
        if step != Step::Down && before.is_some() && self.kept() != before {
            wrong.push("what the volume held is gone".to_owned());
        }
        if !wrong.is_empty() {
            wrong.insert(0, first.to_string());
        }
        (hit, wrong)
    }
}

/// What is wrong with the way a run ended that a fault happened to.
fn misspoken(run: &Run, fault: Fault, call: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = run.text();
    for raw in ["panicked", "RUST_BACKTRACE", "Error {", "ErrorKind", "Some(", "hyper::", "Custom {"] {
        if text.contains(raw) {
            wrong.push(format!("it says `{raw}`"));
        }
    }
    if fault.kills() {
        if run.code() != 137 {
            wrong.push("it was not killed".to_owned());
        }
        return wrong;
    }
    let interrupted = run.code() == 130 && call.contains("/build?");
    if run.code() == 0 || interrupted {
        return wrong;
    }
    let error = run.stderr.split_once("error: ").map(|(_, error)| error).unwrap_or_default();
    let cause = match fault {
        Fault::Slow => "slowness is no reason to fail",
        _ if fault.hangs() => "did not answer within",
        // What follows from a wrong answer is said in other words.
        Fault::Missing | Fault::Conflict => "",
        Fault::LostBefore | Fault::LostAfter | Fault::Torn => "broke off",
        _ => fault.refusal().map_or("", |(_, text)| text),
    };
    if !error.contains(cause) {
        wrong.push(format!("the error does not say `{cause}`"));
    }
    if run.code() != 1 {
        wrong.push(format!("exit code {}", run.code()));
    }
    wrong
}

/// Faults and calls to try.
fn jobs() -> Vec<(Fault, usize)> {
    const CALLS: usize = 60;
    let chosen = std::env::var("STACK_FAULTS").unwrap_or_default();
    if chosen.is_empty() {
        let few = [Fault::KilledAfter, Fault::LostAfter, Fault::Refused];
        return (1..CALLS).map(|call| (few[call % few.len()], call)).collect();
    }
    let named = |fault: &Fault| chosen == "all" || chosen.split(',').any(|name| name == format!("{fault:?}"));
    let faults: Vec<Fault> = Fault::ALL.into_iter().filter(named).collect();
    assert!(!faults.is_empty(), "STACK_FAULTS names no fault of {:?}", Fault::ALL);
    (1..CALLS).flat_map(|call| faults.iter().map(move |fault| (*fault, call))).collect()
}

#[test]
fn any_call_may_fail() {
    let jobs = jobs();
    let next = AtomicUsize::new(0);
    let tried: Mutex<BTreeMap<Step, Vec<(Fault, usize)>>> = Mutex::default();
    let wrong: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let Some(worker) = Worker::start() else { return };
                while let Some((fault, at)) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let mut any = false;
                    for (step, colour) in [(Step::Up, "red"), (Step::Change, "blue"), (Step::Down, "blue")] {
                        let (hit, found) = worker.attempt(step, colour, *fault, *at);
                        if let Some(call) = hit {
                            any = true;
                            tried.lock().unwrap().entry(step).or_default().push((*fault, *at));
                            if !found.is_empty() {
                                let text = format!("{step:?}, {fault:?} at call {at}, {call}:\n{}", found.join("\n"));
                                note(&text);
                                wrong.lock().unwrap().push(text);
                            }
                        } else if !found.is_empty() {
                            wrong.lock().unwrap().push(format!("{step:?} without a fault:\n{}", found.join("\n")));
                        }
                    }
                    if !any {
                        // No command makes so many calls.
                        break;
                    }
                }
            });
        }
    });
    let tried = tried.into_inner().unwrap();
    for (step, runs) in &tried {
        let calls = runs.iter().map(|(_, call)| call).max().unwrap_or(&0);
        note(&format!("{step:?}: {calls} calls, {} runs with a fault", runs.len()));
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} runs went wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn commands_take_turns_and_a_killed_one_lets_go() {
    let Some(s) = Scenario::new("turns") else { return };
    s.compose_file(crate::lifecycle::TWO_SERVICES);
    let engine = FaultyEngine::start(s.folder());
    engine.arm(Some((Fault::Stuck, 3)));
    let first = Background::start(s.stack_command(["up", "-d"]).env("DOCKER_HOST", engine.address()));
    integration::eventually("the first one is held up by the engine", || engine.fired());
    // The same engine at another address, as somebody else who sees none of the first one's files.
    std::fs::create_dir(s.folder().join("run")).unwrap();
    let mut second = Background::start(s.stack_command(["up", "-d"]).env("XDG_RUNTIME_DIR", s.folder().join("run")));
    second.until_it_says("waiting for another `stack` (process");
    assert!(!second.has_ended(), "it has its turn later");
    first.signal("KILL");
    assert_eq!(first.wait(LIMIT).code(), 137);
    let _ = second.wait(LIMIT).ok();
    for service in ["web", "db"] {
        assert_eq!(s.inspect(&s.container(service), "{{.State.Status}}"), "running");
    }
}
