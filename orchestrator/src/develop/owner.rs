//! Who copied files belong to: the user that the container runs as.

#[cfg(test)]
mod tests;

use std::io::Read as _;

use futures_util::StreamExt as _;

use super::archive::Owner;
use crate::backend::{Backend, Result};

/// Larger files are no lists of users.
const MAX_LIST: usize = 1024 * 1024;

/// The numbers of `user` (`NAME`, `UID`, each with `:GROUP` or without; empty for root) in a container. Names are looked
/// up in the container's own lists; root where they are not there.
///
/// # Errors
/// The engine's, but for lists that are not there.
pub async fn of(engine: &dyn Backend, container: &str, user: &str) -> Result<Owner> {
    let (name, group) = user.split_once(':').map_or((user, None), |(name, group)| (name, Some(group)));
    if name.is_empty() && group.is_none() {
        return Ok(Owner::default());
    }
    let (mut owner, mut group_known) = (Owner::default(), false);
    match (name.parse(), group.map(str::parse)) {
        (Ok(uid), Some(Ok(gid))) => return Ok(Owner { uid, gid }),
        (uid, _) => {
            let users = list(engine, container, "/etc/passwd").await?;
            let numeric = uid.ok();
            let entry = users
                .lines()
                .map(Entry::parse)
                .find(|entry| numeric.map_or_else(|| entry.name == name, |uid: u64| entry.number(2) == Some(uid)));
            owner.uid = numeric.or_else(|| entry.as_ref().and_then(|entry| entry.number(2))).unwrap_or(0);
            owner.gid = entry.and_then(|entry| entry.number(3)).unwrap_or(0);
        }
    }
    if let Some(Ok(gid)) = group.map(str::parse) {
        owner.gid = gid;
        group_known = true;
    }
    if let Some(group) = group.filter(|_| !group_known) {
        let groups = list(engine, container, "/etc/group").await?;
        let entry = groups.lines().map(Entry::parse).find(|entry| entry.name == group);
        owner.gid = entry.and_then(|entry| entry.number(2)).unwrap_or(owner.gid);
    }
    Ok(owner)
}

/// A line of `/etc/passwd` or `/etc/group`.
struct Entry<'a> {
    name: &'a str,
    fields: Vec<&'a str>,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Self {
        let fields: Vec<&str> = line.split(':').collect();
        Self { name: fields.first().copied().unwrap_or_default(), fields }
    }

    fn number(&self, at: usize) -> Option<u64> {
        self.fields.get(at)?.trim().parse().ok()
    }
}

/// A text file of a container; empty where there is none.
async fn list(engine: &dyn Backend, container: &str, path: &str) -> Result<String> {
    let mut pieces = match engine.get_archive(container, path).await {
        Ok(pieces) => pieces,
        Err(error) if error.kind == crate::backend::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece?);
        if bytes.len() > MAX_LIST {
            return Ok(String::new());
        }
    }
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut text = Vec::new();
    if let Ok(mut entries) = archive.entries()
        && let Some(Ok(mut entry)) = entries.next()
    {
        // An archive that was cut off holds no list.
        let _ = entry.read_to_end(&mut text);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
