//! What `up` would do, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::reconcile::Plan;
use crate::reconcile::plan::Need;

/// A plan, and what follows at the gateway.
#[derive(Debug, Default)]
pub struct Preview {
    /// What would be done at the engine.
    pub plan: Plan,
    /// What would be done at the gateway, one line each.
    pub edge: Vec<String>,
}

impl Preview {
    /// Whether anything would be changed.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.plan.changes() || !self.edge.is_empty()
    }

    /// The whole as JSON.
    #[must_use]
    pub fn json<'a>(&'a self, project: &'a str) -> Document<'a> {
        let steps = self.plan.steps().map(|(id, step)| Row {
            step: id.index() + 1,
            action: step.action.to_string(),
            resource: &step.resource,
            cause: &step.cause,
            changes: step.action.changes(),
            needs: self.plan.needs(id).into_iter().map(Requirement::new).collect(),
        });
        Document {
            project,
            changes: self.changes(),
            warnings: &self.plan.notices,
            steps: steps.collect(),
            gateway: &self.edge,
        }
    }
}

/// The plan's text, then the lines about the gateway.
impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.plan.is_empty() || self.edge.is_empty() {
            write!(f, "{}", self.plan)?;
        } else {
            for notice in &self.plan.notices {
                writeln!(f, "warning: {notice}")?;
            }
        }
        self.edge.iter().try_for_each(|line| writeln!(f, "then {line}"))
    }
}

/// `stack plan --format json`.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    /// Name of the project.
    project: &'a str,
    /// Whether anything would be changed.
    changes: bool,
    /// What deserves to be known before.
    warnings: &'a [String],
    /// Steps, in an order in which they can be done.
    steps: Vec<Row<'a>>,
    /// What would be done at the gateway, once the steps are done.
    gateway: &'a [String],
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    /// From 1.
    step: usize,
    /// In words.
    action: String,
    /// What it is about (`Container web-app-1`).
    resource: &'a str,
    /// Why; empty where the action says it all.
    cause: &'a str,
    /// It changes something; others wait.
    changes: bool,
    needs: Vec<Requirement>,
}

#[derive(Debug, Serialize)]
struct Requirement {
    step: usize,
    /// How that step has to have ended: `success`, `end` (either way), `failure`.
    ended: &'static str,
}

impl Requirement {
    fn new((step, need): (crate::reconcile::plan::StepId, Need)) -> Self {
        let ended = match need {
            Need::Success => "success",
            Need::End => "end",
            Need::Failure => "failure",
        };
        Self { step: step.index() + 1, ended }
    }
}

#[cfg(test)]
mod tests {
    use super::Preview;
    use crate::reconcile::Plan;
    use crate::reconcile::action::{Action, Target};
    use crate::reconcile::plan::{Need, Step, Words};

    fn preview() -> Preview {
        let mut plan = Plan::default();
        let target = || Target::Existing { id: "1".to_owned(), name: "web-app-1".to_owned() };
        let step = |action, cause: &str| Step {
            action,
            cause: cause.to_owned(),
            resource: "Container web-app-1".to_owned(),
            words: Words::SILENT,
        };
        let stop = plan.add(step(Action::Stop { target: target(), grace: None }, ""), []);
        plan.add(step(Action::Remove { target: target(), volumes: false }, "scaled to 0"), [(stop, Need::Success)]);
        plan.notices.push("it is late".to_owned());
        Preview { plan, edge: vec!["start the gateway".to_owned()] }
    }

    #[test]
    fn for_people() {
        let expected =
            "warning: it is late\n#1 stop web-app-1\n#2 remove web-app-1 <- #1: scaled to 0\nthen start the gateway\n";
        assert_eq!(preview().to_string(), expected);
        assert_eq!(Preview::default().to_string(), "nothing to do\n");
        let edge = Preview { plan: Plan::default(), ..preview() };
        assert_eq!(edge.to_string(), "then start the gateway\n");
        assert!(edge.changes() && !Preview::default().changes());
    }

    #[test]
    fn for_programs() -> serde_json::Result<()> {
        let found = serde_json::to_value(preview().json("web"))?;
        let row = |step: usize, action: &str, cause: &str, needs: serde_json::Value| {
            serde_json::json!({
                "step": step, "action": action, "resource": "Container web-app-1", "cause": cause, "changes": true,
                "needs": needs,
            })
        };
        let expected = serde_json::json!({
            "project": "web",
            "changes": true,
            "warnings": ["it is late"],
            "steps": [
                row(1, "stop web-app-1", "", serde_json::json!([])),
                row(2, "remove web-app-1", "scaled to 0", serde_json::json!([{"step": 1, "ended": "success"}])),
            ],
            "gateway": ["start the gateway"],
        });
        assert_eq!(found, expected);
        Ok(())
    }
}
