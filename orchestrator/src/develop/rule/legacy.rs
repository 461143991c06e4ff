//! Rules of the time before `develop` was part of the format: `x-develop`, which Docker Compose still reads.

use compose_schema::Project;
use compose_schema::model::{Develop, Service, WatchRule};
use serde::Deserialize;

use crate::error::{CommandError, Result};

/// The attribute.
const KEY: &str = "x-develop";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Legacy {
    watch: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rule {
    path: String,
    action: String,
    target: String,
    ignore: Vec<String>,
    include: Vec<String>,
}

/// Whether a service has the attribute.
pub(super) fn is_in(service: &Service) -> bool {
    service.extensions.contains_key(KEY)
}

/// What the attribute of a service says, where it has no newer one. The loader knows nothing of it.
///
/// # Errors
/// What is no list of rules.
pub(super) fn read(project: &Project, name: &str, service: &Service) -> Result<Option<Develop>> {
    let Some(value) = service.extensions.get(KEY).filter(|_| service.develop.is_none()) else { return Ok(None) };
    let broken = |what: String| {
        CommandError::new(format!("service `{name}`: `{KEY}`: {what}"))
            .hint("write `develop: {watch: [{action: sync, path: ./src, target: /src}]}`")
    };
    let legacy = Legacy::deserialize(value.clone()).map_err(|error| broken(error.to_string()))?;
    let watch = legacy.watch.into_iter().map(|Rule { path, action, target, ignore, include }| {
        if path.is_empty() {
            return Err(broken("a rule has no `path`".to_owned()));
        }
        // Components leave dots out.
        let path = project.working_dir.join(path).components().collect::<std::path::PathBuf>();
        let path = path.canonicalize().unwrap_or(path).display().to_string();
        Ok(WatchRule { path, action, target, ignore, include, ..WatchRule::default() })
    });
    Ok(Some(Develop { watch: watch.collect::<Result<_>>()?, ..Develop::default() }))
}
