//! A newer gateway in place of the one that serves, without a request lost between them.
//!
//! The old container makes room for the name; the new one asks it for its listening sockets ([`super::handover`]) and says
//! how it is; then the old one is told to end, which it does when its last request has, or its time is over. A command that
//! is killed in between leaves an old container under another name, which the next one clears away.

use std::time::Duration;

use super::containers::{EdgeContainers, GATEWAY, socket_of};
use super::error::EdgeError;
use super::wait::{self, WaitCondition};
use crate::backend::{Container, ContainerSpec, Engine, ErrorKind, State};
use crate::error::{CommandError, Result};

/// How long requests under way keep the old gateway; it cuts them off by itself a little earlier.
const DRAIN: Duration = Duration::from_secs(35);

/// Puts `successor` in the gateway's place. False where that cannot be done without a break, since there is none that runs
/// and knows how to hand over; then nothing has been changed.
///
/// # Errors
/// Whatever the engine answers. A successor that does not serve is taken away again, and the old gateway goes on.
pub(super) async fn hand_over(
    engine: &Engine,
    pair: &EdgeContainers,
    successor: &ContainerSpec,
) -> Result<bool, EdgeError> {
    let (Some(old), Some(_)) = (&pair.gateway, pair.handover()) else { return Ok(false) };
    engine.rename_container(&old.id, &retired_name(&old.id)).await?;
    let id = match engine.create_container(successor).await {
        Ok((id, _)) => id,
        // The name is somebody else's by now, and so is what becomes of the old one: whoever looks next ends it.
        Err(error) if error.kind == ErrorKind::Conflict => return Err(error.into()),
        Err(error) => {
            reinstate(engine, old).await?;
            return Err(EdgeError::Failed(serves_on(error.into())));
        }
    };
    let took_over = async {
        engine.start_container(&id).await?;
        Ok::<_, CommandError>(wait::until(engine, socket_of(&successor.labels), &WaitCondition::anything()).await?)
    };
    match took_over.await {
        Ok(_) => {
            end(engine, &old.id).await?;
            Ok(true)
        }
        Err(error) => {
            // By its id: what has its name may be somebody else's.
            engine.remove_container(&id, false).await?;
            reinstate(engine, old).await?;
            Err(EdgeError::Failed(serves_on(error)))
        }
    }
}

fn serves_on(error: CommandError) -> CommandError {
    error.hint("the gateway that was there serves on")
}

/// Ends what a killed command has left: gateways that another has taken over from, a gateway under the wrong name. Returns
/// what is there then.
///
/// # Errors
/// Whatever the engine answers.
pub(super) async fn clear_away(engine: &Engine, pair: &EdgeContainers) -> Result<EdgeContainers, EdgeError> {
    let mut pair = pair.clone();
    for container in pair.retired.drain(..) {
        end(engine, &container.id).await?;
    }
    if let Some(gateway) = pair.gateway.as_mut().filter(|gateway| gateway.name != GATEWAY) {
        reinstate(engine, gateway).await?;
        GATEWAY.clone_into(&mut gateway.name);
    }
    Ok(pair)
}

/// Gives a gateway its name back, and its listening sockets if it has given them away.
async fn reinstate(engine: &Engine, gateway: &Container) -> Result<(), EdgeError> {
    engine.rename_container(&gateway.id, GATEWAY).await?;
    if gateway.state != State::Running {
        return Ok(());
    }
    let status = wait::until(engine, socket_of(&gateway.labels), &WaitCondition::anything()).await;
    if status.map_or(true, |status| status.listening.is_empty()) {
        engine.restart_container(&gateway.id, Some(DRAIN)).await?;
    }
    Ok(())
}

async fn end(engine: &Engine, container: &str) -> Result<()> {
    for outcome in
        [engine.stop_container(container, Some(DRAIN)).await, engine.remove_container(container, false).await]
    {
        match outcome {
            Err(error) if error.kind != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn retired_name(id: &str) -> String {
    format!("{GATEWAY}-{}", id.get(..12).unwrap_or(id))
}
