//! Gathers the facts. What gets no answer is noted, and the rest is gathered all the same.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use compose_schema::{LoadOptions, Loaded, codes};

use super::facts::{Disk, Edge, Facts, Project, Question};
use super::{addresses, certificates};
use crate::backend::{Engine, HostInfo, LabelFilter};
use crate::cli::Context;
use crate::edge::image::Executable;
use crate::edge::{self, EdgeRequest, EdgeSnapshot, ports, state, volumes};
use crate::error::{Result, from_failure};

/// Everything, except that a project which is not there is none.
///
/// # Errors
/// An engine's address that makes no sense.
pub(super) async fn gather(context: &Context) -> Result<Facts> {
    let engine = context.engine()?;
    let mut facts = Facts { version: env!("CARGO_PKG_VERSION").to_owned(), now: now(), ..Facts::default() };
    let (project, wish) = project(context);
    facts.project = project;
    match engine.info().await {
        Ok(info) => facts.engine = Some(Ok(info)),
        Err(error) => {
            let hint = error.hint().unwrap_or_default().to_owned();
            facts.engine = Some(Err((error.to_string(), hint)));
            return Ok(facts);
        }
    }
    let asked = SystemTime::now();
    if let Some(host) = facts.answer(Question::Host, engine.host().await) {
        let answered = asked + asked.elapsed().unwrap_or_default() / 2;
        facts.clock = skew(&host, answered);
        if engine.is_local() {
            facts.disk = disk(&host.root);
        }
    }
    let all = LabelFilter::default();
    facts.containers = facts.answer(Question::Containers, engine.containers(&all).await).unwrap_or_default();
    facts.volumes = facts.answer(Question::Volumes, engine.volumes(&all).await).unwrap_or_default();
    if let Some(look) = facts.answer(Question::Gateway, EdgeSnapshot::take(&engine).await) {
        facts.edge = pair(&look);
        facts.ports = listening(&engine, &look, wish.as_ref(), &facts).await;
    }
    let urls = wish.as_ref().map(EdgeRequest::urls).unwrap_or_default();
    facts.names = addresses::resolve(addresses::hosts(&urls)).await;
    let kept = volumes::read_folder(&engine, state::CERTIFICATES).await;
    if let Some(Some(tar)) = facts.answer(Question::Certificates, kept) {
        (facts.certificates, facts.attempts) = certificates::read(&tar);
    }
    Ok(facts)
}

impl Facts {
    /// The answer, or nothing and a note.
    fn answer<T>(&mut self, question: Question, answer: std::result::Result<T, impl Display>) -> Option<T> {
        answer.map_err(|error| self.unanswered.insert(question, error.to_string())).ok()
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The project of the global flags, and what it asks of the gateway.
fn project(context: &Context) -> (Option<std::result::Result<Project, String>>, Option<EdgeRequest>) {
    let options = LoadOptions { resolve_environment: false, ..context.load_options(&[]) };
    let loaded = match compose_schema::load(&options) {
        Ok(loaded) => loaded,
        Err(failure) if failure.diagnostics.iter().any(|found| found.code == codes::input::NO_FILE) => {
            return (None, None);
        }
        Err(failure) => return (Some(Err(from_failure(&failure, false).message)), None),
    };
    match EdgeRequest::of(&loaded, true) {
        Ok(wish) => (Some(Ok(described(&loaded, wish.as_ref()))), wish),
        Err(error) => (Some(Err(error.message)), None),
    }
}

fn described(loaded: &Loaded, wish: Option<&EdgeRequest>) -> Project {
    Project {
        name: loaded.project.name.clone(),
        routed: wish.is_some_and(EdgeRequest::routes),
        heals: edge::restart_unhealthy(&loaded.project),
        volumes: loaded.project.volumes.values().map(|volume| volume.name.clone()).collect(),
    }
}

fn pair(look: &EdgeSnapshot) -> Edge {
    let pair = look.pair();
    Edge {
        gateway: pair.gateway.clone(),
        agent: pair.agent.clone(),
        current: Executable::current().is_ok_and(|own| pair.is_current(&own.stamp)),
        status: look.status().cloned(),
    }
}

/// Addresses that the gateway needs and has not: what the project asks for, and 80 and 443 where nothing is asked for.
async fn listening(
    engine: &Engine,
    look: &EdgeSnapshot,
    wish: Option<&EdgeRequest>,
    facts: &Facts,
) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    if let Some(status) = look.status() {
        found.extend(status.listening.iter().map(|address| (address.clone(), None)));
        found.extend(status.refused.iter().map(|(address, reason)| (address.clone(), Some(reason.clone()))));
        if wish.is_none_or(|wish| wish.is_known(look)) {
            return found;
        }
    }
    if !engine.is_local() {
        return found;
    }
    let wanted = wish.filter(|wish| wish.routes()).map(EdgeRequest::listeners);
    let usual = || vec![(":80".to_owned(), ([0, 0, 0, 0], 80).into()), (":443".to_owned(), ([0, 0, 0, 0], 443).into())];
    for (name, address) in wanted.unwrap_or_else(usual) {
        let publisher = facts.containers.iter().find(|container| {
            container.ports.iter().any(|port| port.published == address.port() && port.protocol == "tcp")
        });
        let serves = found.keys().any(|known: &String| known.ends_with(&format!(":{}", address.port())));
        if serves {
            continue;
        }
        let obstacle = match publisher {
            Some(container) => Some(format!("container `{}` publishes it", container.name)),
            None => tokio::task::spawn_blocking(move || ports::obstacle(address, false)).await.unwrap_or_default(),
        };
        found.insert(name, obstacle);
    }
    found
}

/// The engine's clock minus ours.
fn skew(host: &HostInfo, ours: SystemTime) -> Option<i64> {
    let theirs: jiff::Timestamp = host.time.parse().ok()?;
    let ours = ours.duration_since(UNIX_EPOCH).ok().map(|since: Duration| since.as_secs())?;
    Some(theirs.as_second() - i64::try_from(ours).ok()?)
}

fn disk(path: &str) -> Option<Disk> {
    let found = rustix::fs::statvfs(Path::new(path)).ok()?;
    Some(Disk {
        path: path.to_owned(),
        free: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
        files: (found.f_files > 0).then_some((found.f_favail, found.f_files)),
    })
}
