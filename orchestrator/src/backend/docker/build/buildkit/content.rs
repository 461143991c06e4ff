//! Folders with the parts of caches (the layout of the OCI), which the builder reads as it needs them: the calls of
//! containerd's content store that only read.

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

/// Folders by the names that the builder knows them by.
#[derive(Debug, Default, Clone)]
pub(super) struct Stores(BTreeMap<String, PathBuf>);

impl Stores {
    pub(super) fn add(&mut self, folder: &str) {
        self.0.insert(format!("local:{folder}"), PathBuf::from(folder));
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
        Ok(folder.join("blobs").join(algorithm).join(value))
    }
}

fn absent(path: &std::path::Path, error: &std::io::Error) -> Status {
    let code = if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { UNKNOWN };
    Status::new(code, format!("cannot read {}: {error}", path.display()))
}
