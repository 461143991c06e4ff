//! Builds by the engine's classic builder, for engines without BuildKit and for those who ask for it: a tar of the
//! context goes in, lines of output come out.

mod context;
mod tail;
#[cfg(test)]
mod tests;

use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};

use compose_schema::model::Build;
use futures_util::StreamExt;
use http::Method;

use super::{cleaned, is_remote};
use crate::backend::docker::image::Step;
use crate::backend::docker::stream::{self, Origin};
use crate::backend::docker::transport::{Call, Message};
use crate::backend::docker::{Docker, credentials};
use crate::backend::{BuildSpec, Error, ErrorKind, Progress, ProgressSink, Result};
use context::{Context, Dockerfile};
use tail::Tail;

/// Name in the context of a Dockerfile that is not one of its files.
const FOREIGN_DOCKERFILE: &str = ".dockerfile.stack";

/// An instruction of a Dockerfile that only BuildKit understands: its line and what it is.
fn buildkit_instruction(dockerfile: &str) -> Option<(usize, String)> {
    for (position, line) in dockerfile.lines().enumerate() {
        let mut words = line.split_whitespace();
        let instruction = words.next().unwrap_or_default().to_ascii_uppercase();
        if !matches!(instruction.as_str(), "RUN" | "COPY" | "ADD") {
            continue;
        }
        let found = words.clone().take_while(|word| word.starts_with("--")).find(|word| {
            let name = word.split('=').next().unwrap_or(word);
            match instruction.as_str() {
                "RUN" => matches!(name, "--mount" | "--network" | "--security"),
                _ => matches!(name, "--link" | "--chmod" | "--parents" | "--exclude" | "--checksum" | "--keep-git-dir"),
            }
        });
        let option = found.map(|word| word.split('=').next().unwrap_or(word).to_owned());
        let document = words.find(|word| word.starts_with("<<") && word.len() > 2).map(|_| "<<".to_owned());
        if let Some(what) = option.or(document) {
            return Some((position + 1, format!("{instruction} {what}")));
        }
    }
    None
}

fn unsupported(call: Call<'_>, what: &str, why: &str) -> Error {
    call.error(ErrorKind::Unsupported, format!("{what} needs BuildKit, and {why}"))
}

/// Finds the Dockerfile: inline, in the context, or elsewhere. Only BuildKit's own instructions are looked for in it;
/// `why` is why this is the classic builder.
async fn dockerfile(call: Call<'_>, build: &Build, folder: &Path, why: &str) -> Result<Dockerfile> {
    if !build.dockerfile_inline.is_empty() {
        check_instructions(call, &build.dockerfile_inline, "dockerfile_inline", why)?;
        return Ok(Dockerfile::Foreign { text: build.dockerfile_inline.clone().into_bytes(), ignore: None });
    }
    let name = if build.dockerfile.is_empty() { "Dockerfile" } else { &build.dockerfile };
    let path = cleaned(&folder.join(name));
    let unreadable = |path: &Path, error: std::io::Error| {
        call.error(ErrorKind::Invalid, format!("cannot read {}: {error}", path.display()))
    };
    let text = tokio::fs::read(&path).await.map_err(|error| match error.kind() {
        NotFound => call.error(ErrorKind::Invalid, format!("there is no Dockerfile at {}", path.display())),
        _ => unreadable(&path, error),
    })?;
    check_instructions(call, &String::from_utf8_lossy(&text), &path.display().to_string(), why)?;
    let mut own_ignore = path.clone().into_os_string();
    own_ignore.push(".dockerignore");
    let own_ignore = PathBuf::from(own_ignore);
    let ignore = match tokio::fs::read_to_string(&own_ignore).await {
        Ok(text) => Some(text),
        Err(error) if error.kind() == NotFound => None,
        Err(error) => return Err(unreadable(&own_ignore, error)),
    };
    // A link counts for what it names: the engine knows nothing of what is outside of the context.
    let (path, folder) = match (tokio::fs::canonicalize(&path).await, tokio::fs::canonicalize(folder).await) {
        (Ok(path), Ok(folder)) => (path, folder),
        _ => (path, cleaned(folder)),
    };
    Ok(match path.strip_prefix(folder) {
        Ok(inside) => Dockerfile::Inside { path: inside.to_path_buf(), ignore },
        Err(_) => Dockerfile::Foreign { text, ignore },
    })
}

fn check_instructions(call: Call<'_>, text: &str, name: &str, why: &str) -> Result<()> {
    match buildkit_instruction(text) {
        Some((line, what)) => Err(unsupported(call, &format!("{name}:{line}: `{what}`"), why)),
        None => Ok(()),
    }
}

