//! The plan: a graph of actions, each with its cause.

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::reconcile::action::Action;

/// A step of a plan.
pub type StepId = NodeIndex;

/// What a step needs of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It must have succeeded.
    Success,
    /// It must be over, one way or the other (`required: false`).
    End,
    /// It must have been tried and have failed: such a step cleans up. One that needs the failure of several needs that
    /// of any of them.
    Failure,
}

/// Words shown while a step runs and when it is done; a step without either is not shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Words {
    /// At its start (`Creating`).
    pub working: Option<&'static str>,
    /// At its end (`Created`).
    pub done: Option<&'static str>,
}

impl Words {
    /// Both.
    pub const fn both(working: &'static str, done: &'static str) -> Self {
        Self { working: Some(working), done: Some(done) }
    }

    /// Shown at its start only; a later step of the same resource closes it.
    pub const fn opening(working: &'static str) -> Self {
        Self { working: Some(working), done: None }
    }

    /// Shown at its end only.
    pub const fn closing(done: &'static str) -> Self {
        Self { working: None, done: Some(done) }
    }

    /// Not shown.
    pub const SILENT: Self = Self { working: None, done: None };
}

/// One action, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Why, in words; empty where the action says it all.
    pub cause: String,
    /// The resource it is shown under (`Container web-app-1`).
    pub resource: String,
    /// How it is shown.
    pub words: Words,
}

impl Step {
    /// A step about a container, which needs no word of why.
    pub fn of_container(name: &str, action: Action, words: Words) -> Self {
        Self { action, cause: String::new(), resource: format!("Container {name}"), words }
    }

    /// The same step, and why.
    #[must_use]
    pub fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), ..self }
    }
}

/// What has to be done to get from what is there to what shall be. Made by adding steps after those they need, so it
/// has no cycles by construction; the order of the steps is an order in which they can be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    graph: DiGraph<Step, Need>,
    /// Things that deserve to be said before anything is done.
    pub notices: Vec<String>,
    /// Resources that are as they should be, with the word for it (`Running`).
    pub unchanged: Vec<(String, &'static str)>,
}

impl Plan {
    /// Adds a step behind those it needs.
    pub fn add(&mut self, step: Step, needs: impl IntoIterator<Item = (StepId, Need)>) -> StepId {
        let mut needs: Vec<_> = needs.into_iter().collect();
        // Where one step is needed twice, the stricter need counts: `Success` sorts first.
        needs.sort_unstable();
        needs.dedup_by_key(|(step, _)| *step);
        let id = self.graph.add_node(step);
        for (earlier, need) in needs {
            self.graph.add_edge(earlier, id, need);
        }
        id
    }

    /// Whether a step is done only after a failure.
    pub fn is_rescue(&self, id: StepId) -> bool {
        self.graph.edges_directed(id, Direction::Incoming).any(|edge| *edge.weight() == Need::Failure)
    }

    /// Nothing to do, not even to wait.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether anything at the engine changes.
    pub fn changes(&self) -> bool {
        self.graph.node_weights().any(|step| step.action.changes())
    }

    /// All steps, in an order in which they can be done.
    pub fn steps(&self) -> impl Iterator<Item = (StepId, &Step)> {
        self.graph.node_indices().filter_map(|id| Some((id, self.graph.node_weight(id)?)))
    }

    /// One step.
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.graph.node_weight(id)
    }

    /// Changes a step that was added before.
    pub(in crate::reconcile) fn step_mut(&mut self, id: StepId) -> Option<&mut Step> {
        self.graph.node_weight_mut(id)
    }

    /// What a step needs, in order.
    pub fn needs(&self, id: StepId) -> Vec<(StepId, Need)> {
        self.neighbours(id, Direction::Incoming)
    }

    /// The steps that need a step, in order.
    pub fn needed_by(&self, id: StepId) -> Vec<(StepId, Need)> {
        self.neighbours(id, Direction::Outgoing)
    }

    fn neighbours(&self, id: StepId, direction: Direction) -> Vec<(StepId, Need)> {
        let mut found: Vec<_> = self
            .graph
            .edges_directed(id, direction)
            .map(|edge| {
                let other = if direction == Direction::Incoming { edge.source() } else { edge.target() };
                (other, *edge.weight())
            })
            .collect();
        found.sort_unstable();
        found
    }
}
