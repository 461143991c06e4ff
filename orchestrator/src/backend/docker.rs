//! Docker Engine (and whatever speaks its API, such as Podman), from API 1.41 up.

mod address;
mod answers;
mod build;
mod calls;
mod client;
mod client_config;
mod content;
mod create;
mod credentials;
mod dial;
mod exec;
mod image;
mod log_file;
mod network;
mod recreate_body;
mod stream;
#[cfg(test)]
mod tests;
mod transport;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

pub use address::Address;
pub(crate) use address::config_folder;
pub(crate) use client_config::read_in;

use super::{Backend as _, Engine, EngineInfo, Error, ErrorKind, LabelFilter, Result};
use crate::text::printable;
use create::TranslateError;
use transport::{Call, Message, Transport, encode, with_query};

/// The newest API version this backend was written for.
const NEWEST: (u32, u32) = (1, 51);
/// The oldest one it can do with (Docker 20.10).
const OLDEST: (u32, u32) = (1, 41);

/// Time limit of calls that only look.
const READ: Duration = Duration::from_secs(60);
/// Time limit of calls that change something small.
const CHANGE: Duration = Duration::from_secs(120);
/// Time limit of calls that move data or remove it.
const MOVE: Duration = Duration::from_secs(600);
/// Grace period of a container that has none of its own.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// Environment variable with the time limit of a call to the engine, in seconds.
const LIMIT_VARIABLE: &str = "STACK_ENGINE_TIMEOUT";

/// One engine.
#[derive(Debug)]
pub struct Docker {
    transport: Arc<Transport>,
    client: OnceCell<bollard::Docker>,
    api: OnceCell<(u32, u32)>,
    info: OnceCell<EngineInfo>,
    id: OnceCell<String>,
    /// Variables of builds and containers, for the proxies of this engine.
    proxies: OnceCell<BTreeMap<String, String>>,
    /// Environment of the client: where registry credentials are.
    environment: BTreeMap<String, String>,
}

/// Finds the engine the environment asks for (`DOCKER_HOST`, `DOCKER_CONTEXT`, `~/.docker/config.json`). Nothing is
/// sent yet.
///
/// # Errors
/// An address that makes no sense or is not supported; a time limit that is none.
pub fn connect(environment: &BTreeMap<String, String>) -> Result<Engine> {
    let address = Address::find(environment)?;
    Ok(Arc::new(Docker::with_limit(address, environment.clone(), patience(environment)?)?))
}

/// The time limit of calls that the user has set.
fn patience(environment: &BTreeMap<String, String>) -> Result<Option<Duration>> {
    let Some(text) = environment.get(LIMIT_VARIABLE).filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse() {
        Ok(seconds) if seconds > 0 => Ok(Some(Duration::from_secs(seconds))),
        _ => {
            let message = format!("{LIMIT_VARIABLE} is `{}`, which is no number of seconds", printable(text));
            Err(read("ask engine", "").error(ErrorKind::Invalid, message))
        }
    }
}

impl Docker {
    /// The engine at an address. Nothing is sent yet.
    ///
    /// # Errors
    /// Certificates that cannot be read or used.
    pub fn new(address: Address, environment: BTreeMap<String, String>) -> Result<Self> {
        Self::with_limit(address, environment, None)
    }

    fn with_limit(address: Address, environment: BTreeMap<String, String>, patience: Option<Duration>) -> Result<Self> {
        Ok(Self {
            transport: Arc::new(Transport::new(address, patience)?),
            client: OnceCell::new(),
            api: OnceCell::new(),
            info: OnceCell::new(),
            id: OnceCell::new(),
            proxies: OnceCell::new(),
            environment,
        })
    }

    /// The API version to speak, agreed on once. A ping tells the engine's, and costs it nothing.
    async fn api(&self) -> Result<(u32, u32)> {
        self.api
            .get_or_try_init(|| async {
                let call = Call { name: "ask engine", object: "", limit: Some(READ) };
                let answer = self.transport.with_head(call, Message::new(Method::GET, "/_ping".to_owned())).await?;
                let told =
                    answer.headers().get("api-version").and_then(|version| version.to_str().ok()).unwrap_or_default();
                let engine = api_version(told).ok_or_else(|| {
                    let message = format!("{} does not answer like a Docker engine", self.transport.address());
                    call.error(ErrorKind::Unreachable, message)
                })?;
                if engine < OLDEST {
                    let message = format!(
                        "the engine at {} is too old: it speaks API {told}; Docker 20.10 (API 1.41) or newer is needed",
                        self.transport.address()
                    );
                    return Err(call.error(ErrorKind::Unsupported, message));
                }
                Ok(engine.min(NEWEST))
            })
            .await
            .copied()
    }

    /// bollard's client, at the agreed version.
    async fn client(&self) -> Result<&bollard::Docker> {
        let api = self.api().await?;
        self.client.get_or_try_init(|| async { client::client(Arc::clone(&self.transport), api) }).await
    }

