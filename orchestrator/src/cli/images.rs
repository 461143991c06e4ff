//! `stack images`

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde::Serialize;

use super::ps::unsupported_format;
use super::scope::Scope;
use super::{Context, block_on, to_json};
use crate::backend::reference::Reference;
use crate::backend::{Container, ImageInfo};
use crate::error::Result;
use crate::ui::table::table;
use crate::ui::{human, output};

/// List the images that containers run
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    /// How to print
    #[arg(long, value_name = "table|json", default_value = "table")]
    format: String,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(rename = "ID")]
    id: String,
    container_name: String,
    repository: String,
    tag: String,
    platform: String,
    size: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    created: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    last_tag_time: String,
}

impl Row {
    fn new(container: &Container, image: Option<&ImageInfo>) -> Self {
        let missing = ImageInfo::default();
        let image = image.unwrap_or(&missing);
        // As it was asked for: an image may have other names as well.
        let name = Reference::parse(&container.image).filter(|_| !container.image.starts_with("sha256:"));
        let tag = name.as_ref().and_then(Reference::tag).unwrap_or_default().to_owned();
        // Where no time is known for the name, the engine tells one of long ago.
        let tagged = Some(&image.tagged)
            .filter(|tagged| !(tagged.is_empty() || tagged.starts_with("0001-")))
            .unwrap_or(&image.created);
        Self {
            id: container.image_id.clone(),
            container_name: container.name.clone(),
            repository: name.as_ref().map(Reference::familiar).unwrap_or_default(),
            tag,
            platform: image.platform.clone(),
            size: image.size,
            created: image.created.clone(),
            last_tag_time: tagged.clone(),
        }
    }

    fn cells(self, now: jiff::Timestamp) -> [String; 7] {
        let or_none = |text: String| if text.is_empty() { "<none>".to_owned() } else { text };
        let id = self.id.strip_prefix("sha256:").unwrap_or(&self.id).chars().take(12).collect();
        let created = match self.created.parse::<jiff::Timestamp>() {
            Ok(time) => format!("{} ago", human::duration(now.as_second() - time.as_second())),
            Err(_) => "N/A".to_owned(),
        };
        let (repository, tag) = (or_none(self.repository), or_none(self.tag));
        [self.container_name, repository, tag, self.platform, id, human::size(self.size), created]
    }
}

/// Prints the list.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if !matches!(args.format.as_str(), "table" | "pretty" | "json") {
        return Err(unsupported_format(&args.format));
    }
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    let (mut containers, images) = block_on(async {
        let containers = scope.containers(&engine, &args.services, false).await?;
        let ids: BTreeSet<&String> = containers.iter().map(|container| &container.image_id).collect();
        let images = futures_util::future::try_join_all(ids.iter().map(|id| engine.image(id))).await?;
        let images: BTreeMap<String, Option<ImageInfo>> = ids.into_iter().cloned().zip(images).collect();
        Ok((containers, images))
    })?;
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    let text = if args.quiet {
        images.keys().map(|id| format!("{}\n", id.strip_prefix("sha256:").unwrap_or(id))).collect()
    } else {
        let rows = containers
            .iter()
            .map(|container| Row::new(container, images.get(&container.image_id).and_then(Option::as_ref)));
        if args.format == "json" {
            format!("{}\n", to_json(&rows.collect::<Vec<_>>())?)
        } else {
            let now = jiff::Timestamp::now();
            let titles = ["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"];
            let head = std::iter::once(titles.map(str::to_owned));
            table(&head.chain(rows.map(|row| row.cells(now))).collect::<Vec<_>>(), 20, 3)
        }
    };
    output::stdout(&text)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a value without the field is null")]

    use super::*;

    fn row(name: &str, tags: &[&str], tagged: &str) -> serde_json::Value {
        let container = Container { image: name.to_owned(), ..Container::default() };
        let image = ImageInfo {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            created: "2026-01-01T00:00:00Z".to_owned(),
            tagged: tagged.to_owned(),
            ..ImageInfo::default()
        };
        serde_json::to_value(Row::new(&container, Some(&image))).unwrap_or_default()
    }

    #[test]
    fn an_image_is_named_as_its_container_asked_for_it() {
        let names = |name: &str| {
            let row = row(name, &["other:1", "r:5000/a:2", "busybox:latest"], "");
            (row["Repository"].clone(), row["Tag"].clone())
        };
        assert_eq!(names("busybox"), ("busybox".into(), "latest".into()));
        assert_eq!(names("docker.io/library/busybox:1.36"), ("busybox".into(), "1.36".into()));
        assert_eq!(names("r:5000/a"), ("r:5000/a".into(), "latest".into()));
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(names(&digest), ("".into(), "".into()));
        assert_eq!(names(&format!("busybox@{digest}")), ("busybox".into(), "".into()));
    }

    #[test]
    fn a_name_whose_time_is_not_known_has_that_of_the_image() {
        let time = |tagged| row("a", &[], tagged)["LastTagTime"].clone();
        assert_eq!(time("2026-02-02T00:00:00Z"), "2026-02-02T00:00:00Z");
        assert_eq!(time("0001-01-01T00:00:00Z"), "2026-01-01T00:00:00Z");
        assert_eq!(time(""), "2026-01-01T00:00:00Z");
    }
}
