//! Where the engine is: `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of `~/.docker/config.json`, else the
//! usual socket; in the order of the `docker` command.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::backend::{Error, ErrorKind, Result};

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// How to reach an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// Plain HTTP over TCP: `host:port`.
    Tcp(String),
    /// `docker system dial-stdio` at the other end of `ssh`: the arguments that name the host.
    Ssh(Vec<String>),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp(host) => write!(formatter, "tcp://{host}"),
            Self::Ssh(arguments) => write!(formatter, "ssh://{}", arguments.last().map_or("", String::as_str)),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct CliConfig {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

#[derive(Debug, Deserialize)]
struct ContextMeta {
    #[serde(rename = "Endpoints")]
    endpoints: BTreeMap<String, ContextEndpoint>,
}

#[derive(Debug, Deserialize)]
struct ContextEndpoint {
    #[serde(default, rename = "Host")]
    host: String,
}

fn refuse(object: &str, message: impl Into<String>) -> Error {
    Error { kind: ErrorKind::Invalid, call: "find engine", object: object.to_owned(), message: message.into() }
}

/// The folder of the `docker` command's configuration: `DOCKER_CONFIG`, else `~/.docker`.
pub(super) fn config_folder(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| set("HOME").map(|home| Path::new(home).join(".docker")))
}

impl Address {
    /// Finds the address the environment asks for.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an address or a context that makes no sense, [`ErrorKind::Unsupported`] for a way
    /// of connecting that is not supported.
    pub fn find(environment: &BTreeMap<String, String>) -> Result<Self> {
        let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        if let Some(host) = set("DOCKER_HOST") {
            let tls = set("DOCKER_TLS_VERIFY").is_some() || set("DOCKER_TLS").is_some();
            return Self::parse(host, tls);
        }
        let folder = config_folder(environment);
        let name = match set("DOCKER_CONTEXT") {
            Some(name) => name.clone(),
            None => folder.as_deref().map(current_context).unwrap_or_default(),
        };
        if name.is_empty() || name == "default" {
            return Ok(Self::Unix(PathBuf::from(DEFAULT_SOCKET)));
        }
        let folder = folder
            .ok_or_else(|| refuse(&name, "neither `DOCKER_CONFIG` nor `HOME` is set, so the context cannot be read"))?;
        Self::of_context(&folder, &name)
    }

    fn of_context(folder: &Path, name: &str) -> Result<Self> {
        let digest: String = Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let path = folder.join("contexts/meta").join(&digest).join("meta.json");
        let text = std::fs::read(&path)
            .map_err(|error| refuse(name, format!("the docker context cannot be read: {}: {error}", path.display())))?;
        let meta: ContextMeta = serde_json::from_slice(&text)
            .map_err(|error| refuse(name, format!("the docker context is broken: {}: {error}", path.display())))?;
        let host = meta.endpoints.get("docker").map(|endpoint| endpoint.host.as_str()).unwrap_or_default();
        if host.is_empty() {
            return Ok(Self::Unix(PathBuf::from(DEFAULT_SOCKET)));
        }
        Self::parse(host, folder.join("contexts/tls").join(&digest).join("docker").is_dir())
    }

    fn parse(host: &str, tls: bool) -> Result<Self> {
        let Some((scheme, rest)) = host.split_once("://") else {
            return Err(refuse(
                host,
                "the engine's address has no scheme; write `unix:///path`, `tcp://host:port` or `ssh://host`",
            ));
        };
        let rest = rest.trim_end_matches('/');
        match scheme {
            "unix" if !rest.is_empty() => Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" | "http" if !tls => Ok(Self::Tcp(with_port(rest, 2375))),
            "tcp" | "http" | "https" => Err(Error {
                kind: ErrorKind::Unsupported,
                call: "find engine",
                object: host.to_owned(),
                message: "TLS to the engine (`DOCKER_TLS_VERIFY`, a context with certificates, `https://`) is not supported; use `ssh://user@host`".to_owned(),
            }),
            "ssh" => ssh(host, rest),
            _ => Err(refuse(host, format!("`{scheme}://` is not a way to reach an engine; use `unix://`, `tcp://` or `ssh://`"))),
        }
    }
}

fn with_port(host: &str, port: u16) -> String {
    // An IPv6 address has its own colons, inside brackets.
    let after = host.rsplit(']').next().unwrap_or(host);
    if after.contains(':') { host.to_owned() } else { format!("{host}:{port}") }
}

/// Arguments of `ssh` for `user@host:port`. A host that begins with `-` would be read as an option.
fn ssh(whole: &str, rest: &str) -> Result<Address> {
    if rest.contains('/') {
        return Err(refuse(whole, "an `ssh://` address names a host only, not a path"));
    }
    let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
    let (host, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    if host.is_empty() || host.starts_with('-') || user.is_some_and(|user| user.is_empty() || user.starts_with('-')) {
        return Err(refuse(whole, "the `ssh://` address names no host that can be used"));
    }
    let mut arguments = Vec::new();
    if let Some(user) = user {
        arguments.extend(["-l".to_owned(), user.to_owned()]);
    }
    if let Some(port) = port {
        if port.parse::<u16>().is_err() {
            return Err(refuse(whole, format!("`{port}` is not a port")));
        }
        arguments.extend(["-p".to_owned(), port.to_owned()]);
    }
    arguments.extend(["--".to_owned(), host.trim_matches(['[', ']']).to_owned()]);
    Ok(Address::Ssh(arguments))
}

/// A configuration that cannot be read names no context; registry credentials complain about it where it matters.
fn current_context(folder: &Path) -> String {
    std::fs::read(folder.join("config.json"))
        .ok()
        .and_then(|text| serde_json::from_slice::<CliConfig>(&text).ok())
        .unwrap_or_default()
        .current_context
}
