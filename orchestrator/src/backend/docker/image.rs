//! Images: pulling, pushing, loading.

use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;
use serde::Deserialize;

use super::credentials::{self, Registry};
use super::stream::{self, Origin};
use super::transport::{self, Call, encode};
use super::{Docker, MOVE};
use crate::backend::{Backend, ErrorKind, Progress, ProgressSink, Result};

/// One message of a pull, a load or a build.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Step {
    pub stream: Option<String>,
    pub status: Option<String>,
    pub id: Option<String>,
    #[serde(rename = "progressDetail")]
    pub progress: Option<Amount>,
    pub error: Option<String>,
    pub aux: Option<serde_json::Value>,
}

/// How far a step is, in bytes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Amount {
    current: Option<i64>,
    total: Option<i64>,
}

impl Step {
    /// What to show of a status message.
    pub(super) fn progress(&self) -> Option<Progress> {
        let status = self.status.as_ref()?;
        let amount = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
        Some(match &self.id {
            Some(id) if !id.is_empty() => Progress::Part {
                id: id.clone(),
                status: status.clone(),
                current: amount(self.progress.as_ref().and_then(|progress| progress.current)),
                total: amount(self.progress.as_ref().and_then(|progress| progress.total)),
            },
            _ => Progress::Line(status.clone()),
        })
    }
}

/// An image name as part of a path: its slashes stay, they are the engine's own.
pub(super) fn path_name(name: &str) -> String {
    name.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// Repository, and tag or digest (`latest` where neither is given: without one the engine pulls every tag).
pub(super) fn split_name(image: &str) -> (&str, &str) {
    if let Some((repository, digest)) = image.split_once('@') {
        return (repository, digest);
    }
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (image, "latest"),
    }
}

/// Whether a registry's words mean that the image is not there, or not for us.
fn is_missing(message: &str) -> bool {
    ["not found", "manifest unknown", "pull access denied", "does not exist", "name unknown"]
        .iter()
        .any(|words| message.contains(words))
}

impl Docker {
    pub(super) async fn pull_image(&self, image: &str, platform: &str, progress: &ProgressSink) -> Result<()> {
        let call = Call { name: "pull image", object: image, limit: None };
        let (repository, tag) = split_name(image);
        let query = [("fromImage", repository), ("tag", tag), ("platform", platform)];
        let mut message = self.message(Method::POST, "/images/create", &query).await?;
        if let Some(header) = credentials::for_registry(&self.environment, &Registry::of_image(image)).await? {
            message.headers.push(("x-registry-auth", header));
        }
        let classify = |mut error: crate::backend::Error| {
            if is_missing(&error.message) {
                error.kind = ErrorKind::NotFound;
            }
            error
        };
        let response = self.transport.open(call, message).await.map_err(classify)?;
        let origin = Origin::of(call);
        let mut steps = stream::json_lines::<Step>(origin.clone(), stream::bytes(origin, response.into_body()));
        while let Some(step) = steps.next().await {
            let step = step?;
            if let Some(error) = step.error {
                return Err(classify(call.error(ErrorKind::Engine, error)));
            }
            if let Some(shown) = step.progress() {
                progress(shown);
            }
        }
        self.check_platform(call, image, platform).await
    }

    pub(super) async fn push_image(&self, image: &str, progress: &ProgressSink) -> Result<()> {
        let call = Call { name: "push image", object: image, limit: None };
        let (repository, tag) = split_name(image);
        let path = format!("/images/{}/push", path_name(repository));
        let mut message = self.message(Method::POST, &path, &[("tag", tag)]).await?;
        // The engine wants the header in any case: `{}` stands for no credentials.
        let header = credentials::for_registry(&self.environment, &Registry::of_image(image)).await?;
        message.headers.push(("x-registry-auth", header.unwrap_or_else(|| "e30=".to_owned())));
        let response = self.transport.open(call, message).await?;
        let origin = Origin::of(call);
        let mut steps = stream::json_lines::<Step>(origin.clone(), stream::bytes(origin, response.into_body()));
        while let Some(step) = steps.next().await {
            let step = step?;
            if let Some(error) = step.error {
                return Err(call.error(ErrorKind::Engine, error));
            }
            if let Some(shown) = step.progress() {
                progress(shown);
            }
        }
        Ok(())
    }

    /// Registries answer with what they have where an image comes for one platform only.
    async fn check_platform(&self, call: Call<'_>, image: &str, platform: &str) -> Result<()> {
        if platform.is_empty() {
            return Ok(());
        }
        match self.image(image).await? {
            Some(found) => match found.platform_mismatch(platform) {
                Some(message) => Err(call.error(ErrorKind::Invalid, message)),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    pub(super) async fn load(&self, archive: Bytes) -> Result<()> {
        let call = Call { name: "load images", object: "", limit: Some(MOVE) };
        let mut message = self.message(Method::POST, "/images/load", &[("quiet", "1")]).await?;
        message.headers.push(("content-type", "application/x-tar".to_owned()));
        message.body = transport::full(archive);
        let response = self.transport.open(call, message).await?;
        let origin = Origin::of(call);
        let mut steps = stream::json_lines::<Step>(origin.clone(), stream::bytes(origin, response.into_body()));
        while let Some(step) = steps.next().await {
            if let Some(error) = step?.error {
                return Err(call.error(ErrorKind::Engine, error));
            }
        }
        Ok(())
    }
}
