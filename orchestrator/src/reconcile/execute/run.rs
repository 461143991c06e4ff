//! One step. "It is so already" is an answer, not a failure.

use std::time::Duration;

use futures_util::StreamExt;

use super::{End, Shared, StepError, files};
use crate::backend::{Error, ErrorKind, LogOptions};
use crate::edge::drain::{self, DrainOutcome};
use crate::error::CommandError;
use crate::provide::Task;
use crate::reconcile::action::{Action, PullFallback, Target};
use crate::reconcile::plan::Step;

/// Lines that are shown of the log of a container that failed.
const LAST_LINES: u64 = 20;
/// Takes the listed kinds of refusal for success.
fn fine(result: Result<(), Error>, kinds: &[ErrorKind]) -> Result<(), Error> {
    match result {
        Err(error) if kinds.contains(&error.kind) => Ok(()),
        other => other,
    }
}

/// A removal that others' use stands in the way of.
fn unless_used(result: Result<(), Error>, may_stay: bool) -> Result<End, StepError> {
    match result {
        Ok(()) => Ok(End::Done(None)),
        Err(error) if may_stay && error.kind == ErrorKind::Conflict => Ok(End::Stays("Resource is still in use")),
        Err(error) => Err(error.into()),
    }
}

fn names(targets: &[Target]) -> String {
    targets.iter().map(Target::name).collect::<Vec<_>>().join("`, `")
}

