//! Files in the volumes of gateway and agent, read through a container that holds them.

use std::io::Read as _;
use std::path::Path;

use compose_schema::model::Service;
use futures_util::StreamExt as _;

use super::containers::{EdgeContainers, READER, ROLE};
use super::spec::{confined, project_mounts};
use crate::backend::{ContainerSpec, Engine, ErrorKind, Labels};
use crate::error::{CommandError, Result};

/// A file in the volumes of gateway and agent; none where there is no such file, or neither of them.
///
/// # Errors
/// Whatever the engine answers; an answer that is cut off.
pub async fn read_file(engine: &Engine, path: &Path) -> Result<Option<Vec<u8>>> {
    let pair = EdgeContainers::observe(engine.as_ref()).await?;
    let Some(holder) = pair.gateway.as_ref().or(pair.agent.as_ref()) else { return Ok(None) };
    let Some(tar) = archive(engine, &holder.id, &path.to_string_lossy()).await? else { return Ok(None) };
    let cut_off = |error: std::io::Error| CommandError::new(format!("cannot read `{}`: {error}", path.display()));
    let mut content = Vec::new();
    let mut files = tar::Archive::new(tar.as_slice());
    match files.entries().map_err(cut_off)?.next() {
        None => Ok(None),
        Some(entry) => {
            entry.map_err(cut_off)?.read_to_end(&mut content).map_err(cut_off)?;
            Ok(Some(content))
        }
    }
}

/// A folder in the volumes of gateway and agent as a tar archive; none where there is no such folder, or neither of them.
///
/// # Errors
/// Whatever the engine answers; an answer that is cut off.
pub async fn read_folder(engine: &Engine, path: &str) -> Result<Option<Vec<u8>>> {
    let pair = EdgeContainers::observe(engine.as_ref()).await?;
    match pair.gateway.as_ref().or(pair.agent.as_ref()) {
        Some(holder) => archive(engine, &holder.id, path).await,
        None => Ok(None),
    }
}

/// A folder of a container as a tar archive; none where there is no such folder, or no such container any more.
pub(super) async fn archive(engine: &Engine, container: &str, folder: &str) -> Result<Option<Vec<u8>>> {
    let mut stream = match engine.get_archive(container, folder).await {
        Ok(stream) => stream,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut tar = Vec::new();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => tar.extend_from_slice(&chunk),
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(tar))
}

/// Whether there is any file below a folder of a container. What cannot be looked at counts as one.
pub(super) async fn holds_files(engine: &Engine, container: &str, folder: &str) -> Result<bool> {
    let Some(tar) = archive(engine, container, folder).await? else { return Ok(false) };
    let mut archive = tar::Archive::new(tar.as_slice());
    let Ok(mut entries) = archive.entries() else { return Ok(true) };
    Ok(entries.any(|entry| entry.map_or(true, |entry| entry.header().entry_type().is_file())))
}

/// A container that holds the volume with the projects' files, to read it where there is no agent; its id. It does not run,
/// and whoever made it removes it.
///
/// # Errors
/// Whatever the engine answers.
pub(super) async fn make_reader(engine: &Engine, image: &str) -> Result<String> {
    let spec = ContainerSpec {
        name: format!("stack-reader-{}", super::revision::new_revision(None)),
        image: image.to_owned(),
        service: Service { network_mode: "none".to_owned(), ..confined() },
        labels: Labels::from([(ROLE.to_owned(), READER.to_owned())]),
        mounts: project_mounts().to_vec(),
        ..ContainerSpec::default()
    };
    Ok(engine.create_container(&spec).await?.0)
}
