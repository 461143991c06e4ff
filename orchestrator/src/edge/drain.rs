//! Taking single containers into the gateway's routes, and out of them, while a plan is carried out.
//!
//! A container that is about to end first gets no new requests, then has time for those it has. One that takes another's
//! place is in the routes, and takes connections, before the other leaves them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::containers::EdgeContainers;
use super::projects;
use super::state::ProjectFile;
use super::wait::{WaitCondition, WaitError, until};
use crate::backend::{Container, ContainerDetail, Engine, ErrorKind};
use crate::error::{CommandError, Result};
use crate::lock::Lock;

/// How a departure ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainOutcome {
    /// Nothing is under way to them any more.
    Drained,
    /// Something still was when the time was over.
    TimedOut,
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
    // Who else serves at an address that they share is none of their business here.
    let addresses = addresses(engine, ids).await?;
    let served = WaitCondition::revision(project, &revision);
    until(engine, pair.socket(), &served).await?;
    let Some(limit) = limit.filter(|_| !addresses.is_empty()) else { return Ok(()) };
    let reached = WaitCondition { reached: addresses.clone(), limit, ..served };
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
pub async fn leave(engine: &Engine, project: &str, ids: &[String], limit: Duration) -> Result<DrainOutcome> {
    let Some((pair, revision)) = rewrite(engine, project, |file| file.leaving.extend(ids.iter().cloned())).await?
    else {
        return Ok(DrainOutcome::Drained);
    };
    let addresses = all_addresses(engine, ids).await?;
    let served = WaitCondition::revision(project, &revision);
    until(engine, pair.socket(), &served).await?;
    let gone = WaitCondition { gone: addresses, limit, ..served };
    match until(engine, pair.socket(), &gone).await {
        Ok(_) => Ok(DrainOutcome::Drained),
        Err(WaitError::Late(_)) => Ok(DrainOutcome::TimedOut),
        Err(error) => Err(error.into()),
    }
}

/// Changes a project's file, under a new revision.
async fn rewrite(
    engine: &Engine,
    project: &str,
    change: impl FnOnce(&mut ProjectFile),
) -> Result<Option<(EdgeContainers, String)>> {
    let _turn = Lock::of_edge(engine).await?;
    let pair = EdgeContainers::observe(engine.as_ref()).await?;
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

/// The containers' addresses in networks of their own; none for those that are gone.
async fn addresses(engine: &Engine, ids: &[String]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for id in ids {
        found.extend(detail(engine, id).await?.into_iter().flat_map(|detail| own(detail.summary)));
    }
    Ok(found)
}

/// All addresses that requests are under way to them at, those included that they share: with the host, or with the
/// container whose network they are in.
async fn all_addresses(engine: &Engine, ids: &[String]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for id in ids {
        let mut next = Some(id.clone());
        while let Some(id) = next.take() {
            let Some(detail) = detail(engine, &id).await? else { break };
            match detail.network_mode.as_str() {
                "host" => {
                    found.insert(Ipv4Addr::LOCALHOST.to_string());
                }
                mode => match mode.strip_prefix("container:") {
                    Some(other) => next = Some(other.to_owned()),
                    None => found.extend(own(detail.summary)),
                },
            }
        }
    }
    Ok(found)
}

async fn detail(engine: &Engine, id: &str) -> Result<Option<ContainerDetail>> {
    match engine.container(id).await {
        Ok(detail) => Ok(Some(detail)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn own(container: Container) -> impl Iterator<Item = String> {
    let addresses = container.networks.into_values().flat_map(|endpoint| [endpoint.ipv4, endpoint.ipv6]);
    addresses.filter(|address| !address.is_empty())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use compose_schema::model::{Network, Service};

    use super::*;
    use crate::backend::memory::Memory;
    use crate::backend::{Attachment, Backend as _, ContainerSpec, NetworkSpec};

    #[tokio::test]
    async fn what_is_under_way_is_found_in_networks_of_others_too() {
        let memory = Memory::new();
        memory.add_image_named("app");
        let network = Network { name: "net".to_owned(), ..Network::default() };
        memory.create_network(&NetworkSpec { network, ..NetworkSpec::default() }).await.unwrap();
        let made = async |name: &str, mode: &str| {
            let networks = if mode.is_empty() { vec!["net".to_owned()] } else { Vec::new() };
            let spec = ContainerSpec {
                name: name.to_owned(),
                image: "app".to_owned(),
                service: Service { network_mode: mode.to_owned(), ..Service::default() },
                networks: networks.into_iter().map(|network| Attachment { network, ..Attachment::default() }).collect(),
                ..ContainerSpec::default()
            };
            let (id, _) = memory.create_container(&spec).await.unwrap();
            memory.start_container(&id).await.unwrap();
            id
        };
        let alone = made("alone", "").await;
        let beside = made("beside", &format!("container:{alone}")).await;
        let host = made("host", "host").await;
        let engine: Engine = memory.clone();
        let of = async |ids: &[&String]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
            (addresses(&engine, &ids).await.unwrap(), all_addresses(&engine, &ids).await.unwrap())
        };
        let (own, all) = of(&[&alone]).await;
        assert!(own.len() == 1 && own == all, "{own:?} {all:?}");
        assert_eq!(of(&[&beside]).await, (BTreeSet::new(), own));
        assert_eq!(of(&[&host]).await, (BTreeSet::new(), BTreeSet::from(["127.0.0.1".to_owned()])));
        assert_eq!(of(&[&"gone".to_owned()]).await, (BTreeSet::new(), BTreeSet::new()));
    }

    #[tokio::test]
    async fn without_a_gateway_there_is_nothing_to_enter_and_nothing_to_leave() {
        let engine: Engine = Memory::new();
        let ids = ["gone".to_owned()];
        let limit = Duration::from_secs(600);
        enter(&engine, "p", &ids, Some(limit)).await.unwrap();
        assert_eq!(leave(&engine, "p", &ids, limit).await.unwrap(), DrainOutcome::Drained);
    }

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
