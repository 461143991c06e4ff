//! The build context: a folder, streamed as a tar from a thread of its own.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;

use super::FOREIGN_DOCKERFILE;
use crate::backend::docker::build::Failure;
use crate::backend::docker::transport::Body;
use crate::ignore::{Broken, Ignore};
use crate::pipe::Pieces;

/// Size of the pieces that are sent.
const PIECE: usize = 64 * 1024;
/// Pieces that may wait to be sent.
const WAITING: usize = 8;

/// Where the Dockerfile is, with patterns of its own (`NAME.dockerignore`) if it has any.
#[derive(Debug)]
pub(super) enum Dockerfile {
    /// One of the context's files.
    Inside { path: PathBuf, ignore: Option<String> },
    /// From elsewhere; added to the context.
    Foreign { text: Vec<u8>, ignore: Option<String> },
}

/// A folder to be sent.
#[derive(Debug)]
pub(super) struct Context {
    pub folder: PathBuf,
    pub dockerfile: Dockerfile,
}

impl Context {
    /// The body of the request. Reading goes only as far ahead of sending as a few pieces.
    pub(super) fn stream(self) -> (Body, Failure) {
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(WAITING);
        let failure = Failure::default();
        let reported = failure.clone();
        tokio::task::spawn_blocking(move || {
            let writer = BufWriter::with_capacity(PIECE, Pieces(sender.clone()));
            match self.write(writer) {
                Ok(()) => {}
                // Nobody wants the rest: the engine has answered already.
                Err(Refusal { gone: true, .. }) => {}
                Err(Refusal { message, .. }) => {
                    reported.set(message.clone());
                    let _ = sender.blocking_send(Err(io::Error::other(message)));
                }
            }
        });
        let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|piece| (piece.map(Frame::data), receiver))
        });
        (StreamBody::new(pieces).boxed_unsync(), failure)
    }

    fn ignore(&self) -> Result<Ignore, Refusal> {
        let (Dockerfile::Inside { ignore, .. } | Dockerfile::Foreign { ignore, .. }) = &self.dockerfile;
        if let Some(text) = ignore {
            return Ignore::parse(text).map_err(|broken| Refusal::of(&broken));
        }
        let path = self.folder.join(".dockerignore");
        match fs::read_to_string(&path) {
            Ok(text) => Ignore::parse(&text).map_err(|broken| Refusal::of(&broken)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ignore::default()),
            Err(error) => Err(Refusal::at(&path, &error)),
        }
    }

    /// Writes the tar.
    pub(super) fn write(&self, output: impl Write) -> Result<(), Refusal> {
        let mut archive = Archive { tar: tar::Builder::new(output), ignore: self.ignore()?, always: Vec::new() };
        match &self.dockerfile {
            Dockerfile::Inside { path, .. } => archive.always.push(path.clone()),
            Dockerfile::Foreign { text, .. } => archive.add_text(FOREIGN_DOCKERFILE, text)?,
        }
        // The engine takes them out again, if they are to be left out.
        archive.always.push(PathBuf::from(".dockerignore"));
        archive.add_folder(&self.folder, Path::new(""))?;
        archive.tar.into_inner()?.flush()?;
        Ok(())
    }
}

/// Why writing stopped.
#[derive(Debug)]
pub(super) struct Refusal {
    message: String,
    gone: bool,
}

impl Refusal {
    fn of(broken: &Broken) -> Self {
        Self { message: format!("cannot read the patterns of `.dockerignore`: {broken}"), gone: false }
    }

    fn at(path: &Path, error: &io::Error) -> Self {
        Self {
            message: format!("cannot read {}: {error}", path.display()),
            gone: error.kind() == io::ErrorKind::BrokenPipe,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self { message: error.to_string(), gone: error.kind() == io::ErrorKind::BrokenPipe }
    }
}

struct Archive<W: Write> {
    tar: tar::Builder<W>,
    ignore: Ignore,
    always: Vec<PathBuf>,
}

impl<W: Write> Archive<W> {
    /// As the `docker` command sends it: everything belongs to root, so that the builder's cache does not depend on
    /// who builds.
    fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode & 0o7777);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header
    }

    fn add_text(&mut self, name: &str, text: &[u8]) -> Result<(), Refusal> {
        let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let mut header = Self::header(tar::EntryType::Regular, 0o644, size);
        Ok(self.tar.append_data(&mut header, name, text)?)
    }

    /// Adds what is below a folder, in the order of names.
    fn add_folder(&mut self, root: &Path, inside: &Path) -> Result<(), Refusal> {
        let folder = root.join(inside);
        let unreadable = |error: io::Error| Refusal::at(&folder, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            names.push(entry.map_err(unreadable)?.file_name());
        }
        names.sort();
        for name in names {
            let path = inside.join(name);
            let kept = self.always.iter().any(|always| always.starts_with(&path));
            let text = path.to_string_lossy();
            let out = !kept && self.ignore.leaves_out(&text);
            let meta =
                fs::symlink_metadata(root.join(&path)).map_err(|error| Refusal::at(&root.join(&path), &error))?;
            if meta.is_dir() {
                if out && !self.ignore.may_keep_below(&text) {
                    continue;
                }
                if !out {
                    let mut header = Self::header(tar::EntryType::Directory, meta.permissions().mode(), 0);
                    header.set_mtime(seconds(&meta));
                    self.tar.append_data(&mut header, &path, io::empty())?;
                }
                self.add_folder(root, &path)?;
            } else if !out {
                self.add_entry(root, &path, &meta)?;
            }
        }
        Ok(())
    }

    /// Adds a file or a link. Sockets, pipes and devices have no content that could be sent.
    fn add_entry(&mut self, root: &Path, path: &Path, meta: &fs::Metadata) -> Result<(), Refusal> {
        let full = root.join(path);
        let mode = meta.permissions().mode();
        if meta.is_symlink() {
            let target = fs::read_link(&full).map_err(|error| Refusal::at(&full, &error))?;
            let mut header = Self::header(tar::EntryType::Symlink, mode, 0);
            header.set_mtime(seconds(meta));
            return Ok(self.tar.append_link(&mut header, path, target)?);
        }
        if !meta.is_file() {
            return Ok(());
        }
        let file = File::open(&full).map_err(|error| Refusal::at(&full, &error))?;
        let mut header = Self::header(tar::EntryType::Regular, mode, meta.len());
        header.set_mtime(seconds(meta));
        // The length has been announced: a file that grows is cut, one that shrinks cannot be sent.
        let mut counted = Counted { inner: file.take(meta.len()), count: 0 };
        self.tar.append_data(&mut header, path, &mut counted)?;
        if counted.count < meta.len() {
            let message = format!("{} shrank while it was being read", full.display());
            return Err(Refusal { message, gone: false });
        }
        Ok(())
    }
}

fn seconds(meta: &fs::Metadata) -> u64 {
    let modified = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    modified.map_or(0, |age| age.as_secs())
}

struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}