    /// Facts about the engine, asked for once.
    async fn facts(&self) -> Result<&EngineInfo> {
        let api = self.api().await?;
        self.info
            .get_or_try_init(|| async {
                let version: answers::Version = self.get(read("ask engine", ""), "/version", &[]).await?;
                Ok(EngineInfo {
                    address: self.transport.address().to_string(),
                    local: self.is_local(),
                    version: version.version,
                    api,
                    platform: answers::platform(&version.os, &version.arch, ""),
                })
            })
            .await
    }

    /// A request below the agreed version.
    async fn message(&self, method: Method, path: &str, query: &[(&str, &str)]) -> Result<Message> {
        let (major, minor) = self.api().await?;
        Ok(Message::new(method, with_query(&format!("/v{major}.{minor}{path}"), query)))
    }

    async fn get<T: DeserializeOwned>(&self, call: Call<'_>, path: &str, query: &[(&str, &str)]) -> Result<T> {
        let message = self.message(Method::GET, path, query).await?;
        parse(call, &self.transport.whole(call, message).await?)
    }

    /// `None` where the engine knows no such thing.
    async fn find<T: DeserializeOwned>(&self, call: Call<'_>, path: &str) -> Result<Option<T>> {
        match self.get(call, path, &[]).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A change with a JSON body; the answer as it came.
    async fn post(&self, call: Call<'_>, path: &str, query: &[(&str, &str)], body: &impl Serialize) -> Result<Bytes> {
        let mut message = self.message(Method::POST, path, query).await?;
        let json = serde_json::to_vec(body).map_err(|error| call.error(ErrorKind::Invalid, error.to_string()))?;
        message.headers.push(("content-type", "application/json".to_owned()));
        message.body = transport::full(Bytes::from(json));
        self.transport.whole(call, message).await
    }

    /// A change without a body.
    async fn act(&self, call: Call<'_>, method: Method, path: &str, query: &[(&str, &str)]) -> Result<()> {
        let message = self.message(method, path, query).await?;
        self.transport.whole(call, message).await.map(drop)
    }

    /// Waits for a stop: as long as the container's grace period and a margin. Where only the container knows its own,
    /// it is asked for it once it has taken longer than usual.
    async fn graceful(
        &self,
        call: Call<'_>,
        grace: Option<Duration>,
        margin: Duration,
        work: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let margin = self.transport.patience(margin);
        let mut work = std::pin::pin!(work);
        let usual = grace.unwrap_or(DEFAULT_GRACE).saturating_add(margin);
        if let Ok(ended) = tokio::time::timeout(usual, &mut work).await {
            return ended;
        }
        let mut limit = usual;
        if grace.is_none() {
            let look = read(call.name, call.object);
            let found: answers::Patient = self.get(look, &container_path(call.object, "/json"), &[]).await?;
            limit = limit.max(found.grace().saturating_add(margin));
        }
        let rest = limit.saturating_sub(usual);
        tokio::time::timeout(rest, work).await.unwrap_or_else(|_| Err(self.transport.late(call, limit)))
    }

    /// The beginning of a stream.
    async fn open(
        &self,
        call: Call<'_>,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<http::Response<hyper::body::Incoming>> {
        let message = self.message(method, path, query).await?;
        self.transport.open(call, message).await
    }
}

fn parse<T: DeserializeOwned>(call: Call<'_>, answer: &[u8]) -> Result<T> {
    serde_json::from_slice(answer)
        .map_err(|error| call.error(ErrorKind::Engine, format!("the engine's answer is invalid: {error}")))
}

/// `1.41` as (1, 41).
fn api_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The `filters` parameter: labels, and more.
fn filters(filter: &LabelFilter, more: &[(&str, &str)]) -> String {
    let mut map: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in &filter.0 {
        let text = value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}"));
        map.entry("label").or_default().push(text);
    }
    for (name, value) in more {
        map.entry(name).or_default().push((*value).to_owned());
    }
    if map.is_empty() { String::new() } else { serde_json::to_string(&map).unwrap_or_default() }
}

/// A 404 of a removal is an answer: it is gone.
fn gone(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn read<'a>(name: &'static str, object: &'a str) -> Call<'a> {
    Call { name, object, limit: Some(READ) }
}

fn change<'a>(name: &'static str, object: &'a str) -> Call<'a> {
    Call { name, object, limit: Some(CHANGE) }
}

fn container_path(id: &str, rest: &str) -> String {
    format!("/containers/{}{rest}", encode(id))
}

fn translate_error(call: Call<'_>, translate_error: TranslateError) -> Error {
    match translate_error {
        TranslateError::Invalid(message) => call.error(ErrorKind::Invalid, message),
        TranslateError::Unsupported(message) => call.error(ErrorKind::Unsupported, message),
    }
}
