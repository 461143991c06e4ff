//! Models, which the plugin `docker model` gets and runs.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{Provision, Refusal, plugin, program};
use crate::text::printable;

/// The plugin.
const PLUGIN: &str = "model";

/// A model that is here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Listed {
    tags: Vec<String>,
}

/// How the model runner is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    endpoint: String,
}

async fn find(provision: &Provision) -> Result<PathBuf, Refusal> {
    let environment = Arc::clone(&provision.environment);
    let found = tokio::task::spawn_blocking(move || plugin::plugin(PLUGIN, &environment));
    found.await.ok().flatten().ok_or_else(|| {
        Refusal::new(format!(
            "`models`{} need the model runner, and its plugin `docker model` is not here",
            provision.at()
        ))
        .hint("install the plugin (`docker-model`), or take `models` out of the services")
    })
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn failed(what: &str, why: &str) -> Refusal {
    Refusal::new(format!("`docker model {what}` failed: {why}"))
}

/// Gets a model where it is not here, and configures it.
///
/// # Errors
/// No plugin, or one that fails.
pub(super) async fn get(
    provision: &Provision,
    model: &str,
    context_size: i64,
    flags: &[String],
    say: impl Fn(&str),
) -> Result<(), Refusal> {
    let path = find(provision).await?;
    let text = program::start(&path, &words(&["ls", "--json"]), provision)?.whole().await;
    let text = text.map_err(|why| failed("ls", &why))?;
    let listed: Vec<Listed> =
        serde_json::from_slice(&text).map_err(|error| failed("ls", &format!("its answer is invalid: {error}")))?;
    if !listed.iter().flat_map(|listed| &listed.tags).any(|tag| tag == model) {
        let mut running = program::start(&path, &words(&["pull", model]), provision)?;
        let mut lines = BufReader::new(&mut running.output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            say(&printable(line.trim()));
        }
        running.end().await.map_err(|why| failed(&format!("pull {model}"), &why))?;
    }
    let mut arguments = words(&["configure"]);
    if context_size > 0 {
        arguments.extend(["--context-size".to_owned(), context_size.to_string()]);
    }
    arguments.push(model.to_owned());
    if !flags.is_empty() {
        arguments.push("--".to_owned());
        arguments.extend_from_slice(flags);
    }
    let configured = program::start(&path, &arguments, provision)?.whole().await;
    configured.map_err(|why| failed(&format!("configure {model}"), &why)).map(drop)
}

/// Where containers reach the model runner.
///
/// # Errors
/// No plugin, one that fails, a runner that does not say it.
pub(super) async fn endpoint(provision: &Provision) -> Result<String, Refusal> {
    let path = find(provision).await?;
    let text = program::start(&path, &words(&["status", "--json"]), provision)?.whole().await;
    let text = text.map_err(|why| failed("status", &why))?;
    let status: Status =
        serde_json::from_slice(&text).map_err(|error| failed("status", &format!("its answer is invalid: {error}")))?;
    Ok(status.endpoint)
}
