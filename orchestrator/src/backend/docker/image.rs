//! Images: pulling, pushing, loading.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;
use serde::Deserialize;

use super::credentials::{self, Registry};
use super::stream::{self, Origin};
use super::transport::{self, Call, encode};
use super::{Docker, MOVE, parse};
use crate::backend::{Backend, ErrorKind, Progress, ProgressSink, Result};
use crate::text::printable;

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

/// What a registry has by a name.
#[derive(Debug, Deserialize)]
struct Distribution {
    #[serde(rename = "Descriptor")]
    descriptor: Descriptor,
}

#[derive(Debug, Deserialize)]
struct Descriptor {
    digest: String,
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
    ["not found", "manifest unknown", "denied", "does not exist", "name unknown"]
        .iter()
        .any(|words| message.contains(words))
}

/// Words of failures on the way to a registry that may be over in a moment.
const PASSING: [&str; 10] = [
    "timeout",
    "connection reset",
    "broken pipe",
    "unexpected EOF",
    ": EOF",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway",
    "blob upload unknown",
];

/// Pauses between tries; the engine itself tries each layer several times.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Tries again, after longer and longer pauses, where a registry could not be reached for a moment.
async fn persistently<Try: Future<Output = Result<()>>>(progress: &ProgressSink, work: impl Fn() -> Try) -> Result<()> {
    for pause in PAUSES {
        match work().await {
            Err(error)
                if error.kind == ErrorKind::Engine && PASSING.iter().any(|words| error.message.contains(words)) =>
            {
                let text = format!("{}; trying again in {} s", printable(&error.message), pause.as_secs());
                progress(Progress::Line(text));
            }
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
    }
    work().await
}

impl Docker {
    pub(super) async fn pull_image(&self, image: &str, platform: &str, progress: &ProgressSink) -> Result<()> {
        persistently(progress, || self.pull_once(image, platform, progress)).await
    }

    pub(super) async fn push_image(&self, image: &str, progress: &ProgressSink) -> Result<()> {
        persistently(progress, || self.push_once(image, progress)).await
    }

    /// The digest that a registry has for an image now, which the engine asks it for.
    pub(super) async fn ask_for_digest(&self, image: &str) -> Result<String> {
        let call = Call { name: "find the digest of image", object: image, limit: Some(MOVE) };
        let mut message = self.message(Method::GET, &format!("/distribution/{}/json", path_name(image)), &[]).await?;
        if let Some(header) = credentials::for_registry(&self.environment, &Registry::of_image(image)).await? {
            message.headers.push(("x-registry-auth", header));
        }
        let found: Distribution = parse(call, &self.transport.whole(call, message).await?)?;
        Ok(found.descriptor.digest)
    }

    async fn pull_once(&self, image: &str, platform: &str, progress: &ProgressSink) -> Result<()> {
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

    async fn push_once(&self, image: &str, progress: &ProgressSink) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Tries, how it ended, and what was said.
    async fn tries(words: &str, failures: usize) -> (usize, bool, Vec<String>) {
        let (count, said) = (AtomicUsize::new(0), Arc::new(Mutex::new(Vec::new())));
        let into = Arc::clone(&said);
        let sink: ProgressSink = Arc::new(move |progress| {
            if let Progress::Line(line) = progress {
                into.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
            }
        });
        let call = Call { name: "push image", object: "a", limit: None };
        let outcome = persistently(&sink, || async {
            if count.fetch_add(1, Ordering::Relaxed) < failures {
                Err(call.error(ErrorKind::Engine, words))
            } else {
                Ok(())
            }
        });
        let done = outcome.await.is_ok();
        let said = said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        (count.into_inner(), done, said)
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again() {
        let reset = "read tcp 10.0.0.1:5->10.0.0.2:443: read: connection reset by peer";
        let again = |pause: u32| format!("{reset}; trying again in {pause} s");
        assert_eq!(tries(reset, 2).await, (3, true, vec![again(1), again(2)]));
        assert_eq!(tries(reset, 9).await, (4, false, vec![again(1), again(2), again(4)]));
        let denied = tries("denied: requested access to the resource is denied", 9).await;
        assert_eq!(denied, (1, false, vec![]), "that does not pass");
        assert_eq!(tries("", 0).await, (1, true, vec![]));
    }
}
