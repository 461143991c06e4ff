//! A plan as text: one line a step, with what it needs and why.

use std::fmt;

use crate::reconcile::action::{Action, Target, Until};
use crate::reconcile::plan::{Need, Plan, StepId};

fn number(step: StepId) -> usize {
    step.index() + 1
}

struct Named<'a>(&'a Target);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::Existing { name, .. } => f.write_str(name),
            Target::Made { step, name } => write!(f, "{name} (#{})", number(*step)),
        }
    }
}

fn list(targets: &[Target]) -> String {
    targets.iter().map(|target| Named(target).to_string()).collect::<Vec<_>>().join(", ")
}

/// What an action does, in words: `create container web-app-1`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateNetwork(spec) => write!(f, "create network {}", spec.network.name),
            Self::RemoveNetwork { name, .. } => write!(f, "remove network {name}"),
            Self::CreateVolume(spec) => write!(f, "create volume {}", spec.volume.name),
            Self::RemoveVolume { name, .. } => write!(f, "remove volume {name}"),
            Self::Pull { image, .. } => write!(f, "pull image {image}"),
            Self::Build { spec, .. } => write!(f, "build image {}", spec.tag),
            Self::RemoveImage { name } => write!(f, "remove image {name}"),
            Self::TagImage { name, .. } => write!(f, "keep the image before as {name}"),
            Self::Create(create) => write!(f, "create container {}", create.spec.name),
            Self::Put { target, files } => {
                let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
                write!(f, "copy {} into {}", paths.join(", "), Named(target))
            }
            Self::Start { target } => write!(f, "start {}", Named(target)),
            Self::Stop { target, grace: None } => write!(f, "stop {}", Named(target)),
            Self::Stop { target, grace: Some(grace) } => write!(f, "stop {} within {grace:?}", Named(target)),
            Self::Restart { target, .. } => write!(f, "restart {}", Named(target)),
            Self::Unpause { target } => write!(f, "unpause {}", Named(target)),
            Self::Remove { target, volumes: false } => write!(f, "remove {}", Named(target)),
            Self::Remove { target, volumes: true } => write!(f, "remove {} with its volumes", Named(target)),
            Self::Rename { target, name } => match target {
                Target::Existing { name: old, .. } => write!(f, "rename {old} to {name}"),
                Target::Made { step, .. } => write!(f, "rename #{} to {name}", number(*step)),
            },
            Self::Connect { target, attachment } => write!(f, "connect {} to {}", Named(target), attachment.network),
            Self::Disconnect { target, network } => write!(f, "disconnect {} from {network}", Named(target)),
            Self::Wait { service, until, .. } => {
                let until = match until {
                    Until::Healthy => "is healthy",
                    Until::Completed => "has completed",
                    Until::RunningOrHealthy => "is running or healthy",
                    Until::RunningOrCompleted => "is running, healthy or completed",
                };
                write!(f, "wait until {service} {until}")
            }
            Self::Enter { targets, .. } => write!(f, "route to {}", list(targets)),
            Self::Leave { targets, limit } => {
                write!(f, "take {} out of the routes, {} s for what is under way", list(targets), limit.as_secs())
            }
            Self::Monitor { target, time, .. } => write!(f, "watch {} for {time:?}", Named(target)),
            Self::Pause(time) => write!(f, "pause for {time:?}"),
            Self::Discard { target } => write!(f, "remove {} again", Named(target)),
            Self::Hook { target, hook, kind, .. } => {
                write!(f, "run {} hook `{}` in {}", kind.name(), hook.command.join(" "), Named(target))
            }
        }
    }
}

/// `#4 create container web-app-1 <- #1 #2: it does not exist`. An arrow names the steps it needs; a `?` behind one
/// says that its failure does not matter, a `!` that the step is done only if it fails.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for notice in &self.notices {
            writeln!(f, "warning: {notice}")?;
        }
        if self.is_empty() {
            return writeln!(f, "nothing to do");
        }
        for (id, step) in self.steps() {
            write!(f, "#{} {}", number(id), step.action)?;
            let needs = self.needs(id);
            if !needs.is_empty() {
                f.write_str(" <-")?;
            }
            for (need, kind) in needs {
                let mark = match kind {
                    Need::Success => "",
                    Need::End => "?",
                    Need::Failure => "!",
                };
                write!(f, " #{}{mark}", number(need))?;
            }
            if !step.cause.is_empty() {
                write!(f, ": {}", step.cause)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