impl Shared<'_> {
    fn ids(&self, targets: &[Target]) -> Result<Vec<String>, StepError> {
        targets.iter().map(|target| self.id(target)).collect()
    }

    pub(super) async fn run(&self, Step { action, resource, .. }: &Step) -> Result<End, StepError> {
        let engine = &*self.executor.engine;
        match action {
            Action::CreateNetwork(spec) => match engine.create_network(spec).await {
                Ok(id) => return Ok(End::Done(Some(id))),
                // Another `up` was quicker, or the answer to an earlier try was lost.
                Err(error) if error.kind == ErrorKind::Conflict => {
                    engine.network(&spec.network.name).await?.ok_or(error)?;
                }
                Err(error) => return Err(error.into()),
            },
            Action::RemoveNetwork { id, may_stay, .. } => {
                return unless_used(engine.remove_network(id).await, *may_stay);
            }
            Action::CreateVolume(spec) => match engine.create_volume(spec).await {
                Err(error) if error.kind == ErrorKind::Conflict => {
                    engine.volume(&spec.volume.name).await?.ok_or(error)?;
                }
                created => created?,
            },
            Action::RemoveVolume { name, may_stay } => {
                return unless_used(engine.remove_volume(name).await, *may_stay);
            }
            Action::Pull { image, platform, fallback, .. } => {
                let pulled = self.pull(image, platform).await;
                return match (pulled, fallback) {
                    (Err(StepError::Engine(error)), PullFallback::Build(spec)) => self.make_do(spec, &error).await,
                    (pulled, _) => pulled,
                };
            }
            Action::Build { spec, .. } => return Ok(End::Done(Some(self.build(spec).await?))),
            Action::RemoveImage { name } => return unless_used(engine.remove_image(name).await, true),
            // One that is gone cannot be kept.
            Action::TagImage { image, name } => fine(engine.tag_image(image, name).await, &[ErrorKind::NotFound])?,
            Action::Create(create) => {
                let spec = create.settle(|target| self.id(target).ok(), |step| self.made(step));
                let (id, warnings) = engine.create_container(&spec).await?;
                for warning in warnings {
                    self.executor.reporter.message(&format!("warning: container `{}`: {warning}", spec.name));
                }
                return Ok(End::Done(Some(id)));
            }
            Action::Put { target, files } => {
                files::put(engine, &self.id(target)?, target.name(), files).await?;
            }
            Action::Start { target } => engine.start_container(&self.id(target)?).await?,
            Action::Stop { target, grace } => {
                fine(engine.stop_container(&self.id(target)?, *grace).await, &[ErrorKind::NotFound])?;
            }
            Action::Restart { target, grace } => engine.restart_container(&self.id(target)?, *grace).await?,
            Action::Unpause { target } => {
                fine(engine.unpause_container(&self.id(target)?).await, &[ErrorKind::Conflict])?;
            }
            Action::Remove { target, volumes } => {
                engine.remove_container(&self.id(target)?, *volumes).await?;
            }
            Action::Rename { target, name } => engine.rename_container(&self.id(target)?, name).await?,
            Action::Connect { target, attachment } => {
                engine.connect_network(&self.id(target)?, attachment).await?;
            }
            Action::Disconnect { target, network } => {
                engine.disconnect_network(&self.id(target)?, network).await?;
            }
            Action::Wait { service, targets, until, limit } => {
                self.waiter.wait(service, self.named(targets)?, *until, *limit).await?;
            }
            Action::Enter { targets, limit } => self.enter(targets, *limit).await?,
            Action::Leave { targets, limit } => {
                let ids = self.ids(targets)?;
                let left = drain::leave(&self.executor.engine, &self.executor.project, &ids, *limit);
                return match left.await {
                    Ok(DrainOutcome::Drained) => Ok(End::Done(None)),
                    Ok(DrainOutcome::TimedOut) => {
                        Ok(End::Stays("Connections were still open at the end of the time they have"))
                    }
                    Err(error) => Err(StepError::Gateway(error.message)),
                };
            }
            Action::Monitor { targets, time } => self.waiter.stay(&self.named(targets)?, *time).await?,
            Action::Pause(time) => tokio::time::sleep(*time).await,
            Action::Discard { target, drain } => self.discard(&self.id(target)?, target.name(), *drain).await?,
            Action::Provide(provision) => {
                let reporter = &self.executor.reporter;
                let say = |text: &str| {
                    let silent = self.executor.quiet_pull && matches!(provision.task, Task::Model { .. });
                    if !silent {
                        reporter.working(resource, text);
                    }
                };
                return provision.run(say).await.map(End::Provided).map_err(StepError::Provide);
            }
            Action::Hook { target, service, hook, kind } => self.hook(&self.id(target)?, service, hook, *kind).await?,
        }
        Ok(End::Done(None))
    }

    /// Their ids and names.
    fn named(&self, targets: &[Target]) -> Result<Vec<(String, String)>, StepError> {
        targets.iter().map(|target| Ok((self.id(target)?, target.name().to_owned()))).collect()
    }

    /// Has containers routed to. Those that are to be reached are to go on running meanwhile, too.
    async fn enter(&self, targets: &[Target], limit: Option<Duration>) -> Result<(), StepError> {
        let ids = self.ids(targets)?;
        let entered = drain::enter(&self.executor.engine, &self.executor.project, &ids, limit);
        let failed = |error: CommandError| {
            StepError::Gateway(format!("container `{}` is not routed to: {}", names(targets), error.message))
        };
        let Some(limit) = limit else { return entered.await.map_err(failed) };
        let named = self.named(targets)?;
        tokio::select! {
            biased;
            Err(ended) = self.waiter.stay(&named, limit) => return Err(ended),
            entered = entered => entered.map_err(failed)?,
        }
        self.waiter.still(&named).await
    }

    /// What it printed is gone with it, so its end is shown.
    async fn discard(&self, id: &str, name: &str, drain: Option<Duration>) -> Result<(), StepError> {
        let engine = &self.executor.engine;
        if let Some(limit) = drain {
            // It may have been routed to. It goes whatever the gateway says.
            let _ = drain::leave(engine, &self.executor.project, &[id.to_owned()], limit).await;
        }
        let options = LogOptions { tail: Some(LAST_LINES), ..LogOptions::default() };
        let mut text = Vec::new();
        if let Ok(mut records) = engine.logs(id, &options).await {
            while let Some(Ok(record)) = records.next().await {
                text.extend_from_slice(&record.bytes);
            }
        }
        for line in String::from_utf8_lossy(&text).lines() {
            self.executor.reporter.message(&format!("{name} | {}", crate::text::printable(line)));
        }
        fine(engine.stop_container(id, None).await, &[ErrorKind::NotFound, ErrorKind::Conflict])?;
        Ok(engine.remove_container(id, false).await?)
    }
}
