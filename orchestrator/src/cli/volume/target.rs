//! Which volume is meant, and who has it.

use compose_schema::suggest;

use crate::backend::{Container, Engine, LabelFilter, VolumeSpec};
use crate::cli::scope::{Scope, runs};
use crate::error::{CommandError, Result};
use crate::labels;
use crate::reconcile::{Desired, Selection};
use crate::ui::style::printable;

/// A volume of a project.
#[derive(Debug)]
pub(super) struct Target {
    /// The engine's name of it.
    pub(super) name: String,
    /// Whether it is there.
    pub(super) exists: bool,
    /// How it is made, where the files say so.
    pub(super) spec: Option<VolumeSpec>,
    /// Containers that run with it, of any project.
    pub(super) users: Vec<Container>,
}

impl Target {
    /// Finds a volume by its name in the compose file, or by the engine's.
    ///
    /// # Errors
    /// A volume that the project does not have; the engine's.
    pub(super) async fn find(scope: &Scope, engine: &Engine, wanted: &str) -> Result<Self> {
        let (name, spec) = match scope.project() {
            Some(project) => {
                let mut named = project.volumes.iter();
                let Some((key, volume)) = named.find(|(key, volume)| *key == wanted || volume.name == wanted) else {
                    return Err(unknown(wanted, project.volumes.keys().map(String::as_str)));
                };
                let spec = if volume.external { None } else { spec(scope, key)? };
                (volume.name.clone(), spec)
            }
            None => {
                let volumes = engine.volumes(&scope.filter()).await?;
                let key = |labels: &crate::backend::Labels| labels.get(labels::VOLUME).cloned().unwrap_or_default();
                match volumes.iter().find(|volume| key(&volume.labels) == wanted || volume.name == wanted) {
                    Some(volume) => (volume.name.clone(), None),
                    None => {
                        let keys: Vec<String> = volumes.iter().map(|volume| key(&volume.labels)).collect();
                        return Err(unknown(wanted, keys.iter().map(String::as_str)));
                    }
                }
            }
        };
        let exists = engine.volume(&name).await?.is_some();
        let mut users = engine.containers(&LabelFilter::default()).await?;
        users.retain(|container| runs(container) && container.mounts.iter().any(|mount| mount.name == name));
        Ok(Self { name, exists, spec, users })
    }

    /// Names of those who have it, for people.
    pub(super) fn user_names(&self) -> String {
        let names: Vec<String> = self.users.iter().map(|container| printable(&container.name)).collect();
        names.join(", ")
    }
}

/// How `up` would make it.
fn spec(scope: &Scope, key: &str) -> Result<Option<VolumeSpec>> {
    let Some(loaded) = &scope.loaded else { return Ok(None) };
    let desired = Desired::new(&loaded.project, &Selection::default(), &|path| loaded.place(path))?;
    Ok(desired.volumes.get(key).map(|volume| volume.spec.clone()))
}

fn unknown<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> CommandError {
    let known: Vec<&str> = known.filter(|name| !name.is_empty()).collect();
    let error = CommandError::new(format!("no such volume: {}", printable(wanted)));
    match suggest::nearest(wanted, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{}`?", printable(near))),
        None if known.is_empty() => error.hint("the project has no volumes with a name"),
        None => error.hint(format!("volumes are: {}", printable(&known.join(", ")))),
    }
}
