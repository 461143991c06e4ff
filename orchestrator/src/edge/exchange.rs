//! A newer gateway in place of the one that serves, without a request lost between them.
//!
//! The old container makes room for the name; the new one asks it for its listening sockets ([`super::handover`]) and says
//! how it is; then the old one is told to end, which it does when its last request has, or its time is over. A command that
//! is killed in between leaves an old container under another name, which the next one clears away.

use std::time::Duration;

use super::deploy::{self, GATEWAY, Pair};
use super::wait::{self, Awaited};
use crate::backend::{Container, ContainerSpec, Engine, ErrorKind, State};
use crate::error::Result;

/// How long requests under way keep the old gateway; it cuts them off by itself a little earlier.
const DRAIN: Duration = Duration::from_secs(35);

/// Puts `successor` in the gateway's place. False where that cannot be done without a break, since there is none that runs
/// and knows how to hand over; then nothing has been changed.
///
/// # Errors
/// Whatever the engine answers. A successor that does not serve is taken away again, and the old gateway goes on.
pub(super) async fn hand_over(engine: &Engine, pair: &Pair, successor: &ContainerSpec) -> Result<bool> {
    let (Some(old), Some(_)) = (&pair.gateway, pair.handover()) else { return Ok(false) };
    engine.rename_container(&old.id, &retired_name(&old.id)).await?;
    let took_over = async {
        deploy::run(engine, successor).await?;
        wait::until(engine, deploy::socket_of(&successor.labels), &Awaited::anything()).await
    };
    match took_over.await {
        Ok(_) => {
            end(engine, &old.id).await?;
            Ok(true)
        }
        Err(error) => {
            engine.remove_container(GATEWAY, false).await?;
            reinstate(engine, old).await?;
            Err(error.hint("the gateway that was there serves on"))
        }
    }
}

/// Ends what a killed command has left: gateways that another has taken over from, a gateway under the wrong name. Returns
/// what is there then.
///
/// # Errors
/// Whatever the engine answers.
pub(super) async fn clear_away(engine: &Engine, pair: &Pair) -> Result<Pair> {
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
async fn reinstate(engine: &Engine, gateway: &Container) -> Result<()> {
    engine.rename_container(&gateway.id, GATEWAY).await?;
    if gateway.state != State::Running {
        return Ok(());
    }
    let status = wait::until(engine, deploy::socket_of(&gateway.labels), &Awaited::anything()).await;
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
