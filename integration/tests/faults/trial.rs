//! Runs of commands with faults, beside each other, on an engine of their own where one can be had.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use integration::engine::note;
use integration::{
    Api, Background, Calls, Fault, FaultyEngine, Point, PrivateEngine, Run, Scenario, Way, holds_within,
};
use serde_json::Value;

use super::LIMIT;

/// Time limit of a call to an engine that never answers.
const CALL_LIMIT: &str = "4";
/// No command makes so many calls.
const MOST_CALLS: usize = 200;
/// How long the engine may take to find that a container is healthy which no command waits for.
const HEALTHY: Duration = Duration::from_secs(10);

/// The engine that runs with faults take place on.
pub(super) struct Ground {
    /// To an engine that is not the machine's.
    way: Option<Way>,
    _own: Option<PrivateEngine>,
}

impl Ground {
    /// An engine of its own: one in memory is quicker. The machine's where that cannot be had, or where somebody has named
    /// the engine to be tested.
    pub(super) fn new() -> Self {
        let own = std::env::var_os("DOCKER_HOST").is_none() && PrivateEngine::can_be_had();
        let own = own.then(|| PrivateEngine::start("faults", &["busybox:stable"])).flatten();
        Self { way: own.as_ref().map(PrivateEngine::way), _own: own }
    }

    /// An engine that somebody else has.
    pub(super) fn of(engine: &PrivateEngine) -> Self {
        Self { way: Some(engine.way()), _own: None }
    }

    /// A project of its own there; `None`, said aloud, where no engine answers.
    pub(super) fn worker(&self, kind: &'static Kind, index: usize) -> Option<Worker> {
        let s = match &self.way {
            Some(way) => Scenario::by(kind.name, way.clone()),
            None => Scenario::new(kind.name)?,
        };
        let proxy = match &self.way {
            Some(way) => FaultyEngine::before(way.socket(), s.folder()),
            None => FaultyEngine::start(s.folder()),
        };
        (kind.write)(&s, index);
        let api = Api::at(proxy.engine());
        let worker = Worker { s, proxy, api, kind, index, kept: Mutex::default(), most: Mutex::default() };
        if let Some(first) = &kind.first {
            // Not by the proxy: gateway and agent outlive this worker, and keep the address that they were made with.
            let command = &mut worker.s.stack_command([]);
            let _ = integration::run(command.args(first.words).env("COLOUR", first.colour)).ok();
            assert_eq!(worker.wrong(first), None);
        }
        Some(worker)
    }
}

/// A kind of project, and what is done to it.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Writes its files; the number of the worker makes ports its own.
    pub(super) write: fn(&Scenario, usize),
    /// What is done once, before.
    pub(super) first: Option<Step>,
    /// Commands under test, in the order of a round: each begins where the one before it ended.
    pub(super) steps: &'static [Step],
    /// The file with which it can be told whether the volume is still the same: service and path.
    pub(super) keeps: (&'static str, &'static str),
    /// Projects that are tried beside each other.
    pub(super) workers: usize,
    /// Faults that happen to every call where all are tried; the others to every fifth.
    pub(super) always: &'static [Fault],
    /// Where only a few faults are tried, so many of these are left out for each that is.
    pub(super) left_out: usize,
    /// What is wrong beside containers, networks and volumes.
    pub(super) check: fn(&Worker, &Step) -> Option<String>,
}

/// A command under test.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) words: &'static [&'static str],
    /// What the project's variable is.
    pub(super) colour: &'static str,
    /// What the project then consists of.
    pub(super) expected: fn(&str) -> Found,
}

/// What a project consists of, at a moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// `SERVICE STATE`, with the end of its status and its colour, sorted; those whose name is another than it should be with
    /// that.
    pub(super) containers: Vec<String>,
    pub(super) networks: Vec<String>,
    pub(super) volumes: Vec<String>,
}

/// One project and its way to the engine.
pub(super) struct Worker {
    pub(super) s: Scenario,
    pub(super) proxy: FaultyEngine,
    pub(super) api: Api,
    kind: &'static Kind,
    pub(super) index: usize,
    /// What is in the volume, once the project has been up.
    kept: Mutex<Option<Vec<u8>>>,
    /// The most calls of each kind that a command has made.
    most: Mutex<BTreeMap<Calls, usize>>,
}

impl Worker {
    /// Starts a command whose calls go through the proxy.
    pub(super) fn start(&self, step: &Step, hangs: bool) -> Background {
        let mut command = self.s.stack_command([]);
        command.args(step.words).env("DOCKER_HOST", self.proxy.address()).env("COLOUR", step.colour);
        if hangs {
            command.env("STACK_ENGINE_TIMEOUT", CALL_LIMIT);
        }
        Background::start(&mut command)
    }

