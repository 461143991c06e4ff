//! Carries a plan out. Every step begins as soon as what it needs is done; a failure stops only what depends on it.
//! There are no choices here: what is done, and in which order, is the plan's.

mod files;
mod hook;
mod image;
mod report;
mod run;
mod wait;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use crate::backend::{self, Engine};
use crate::provide::{Refusal, Variables};
use crate::reconcile::action::{Action, HookKind, Target};
use crate::reconcile::plan::{Need, Plan, Step, StepId};
use crate::ui::progress::{Reporter, Status, Update};

/// Carries plans out.
#[derive(Clone)]
pub struct Executor {
    /// The engine.
    pub engine: Engine,
    /// The project whose events matter.
    pub project: String,
    /// Where progress goes.
    pub reporter: Reporter,
    /// Calls at a time; none for no limit. Waits do not count.
    pub parallel: Option<usize>,
    /// Ends everything early: nothing new begins, calls under way are left to the engine.
    pub cancel: CancellationToken,
    /// Do not show the output of pulls.
    pub quiet_pull: bool,
    /// Do not show the output of builds.
    pub quiet_build: bool,
}

/// Why a step failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StepError {
    /// The engine refused, or did not answer.
    #[error("{0}")]
    Engine(backend::Error),
    /// A container's health check fails.
    #[error("container `{container}` is unhealthy{}", probe.as_ref().map(|p| format!(": {p}")).unwrap_or_default())]
    Unhealthy {
        /// The container.
        container: String,
        /// Output of the last probe.
        probe: Option<String>,
    },
    /// A container that others wait for to be healthy has no check.
    #[error("container `{container}` has no healthcheck configured")]
    NoHealthcheck {
        /// The container.
        container: String,
    },
    /// A container has ended that should run.
    #[error("container `{container}` exited ({code})")]
    Exited {
        /// The container.
        container: String,
        /// Its exit code.
        code: i64,
    },
    /// A one-shot failed.
    #[error("service `{service}` didn't complete successfully: exit {code}")]
    NotCompleted {
        /// The service.
        service: String,
        /// Its exit code.
        code: i64,
    },
    /// A container was removed while others waited for it.
    #[error("container `{container}` was removed meanwhile")]
    Gone {
        /// The container.
        container: String,
    },
    /// It took too long.
    #[error("application not healthy after {}s", .0.as_secs())]
    TimeLimit(Duration),
    /// A hook failed.
    #[error("{} hook of service `{service}` exited with status {code}{}", kind.name(), indented(output))]
    Hook {
        /// The service.
        service: String,
        /// Which hook.
        kind: HookKind,
        /// Its exit code.
        code: i64,
        /// The end of its output.
        output: String,
    },
    /// An image came that this machine cannot run.
    #[error("image `{image}` is for `{platform}`, this engine runs `{engine}`")]
    Foreign {
        /// The image.
        image: String,
        /// Its platform.
        platform: String,
        /// The engine's.
        engine: String,
    },
    /// The gateway did not do what was asked of it.
    #[error("{0}")]
    Gateway(String),
    /// A program did not bring what it is to bring.
    #[error("{0}")]
    Provide(Refusal),
    /// A step it refers to made nothing: a fault in the plan.
    #[error("`{0}` has no id yet")]
    NoId(String),
}

fn indented(output: &str) -> String {
    output.lines().map(|line| format!("\n  {}", crate::text::printable(line))).collect()
}

impl From<backend::Error> for StepError {
    fn from(error: backend::Error) -> Self {
        Self::Engine(error)
    }
}

/// A failure beside the name of what it is about: without the object of the call, which may be an id.
fn brief(error: &StepError) -> String {
    match error {
        StepError::Engine(error) => error.message.clone(),
        other => other.to_string(),
    }
}

/// Why a step is done, where the word for it does not say so already: what is made because it is not there needs none.
fn shown_cause(step: &Step) -> &str {
    match &step.action {
        Action::CreateNetwork(_)
        | Action::CreateVolume(_)
        | Action::Pull { .. }
        | Action::Build { .. }
        | Action::Start { .. }
        | Action::Unpause { .. } => "",
        Action::Create(_) if step.words.working == Some("Creating") => "",
        _ => &step.cause,
    }
}

/// How a step ended.
enum End {
    /// Done; the id of what it made, if it made something.
    Done(Option<String>),
    /// What was to be had came from elsewhere: its id, and the word for how it came.
    Instead(String, &'static str),
    /// A program has set variables.
    Provided(Variables),
    /// Not done, and that is fine; the reason.
    Stays(&'static str),
}

/// How a plan ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Steps that are done.
    pub done: BTreeSet<StepId>,
    /// Steps that failed, in order of failing.
    pub failures: Vec<(StepId, StepError)>,
    /// Failures that nothing depends on for success, in order of failing.
    pub tolerated: Vec<(StepId, StepError)>,
    /// It was ended early.
    pub interrupted: bool,
    /// Ids of what steps made: containers and images.
    pub made: BTreeMap<StepId, String>,
    /// Variables that programs have set.
    pub provided: BTreeMap<StepId, Variables>,
}

impl Outcome {
    /// All that mattered was done.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && !self.interrupted
    }
}

/// What the steps of one execution share.
struct Shared<'a> {
    executor: &'a Executor,
    made: Mutex<BTreeMap<StepId, String>>,
    waiter: wait::Waiter,
}

impl Shared<'_> {
    fn made(&self, step: StepId) -> Option<String> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&step).cloned()
    }

    fn id(&self, target: &Target) -> Result<String, StepError> {
        match target {
            Target::Existing { id, .. } => Ok(id.clone()),
            Target::Made { step, name } => self.made(*step).ok_or_else(|| StepError::NoId(name.clone())),
        }
    }
}

