//! The edge: what a project asks of the gateway, and the gateway as two containers of the engine.
//!
//! `up` reads [`EdgeRequest`] off the project, checks it before anything is touched ([`EdgeRequest::check`]), and hands it over once
//! the containers run ([`EdgeRequest::apply`]). `down` takes it back ([`withdraw()`]).

pub mod adopt;
pub mod ask;
pub mod compile;
pub mod containers;
pub mod deploy;
pub mod descriptors;
mod door;
pub mod drain;
pub mod error;
pub mod handover;
pub mod image;
pub mod ports;
pub mod projects;
mod request;
mod revision;
pub mod serve;
mod snapshot;
mod spec;
pub mod state;
pub mod status;
mod upgrade;
pub mod volumes;
pub mod wait;
mod withdraw;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::backend::{Container, Engine};
use crate::error::Result;
use crate::text::truth;
use containers::EdgeContainers;
use error::EdgeError;

pub use request::{EdgeOutcome, EdgeRequest, restart_unhealthy};
pub use snapshot::EdgeSnapshot;
pub use spec::agent_path;
pub use withdraw::withdraw;

/// Milliseconds between looks at gateway and agent that somebody else is changing.
const PAUSES: [u64; 6] = [100, 200, 400, 800, 1600, 3200];

/// Whether a gateway is at work that may route to one of these containers. One call to the engine, none where none has
/// routes.
///
/// # Errors
/// Whatever the engine answers.
pub async fn may_route(engine: &Engine, containers: &[Container]) -> Result<bool> {
    Ok(containers.iter().any(|container| has_routes(&container.labels))
        && EdgeContainers::observe(engine.as_ref()).await?.works())
}

/// Does what begins with a look at gateway and agent; once more where somebody who does not take turns with us (`stack` on
/// another host, or in a container) has changed them in the middle of it.
async fn look_again<T>(work: impl AsyncFn() -> Result<T, EdgeError>) -> Result<T> {
    for pause in PAUSES {
        match work().await {
            Ok(done) => return Ok(done),
            Err(EdgeError::Conflict(_)) => tokio::time::sleep(Duration::from_millis(pause)).await,
            Err(EdgeError::Failed(error)) => return Err(error),
        }
    }
    Ok(work().await?)
}

/// Whether labels ask for a route: a `traefik.` label, and not switched off.
pub fn has_routes(labels: &BTreeMap<String, String>) -> bool {
    let mut traefik = labels.iter().filter(|(name, _)| name.to_ascii_lowercase().starts_with("traefik.")).peekable();
    traefik.peek().is_some() && labels.get("traefik.enable").and_then(|value| truth(value.trim())) != Some(false)
}
