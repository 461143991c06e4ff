//! Caches of other builds: those to read (`cache_from`) and those to write (`cache_to`).
//!
//! A cache to read only saves time: one that cannot be read is warned about. The syntax is held to all the same.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use bollard_buildkit_proto::moby::buildkit::v1::{CacheOptions, CacheOptionsEntry};
use compose_schema::model::Build;
use serde::Deserialize;

use super::content::Stores;
use crate::backend::docker::transport::Call;
use crate::backend::{BuildSpec, ErrorKind, Progress, ProgressSink, Result};

/// Where the version of an image in a folder is written.
pub(super) const NAME: &str = "org.opencontainers.image.ref.name";
/// What an `Actions` runner of GitHub tells programs of its cache; builders cannot use it without.
const RUNNER: [(&str, &str); 2] = [("token", "ACTIONS_RUNTIME_TOKEN"), ("url", "ACTIONS_CACHE_URL")];

/// The caches of one build.
#[derive(Debug, Default)]
pub(super) struct Caches {
    /// What the builder is told.
    pub options: CacheOptions,
    /// The folders of those that it reads and writes here.
    pub stores: Stores,
}

/// One of the two attributes.
struct Attribute<'a> {
    name: &'static str,
    place: Option<&'a str>,
}

impl Attribute<'_> {
    fn error(&self, call: Call<'_>, kind: ErrorKind, message: &str) -> crate::backend::Error {
        call.error(kind, format!("{self}: {message}"))
    }
}

impl std::fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`build.{}`", self.name)?;
        self.place.map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

