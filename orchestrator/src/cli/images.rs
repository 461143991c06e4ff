//! `stack images`

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde::Serialize;

use super::ps::unsupported_format;
use super::scope::Scope;
use super::{Context, block_on, to_json};
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
        let name = image.tags.iter().find(|tag| **tag == container.image).or(image.tags.first());
        let (repository, tag) = name.and_then(|name| name.rsplit_once(':')).unwrap_or_default();
        Self {
            id: container.image_id.clone(),
            container_name: container.name.clone(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            platform: image.platform.clone(),
            size: image.size,
            created: image.created.clone(),
            last_tag_time: image.tagged.clone(),
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
