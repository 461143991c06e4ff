//! What is inside of containers: what a path is, archives in and out, the whole of it, images made of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde::Deserialize;

use super::image::split_name;
use super::stream::{self, Origin};
use super::transport::Call;
use super::{Docker, answers, container_path, parse, read};
use crate::backend::{CommitSpec, ErrorKind, PathInfo, PathKind, Result, Unpack, Upload};

/// Header with what a path is: JSON in base64.
const PATH_HEADER: &str = "x-docker-container-path-stat";

#[derive(Deserialize)]
struct PathAnswer {
    #[serde(default)]
    mode: u32,
    #[serde(default, rename = "linkTarget")]
    link_target: String,
}

impl Docker {
    pub(super) async fn path(&self, id: &str, path: &str) -> Result<PathInfo> {
        let call = read("look into container", id);
        let message = self.message(Method::HEAD, &container_path(id, "/archive"), &[("path", path)]).await?;
        // A refusal of a HEAD has no words of its own.
        let response = self.transport.with_head(call, message).await.map_err(|mut error| {
            if error.kind == ErrorKind::NotFound {
                error.message = format!("there is no {path}");
            }
            error
        })?;
        let header = response.headers().get(PATH_HEADER).map(http::HeaderValue::as_bytes).unwrap_or_default();
        let json = STANDARD.decode(header).unwrap_or_default();
        let answer: PathAnswer = parse(call, &json)?;
        Ok(PathInfo { kind: PathKind::of_mode(answer.mode), link_target: answer.link_target })
    }

    pub(super) async fn upload(&self, id: &str, path: &str, tar: Upload, how: Unpack) -> Result<()> {
        // However long it takes: the archive is as large as it is.
        let call = Call { name: "copy into container", object: id, limit: None };
        let owners = if how == Unpack::ForUser { "true" } else { "" };
        let query = [("path", path), ("noOverwriteDirNonDir", "true"), ("copyUIDGID", owners)];
        let mut message = self.message(Method::PUT, &container_path(id, "/archive"), &query).await?;
        message.headers.push(("content-type", "application/x-tar".to_owned()));
        message.body = StreamBody::new(tar.map(|piece| piece.map(Frame::data))).boxed_unsync();
        self.transport.whole(call, message).await.map(drop)
    }

    pub(super) async fn export_all(&self, id: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let call = read("export container", id);
        let response = self.open(call, Method::GET, &container_path(id, "/export"), &[]).await?;
        Ok(stream::bytes(Origin::of(call), response.into_body()))
    }

    pub(super) async fn commit_image(&self, id: &str, spec: &CommitSpec) -> Result<String> {
        // A large container takes the engine minutes to read.
        let call = Call { name: "commit container", object: id, limit: None };
        let (repository, tag) = if spec.reference.is_empty() { ("", "") } else { split_name(&spec.reference) };
        if spec.reference.contains('@') {
            return Err(call.error(ErrorKind::Invalid, format!("`{}` names a digest: name a tag", spec.reference)));
        }
        let mut query = vec![
            ("container", id),
            ("repo", repository),
            ("tag", tag),
            ("author", &spec.author),
            ("comment", &spec.message),
            ("pause", if spec.pause { "1" } else { "0" }),
        ];
        query.extend(spec.changes.iter().map(|change| ("changes", change.as_str())));
        let answer = self.post(call, "/commit", &query, &serde_json::Value::Null).await?;
        let created: answers::Created = parse(call, &answer)?;
        Ok(created.id)
    }
}
