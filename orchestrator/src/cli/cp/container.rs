//! Sources and destinations in a container, and the copies themselves.

use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

use super::place::{Destination, Found, Source, absolute, is_as_folder, is_content, place};
use super::{pack, unpack as files};
use crate::backend::{self, Container, Engine, ErrorKind, PathInfo, PathKind, Unpack, Upload};
use crate::error::{CommandError, Result};
use crate::pipe;
use crate::reconcile::observed::service_of;
use crate::ui::style::printable;

/// A path of a container as the engine takes it: container paths are text.
fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| CommandError::new(format!("{} is not UTF-8", printable(&path.display().to_string()))))
}

/// The engine's words alone: what was being done is said by the one who prints it.
fn plain(error: backend::Error) -> CommandError {
    match error.kind {
        ErrorKind::Unreachable | ErrorKind::Permission | ErrorKind::Timeout => error.into(),
        _ => CommandError::new(printable(error.message.trim())),
    }
}

/// What a path is, if it is there.
async fn look(engine: &Engine, container: &Container, path: &str) -> Result<Option<PathInfo>> {
    match engine.path_info(&container.id, path).await {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.kind == ErrorKind::NotFound => {
            // The container itself may be gone meanwhile.
            engine.container(&container.id).await.map_err(plain)?;
            Ok(None)
        }
        // `file/`: without the slash it can be told what it is.
        Err(error) if is_as_folder(path) && error.kind == ErrorKind::Engine => {
            let info = engine.path_info(&container.id, &text(&absolute(Path::new("/"), path))?).await;
            info.map(Some).map_err(|_| plain(error))
        }
        Err(error) => Err(plain(error)),
    }
}

/// The folder that something new shall be in.
async fn check_folder(engine: &Engine, container: &Container, folder: &Path) -> Result<()> {
    let folder = text(folder)?;
    let shown = printable(&folder);
    // With the slash a link at its end is followed.
    match look(engine, container, &format!("{}/", folder.trim_end_matches('/'))).await?.map(|info| info.kind) {
        Some(PathKind::Folder) => Ok(()),
        Some(_) => Err(CommandError::new(format!("{shown} is not a folder"))),
        None => Err(CommandError::new(format!("there is no folder {shown} in the container"))
            .hint(format!("`stack exec {} mkdir -p {shown}` makes it", printable(service_of(container))))),
    }
}

/// Where something shall go; a link at its end is followed.
async fn destination(engine: &Engine, container: &Container, written: &str) -> Result<Destination> {
    let mut path = absolute(Path::new("/"), written);
    let as_folder = is_as_folder(written);
    let mut info = look(engine, container, written).await?;
    if let Some(link) = info.as_ref().filter(|info| info.kind == PathKind::Link) {
        // The engine tells it resolved, links of links included.
        path = absolute(path.parent().unwrap_or(Path::new("/")), &link.link_target);
        info = look(engine, container, &text(&path)?).await?;
    }
    let found = match info.map(|info| info.kind) {
        Some(PathKind::Folder) => Found::Folder,
        Some(PathKind::File | PathKind::Link) => Found::File,
        Some(PathKind::Special) => {
            return Err(CommandError::new(format!("{} is neither a file nor a folder", printable(written))));
        }
        None => Found::Nothing,
    };
    if found == Found::Nothing {
        check_folder(engine, container, path.parent().unwrap_or(Path::new("/"))).await?;
    }
    Ok(Destination { path, found, as_folder })
}

