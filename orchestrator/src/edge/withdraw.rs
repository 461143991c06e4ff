//! Taking back what a project asked of the gateway.

use futures_util::StreamExt as _;

use super::containers::{CERTIFICATES, EdgeContainers, GATEWAY};
use super::error::EdgeError;
use super::image::Executable;
use super::state::ProjectFile;
use super::{deploy, look_again, projects};
use crate::backend::{Engine, ErrorKind, ExecSpec, State};
use crate::error::{CommandError, Result};
use crate::lock::Lock;

/// Takes a project's routes out of the gateway, with `volumes` also the certificates that were obtained for it; the last
/// project takes gateway and agent with it. Returns whether there was anything to take back.
///
/// # Errors
/// Whatever the engine answers.
pub async fn withdraw(engine: &Engine, project: &str, volumes: bool) -> Result<bool> {
    look_again(async || take_back(engine, project, volumes).await).await
}

async fn take_back(engine: &Engine, project: &str, volumes: bool) -> Result<bool, EdgeError> {
    let _turn = Lock::of_edge(engine).await?;
    let pair = EdgeContainers::observe(engine.as_ref()).await?;
    if !pair.exists() {
        return Ok(false);
    }
    let known = projects::read(engine, &pair).await?;
    let was_known = known.names().any(|name| name == project);
    if volumes && pair.gateway.as_ref().is_some_and(|gateway| gateway.state == State::Running) {
        forget(engine, project).await?;
    }
    if known.names().all(|name| name == project) {
        deploy::remove(engine, &pair).await?;
        return Ok(true);
    }
    if was_known {
        let mut mounts = pair.mounts(engine).await?;
        if mounts.remove(project).is_some() || pair.agent.is_none() {
            deploy::ensure(engine, &Executable::current()?, &pair, &mounts).await?;
        }
        let revision = known.next_revision(project);
        let gone = ProjectFile { project: project.to_owned(), revision, removed: true, ..ProjectFile::default() };
        projects::rewrite(engine, &known, &gone).await?;
        // Somebody on another host may have taken the other projects back meanwhile, each of us taking the other for the one
        // who stays: whoever writes last sees that nobody does.
        let pair = EdgeContainers::observe(engine.as_ref()).await?;
        if pair.exists() && projects::read(engine, &pair).await?.names().next().is_none() {
            deploy::remove(engine, &pair).await?;
        }
    }
    Ok(was_known)
}

/// Removes the certificates that were obtained for a project: only the gateway writes where they are.
async fn forget(engine: &Engine, project: &str) -> Result<()> {
    let command = ["/stack", "edge", "forget", "--project", project].map(str::to_owned).to_vec();
    let mut session = match engine.exec(GATEWAY, &ExecSpec { command, ..ExecSpec::default() }).await {
        Ok(session) => session,
        // It has ended in this moment; what is kept is found by whoever looks at the volume.
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut said = Vec::new();
    while let Some(part) = session.output.next().await {
        said.extend_from_slice(&part?.1);
    }
    match engine.exec_exit_code(&session.id).await? {
        Some(0) => Ok(()),
        _ => Err(CommandError::new(format!(
            "the certificates of `{project}` in the volume `{}` were not removed: {}",
            CERTIFICATES,
            String::from_utf8_lossy(&said).trim()
        ))
        .hint("`stack down` without `-v` leaves them where they are")),
    }
}
