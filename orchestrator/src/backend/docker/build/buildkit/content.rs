//! Folders with the parts of caches (the layout of the OCI), which the builder reads as it needs them, and fills: the calls
//! of containerd's content store, and the list of what is in a folder.

mod index;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::path::PathBuf;

use http::Response;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::grpc::{self, INVALID, NOT_FOUND, Status, UNKNOWN};
use crate::backend::docker::transport::Body;

/// Bytes of one message.
const PIECE: usize = 256 * 1024;

/// Asks for a part's size.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InfoRequest {
    #[prost(string, tag = "1")]
    pub digest: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InfoResponse {
    #[prost(message, optional, tag = "1")]
    pub info: Option<Info>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Info {
    #[prost(string, tag = "1")]
    pub digest: String,
    #[prost(int64, tag = "2")]
    pub size: i64,
}

/// Asks for bytes of a part.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadRequest {
    #[prost(string, tag = "1")]
    pub digest: String,
    #[prost(int64, tag = "2")]
    pub offset: i64,
    /// 0 for all.
    #[prost(int64, tag = "3")]
    pub size: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadResponse {
    #[prost(int64, tag = "1")]
    pub offset: i64,
    #[prost(bytes = "vec", tag = "2")]
    pub data: Vec<u8>,
}

/// Brings bytes of a part, or its end.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WriteRequest {
    #[prost(int32, tag = "1")]
    pub action: i32,
    #[prost(int64, tag = "3")]
    pub total: i64,
    /// The digest that it is to have.
    #[prost(string, tag = "4")]
    pub expected: String,
    #[prost(int64, tag = "5")]
    pub offset: i64,
    #[prost(bytes = "vec", tag = "6")]
    pub data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WriteResponse {
    #[prost(int32, tag = "1")]
    pub action: i32,
    /// Bytes that are here.
    #[prost(int64, tag = "4")]
    pub offset: i64,
    #[prost(int64, tag = "5")]
    pub total: i64,
    #[prost(string, tag = "6")]
    pub digest: String,
}

/// One folder.
#[derive(Debug, Clone)]
struct Store {
    folder: PathBuf,
    /// What a cache that is written there is called; none where it is only read.
    tag: Option<String>,
}

/// Folders by the names that the builder knows them by.
#[derive(Debug, Default, Clone)]
pub(super) struct Stores(BTreeMap<String, Store>);

impl Stores {
    pub(super) fn add(&mut self, folder: &str) {
        self.0.entry(name(folder)).or_insert_with(|| Store { folder: PathBuf::from(folder), tag: None });
    }

    pub(super) fn add_written(&mut self, folder: &str, tag: &str) {
        self.0.insert(name(folder), Store { folder: PathBuf::from(folder), tag: Some(tag.to_owned()) });
    }

    /// The folder of a cache that is to be written.
    pub(super) fn writable(&self, store: &str) -> Result<PathBuf, Status> {
        let found = self.0.get(store).filter(|store| store.tag.is_some()).map(|store| store.folder.clone());
        found.ok_or_else(|| Status::new(INVALID, format!("this build writes no cache `{store}`")))
    }

    /// Whether what is going to be written can be listed.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) async fn check(&self) -> Result<(), String> {
        for Store { folder, .. } in self.0.values().filter(|store| store.tag.is_some()) {
            index::read(folder).await.map_err(|error| unlisted(folder, &error))?;
        }
        Ok(())
    }

    /// Lists what was written, by the description that the builder gives of it.
    ///
    /// # Errors
    /// Why it is not listed.
    pub(super) async fn finish(&self, manifest: Option<&String>) -> Result<(), String> {
        for Store { folder, tag } in self.0.values() {
            let (Some(tag), Some(manifest)) = (tag, manifest) else { continue };
            let listed = index::put(folder, tag, manifest).await;
            listed.map_err(|error| unlisted(folder, &error))?;
        }
        Ok(())
    }

    pub(super) async fn info(&self, store: &str, request: InfoRequest) -> Result<InfoResponse, Status> {
        let path = self.part(store, &request.digest)?;
        let found = tokio::fs::metadata(&path).await.map_err(|error| absent(&path, &error))?;
        let size = i64::try_from(found.len()).unwrap_or(i64::MAX);
        Ok(InfoResponse { info: Some(Info { digest: request.digest, size }) })
    }

    pub(super) async fn read(&self, store: &str, request: ReadRequest) -> Result<Response<Body>, Status> {
        let path = self.part(store, &request.digest)?;
        let mut file = File::open(&path).await.map_err(|error| absent(&path, &error))?;
        let begin = u64::try_from(request.offset).unwrap_or(0);
        file.seek(SeekFrom::Start(begin)).await.map_err(|error| Status::new(UNKNOWN, error.to_string()))?;
        let most = u64::try_from(request.size).ok().filter(|size| *size > 0).unwrap_or(u64::MAX);
        let mut rest = file.take(most);
        let mut offset = request.offset.max(0);
        let (answers, response) = grpc::answers();
        tokio::spawn(async move {
            loop {
                let mut data = vec![0; PIECE];
                let answer = match rest.read(&mut data).await {
                    Ok(0) => return,
                    Ok(length) => {
                        data.truncate(length);
                        let answer = ReadResponse { offset, data };
                        offset = offset.saturating_add(i64::try_from(length).unwrap_or(i64::MAX));
                        Ok(grpc::frame(&answer))
                    }
                    Err(error) => Err(Status::new(UNKNOWN, error.to_string())),
                };
                // Whoever asked may have gone.
                if answers.send(answer).await.is_err() {
                    return;
                }
            }
        });
        Ok(response)
    }

    /// The file of a part. A digest is two words and nothing that a path could be made of.
    fn part(&self, store: &str, digest: &str) -> Result<PathBuf, Status> {
        let folder = self.0.get(store);
        let folder = folder.ok_or_else(|| Status::new(INVALID, format!("no cache `{store}` belongs to this build")))?;
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (algorithm, value) = digest
            .split_once(':')
            .filter(|(algorithm, value)| word(algorithm) && word(value))
            .ok_or_else(|| Status::new(INVALID, format!("`{digest}` is no digest")))?;
        Ok(folder.folder.join("blobs").join(algorithm).join(value))
    }
}

fn name(folder: &str) -> String {
    format!("local:{folder}")
}

fn unlisted(folder: &std::path::Path, error: &std::io::Error) -> String {
    format!("cannot list the cache in {}: {error}", folder.display())
}

fn absent(path: &std::path::Path, error: &std::io::Error) -> Status {
    let code = if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { UNKNOWN };
    Status::new(code, format!("cannot read {}: {error}", path.display()))
}
