//! Sends files of a folder to the builder, by its file synchronization protocol: first what there is, in order of
//! paths; then the contents that the builder asks for, since it may have the others from an earlier build.
//!
//! Files are read on threads of their own, only as far ahead of sending as a few pieces.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use http::Response;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::Failure;
use super::filter::{Choice, Filter, Verdict};
use super::grpc::{self, Answers, Messages, Status, UNKNOWN};
use crate::backend::docker::transport::Body;

/// Bytes of content in a message.
const PIECE: usize = 64 * 1024;

/// Bits of modes as Go has them, which differ from those of Unix above the permissions.
mod mode {
    pub(super) const FOLDER: u32 = 1 << 31;
    pub(super) const LINK: u32 = 1 << 27;
    pub(super) const SETUID: u32 = 1 << 23;
    pub(super) const SETGID: u32 = 1 << 22;
    pub(super) const STICKY: u32 = 1 << 20;
}

/// Files to be sent.
#[derive(Debug, Clone)]
pub(super) enum Folder {
    /// A folder of this host.
    Real(PathBuf),
    /// Files that are nowhere, by name.
    Made(Arc<Vec<(String, Vec<u8>)>>),
}

/// Where the content of a file is.
#[derive(Debug, Clone)]
enum Content {
    File(PathBuf),
    Text { files: Arc<Vec<(String, Vec<u8>)>>, at: usize },
}

/// Files that may be asked for ahead of what has been sent; a builder that asks for more waits.
const REQUESTS: usize = 1024;

/// Contents by the number of their entry.
type Contents = Arc<Mutex<HashMap<u32, Content>>>;

/// Why no more is sent.
#[derive(Debug)]
enum Stop {
    /// Something cannot be read.
    Failed(String),
    /// Nobody listens.
    Gone,
}

impl Stop {
    fn at(path: &Path, error: &io::Error) -> Self {
        Self::Failed(format!("cannot read {}: {error}", path.display()))
    }
}

/// Answers a call for files. What cannot be read ends it, and is left in `failure`.
pub(super) fn serve(folder: Folder, filter: Filter, mut messages: Messages, failure: Failure) -> Response<Body> {
    let (answers, response) = grpc::answers();
    let contents = Contents::default();
    let (wanted, asked) = mpsc::channel(REQUESTS);
    let ends = |answers: &Answers, outcome: Result<(), Stop>, failure: &Failure| {
        if let Err(Stop::Failed(message)) = outcome {
            failure.set(message.clone());
            let packet = Packet {
                r#type: PacketType::PacketErr.into(),
                data: message.clone().into_bytes(),
                ..Packet::default()
            };
            let _ = answers.blocking_send(Ok(grpc::frame(&packet)));
            let _ = answers.blocking_send(Err(Status::new(UNKNOWN, message)));
        }
    };
    let (to, into, why) = (answers.clone(), Arc::clone(&contents), failure.clone());
    tokio::task::spawn_blocking(move || {
        let outcome = list(&folder, &filter, &to, &into);
        ends(&to, outcome, &why);
    });
    let (to, why) = (answers.clone(), failure);
    tokio::task::spawn_blocking(move || {
        let outcome = send_contents(asked, &to, &contents);
        ends(&to, outcome, &why);
    });
    tokio::spawn(async move {
        while let Ok(Some(packet)) = messages.next::<Packet>().await {
            match packet.r#type() {
                PacketType::PacketReq => {
                    if wanted.send(packet.id).await.is_err() {
                        return;
                    }
                }
                PacketType::PacketFin => {
                    let packet = Packet { r#type: PacketType::PacketFin.into(), ..Packet::default() };
                    let _ = answers.send(Ok(grpc::frame(&packet))).await;
                    return;
                }
                _ => return,
            }
        }
    });
    response
}

/// Sends what there is.
fn list(folder: &Folder, filter: &Filter, answers: &Answers, contents: &Contents) -> Result<(), Stop> {
    let mut listing = Listing { answers, contents, next: 0 };
    match folder {
        Folder::Real(root) => {
            let choice = filter
                .choice(root)
                .map_err(|broken| Stop::Failed(format!("cannot read the patterns of `.dockerignore`: {broken}")))?;
            let mut walk = Walk { root, choice, listing: &mut listing, passed: Vec::new() };
            walk.folder("")?;
        }
        Folder::Made(files) => {
            for (at, (name, text)) in files.iter().enumerate() {
                let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
                let stat = Stat { path: name.clone(), mode: 0o644, size, mod_time: stamp(text), ..Stat::default() };
                listing.send(stat, Some(Content::Text { files: Arc::clone(files), at }))?;
            }
        }
    }
    listing.end()
}

/// A time for a file that is nowhere, in nanoseconds: another one for each content. A builder takes files of the same name,
/// size and time for the same, and does not ask for them again.
fn stamp(text: &[u8]) -> i64 {
    let digest = Sha256::digest(text);
    digest.iter().take(7).fold(0, |time, byte| time << 8 | i64::from(*byte))
}

struct Listing<'a> {
    answers: &'a Answers,
    contents: &'a Contents,
    next: u32,
}

