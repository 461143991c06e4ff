//! A large log, read where the engine keeps it: its own answer takes it a hundred times as long, since it hands lines over
//! one by one. Only where everything is certain (an engine of this host, its `json-file` driver, files that this process may
//! read, all that was asked for is in them); else the engine is asked.

mod record;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use rustix::fs::OFlags;
use tokio::sync::mpsc;

use super::answers::LogPlace;
use super::{Docker, container_path, read};
use crate::backend::{Backend as _, Error, ErrorKind, LogOptions, LogRecord, Result};
use record::Window;

/// The driver whose files are known.
const DRIVER: &str = "json-file";
/// Smaller logs are quick to come from the engine, in bytes.
const WORTH: u64 = 1024 * 1024;
/// Rotated files that are looked for, at most.
const MOST: usize = 1000;
/// Bytes that are read at once.
const PIECE: usize = 256 * 1024;
/// Longest entry that is taken; the engine writes 16 KiB of a line at most.
const LONGEST: u64 = 1024 * 1024;
/// Records that travel together, and batches that may wait for a slow reader.
const BATCH: usize = 256;
const WAITING: usize = 4;

impl Docker {
    /// The log out of its files; `None` where the engine is to be asked.
    pub(super) async fn log_files(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> Option<BoxStream<'static, Result<LogRecord>>> {
        if options.follow || options.tail.is_some() || !self.is_local() {
            return None;
        }
        let window = Window::of(options)?;
        let place: LogPlace = self.get(read("inspect container", id), &container_path(id, "/json"), &[]).await.ok()?;
        let driver = place.host_config.log_config.r#type;
        if driver != DRIVER || place.log_path.is_empty() {
            return None;
        }
        let (id, path) = (place.id, PathBuf::from(place.log_path));
        let files = tokio::task::spawn_blocking(move || open(&id, &path)).await.ok()??;
        Some(records(files, window))
    }
}

/// A file, and how much of it there is.
struct Part {
    file: File,
    size: u64,
}

/// The files of a log, oldest first, as they are now; none where anything about them is unusual.
fn open(id: &str, path: &Path) -> Option<Vec<Part>> {
    // An engine whose socket only looks like this host's has its files elsewhere: nothing but a log is opened here.
    let folder = path.parent()?;
    if id.len() != 64 || folder.file_name()? != id || path.file_name()? != format!("{id}-json.log").as_str() {
        return None;
    }
    let current = part(path)?;
    let mut files = Vec::new();
    for number in 1..MOST {
        let older = folder.join(format!("{id}-json.log.{number}"));
        if folder.join(format!("{id}-json.log.{number}.gz")).exists() {
            return None;
        }
        if !older.exists() {
            break;
        }
        files.push(part(&older)?);
    }
    files.reverse();
    let inode = current.file.metadata().ok()?.ino();
    files.push(current);
    // Rotated meanwhile, one of them may have been passed by.
    let now = std::fs::symlink_metadata(path).ok()?.ino();
    (now == inode && files.iter().map(|part| part.size).sum::<u64>() >= WORTH).then_some(files)
}

fn part(path: &Path) -> Option<Part> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).ok()?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let meta = file.metadata().ok()?;
    meta.is_file().then(|| Part { size: meta.len(), file })
}

/// The records of files, read on a thread of its own.
fn records(files: Vec<Part>, window: Window) -> BoxStream<'static, Result<LogRecord>> {
    let (sender, receiver) = mpsc::channel::<Vec<Result<LogRecord>>>(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut batch = Vec::with_capacity(BATCH);
        let read = files.into_iter().try_for_each(|part| {
            each(part, |line| {
                let Some(record) = record::parse(line).filter(|record| window.admits(&record.time)) else {
                    return true;
                };
                batch.push(Ok(record));
                batch.len() < BATCH
                    || sender.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_ok()
            })
        });
        if let Err(error) = read {
            let message = format!("the engine's log file cannot be read: {error}");
            batch.push(Err(Error { kind: ErrorKind::Engine, call: "read logs", object: String::new(), message }));
        }
        // Nobody may listen any more.
        let _ = sender.blocking_send(batch);
    });
    let batches =
        stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|batch| (batch, receiver)) });
    batches.flat_map(stream::iter).boxed()
}

/// Calls `take` with each line until it wants no more. What is not whole is left out: an entry that is being written, or
/// that a power cut has torn.
fn each(part: Part, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(PIECE, part.file.take(part.size));
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        match line.last() {
            None => return Ok(()),
            Some(b'\n') if !take(&line) => return Ok(()),
            _ => {}
        }
    }
}