impl Caches {
    /// Those of a build.
    ///
    /// # Errors
    /// What is no cache, or one of a kind that is not supported.
    pub(super) async fn of(
        call: Call<'_>,
        spec: &BuildSpec,
        environment: &BTreeMap<String, String>,
        progress: &ProgressSink,
    ) -> Result<Self> {
        let mut caches = Self::default();
        let from = Attribute { name: "cache_from", place: spec.places.cache_from.as_deref() };
        for text in &spec.build.cache_from {
            let warn = |why: String| progress(Progress::Warning(format!("{from}: {why}; the build does without")));
            let mut entry = entry(call, &from, text)?;
            let usable = match entry.r#type.as_str() {
                "local" => caches.local(call, &from, &mut entry).await?,
                "gha" => on_runner(&mut entry, environment),
                _ => Ok(()),
            };
            match usable {
                Ok(()) => caches.options.imports.push(entry),
                Err(why) => warn(why),
            }
        }
        let to = Attribute { name: "cache_to", place: spec.places.cache_to.as_deref() };
        for text in &spec.build.cache_to {
            let mut entry = entry(call, &to, text)?;
            match entry.r#type.as_str() {
                "local" => {
                    let Some(folder) = entry.attrs.get("dest").filter(|folder| !folder.is_empty()) else {
                        let message = "a cache of type `local` needs `dest=FOLDER`";
                        return Err(to.error(call, ErrorKind::Invalid, message));
                    };
                    let tag = entry.attrs.get("tag").map_or("latest", String::as_str);
                    caches.stores.add_written(folder, tag);
                    caches.options.exports.push(entry);
                }
                "gha" => match on_runner(&mut entry, environment) {
                    Ok(()) => caches.options.exports.push(entry),
                    Err(why) => progress(Progress::Warning(format!("{to}: {why}; none is written"))),
                },
                _ => caches.options.exports.push(entry),
            }
        }
        Ok(caches)
    }

    /// Makes a folder known to the builder; why not, where it holds no cache.
    async fn local(
        &mut self,
        call: Call<'_>,
        from: &Attribute<'_>,
        entry: &mut CacheOptionsEntry,
    ) -> Result<std::result::Result<(), String>> {
        let Some(folder) = entry.attrs.get("src").filter(|folder| !folder.is_empty()) else {
            let message = "a cache of type `local` needs `src=FOLDER`";
            return Err(from.error(call, ErrorKind::Invalid, message));
        };
        if !entry.attrs.contains_key("digest") {
            let tag = entry.attrs.get("tag").map_or("latest", String::as_str);
            match digest(Path::new(folder), tag).await {
                Ok(digest) => entry.attrs.insert("digest".to_owned(), digest),
                Err(why) => return Ok(Err(why)),
            };
        }
        if let Some(folder) = entry.attrs.get("src") {
            self.stores.add(folder);
        }
        Ok(Ok(()))
    }

    /// The frontend looks for those to read itself.
    pub(super) fn tell(&self, attributes: &mut BTreeMap<String, String>) {
        let imports = &self.options.imports;
        if imports.is_empty() {
            return;
        }
        let json: Vec<_> =
            imports.iter().map(|entry| serde_json::json!({ "Type": entry.r#type, "Attrs": entry.attrs })).collect();
        attributes.insert("cache-imports".to_owned(), serde_json::Value::Array(json).to_string());
        let references: Vec<&str> =
            imports.iter().filter_map(|entry| entry.attrs.get("ref")).map(String::as_str).collect();
        // Frontends before BuildKit 0.4 know registries only.
        attributes.insert("cache-from".to_owned(), references.join(","));
    }
}

/// What the `index.json` of a folder tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Descriptor {
    digest: String,
    annotations: BTreeMap<String, String>,
}

/// The digest of a cache in a folder, by its tag.
async fn digest(folder: &Path, tag: &str) -> std::result::Result<String, String> {
    let path = folder.join("index.json");
    let text = tokio::fs::read(&path)
        .await
        .map_err(|error| format!("there is no cache in `{}`: {error}", folder.display()))?;
    let index: Index = serde_json::from_slice(&text)
        .map_err(|error| format!("`{}` is no list of a cache's parts: {error}", path.display()))?;
    let found = index.manifests.into_iter().find(|part| part.annotations.get(NAME).is_some_and(|name| name == tag));
    found.map(|part| part.digest).ok_or_else(|| format!("the cache in `{}` has no `{tag}`", folder.display()))
}

/// Adds what the runner says, where there is one.
fn on_runner(entry: &mut CacheOptionsEntry, environment: &BTreeMap<String, String>) -> std::result::Result<(), String> {
    for (name, variable) in RUNNER {
        if entry.attrs.contains_key(name) {
            continue;
        }
        let Some(value) = environment.get(variable).filter(|value| !value.is_empty()) else {
            return Err(format!("a cache of type `gha` is there on runners of GitHub only (`{variable}` is not set)"));
        };
        entry.attrs.insert(name.to_owned(), value.clone());
    }
    Ok(())
}

/// The kinds of caches that a build is to write, in words of the file.
pub(in crate::backend::docker::build) fn written<'a>(
    build: &'a Build,
    environment: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a str> {
    let kind = |text: &'a String| {
        let mut fields = text.split(',').filter_map(|field| field.split_once('='));
        fields.find(|(name, _)| name.trim().eq_ignore_ascii_case("type")).map_or("registry", |(_, kind)| kind)
    };
    let given = |variable: &str| environment.get(variable).is_some_and(|value| !value.is_empty());
    let on_runner = RUNNER.iter().all(|(_, variable)| given(variable));
    build.cache_to.iter().map(kind).filter(move |kind| *kind != "gha" || on_runner)
}

/// `type=registry,ref=IMAGE`, or an image's name alone.
fn entry(call: Call<'_>, attribute: &Attribute<'_>, text: &str) -> Result<CacheOptionsEntry> {
    if !text.contains('=') {
        let attrs = HashMap::from([("ref".to_owned(), text.to_owned())]);
        return Ok(CacheOptionsEntry { r#type: "registry".to_owned(), attrs });
    }
    let mut attrs = HashMap::new();
    for field in text.split(',') {
        let Some((name, value)) = field.split_once('=') else {
            let message = format!("`{field}` of `{text}` is not `KEY=VALUE`");
            return Err(attribute.error(call, ErrorKind::Invalid, &message));
        };
        attrs.insert(name.trim().to_lowercase(), value.to_owned());
    }
    let Some(kind) = attrs.remove("type") else {
        return Err(attribute.error(call, ErrorKind::Invalid, &format!("`{text}` has no `type`")));
    };
    Ok(CacheOptionsEntry { r#type: kind, attrs })
}