impl Listing<'_> {
    fn send(&mut self, stat: Stat, content: Option<Content>) -> Result<(), Stop> {
        if let Some(content) = content {
            self.contents.lock().unwrap_or_else(PoisonError::into_inner).insert(self.next, content);
        }
        self.next = self.next.checked_add(1).ok_or_else(|| Stop::Failed("the folder has too many files".to_owned()))?;
        self.packet(Some(stat))
    }

    /// An entry of nothing ends the list.
    fn end(&self) -> Result<(), Stop> {
        self.packet(None)
    }

    fn packet(&self, stat: Option<Stat>) -> Result<(), Stop> {
        let packet = Packet { r#type: PacketType::PacketStat.into(), stat, ..Packet::default() };
        self.answers.blocking_send(Ok(grpc::frame(&packet))).map_err(|_| Stop::Gone)
    }
}

struct Walk<'a, 'b> {
    root: &'a Path,
    choice: Choice,
    listing: &'a mut Listing<'b>,
    /// Folders on the way to here that are not asked for themselves; sent as soon as something in them is.
    passed: Vec<Stat>,
}

impl Walk<'_, '_> {
    /// Sends what is below a folder, in order of names.
    fn folder(&mut self, inside: &str) -> Result<(), Stop> {
        let folder = self.root.join(inside);
        let unreadable = |error: io::Error| Stop::at(&folder, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            names.push(name.into_string().map_err(|name| {
                let path = folder.join(name);
                Stop::Failed(format!("{} has a name that is not UTF-8, which BuildKit cannot take", path.display()))
            })?);
        }
        names.sort_unstable();
        for name in names {
            let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
            let full = self.root.join(&path);
            let meta = match fs::symlink_metadata(&full) {
                Ok(meta) => meta,
                // Gone since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Stop::at(&full, &error)),
            };
            let verdict = self.choice.verdict(&path, meta.is_dir());
            if verdict == Verdict::Skip {
                continue;
            }
            if meta.is_dir() {
                let depth = self.passed.len();
                let stat = describe(path.clone(), &meta, String::new());
                if verdict == Verdict::Send {
                    self.send(stat, None)?;
                } else {
                    self.passed.push(stat);
                }
                self.folder(&path)?;
                self.passed.truncate(depth);
            } else if meta.is_symlink() {
                let target = fs::read_link(&full).map_err(|error| Stop::at(&full, &error))?;
                self.send(describe(path, &meta, target.to_string_lossy().into_owned()), None)?;
            } else if meta.is_file() {
                self.send(describe(path, &meta, String::new()), Some(Content::File(full)))?;
            }
            // Sockets, pipes and devices have no content that could be sent.
        }
        Ok(())
    }

    fn send(&mut self, stat: Stat, content: Option<Content>) -> Result<(), Stop> {
        for folder in self.passed.drain(..) {
            self.listing.send(folder, None)?;
        }
        self.listing.send(stat, content)
    }
}

/// Everything belongs to root, so that the builder's cache does not depend on who builds.
fn describe(path: String, meta: &fs::Metadata, linkname: String) -> Stat {
    let unix = meta.permissions().mode();
    let mut bits = unix & 0o777;
    let special = [(0o4000, mode::SETUID), (0o2000, mode::SETGID), (0o1000, mode::STICKY)];
    for (_, go) in special.into_iter().filter(|(bit, _)| unix & bit != 0) {
        bits |= go;
    }
    let mut size = 0;
    if meta.is_dir() {
        bits |= mode::FOLDER;
    } else if meta.is_symlink() {
        bits |= mode::LINK;
    } else {
        size = i64::try_from(meta.len()).unwrap_or(i64::MAX);
    }
    let modified = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let mod_time = modified.map_or(0, |age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
    Stat { path, mode: bits, size, mod_time, linkname, ..Stat::default() }
}

/// Sends contents in the order they are asked for.
fn send_contents(mut asked: mpsc::Receiver<u32>, answers: &Answers, contents: &Contents) -> Result<(), Stop> {
    let mut buffer = vec![0; PIECE];
    while let Some(id) = asked.blocking_recv() {
        let content = contents.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        let data = |data: &[u8]| {
            let packet = Packet { r#type: PacketType::PacketData.into(), id, data: data.to_vec(), ..Packet::default() };
            answers.blocking_send(Ok(grpc::frame(&packet))).map_err(|_| Stop::Gone)
        };
        match content {
            None => return Err(Stop::Failed(format!("the builder asked for file {id}, which it was not told of"))),
            Some(Content::Text { files, at }) => {
                let text = files.get(at).map(|(_, text)| text.as_slice()).unwrap_or_default();
                for piece in text.chunks(PIECE) {
                    data(piece)?;
                }
            }
            Some(Content::File(path)) => {
                let failed = |error: io::Error| Stop::at(&path, &error);
                let file = File::open(&path).map_err(failed)?;
                // A file that grows meanwhile is cut: it might never end.
                let mut file = file.metadata().map(|meta| file.take(meta.len())).map_err(failed)?;
                loop {
                    match file.read(&mut buffer).map_err(failed)? {
                        0 => break,
                        count => data(buffer.get(..count).unwrap_or_default())?,
                    }
                }
            }
        }
        // Nothing ends a file.
        data(&[])?;
    }
    Ok(())
}
