//! Taking single containers into the gateway's routes, and out of them, while a plan is carried out.
//!
//! A container that is about to end first gets no new requests, then has time for those it has. One that takes another's
//! place is in the routes, and takes connections, before the other leaves them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::deploy::Pair;
use super::projects;
use super::state::ProjectFile;
use super::wait::{Awaited, WaitError, until};
use crate::backend::{Engine, ErrorKind};
use crate::error::{CommandError, Result};
use crate::lock::Lock;

/// How a departure ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing is under way to them any more.
    Clean,
    /// Something still was when the time was over.
    Busy,
}

/// Has the gateway look at the containers anew, and waits until it serves these; with a `limit` also until it has reached
/// them, so long at most. Those that were on their way out are taken back. Nothing where no gateway is at work, or it does
/// not know the project.
///
/// # Errors
/// Whatever the engine answers; a gateway that does not get there; servers that take no connection in time.
pub async fn enter(engine: &Engine, project: &str, ids: &[String], limit: Option<Duration>) -> Result<()> {
    let Some((pair, revision)) = rewrite(engine, project, |file| file.leaving.retain(|id| !ids.contains(id))).await?
    else {
        return Ok(());
    };
    let addresses = addresses(engine, ids).await?;
    let served = Awaited::revision(project, &revision);
    until(engine, pair.socket(), &served).await?;
    let Some(limit) = limit.filter(|_| !addresses.is_empty()) else { return Ok(()) };
    let reached = Awaited { reached: addresses.clone(), limit, ..served };
    match until(engine, pair.socket(), &reached).await {
        Ok(_) => Ok(()),
        Err(WaitError::Late(_)) => {
            let list = addresses.into_iter().collect::<Vec<_>>().join(", ");
            Err(CommandError::new(format!(
                "the gateway could not connect to it for {} s ({list}), on the port that its labels name",
                limit.as_secs()
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes containers out of the routes, and waits until nothing is under way to them any more: `limit` at most.
/// Nothing where no gateway is at work, or it does not know the project.
///
/// # Errors
/// Whatever the engine answers; a gateway that does not get there.
pub async fn leave(engine: &Engine, project: &str, ids: &[String], limit: Duration) -> Result<Left> {
    let Some((pair, revision)) = rewrite(engine, project, |file| file.leaving.extend(ids.iter().cloned())).await?
    else {
        return Ok(Left::Clean);
    };
    let addresses = addresses(engine, ids).await?;
    let served = Awaited::revision(project, &revision);
    until(engine, pair.socket(), &served).await?;
    let gone = Awaited { gone: addresses, limit, ..served };
    match until(engine, pair.socket(), &gone).await {
        Ok(_) => Ok(Left::Clean),
        Err(WaitError::Late(_)) => Ok(Left::Busy),
        Err(error) => Err(error.into()),
    }
}

/// Changes a project's file, under a new revision.
async fn rewrite(
    engine: &Engine,
    project: &str,
    change: impl FnOnce(&mut ProjectFile),
) -> Result<Option<(Pair, String)>> {
    let _turn = Lock::of_edge(engine).await?;
    let pair = Pair::observe(engine.as_ref()).await?;
    if !pair.works() {
        return Ok(None);
    }
    let mut known = projects::read(engine, &pair).await?;
    let Some(mut file) = known.readable.remove(project) else { return Ok(None) };
    change(&mut file);
    file.revision = known.next_revision(project);
    projects::rewrite(engine, &known, &file).await?;
    Ok(Some((pair, file.revision)))
}

/// The containers' addresses in their networks; none for those that are gone.
async fn addresses(engine: &Engine, ids: &[String]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for id in ids {
        match engine.container(id).await {
            Ok(detail) => found.extend(
                detail
                    .summary
                    .networks
                    .into_values()
                    .flat_map(|endpoint| [endpoint.ipv4, endpoint.ipv6])
                    .filter(|address| !address.is_empty()),
            ),
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::memory::Memory;

    #[tokio::test]
    async fn a_container_that_is_gone_has_no_address_and_an_engine_that_is_gone_is_an_error() {
        let memory = Memory::new();
        let engine: Engine = memory.clone();
        let gone = ["gone".to_owned()];
        assert_eq!(addresses(&engine, &gone).await.ok(), Some(BTreeSet::new()));
        memory.fail_from(1);
        assert!(addresses(&engine, &gone).await.is_err());
    }
}
