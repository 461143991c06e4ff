//! A plan as text: one line a step, with what it needs and why.

use std::fmt;
use std::time::Duration;

use crate::provide::Task;
use crate::reconcile::action::{Action, Target, WaitFor};
use crate::reconcile::plan::{Need, Plan, StepId};

fn number(step: StepId) -> usize {
    step.index() + 1
}

/// A container by its name; with `false` also by the step that makes it.
struct Named<'a>(&'a Target, bool);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::Made { step, name } if !self.1 => write!(f, "{name} (#{})", number(*step)),
            Target::Existing { name, .. } | Target::Made { name, .. } => f.write_str(name),
        }
    }
}

/// WaitFor when a container that is stopped is killed, where that is not its own affair.
struct Grace(Option<Duration>);

impl fmt::Display for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(Duration::MAX) => f.write_str(" without a limit"),
            Some(grace) => write!(f, " within {grace:?}"),
        }
    }
}

fn list(targets: &[Target], plain: bool) -> String {
    targets.iter().map(|target| Named(target, plain).to_string()).collect::<Vec<_>>().join(", ")
}

/// What an action does, in words: `create container web-app-1`. In the alternate form (`{:#}`), for messages, without the
/// numbers of steps.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = f.alternate();
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
                write!(f, "copy {} into {}", paths.join(", "), Named(target, plain))
            }
            Self::Start { target } => write!(f, "start {}", Named(target, plain)),
            Self::Stop { target, grace } => write!(f, "stop {}{}", Named(target, plain), Grace(*grace)),
            Self::Restart { target, grace } => write!(f, "restart {}{}", Named(target, plain), Grace(*grace)),
            Self::Unpause { target } => write!(f, "unpause {}", Named(target, plain)),
            Self::Remove { target, volumes: false } => write!(f, "remove {}", Named(target, plain)),
            Self::Remove { target, volumes: true } => write!(f, "remove {} with its volumes", Named(target, plain)),
            Self::Rename { target, name } => match target {
                Target::Existing { name: old, .. } => write!(f, "rename {old} to {name}"),
                Target::Made { .. } if plain => write!(f, "rename the new container to {name}"),
                Target::Made { step, .. } => write!(f, "rename #{} to {name}", number(*step)),
            },
            Self::Connect { target, attachment } => {
                write!(f, "connect {} to {}", Named(target, plain), attachment.network)
            }
            Self::Disconnect { target, network } => write!(f, "disconnect {} from {network}", Named(target, plain)),
            Self::Wait { service, until, .. } => {
                let until = match until {
                    WaitFor::Healthy => "is healthy",
                    WaitFor::Completed => "has completed",
                    WaitFor::RunningOrHealthy => "is running or healthy",
                    WaitFor::RunningOrCompleted => "is running, healthy or completed",
                };
                write!(f, "wait until {service} {until}")
            }
            Self::Enter { targets, .. } => write!(f, "route to {}", list(targets, plain)),
            Self::Leave { targets, limit } => {
                write!(
                    f,
                    "take {} out of the routes, {} s for what is under way",
                    list(targets, plain),
                    limit.as_secs()
                )
            }
            Self::Monitor { targets, time } if time.is_zero() => {
                write!(f, "look at {} again", list(targets, plain))
            }
            Self::Monitor { targets, time } => write!(f, "watch {} for {time:?}", list(targets, plain)),
            Self::Pause(time) => write!(f, "pause for {time:?}"),
            Self::Discard { target, .. } => write!(f, "remove {} again", Named(target, plain)),
            Self::Provide(provision) => match &provision.task {
                Task::Service { name, kind, down: false, .. } => write!(f, "have `{kind}` bring service {name}"),
                Task::Service { name, kind, down: true, .. } => write!(f, "have `{kind}` take service {name} away"),
                Task::Model { model, .. } => write!(f, "have `docker model` bring model {model}"),
                Task::Endpoint => write!(f, "ask `docker model` for its address"),
            },
            Self::Hook { target, hook, kind, .. } => {
                write!(f, "run {} hook `{}` in {}", kind.name(), hook.words().join(" "), Named(target, plain))
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
