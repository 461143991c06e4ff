//! Registry credentials, from where `docker login` puts them: `auths`, `credsStore` and `credHelpers` of
//! `~/.docker/config.json`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

use super::client_config;
use crate::backend::{Error, ErrorKind, Result};

/// Key of Docker Hub in the configuration, for historical reasons.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// Time limit of a helper program; it may ask the user for a password.
const HELPER: Duration = Duration::from_secs(120);

/// A registry as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registry(String);

impl Registry {
    /// Where an image comes from: the first part of its name, where that looks like a host.
    pub(super) fn of_image(image: &str) -> Self {
        match image.split_once('/') {
            Some((host, _)) if host == "docker.io" || host == "index.docker.io" => Self(DOCKER_HUB.to_owned()),
            Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => Self(host.to_owned()),
            _ => Self(DOCKER_HUB.to_owned()),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    auths: BTreeMap<String, Stored>,
    #[serde(rename = "credsStore")]
    store: String,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stored {
    /// `user:password` in base64.
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

#[derive(Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// As the engine takes them. No `Debug`: it must not end in a log.
#[derive(Default, Serialize)]
struct Credentials {
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    password: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    identitytoken: String,
    serveraddress: String,
}

fn refuse(object: &str, message: String) -> Error {
    Error { kind: ErrorKind::Invalid, call: "read registry credentials", object: object.to_owned(), message }
}

/// The header `X-Registry-Auth` for one registry; none without credentials.
///
/// # Errors
/// A configuration that cannot be read, a helper program that fails.
pub(super) async fn for_registry(
    environment: &BTreeMap<String, String>,
    registry: &Registry,
) -> Result<Option<String>> {
    let Some(config) = client_config::read::<Config>(environment).await? else { return Ok(None) };
    let found = find(environment, &config, &registry.0).await?;
    Ok(found.map(|credentials| URL_SAFE.encode(serde_json::to_vec(&credentials).unwrap_or_default())))
}

/// The header `X-Registry-Config` for all registries we have credentials for; none without any.
///
/// # Errors
/// As [`for_registry`].
pub(super) async fn for_all(environment: &BTreeMap<String, String>) -> Result<Option<String>> {
    let Some(config) = client_config::read::<Config>(environment).await? else { return Ok(None) };
    let mut all = BTreeMap::new();
    for registry in config.auths.keys().chain(config.helpers.keys()) {
        if !all.contains_key(registry)
            && let Some(credentials) = find(environment, &config, registry).await?
        {
            all.insert(registry.clone(), credentials);
        }
    }
    Ok((!all.is_empty()).then(|| URL_SAFE.encode(serde_json::to_vec(&all).unwrap_or_default())))
}

/// All credentials in the form of the configuration itself, helpers asked and left out.
///
/// # Errors
/// As [`for_registry`].
pub(super) async fn as_config(environment: &BTreeMap<String, String>) -> Result<String> {
    let mut auths = serde_json::Map::new();
    if let Some(config) = client_config::read::<Config>(environment).await? {
        for registry in config.auths.keys().chain(config.helpers.keys()) {
            let Some(found) = find(environment, &config, registry).await? else { continue };
            let entry = if found.identitytoken.is_empty() {
                serde_json::json!({ "auth": STANDARD.encode(format!("{}:{}", found.username, found.password)) })
            } else {
                serde_json::json!({ "identitytoken": found.identitytoken })
            };
            auths.insert(registry.clone(), entry);
        }
    }
    Ok(serde_json::json!({ "auths": auths }).to_string())
}

/// User and password for a registry's host, as BuildKit asks for them; a token has no user. None without credentials.
///
/// # Errors
/// As [`for_registry`].
pub(super) async fn login(environment: &BTreeMap<String, String>, host: &str) -> Result<Option<(String, String)>> {
    let Some(config) = client_config::read::<Config>(environment).await? else { return Ok(None) };
    let hub = matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io");
    let found = find(environment, &config, if hub { DOCKER_HUB } else { host }).await?;
    Ok(found.map(|found| {
        if found.identitytoken.is_empty() {
            (found.username, found.password)
        } else {
            (String::new(), found.identitytoken)
        }
    }))
}

/// A registry's name without scheme and path: keys have been written in many ways.
fn bare(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

async fn find(environment: &BTreeMap<String, String>, config: &Config, registry: &str) -> Result<Option<Credentials>> {
    let of_registry = config.helpers.iter().find(|(key, _)| bare(key) == bare(registry)).map(|(_, helper)| helper);
    let helper = of_registry.or(Some(&config.store).filter(|store| !store.is_empty()));
    if let Some(helper) = helper {
        return ask_helper(environment, helper, registry).await;
    }
    let stored = config
        .auths
        .get(registry)
        .or_else(|| config.auths.iter().find(|(key, _)| bare(key) == bare(registry)).map(|(_, stored)| stored));
    stored.map_or(Ok(None), |stored| decode(stored, registry))
}

fn decode(stored: &Stored, registry: &str) -> Result<Option<Credentials>> {
    let mut credentials = Credentials {
        username: stored.username.clone(),
        password: stored.password.clone(),
        identitytoken: stored.identitytoken.clone(),
        serveraddress: registry.to_owned(),
    };
    if !stored.auth.is_empty() {
        let broken = || refuse(registry, "`auth` is not `user:password` in base64; log in again".to_owned());
        let bytes = STANDARD.decode(stored.auth.trim()).map_err(|_| broken())?;
        let text = String::from_utf8(bytes).map_err(|_| broken())?;
        let (user, password) = text.split_once(':').ok_or_else(broken)?;
        user.clone_into(&mut credentials.username);
        password.trim_end_matches('\0').clone_into(&mut credentials.password);
    }
    let empty = credentials.username.is_empty() && credentials.identitytoken.is_empty();
    Ok((!empty).then_some(credentials))
}

/// Asks `docker-credential-HELPER`. One that knows nothing about the registry is not a failure.
async fn ask_helper(
    environment: &BTreeMap<String, String>,
    helper: &str,
    registry: &str,
) -> Result<Option<Credentials>> {
    let program = format!("docker-credential-{helper}");
    if helper.contains('/') {
        return Err(refuse(registry, format!("`{helper}` is not the name of a credential helper")));
    }
    let failed = |error: &dyn std::fmt::Display| refuse(registry, format!("`{program}` failed: {error}"));
    let mut child = tokio::process::Command::new(find_program(environment, &program))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&error))?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input says why on its way out.
        let _ = input.write_all(registry.as_bytes()).await;
    }
    let output = tokio::time::timeout(HELPER, child.wait_with_output())
        .await
        .map_err(|_| failed(&format!("no answer within {} seconds", HELPER.as_secs())))?
        .map_err(|error| failed(&error))?;
    if !output.status.success() {
        let mut words = String::from_utf8_lossy(&output.stdout).into_owned();
        words.push_str(&String::from_utf8_lossy(&output.stderr));
        if words.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(&words.trim()));
    }
    let answer: HelperAnswer = serde_json::from_slice(&output.stdout).map_err(|error| failed(&error))?;
    let mut credentials = Credentials { serveraddress: registry.to_owned(), ..Credentials::default() };
    if answer.username == "<token>" {
        credentials.identitytoken = answer.secret;
    } else {
        credentials.username = answer.username;
        credentials.password = answer.secret;
    }
    Ok(Some(credentials))
}

/// The first program of that name on the `PATH` of the environment we were given.
fn find_program(environment: &BTreeMap<String, String>, program: &str) -> PathBuf {
    let path = environment.get("PATH").map(String::as_str).unwrap_or_default();
    let found = std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.unwrap_or_else(|| PathBuf::from(program))
}
