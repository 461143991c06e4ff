//! Parts of a cache that the builder writes into a folder here: containerd's content store, the call that writes. What a
//! part is called is the digest of what has arrived, so that nothing can be put in another one's place.

use std::path::{Path, PathBuf};

use http::Response;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::content::{WriteRequest, WriteResponse};
use super::grpc::{self, ALREADY_EXISTS, INVALID, Messages, Status, UNKNOWN};
use super::solve::identity;
use crate::backend::docker::transport::Body;

/// What a message asks for, besides taking its data.
const COMMIT: i32 = 2;
const ALGORITHM: &str = "sha256";

/// Takes one part.
pub(super) fn serve(folder: PathBuf, mut messages: Messages) -> Response<Body> {
    let (answers, response) = grpc::answers();
    tokio::spawn(async move {
        let mut part = None;
        loop {
            let answer = match messages.next::<WriteRequest>().await {
                Ok(Some(request)) => take(&folder, &mut part, &request).await,
                Ok(None) => return,
                Err(status) => Err(status),
            };
            let ends = answer.is_err();
            // Whoever asked may have gone.
            if answers.send(answer.map(|answer| grpc::frame(&answer))).await.is_err() || ends {
                return;
            }
        }
    });
    response
}

/// A part that is not complete. Dropped, nothing is left of it.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    digest: Sha256,
    offset: i64,
}

impl Drop for Part {
    fn drop(&mut self) {
        // A complete one has been moved away.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Part {
    async fn new(folder: &Path) -> std::io::Result<Self> {
        let place = folder.join("ingest");
        tokio::fs::create_dir_all(&place).await?;
        let path = place.join(identity());
        Ok(Self { file: File::create_new(&path).await?, path, digest: Sha256::new(), offset: 0 })
    }

    async fn push(&mut self, data: &[u8]) -> std::io::Result<()> {
        self.file.write_all(data).await?;
        self.digest.update(data);
        self.offset = self.offset.saturating_add(i64::try_from(data.len()).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Its name, once all of it has arrived.
    fn name(&self) -> String {
        self.digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    async fn keep(&mut self, folder: &Path, name: &str) -> std::io::Result<()> {
        self.file.flush().await?;
        let place = folder.join("blobs").join(ALGORITHM);
        tokio::fs::create_dir_all(&place).await?;
        tokio::fs::rename(&self.path, place.join(name)).await
    }
}

/// One message of a call: data, the end, or only the question how far it is.
async fn take(folder: &Path, part: &mut Option<Part>, request: &WriteRequest) -> Result<WriteResponse, Status> {
    let failed = |error: std::io::Error| {
        Status::new(UNKNOWN, format!("cannot write the cache into {}: {error}", folder.display()))
    };
    let expected = request.expected.strip_prefix("sha256:").filter(|name| name.bytes().all(|b| b.is_ascii_hexdigit()));
    if let (None, Some(name)) = (&part, expected)
        && tokio::fs::try_exists(folder.join("blobs").join(ALGORITHM).join(name)).await.unwrap_or(false)
    {
        return Err(Status::new(ALREADY_EXISTS, format!("{} is there", request.expected)));
    }
    let part = match part {
        Some(part) => part,
        None => part.insert(Part::new(folder).await.map_err(failed)?),
    };
    if !request.data.is_empty() {
        if request.offset != part.offset {
            let message = format!("data for byte {} came where {} is next", request.offset, part.offset);
            return Err(Status::new(INVALID, message));
        }
        part.push(&request.data).await.map_err(failed)?;
    }
    let mut answer =
        WriteResponse { action: request.action, offset: part.offset, total: request.total, ..Default::default() };
    if request.action == COMMIT {
        let name = part.name();
        answer.digest = format!("{ALGORITHM}:{name}");
        let (whole, right) = (
            request.total <= 0 || request.total == part.offset,
            request.expected.is_empty() || request.expected == answer.digest,
        );
        if !whole || !right {
            let message = format!("{} bytes with the digest {} have arrived", part.offset, answer.digest);
            return Err(Status::new(INVALID, message));
        }
        part.keep(folder, &name).await.map_err(failed)?;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const HELLO: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn request(action: i32, offset: i64, data: &str, expected: &str) -> WriteRequest {
        let (data, expected) = (data.as_bytes().to_vec(), expected.to_owned());
        WriteRequest { action, offset, data, expected, ..WriteRequest::default() }
    }

    #[tokio::test]
    async fn a_part_is_kept_under_its_own_digest_alone() {
        let folder = tempfile::tempdir().unwrap();
        let left = || std::fs::read_dir(folder.path().join("ingest")).unwrap().count();
        let mut part = None;
        assert_eq!(take(folder.path(), &mut part, &request(0, 0, "", HELLO)).await.unwrap().offset, 0);
        assert_eq!(take(folder.path(), &mut part, &request(1, 0, "hel", "")).await.unwrap().offset, 3);
        assert_eq!(take(folder.path(), &mut part, &request(1, 2, "lo", "")).await.unwrap_err().code, INVALID);
        assert_eq!(take(folder.path(), &mut part, &request(1, 3, "lo", "")).await.unwrap().offset, 5);
        let done = take(folder.path(), &mut part, &request(COMMIT, 5, "", HELLO)).await.unwrap();
        assert_eq!((done.offset, done.digest.as_str()), (5, HELLO));
        drop(part);
        let file = folder.path().join("blobs").join(HELLO.replace(':', "/"));
        assert_eq!((std::fs::read_to_string(file).unwrap().as_str(), left()), ("hello", 0));
        // It is there; another one's name is not given to what is something else.
        assert_eq!(take(folder.path(), &mut None, &request(0, 0, "", HELLO)).await.unwrap_err().code, ALREADY_EXISTS);
        let mut other = None;
        take(folder.path(), &mut other, &request(1, 0, "bye", "")).await.unwrap();
        assert_eq!(take(folder.path(), &mut other, &request(COMMIT, 3, "", HELLO)).await.unwrap_err().code, INVALID);
        drop(other);
        assert_eq!(left(), 0);
    }
}