    /// Runs a command to its end, with a fault or without.
    pub(super) fn run(&self, step: &Step, fault: Option<(Fault, Point)>) -> Run {
        self.proxy.arm(fault);
        let mut running = self.start(step, fault.is_some_and(|(fault, _)| fault.hangs()));
        if fault.is_some_and(|(fault, _)| matches!(fault, Fault::Stuck | Fault::Mute)) {
            // Nobody knows how long a build takes: while the engine answers other calls, only an interrupt ends it.
            let building = |call: String| call.contains("/build?");
            let stuck = || self.proxy.fired().is_some_and(building).then_some(true);
            let waits = holds_within(LIMIT, || if running.has_ended() { Some(false) } else { stuck() });
            if waits == Some(true) {
                holds_within(Duration::from_secs(6), || running.has_ended().then_some(()));
                running.signal("INT");
            }
        }
        let mut limit = LIMIT;
        if let Some(fault) = fault
            && holds_within(LIMIT, || running.has_ended().then_some(())).is_none()
        {
            note(&format!("{}, {fault:?}, {:?}: it does not end", step.name, self.proxy.fired()));
            limit = Duration::ZERO;
        }
        let ended = running.wait(limit);
        self.count();
        ended
    }

    /// Notes how many calls the command has made that was run last.
    pub(super) fn count(&self) {
        let mut most = self.most.lock().unwrap();
        for calls in [Calls::All, Calls::Looks, Calls::Changes] {
            let known = most.entry(calls).or_default();
            *known = self.proxy.count(calls).max(*known);
        }
    }

    /// Whether a command has come so far.
    pub(super) fn reaches(&self, Point(calls, number): Point) -> bool {
        self.most.lock().unwrap().get(&calls).is_none_or(|most| number <= *most)
    }

    fn labelled(&self, path: &str) -> Vec<Value> {
        self.api.labelled(path, &format!("com.docker.compose.project={}", self.s.project))
    }

    /// What there is of the project.
    pub(super) fn found(&self) -> Found {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let containers = self.labelled("/containers/json?all=1").into_iter().map(|row| {
            let status = text(&row["Status"]);
            let more = if status.contains("(healthy)") {
                " healthy"
            } else if status.contains("Exited (0)") {
                " 0"
            } else {
                ""
            };
            let detail = self.api.get(&format!("/containers/{}/json", text(&row["Id"])));
            let variables = detail["Config"]["Env"].as_array().cloned().unwrap_or_default();
            let colour = variables.iter().filter_map(|variable| variable.as_str()?.strip_prefix("COLOUR="));
            let colour: String = colour.map(|colour| format!(" {colour}")).collect();
            let label = |name: &str| text(&row["Labels"][format!("com.docker.compose.{name}")]);
            let (service, name) = (label("service"), text(&row["Names"][0]));
            let right = format!("/{}-{service}-{}", self.s.project, label("container-number"));
            let shown = if name == right { service } else { name };
            format!("{shown} {}{more}{colour}", text(&row["State"]))
        });
        let mut containers: Vec<String> = containers.collect();
        containers.sort_unstable();
        let names = |path: &str| self.labelled(path).iter().map(|found| text(&found["Name"])).collect();
        Found { containers, networks: names("/networks"), volumes: names("/volumes") }
    }

    /// The file in the volume, as an archive with the time of its making; none where there is none yet.
    fn look_into_volume(&self) -> Option<Vec<u8>> {
        let (service, path) = self.kind.keeps;
        let rows = self.labelled("/containers/json?all=1");
        let row = rows.iter().find(|row| row["Labels"]["com.docker.compose.service"] == service)?;
        self.api.raw(&format!("/containers/{}/archive?path={path}", row["Id"].as_str()?))
    }

    /// What is wrong with the project after a command that should have succeeded.
    pub(super) fn wrong(&self, step: &Step) -> Option<String> {
        let expected = (step.expected)(&self.s.project);
        let mut found = Found::default();
        holds_within(HEALTHY, || {
            found = self.found();
            (found == expected).then_some(())
        });
        if found != expected {
            return Some(format!("expected {expected:?}, found {found:?}"));
        }
        if let Some(wrong) = (self.kind.check)(self, step) {
            return Some(wrong);
        }
        let mut kept = self.kept.lock().unwrap();
        if expected.volumes.is_empty() {
            *kept = None;
            return None;
        }
        let now = self.look_into_volume();
        let lost = kept.is_some() && *kept != now;
        *kept = now;
        lost.then(|| "what the volume held is gone".to_owned())
    }