impl Docker {
    /// The query of `POST /build`.
    fn build_query(&self, spec: &BuildSpec, dockerfile: &str) -> Vec<(&'static str, String)> {
        let build = &spec.build;
        let json = |value: &serde_json::Value| {
            if value.as_object().is_some_and(serde_json::Map::is_empty) { String::new() } else { value.to_string() }
        };
        let args: serde_json::Map<String, serde_json::Value> = build
            .args
            .iter()
            .filter_map(|(name, value)| {
                let value = value.as_ref().or_else(|| self.environment.get(name))?;
                Some((name.clone(), value.clone().into()))
            })
            .collect();
        let labels: std::collections::BTreeMap<_, _> = build.labels.iter().chain(&spec.labels).collect();
        let platform = if spec.platform.is_empty() {
            build.platforms.first().cloned().unwrap_or_default()
        } else {
            spec.platform.clone()
        };
        let yes = |flag: bool| if flag { "1".to_owned() } else { String::new() };
        let mut query = vec![
            ("dockerfile", dockerfile.to_owned()),
            ("version", "1".to_owned()),
            ("rm", "1".to_owned()),
            ("forcerm", "1".to_owned()),
            ("nocache", yes(build.no_cache)),
            ("pull", yes(build.pull)),
            ("target", build.target.clone()),
            ("platform", platform),
            ("networkmode", build.network.clone()),
            ("isolation", build.isolation.clone()),
            ("buildargs", json(&args.into())),
            ("labels", json(&serde_json::json!(labels))),
        ];
        if build.shm_size.0 != 0 {
            query.push(("shmsize", build.shm_size.0.to_string()));
        }
        if spec.memory > 0 {
            query.push(("memory", spec.memory.to_string()));
        }
        if !build.cache_from.is_empty() {
            query.push(("cachefrom", serde_json::json!(build.cache_from).to_string()));
        }
        if !build.ulimits.is_empty() {
            let limits = build.ulimits.iter().map(|(name, limit)| {
                let (soft, hard) =
                    if limit.single == 0 { (limit.soft, limit.hard) } else { (limit.single, limit.single) };
                serde_json::json!({ "Name": name, "Soft": soft, "Hard": hard })
            });
            query.push(("ulimits", serde_json::Value::Array(limits.collect()).to_string()));
        }
        query.extend(std::iter::once(&spec.tag).chain(&build.tags).map(|tag| ("t", tag.clone())));
        let hosts = build.extra_hosts.iter();
        query.extend(hosts.flat_map(|(host, addresses)| {
            addresses.iter().map(move |address| ("extrahosts", format!("{host}:{address}")))
        }));
        query
    }

    /// Builds an image; its id. `why` is why it is not BuildKit that does it.
    pub(super) async fn build_classic(
        &self,
        call: Call<'_>,
        spec: &BuildSpec,
        why: &str,
        progress: &ProgressSink,
    ) -> Result<String> {
        let build = &spec.build;
        let (query, context) = if is_remote(&build.context) {
            if !build.dockerfile_inline.is_empty() {
                let message = "`dockerfile_inline` and a context that the engine fetches do not go together";
                return Err(call.error(ErrorKind::Unsupported, message));
            }
            let name = if build.dockerfile.is_empty() { "Dockerfile" } else { &build.dockerfile };
            let mut query = self.build_query(spec, name);
            query.push(("remote", build.context.clone()));
            (query, None)
        } else {
            let folder = PathBuf::from(&build.context);
            let is_folder = tokio::fs::metadata(&folder).await.is_ok_and(|meta| meta.is_dir());
            if !is_folder {
                return Err(call.error(ErrorKind::Invalid, format!("there is no folder {} to build", folder.display())));
            }
            let dockerfile = dockerfile(call, build, &folder, why).await?;
            let name = match &dockerfile {
                Dockerfile::Inside { path, .. } => path.to_string_lossy().into_owned(),
                Dockerfile::Foreign { .. } => FOREIGN_DOCKERFILE.to_owned(),
            };
            (self.build_query(spec, &name), Some(Context { folder, dockerfile }))
        };
        let borrowed: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut message = self.message(Method::POST, "/build", &borrowed).await?;
        message.headers.push(("content-type", "application/x-tar".to_owned()));
        if let Some(header) = credentials::for_all(&self.environment).await? {
            message.headers.push(("x-registry-config", header));
        }
        let failure = context.map(|context| {
            let (body, failure) = context.stream();
            message.body = body;
            failure
        });
        let outcome = self.run_build(call, message, progress).await;
        // A context that cannot be read breaks the request: that is the cause, not what the engine made of it.
        match (failure.and_then(|failure| failure.take()), outcome) {
            (Some(cause), _) => Err(call.error(ErrorKind::Invalid, cause)),
            // Found by the engine, in a context that it has fetched itself.
            (None, Err(error)) if error.message.contains("requires BuildKit") => {
                Err(call.error(ErrorKind::Unsupported, format!("{}; {why}", error.message)))
            }
            (None, outcome) => outcome,
        }
    }

    async fn run_build(&self, call: Call<'_>, message: Message, progress: &ProgressSink) -> Result<String> {
        let response = self.transport.open(call, message).await?;
        let origin = Origin::of(call);
        let mut steps = stream::json_lines::<Step>(origin.clone(), stream::bytes(origin, response.into_body()));
        let mut tail = Tail::default();
        let mut id = None;
        while let Some(step) = steps.next().await {
            let step = step?;
            if let Some(text) = &step.stream {
                for line in tail.push(text) {
                    progress(Progress::Line(line));
                }
            }
            if let Some(shown) = step.progress() {
                progress(shown);
            }
            if let Some(found) = step.aux.as_ref().and_then(|aux| aux.get("ID")).and_then(serde_json::Value::as_str) {
                id = Some(found.to_owned());
            }
            if let Some(error) = step.error {
                return Err(call.error(ErrorKind::Engine, tail.explain(&error)));
            }
        }
        id.ok_or_else(|| call.error(ErrorKind::Engine, "the engine ended the build without an image"))
    }
}
