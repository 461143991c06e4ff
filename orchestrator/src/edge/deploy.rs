//! Making sure that gateway and agent run, and are this very `stack`; taking them away.

use bytes::Bytes;
use compose_schema::model::Volume;

use super::containers::{CERTIFICATES, DIGEST, EdgeContainers, PROJECTS, ProjectMounts, READER, ROLE, STAMP, VOLUME};
use super::error::EdgeError;
use super::image::Executable;
use super::spec::{agent_spec, gateway_spec};
use super::volumes::holds_files;
use super::{state, upgrade};
use crate::backend::{Container, ContainerSpec, Engine, EngineInfo, LabelFilter, Labels, State, VolumeSpec};
use crate::error::{CommandError, Result};

/// Makes sure that gateway and agent run, are this very `stack`, and that the agent sees `mounts`.
/// Returns whether anything was changed.
///
/// # Errors
/// Whatever the engine answers; an executable that cannot become an image.
pub async fn ensure(
    engine: &Engine,
    executable: &Executable,
    pair: &EdgeContainers,
    mounts: &ProjectMounts,
) -> Result<bool, EdgeError> {
    let same_mounts = pair.agent_mounts().is_some_and(|seen| seen == *mounts);
    let stamped = |found: &Option<Container>| {
        found.as_ref().is_some_and(|found| found.labels.get(STAMP) == Some(&executable.stamp))
    };
    let pair = &upgrade::clear_away(engine, pair).await?;
    if stamped(&pair.gateway) && stamped(&pair.agent) && same_mounts {
        return start_stopped(engine, pair).await;
    }
    let reader = executable.clone();
    let digest = blocking(move || reader.digest()).await?;
    let current =
        |found: &Option<Container>| found.as_ref().is_some_and(|found| found.labels.get(DIGEST) == Some(&digest));
    let (gateway_fine, agent_fine) = (current(&pair.gateway), current(&pair.agent) && same_mounts);
    if gateway_fine && agent_fine {
        return start_stopped(engine, pair).await;
    }
    let info = engine.info().await?;
    let image = Executable::image_name(&digest);
    load(engine, executable, &digest, &info).await?;
    for (name, role) in [(VOLUME, "state"), (PROJECTS, "projects"), (CERTIFICATES, "certificates")] {
        let volume = VolumeSpec {
            volume: Volume { name: name.to_owned(), ..Volume::default() },
            labels: Labels::from([(ROLE.to_owned(), role.to_owned())]),
        };
        engine.create_volume(&volume).await?;
    }
    if !gateway_fine {
        let successor = gateway_spec(executable, &digest, pair.handover());
        if !upgrade::hand_over(engine, pair, &successor).await? {
            replace(engine, pair.gateway.as_ref(), &successor).await?;
        }
    }
    if !agent_fine {
        replace(engine, pair.agent.as_ref(), &agent_spec(executable, &digest, &info, mounts)).await?;
    }
    for container in [&pair.gateway, &pair.agent].into_iter().flatten() {
        if container.image != image {
            // Still used by something else, or gone: either way not ours to worry about.
            let _ = engine.remove_image(&container.image).await;
        }
    }
    Ok(true)
}

/// Makes sure that the engine has the image of this very `stack`; its name, and whether it had to be loaded.
///
/// # Errors
/// Whatever the engine answers; an executable that cannot become an image.
pub async fn own_image(engine: &Engine) -> Result<(String, bool)> {
    let executable = Executable::current()?;
    let reader = executable.clone();
    let digest = blocking(move || reader.digest()).await?;
    let loaded = load(engine, &executable, &digest, &engine.info().await?).await?;
    Ok((Executable::image_name(&digest), loaded))
}

/// Loads the image of an executable where the engine has it not; whether that was needed.
async fn load(engine: &Engine, executable: &Executable, digest: &str, info: &EngineInfo) -> Result<bool> {
    if engine.image(&Executable::image_name(digest)).await?.is_some() {
        return Ok(false);
    }
    let (packer, info, digest) = (executable.clone(), info.clone(), digest.to_owned());
    let archive = blocking(move || packer.archive(&digest, &info)).await?;
    engine.load_images(Bytes::from(archive)).await?;
    Ok(true)
}

/// Takes gateway, agent and their volumes away; the one with the certificates stays where it holds any.
///
/// # Errors
/// Whatever the engine answers.
pub async fn remove(engine: &Engine, pair: &EdgeContainers) -> Result<(), EdgeError> {
    let keeps_certificates = match &pair.gateway {
        Some(gateway) => holds_files(engine, &gateway.id, state::CERTIFICATES).await?,
        None => true,
    };
    for container in [&pair.agent, &pair.gateway].into_iter().flatten().chain(&pair.retired) {
        engine.stop_container(&container.id, None).await?;
        engine.remove_container(&container.id, false).await?;
    }
    // Left by commands that were killed: they hold the volumes.
    for reader in engine.containers(&LabelFilter(vec![(ROLE.to_owned(), Some(READER.to_owned()))])).await? {
        engine.remove_container(&reader.id, false).await?;
    }
    engine.remove_volume(VOLUME).await?;
    engine.remove_volume(PROJECTS).await?;
    if !keeps_certificates {
        engine.remove_volume(CERTIFICATES).await?;
    }
    Ok(())
}

/// Starts what somebody stopped; whether there was anything.
async fn start_stopped(engine: &Engine, pair: &EdgeContainers) -> Result<bool, EdgeError> {
    let stopped = [&pair.gateway, &pair.agent].into_iter().flatten().filter(|found| found.state != State::Running);
    let mut changed = false;
    for container in stopped {
        engine.start_container(&container.id).await?;
        changed = true;
    }
    Ok(changed)
}

/// Work that reads big files, away from the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| CommandError::new(format!("making the gateway's image was cut off: {error}")))?
}

/// Ends the old one before the new one begins.
async fn replace(engine: &Engine, old: Option<&Container>, spec: &ContainerSpec) -> Result<(), EdgeError> {
    if let Some(old) = old {
        engine.stop_container(&old.id, None).await?;
        engine.remove_container(&old.id, false).await?;
    }
    let (id, _) = engine.create_container(spec).await?;
    engine.start_container(&id).await?;
    Ok(())
}