    /// One command with a fault, and again without; the call that was hit, and what went wrong.
    fn attempt(&self, step: &Step, fault: Fault, at: Point) -> (Option<String>, Vec<String>) {
        let first = self.run(step, Some((fault, at)));
        let hit = self.proxy.fired();
        let mut wrong = Vec::new();
        if let Some(call) = &hit {
            wrong.extend(misspoken(&first, fault, call));
        }
        // An engine is believed when it says that a thing is not there, or in use: it takes the next run to see that it is
        // otherwise.
        let misled = matches!(fault, Fault::Missing | Fault::Conflict) && hit.is_some();
        if first.code() == 0
            && !misled
            && let Some(what) = self.wrong(step)
        {
            wrong.push(format!("it ended well, but {what}"));
        }
        if first.code() != 0 || misled {
            wrong.extend(self.mend(step));
        }
        if !wrong.is_empty() {
            wrong.insert(0, first.to_string());
        }
        (hit, wrong)
    }

    /// What is wrong after the command has been run without a fault.
    pub(super) fn mend(&self, step: &Step) -> Vec<String> {
        let again = self.run(step, None);
        let mut wrong = Vec::new();
        if again.code() != 0 {
            wrong.push(format!("the command fails without a fault, too:\n{again}"));
        }
        if let Some(what) = self.wrong(step) {
            wrong.push(format!("not mended: {what}\n{again}"));
        }
        wrong
    }
}

/// Words that no person should read.
pub(super) fn raw(text: &str) -> Vec<String> {
    let words = ["panicked", "RUST_BACKTRACE", "Error {", "ErrorKind", "Some(", "hyper::", "Custom {"];
    words.into_iter().filter(|raw| text.contains(raw)).map(|raw| format!("it says `{raw}`")).collect()
}

/// What is wrong with the way a run ended that a fault happened to.
fn misspoken(run: &Run, fault: Fault, call: &str) -> Vec<String> {
    let mut wrong = raw(&run.text());
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
fn jobs(kind: &Kind) -> Vec<(Fault, Point)> {
    let chosen = std::env::var("STACK_FAULTS").unwrap_or_default();
    if chosen.is_empty() {
        let few = [Fault::KilledAfter, Fault::LostAfter, Fault::Refused];
        let one = |calls: Calls, call: usize| (few[call % few.len()], Point(calls, call));
        return (1..MOST_CALLS)
            .flat_map(|call| {
                let look = (call % 3 == 1).then(|| (few[call / 3 % few.len()], Point(Calls::Looks, call)));
                [Some(one(Calls::Changes, call)), look]
            })
            .flatten()
            .step_by(1 + kind.left_out)
            .collect();
    }
    let named = |fault: &Fault| chosen == "all" || chosen.split(',').any(|name| name == format!("{fault:?}"));
    let faults: Vec<Fault> = Fault::ALL.into_iter().filter(named).collect();
    assert!(!faults.is_empty(), "STACK_FAULTS names no fault of {:?}", Fault::ALL);
    let tried = |fault: &Fault, call: usize| kind.always.contains(fault) || call % 5 == 1;
    (1..MOST_CALLS)
        .flat_map(|call| faults.iter().filter(move |fault| tried(fault, call)).map(move |fault| (*fault, call)))
        .map(|(fault, call)| (fault, Point(Calls::All, call)))
        .collect()
}

/// Tries every fault at every call of every step, or a sample of them; fails where anything went wrong.
pub(super) fn try_all(kind: &'static Kind) {
    let jobs = jobs(kind);
    let next = AtomicUsize::new(0);
    let tried: Mutex<BTreeMap<&str, Vec<Point>>> = Mutex::default();
    let wrong: Mutex<Vec<String>> = Mutex::default();
    let ground = Ground::new();
    let round = |worker: &Worker, fault: Fault, at: Point| {
        for step in kind.steps {
            let (hit, found) = worker.attempt(step, fault, at);
            if let Some(call) = hit {
                tried.lock().unwrap().entry(step.name).or_default().push(at);
                if !found.is_empty() {
                    let text = format!("{}, {fault:?} at {at:?}, {call}:\n{}", step.name, found.join("\n"));
                    note(&text);
                    wrong.lock().unwrap().push(text);
                }
            } else if !found.is_empty() {
                wrong.lock().unwrap().push(format!("{} without a fault:\n{}", step.name, found.join("\n")));
            }
        }
    };
    std::thread::scope(|scope| {
        for index in 0..kind.workers {
            let (ground, jobs, next, round) = (&ground, &jobs, &next, &round);
            scope.spawn(move || {
                let Some(worker) = ground.worker(kind, index) else { return };
                while let Some((fault, at)) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if worker.reaches(*at) {
                        round(&worker, *fault, *at);
                    }
                }
            });
        }
    });
    let tried = tried.into_inner().unwrap();
    for (step, points) in &tried {
        let calls = points.iter().map(|Point(_, call)| call).max().unwrap_or(&0);
        note(&format!("{} {step}: {} runs with a fault, at calls up to {calls}", kind.name, points.len()));
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} runs went wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}
