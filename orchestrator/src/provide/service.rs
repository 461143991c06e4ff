//! A service that a program provides: `PROGRAM compose --project-name=P up --OPTION=VALUE... SERVICE`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::messages::Messages;
use super::{Provision, Refusal, Variables, plugin, program};
use crate::text::printable;

/// Docker Compose itself, which provides nothing.
const COMPOSE: &str = "compose";

/// Which service, of which program.
pub(super) struct Wanted<'a> {
    pub name: &'a str,
    pub kind: &'a str,
    pub options: &'a BTreeMap<String, Vec<String>>,
    pub down: bool,
}

/// What a program says about itself, if it does (`PROGRAM compose metadata`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    description: String,
    up: Option<Verb>,
    down: Option<Verb>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Verb {
    parameters: Vec<Parameter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameter {
    name: String,
    required: bool,
}

/// Runs the program; what it sets, under the names that services get it by.
///
/// # Errors
/// A program that is not there, misses an option, fails, or says what is no message.
pub(super) async fn run(provision: &Provision, wanted: &Wanted<'_>, say: impl Fn(&str)) -> Result<Variables, Refusal> {
    let path = find(provision, wanted).await?;
    let metadata = metadata(&path, provision).await;
    let options = options(&metadata, provision, wanted)?;
    let verb = if wanted.down { "down" } else { "up" };
    let mut arguments = vec![COMPOSE.to_owned(), format!("--project-name={}", provision.project), verb.to_owned()];
    arguments.extend(options);
    arguments.push(wanted.name.to_owned());
    let Wanted { name, kind, .. } = wanted;
    let failed = |why: String| Refusal::new(format!("provider `{kind}` of service `{name}`{}: {why}", provision.at()));
    let mut running = program::start(&path, &arguments, provision)?;
    let mut variables = Variables::new();
    let mut messages = Messages::new(&mut running.output);
    while let Some(said) = messages.next().await.map_err(failed)? {
        match said.kind.as_str() {
            "info" => say(&printable(&said.message)),
            "debug" => tracing::debug!("{name}: {}", printable(&said.message)),
            "error" => return Err(failed(printable(&said.message))),
            "setenv" | "rawsetenv" => {
                let Some((key, value)) = said.message.split_once('=') else {
                    return Err(failed(format!("`{}` sets nothing: it has no `=`", printable(&said.message))));
                };
                let prefix = if said.kind == "setenv" { prefix(name) } else { String::new() };
                variables.insert(format!("{prefix}{key}"), value.to_owned());
            }
            other => return Err(failed(format!("it says `{}`, which is no kind of message", printable(other)))),
        }
    }
    running.end().await.map_err(|why| failed(format!("it ended with {why}")))?;
    Ok(variables)
}

/// What the variables of a service begin with.
pub(super) fn prefix(service: &str) -> String {
    format!("{}_", service.to_uppercase())
}

async fn find(provision: &Provision, wanted: &Wanted<'_>) -> Result<PathBuf, Refusal> {
    let Wanted { name, kind, .. } = wanted;
    let at = provision.at();
    if *kind == COMPOSE {
        return Err(Refusal::new(format!("`compose` is no provider of services (service `{name}`){at}")));
    }
    let (kind, environment) = ((*kind).to_owned(), Arc::clone(&provision.environment));
    let found = tokio::task::spawn_blocking({
        let kind = kind.clone();
        move || plugin::plugin(&kind, &environment).or_else(|| plugin::program(&kind, &environment))
    });
    found.await.ok().flatten().ok_or_else(|| {
        let path = kind.contains('/');
        let hint = if path { "does the file exist, and may it be executed?" } else { "install it, or name its path" };
        let place = if path { "" } else { ", neither as a plugin of the `docker` command nor in `PATH`" };
        Refusal::new(format!(
            "there is no program `{}`{place}, which is to provide service `{name}`{at}",
            printable(&kind)
        ))
        .hint(hint)
    })
}

/// A program that does not know the question has none.
async fn metadata(path: &Path, provision: &Provision) -> Metadata {
    let arguments = [COMPOSE.to_owned(), "metadata".to_owned()];
    let Ok(running) = program::start(path, &arguments, provision) else { return Metadata::default() };
    let text = running.whole().await.unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// The options to hand over: all, or those that the program says it knows.
fn options(metadata: &Metadata, provision: &Provision, wanted: &Wanted<'_>) -> Result<Vec<String>, Refusal> {
    let silent = metadata.description.is_empty() && metadata.up.is_none() && metadata.down.is_none();
    let verb = if wanted.down { &metadata.down } else { &metadata.up };
    let parameters = verb.as_ref().map(|verb| verb.parameters.as_slice()).unwrap_or_default();
    if let Some(missing) = parameters.iter().find(|known| known.required && !wanted.options.contains_key(&known.name)) {
        let (name, kind, at) = (printable(&missing.name), wanted.kind, provision.at());
        let message = format!("provider `{kind}` of service `{}` needs the option `{name}`{at}", wanted.name);
        return Err(Refusal::new(message).hint(format!("add `{name}` to `provider.options`")));
    }
    let known: BTreeSet<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let taken = wanted.options.iter().filter(|(name, _)| silent || known.contains(name.as_str()));
    Ok(taken.flat_map(|(name, values)| values.iter().map(move |value| format!("--{name}={value}"))).collect())
}