/// Which steps can begin, and which never will.
struct Progress<'a> {
    plan: &'a Plan,
    /// Needs that are not over yet.
    open: BTreeMap<StepId, usize>,
    blocked: BTreeSet<StepId>,
    /// Steps that clean up after a failure which has happened.
    called: BTreeSet<StepId>,
    ready: VecDeque<StepId>,
}

/// How a step is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Done,
    Failed,
    /// It never began.
    Skipped,
}

impl<'a> Progress<'a> {
    fn new(plan: &'a Plan) -> Self {
        let open: BTreeMap<StepId, usize> = plan.steps().map(|(id, _)| (id, plan.needs(id).len())).collect();
        let ready = open.iter().filter(|(_, open)| **open == 0).map(|(id, _)| *id).collect();
        Self { plan, open, blocked: BTreeSet::new(), called: BTreeSet::new(), ready }
    }

    /// A step is over; what needed nothing else becomes ready, or is over as well, never begun.
    fn over(&mut self, step: StepId, how: Over) {
        let mut ended = vec![(step, how)];
        while let Some((step, how)) = ended.pop() {
            for (next, need) in self.plan.needed_by(step) {
                match (need, how) {
                    (Need::Success, Over::Failed | Over::Skipped) => {
                        self.blocked.insert(next);
                    }
                    (Need::Failure, Over::Failed) => {
                        self.called.insert(next);
                    }
                    _ => {}
                }
                let Some(open) = self.open.get_mut(&next) else { continue };
                *open -= 1;
                if *open > 0 {
                    continue;
                }
                let uncalled = self.plan.is_rescue(next) && !self.called.contains(&next);
                if uncalled || self.blocked.contains(&next) {
                    ended.push((next, Over::Skipped));
                } else {
                    self.ready.push_back(next);
                }
            }
        }
    }
}

impl Executor {
    /// Carries a plan out; never fails itself, the outcome tells what did.
    pub async fn execute(&self, plan: &Plan) -> Outcome {
        let mut outcome = Outcome::default();
        let shared = Shared {
            executor: self,
            made: Mutex::default(),
            waiter: wait::Waiter::new(self.engine.clone(), &self.project),
        };
        for (resource, word) in &plan.unchanged {
            self.reporter.done(resource, word);
        }
        let mut progress = Progress::new(plan);
        let mut running = FuturesUnordered::new();
        let mut calls = 0;
        let mut held: VecDeque<StepId> = VecDeque::new();
        loop {
            held.append(&mut progress.ready);
            for _ in 0..held.len() {
                let Some((id, step)) = held.pop_front().and_then(|id| Some((id, plan.step(id)?))) else { break };
                let waits = step.action.waits();
                if !waits && self.parallel.is_some_and(|limit| calls >= limit.max(1)) {
                    held.push_back(id);
                    continue;
                }
                calls += usize::from(!waits);
                if let Some(text) = step.words.working.filter(|_| !self.is_quiet(&step.action)) {
                    let details = shown_cause(step);
                    self.reporter.update(Update { id: &step.resource, status: Status::Working, text, details });
                }
                let shared = &shared;
                running.push(async move { (id, step, shared.run(step).await) });
            }
            let ended = tokio::select! {
                biased;
                () = self.cancel.cancelled() => {
                    outcome.interrupted = true;
                    break;
                }
                ended = running.next() => ended,
            };
            let Some((id, step, result)) = ended else { break };
            calls -= usize::from(!step.action.waits());
            let over = if result.is_ok() { Over::Done } else { Over::Failed };
            match result {
                Ok(end) => {
                    outcome.done.insert(id);
                    self.report_end(step, &end);
                    match end {
                        End::Done(Some(made)) | End::Instead(made, _) => {
                            shared.made.lock().unwrap_or_else(PoisonError::into_inner).insert(id, made);
                        }
                        End::Provided(variables) => {
                            outcome.provided.insert(id, variables);
                        }
                        End::Done(None) | End::Stays(_) => {}
                    }
                }
                Err(error) => self.report_failure(plan, id, error, &mut outcome),
            }
            progress.over(id, over);
        }
        drop(running);
        outcome.made = shared.made.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome
    }

    /// Whether nothing is said of it before its end.
    fn is_quiet(&self, action: &Action) -> bool {
        self.quiet_build && matches!(action, Action::Build { .. })
    }

    fn report_end(&self, step: &Step, end: &End) {
        match (end, step.words.done) {
            (End::Stays(reason), _) => self.reporter.warning(&step.resource, "Warning", reason),
            (End::Instead(_, word), _) => self.reporter.done(&step.resource, word),
            (End::Done(_) | End::Provided(_), Some(word)) => self.reporter.done(&step.resource, word),
            (End::Done(_) | End::Provided(_), None) => {}
        }
    }

    fn report_failure(&self, plan: &Plan, id: StepId, error: StepError, outcome: &mut Outcome) {
        let Some(step) = plan.step(id) else { return };
        let needed_by = plan.needed_by(id);
        let optional = !needed_by.is_empty()
            && needed_by.iter().all(|(_, need)| *need == Need::End)
            && matches!(step.action, Action::Wait { .. });
        if optional {
            self.reporter.warning(&step.resource, "Warning", &error.to_string());
            outcome.tolerated.push((id, error));
        } else {
            self.reporter.error(&step.resource, "Error", &brief(&error));
            outcome.failures.push((id, error));
        }
    }
}
