use std::io;

use bytes::Bytes;

use crate::reconcile::action::InjectedFile;

/// Where secrets are, unless they say otherwise.
const SECRETS: &str = "run/secrets/";

/// The files as a tar archive to be unpacked at `/`. The same files give the same bytes.
pub(super) fn archive(files: &[InjectedFile]) -> io::Result<Bytes> {
    let mut tar = tar::Builder::new(Vec::new());
    if files.iter().any(|file| file.path.trim_start_matches('/').starts_with(SECRETS)) {
        // Engines make missing folders for root only; the service's user has to get in.
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        tar.append_data(&mut header, SECRETS, io::empty())?;
    }
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        header.set_size(file.content.len() as u64);
        tar.append_data(&mut header, file.path.trim_start_matches('/'), file.content.as_bytes())?;
    }
    Ok(tar.into_inner()?.into())
}
