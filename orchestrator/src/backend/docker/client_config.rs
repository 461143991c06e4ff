//! `config.json` of Docker's client: `~/.docker/config.json`, or in the folder that `DOCKER_CONFIG` names.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Docker;
use super::address::config_folder;
use crate::backend::{ContainerSpec, Error, ErrorKind, Result};
use crate::labels;

/// What of the file in `folder` `T` asks for; none without a file, or with an empty one. Reads the file system.
///
/// # Errors
/// A file that cannot be read, or is not JSON.
pub(crate) fn read_in<T: DeserializeOwned>(folder: &Path) -> Result<Option<T>> {
    let path = folder.join("config.json");
    parse(&path, std::fs::read(&path))
}

/// As [`read_in`], of the folder that the environment names.
///
/// # Errors
/// As [`read_in`].
pub(super) async fn read<T: DeserializeOwned>(environment: &BTreeMap<String, String>) -> Result<Option<T>> {
    let Some(path) = config_folder(environment).map(|folder| folder.join("config.json")) else { return Ok(None) };
    parse(&path, tokio::fs::read(&path).await)
}

fn parse<T: DeserializeOwned>(path: &Path, read: std::io::Result<Vec<u8>>) -> Result<Option<T>> {
    let refuse = |message: String| Error {
        kind: ErrorKind::Invalid,
        call: "read the client's configuration",
        object: path.display().to_string(),
        message,
    };
    match read {
        Ok(text) if text.trim_ascii().is_empty() => Ok(None),
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| refuse(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refuse(error.to_string())),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    /// By address of the engine, or `default`.
    proxies: BTreeMap<String, Proxies>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Proxies {
    http_proxy: String,
    https_proxy: String,
    ftp_proxy: String,
    no_proxy: String,
    all_proxy: String,
}

/// The variables that builds and containers get for the proxies of an engine (Docker's documentation, "Use a proxy server
/// with the Docker CLI"), in capitals and in small letters.
///
/// # Errors
/// As [`read`].
async fn proxy_variables(environment: &BTreeMap<String, String>, engine: &str) -> Result<BTreeMap<String, String>> {
    let config = read::<Config>(environment).await?.unwrap_or_default();
    let Some(proxies) = config.proxies.get(engine).or_else(|| config.proxies.get("default")) else {
        return Ok(BTreeMap::new());
    };
    let all = [
        ("HTTP_PROXY", &proxies.http_proxy),
        ("HTTPS_PROXY", &proxies.https_proxy),
        ("FTP_PROXY", &proxies.ftp_proxy),
        ("NO_PROXY", &proxies.no_proxy),
        ("ALL_PROXY", &proxies.all_proxy),
    ];
    let given = all.into_iter().filter(|(_, value)| !value.is_empty());
    Ok(given
        .flat_map(|(name, value)| [name.to_owned(), name.to_lowercase()].map(|name| (name, value.clone())))
        .collect())
}

impl Docker {
    /// Variables that the client's configuration gives builds and containers of this engine, read once.
    pub(super) async fn proxies(&self) -> Result<&BTreeMap<String, String>> {
        let engine = self.transport.address().to_string();
        self.proxies.get_or_try_init(|| async { proxy_variables(&self.environment, &engine).await }).await
    }

    /// Gives a container of a service the variables for proxies that it does not set itself; what stands in the way.
    pub(super) async fn add_proxies(&self, spec: &mut ContainerSpec) -> Option<String> {
        if !spec.labels.contains_key(labels::SERVICE) {
            return None;
        }
        let proxies = match self.proxies().await {
            Ok(proxies) => proxies,
            Err(error) => return Some(format!("it gets no variables for proxies: {error}")),
        };
        for (name, value) in proxies {
            let sets = |entry: &String| entry.split('=').next() == Some(name);
            if !spec.environment.iter().any(sets) {
                spec.environment.push(format!("{name}={value}"));
            }
        }
        None
    }
}