/// Copies from this host: `from` is a path and what it is. Returns what there is to say.
///
/// # Errors
/// In words, what does not go.
pub(super) async fn copy_in(
    engine: &Engine,
    container: &Container,
    from: (&Path, &Source),
    path: &str,
    owners: bool,
) -> Result<Vec<String>> {
    let destination = destination(engine, container, path).await?;
    let place = place(from.1, &destination).map_err(CommandError::new)?;
    let from = from.0.to_owned();
    let name = place.name.map_or_else(|| PathBuf::from("."), PathBuf::from);
    let (notes, noted) = std::sync::mpsc::channel();
    let (upload, fault) = pipe::written(move |output| {
        pack::pack(output, &from, &name, &|path| {
            let note = format!("{} is a device or a socket: left out", printable(&path.display().to_string()));
            // Whoever asked may be gone.
            let _ = notes.send(note);
        })
    });
    let sent = engine.put_archive_stream(&container.id, &text(&place.folder)?, upload, unpack(owners)).await;
    // What cannot be read breaks the request: that is the cause, not what the engine made of it.
    if let Some(reason) = fault.reason() {
        return Err(CommandError::new(reason));
    }
    sent.map_err(plain)?;
    Ok(noted.try_iter().collect())
}

/// A file never takes the place of a folder, as with `docker cp`.
fn unpack(owners: bool) -> Unpack {
    if owners { Unpack::ForUser } else { Unpack::Sparing }
}

/// Unpacks an archive in a folder of the container.
///
/// # Errors
/// In words, what does not go.
pub(super) async fn put(engine: &Engine, container: &Container, path: &str, tar: Upload, owners: bool) -> Result<()> {
    let destination = destination(engine, container, path).await?;
    if destination.found != Found::Folder {
        return Err(CommandError::new("the destination of an archive must be a folder that is there"));
    }
    engine.put_archive_stream(&container.id, &text(&destination.path)?, tar, unpack(owners)).await.map_err(plain)
}

/// What to ask the engine for, and what it is. With `follow` a link at the end is followed, and what it leads to keeps
/// the name that was asked for.
async fn source(engine: &Engine, container: &Container, path: &str, follow: bool) -> Result<(String, Source)> {
    let Some(mut info) = look(engine, container, path).await? else {
        return Err(CommandError::new(format!("there is no {} in the container", printable(path))));
    };
    let clean = absolute(Path::new("/"), path);
    let name = if is_content(path) { None } else { clean.file_name().map(ToOwned::to_owned) };
    let mut asked = path.to_owned();
    if follow && info.kind == PathKind::Link {
        asked = text(&absolute(clean.parent().unwrap_or(Path::new("/")), &info.link_target))?;
        info = look(engine, container, &asked).await?.ok_or_else(|| {
            CommandError::new(format!("{} leads to {}, which is not there", printable(path), printable(&asked)))
        })?;
    }
    if is_as_folder(path) && info.kind != PathKind::Folder {
        return Err(CommandError::new(format!("{} is not a folder", printable(path))));
    }
    Ok((asked, Source { name, is_folder: info.kind == PathKind::Folder }))
}

/// Copies to this host. Returns what there is to say.
///
/// # Errors
/// In words, what does not go.
pub(super) async fn copy_out(
    engine: &Engine,
    container: &Container,
    path: &str,
    to: &Destination,
    follow: bool,
    owners: bool,
) -> Result<Vec<String>> {
    let (asked, source) = source(engine, container, path, follow).await?;
    let place = place(&source, to).map_err(CommandError::new)?;
    let archive = engine.get_archive(&container.id, &asked).await.map_err(plain)?;
    let unpacked = pipe::read(archive, move |input| files::unpack(input, &place, owners)).await;
    let notes = unpacked.map_err(|error| CommandError::new(error.to_string()))?;
    let mut words: Vec<String> =
        notes.left_out.iter().map(|name| format!("{} is a device: left out", printable(name))).collect();
    if notes.owners_lost {
        words.push("owners are not kept: only root may give files away".to_owned());
    }
    Ok(words)
}

/// Writes the archive to standard output.
///
/// # Errors
/// In words, what does not go.
pub(super) async fn print(engine: &Engine, container: &Container, path: &str, follow: bool) -> Result<()> {
    let (asked, _) = source(engine, container, path, follow).await?;
    let mut archive = engine.get_archive(&container.id, &asked).await.map_err(plain)?;
    let mut stdout = tokio::io::stdout();
    while let Some(piece) = archive.next().await {
        stdout.write_all(&piece.map_err(plain)?).await?;
    }
    stdout.flush().await?;
    Ok(())
}
