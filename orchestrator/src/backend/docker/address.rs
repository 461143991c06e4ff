//! Where the engine is: `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of `~/.docker/config.json`, else the
//! usual socket; in the order of the `docker` command.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::client_config;
use crate::backend::{Error, ErrorKind, Result};

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// How to reach an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// Plain HTTP over TCP: `host:port`.
    Tcp(String),
    /// The same inside of TLS.
    Tls {
        /// `host:port`.
        host: String,
        /// Who is trusted, and who we are.
        files: TlsFiles,
    },
    /// `docker system dial-stdio` at the other end of `ssh`: what `ssh` is given.
    Ssh {
        /// Arguments up to the name of the host.
        host: Vec<String>,
        /// Path of the engine's socket over there, where it is not the usual one.
        socket: Option<String>,
    },
}

/// The files of a TLS connection, as the `docker` command has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities that may vouch for the engine; none: the system's.
    pub authority: Option<PathBuf>,
    /// Our certificate and its key; none: we show none.
    pub own: Option<(PathBuf, PathBuf)>,
    /// Whether somebody has to vouch for the engine at all.
    pub verify: bool,
}

impl TlsFiles {
    /// `ca.pem`, `cert.pem` and `key.pem` of a folder, as far as they are there.
    ///
    /// # Errors
    /// Half of a certificate and its key.
    fn of_folder(folder: &Path, verify: bool) -> Result<Self> {
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        let own = match (there("cert.pem"), there("key.pem")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (found, _) => {
                let (there, missing) = if found.is_some() { ("cert.pem", "key.pem") } else { ("key.pem", "cert.pem") };
                let message = format!("{} has `{there}`, but no `{missing}`", folder.display());
                return Err(refuse(&folder.display().to_string(), message));
            }
        };
        Ok(Self { authority: there("ca.pem"), own, verify })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp(host) | Self::Tls { host, .. } => write!(formatter, "tcp://{host}"),
            Self::Ssh { host, socket } => {
                let (name, socket) = (host.last().map_or("", String::as_str), socket.as_deref().unwrap_or_default());
                write!(formatter, "ssh://{name}{socket}")
            }
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
    #[serde(default, rename = "SkipTLSVerify")]
    skip_verify: bool,
}

fn refuse(object: &str, message: impl Into<String>) -> Error {
    Error { kind: ErrorKind::Invalid, call: "find engine", object: object.to_owned(), message: message.into() }
}

/// The folder of the `docker` command's configuration: `DOCKER_CONFIG`, else `~/.docker`.
pub(crate) fn config_folder(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| set("HOME").map(|home| Path::new(home).join(".docker")))
}

impl Address {
    /// Finds the address the environment asks for.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an address or a context that makes no sense, or whose files are not there, and for a client's
    /// configuration that cannot be read: it may name a context.
    pub fn find(environment: &BTreeMap<String, String>) -> Result<Self> {
        let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let folder = config_folder(environment);
        if let Some(host) = set("DOCKER_HOST") {
            let verify = set("DOCKER_TLS_VERIFY").is_some();
            let wanted = verify || set("DOCKER_TLS").is_some();
            return Self::parse(host, || match set("DOCKER_CERT_PATH").map(PathBuf::from).or(folder) {
                _ if !wanted => Ok(None),
                None => Err(refuse(
                    host,
                    "`DOCKER_TLS_VERIFY` is set, but `DOCKER_CERT_PATH` does not say where the certificates are",
                )),
                Some(folder) => of_environment(host, &folder, verify).map(Some),
            });
        }
        let name = match set("DOCKER_CONTEXT") {
            Some(name) => name.clone(),
            None => {
                let config = folder.as_deref().map(client_config::read_in::<CliConfig>).transpose()?.flatten();
                config.unwrap_or_default().current_context
            }
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
        let text = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => refuse(
                name,
                format!(
                    "there is no docker context of this name in {}; `docker context ls` lists them",
                    folder.display()
                ),
            ),
            _ => refuse(name, format!("the docker context cannot be read: {}: {error}", path.display())),
        })?;
        let meta: ContextMeta = serde_json::from_slice(&text)
            .map_err(|error| refuse(name, format!("the docker context is broken: {}: {error}", path.display())))?;
        let Some(endpoint) = meta.endpoints.get("docker") else {
            return Err(refuse(name, format!("the docker context names no Docker engine: {}", path.display())));
        };
        if endpoint.host.is_empty() {
            return Ok(Self::Unix(PathBuf::from(DEFAULT_SOCKET)));
        }
        let material = folder.join("contexts/tls").join(&digest).join("docker");
        Self::parse(&endpoint.host, || match (material.is_dir(), endpoint.skip_verify) {
            (false, false) => Ok(None),
            (_, skip) => TlsFiles::of_folder(&material, !skip).map(Some),
        })
    }

    /// `tls` is asked for addresses that can have it only.
    fn parse(host: &str, tls: impl FnOnce() -> Result<Option<TlsFiles>>) -> Result<Self> {
        let Some((scheme, rest)) = host.split_once("://") else {
            return Err(refuse(
                host,
                "the engine's address has no scheme; write `unix:///path`, `tcp://host:port` or `ssh://host`",
            ));
        };
        let rest = rest.trim_end_matches('/');
        match scheme {
            "unix" if !rest.is_empty() => Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" | "http" if rest.is_empty() || rest.contains('/') => {
                Err(refuse(host, "the engine's address names a host and a port, nothing else: `tcp://host:port`"))
            }
            "tcp" | "http" => Ok(match tls()? {
                None => Self::Tcp(with_port(rest, 2375)),
                Some(files) => Self::Tls { host: with_port(rest, 2376), files },
            }),
            "https" => Err(refuse(
                host,
                "`https://` is not a way to reach an engine; use `tcp://` with `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`, or a context with certificates",
            )),
            "ssh" => ssh(host, rest),
            _ => Err(refuse(
                host,
                format!("`{scheme}://` is not a way to reach an engine; use `unix://`, `tcp://` or `ssh://`"),
            )),
        }
    }
}

/// The files that `DOCKER_CERT_PATH` means. Who wants the engine verified names who vouches for it.
fn of_environment(host: &str, folder: &Path, verify: bool) -> Result<TlsFiles> {
    let files = TlsFiles::of_folder(folder, verify)?;
    if verify && files.authority.is_none() {
        let message = format!(
            "`DOCKER_TLS_VERIFY` is set, but there is no `ca.pem` in {}; `DOCKER_CERT_PATH` names another folder",
            folder.display()
        );
        return Err(refuse(host, message));
    }
    Ok(files)
}

fn with_port(host: &str, port: u16) -> String {
    // An IPv6 address has its own colons, inside brackets.
    let after = host.rsplit(']').next().unwrap_or(host);
    if after.contains(':') { host.to_owned() } else { format!("{host}:{port}") }
}

/// What `ssh` is given for `user@host:port/path`. A host that begins with `-` would be read as an option.
fn ssh(whole: &str, rest: &str) -> Result<Address> {
    let (rest, socket) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(format!("/{path}"))));
    // The shell at the other end reads it.
    let plain = |path: &String| path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if let Some(path) = socket.as_ref().filter(|path| !plain(path)) {
        return Err(refuse(
            whole,
            format!("the path `{path}` has characters that a remote shell might take for something else"),
        ));
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
    Ok(Address::Ssh { host: arguments, socket })
}
