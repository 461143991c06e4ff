use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::backend::{Backend, Error, ErrorKind, Result};
use crate::reconcile::action::{Content, InjectedFile};

/// Where secrets are, unless they say otherwise.
const SECRETS: &str = "run/secrets/";

/// Copies files into a container.
///
/// # Errors
/// The engine's; credentials that cannot be read.
pub(super) async fn put(engine: &dyn Backend, id: &str, name: &str, files: &[InjectedFile]) -> Result<()> {
    let credentials = if files.iter().any(|file| file.content == Content::RegistryCredentials) {
        engine.registry_config().await?
    } else {
        String::new()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let tar = archive(files, &credentials, now).map_err(|error| Error {
        kind: ErrorKind::Invalid,
        call: "pack files for container",
        object: name.to_owned(),
        message: error.to_string(),
    })?;
    engine.put_archive(id, "/", tar).await
}

/// The files as a tar archive to be unpacked at `/`, made at `time` (Unix, seconds).
fn archive(files: &[InjectedFile], credentials: &str, time: u64) -> io::Result<Bytes> {
    let mut tar = tar::Builder::new(Vec::new());
    if files.iter().any(|file| file.path.trim_start_matches('/').starts_with(SECRETS)) {
        // Engines make missing folders for root only; the service's user has to get in.
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        header.set_mtime(time);
        tar.append_data(&mut header, SECRETS, io::empty())?;
    }
    for file in files {
        let content = match &file.content {
            Content::Text(text) => text,
            Content::RegistryCredentials => credentials,
        };
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        header.set_size(content.len() as u64);
        header.set_mtime(time);
        tar.append_data(&mut header, file.path.trim_start_matches('/'), content.as_bytes())?;
    }
    Ok(tar.into_inner()?.into())
}
