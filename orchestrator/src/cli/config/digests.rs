//! Images pinned to the digests that their registries have for them now.

use std::collections::BTreeMap;

use compose_schema::model::{Project, Service};
use compose_schema::yaml::{Mapping, Node, Value};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::backend::Engine;
use crate::backend::reference::Reference;
use crate::cli::{Context, block_on};
use crate::error::{CommandError, Result};

/// Registries that are asked at a time.
const AT_ONCE: usize = 8;

/// Pins the images of a project's services. `place` says where an image is written.
///
/// # Errors
/// Names that are none, an engine that is out of reach, images that no registry knows.
pub(super) fn pin(context: &Context, project: &mut Project, place: impl Fn(&str) -> String) -> Result<()> {
    let services = project.services.iter_mut();
    let images = services.filter(|(_, service)| !service.image.is_empty());
    pin_all(context, images.map(|(name, service)| (place(name), &mut service.image)).collect())
}

/// Pins the images of a merged tree, as [`pin`].
///
/// # Errors
/// As [`pin`].
pub(super) fn pin_tree(context: &Context, tree: &mut Node, place: impl Fn(&str) -> String) -> Result<()> {
    let services = tree.get_mut("services").and_then(Node::as_mapping_mut);
    let images =
        services.into_iter().flatten().filter_map(|(name, entry)| match &mut entry.node.get_mut("image")?.value {
            Value::String(image) if !image.is_empty() => Some((place(name), image)),
            _ => None,
        });
    pin_all(context, images.collect())
}

/// A project that says nothing but the images of another.
pub(super) fn only_images(project: &Project) -> Project {
    let only = |(name, service): (&String, &Service)| {
        let images = Service { image: service.image.clone(), ..Service::default() };
        (name.clone(), images)
    };
    Project { services: project.services.iter().map(only).collect(), ..Project::default() }
}

/// Takes everything out of a merged tree but the images of its services.
pub(super) fn keep_only_images(tree: &mut Node) {
    let Some(sections) = tree.as_mapping_mut() else { return };
    sections.retain(|name, _| name == "services");
    let services = sections.values_mut().filter_map(|section| section.node.as_mapping_mut());
    for service in services.flat_map(Mapping::values_mut) {
        if let Some(attributes) = service.node.as_mapping_mut() {
            attributes.retain(|name, _| name == "image");
        }
    }
}

/// Pins images, each with the place where it is written.
fn pin_all(context: &Context, images: Vec<(String, &mut String)>) -> Result<()> {
    let mut references = Vec::new();
    for (place, image) in images {
        let reference = Reference::parse(image).ok_or_else(|| {
            CommandError::new(format!("{place}`{}` is no name of an image", crate::ui::style::printable(image)))
                .hint("write `name`, `name:tag` or `name@sha256:...`")
        })?;
        references.push((place, image, reference));
    }
    // A name that several services have is asked for once, in the name of the first.
    let mut wanted = BTreeMap::new();
    for (place, _, reference) in references.iter().filter(|(_, _, reference)| !reference.is_pinned()) {
        wanted.entry(reference.to_string()).or_insert_with(|| place.clone());
    }
    let found = if wanted.is_empty() { BTreeMap::new() } else { ask(context, wanted)? };
    for (_, image, reference) in references {
        let name = reference.to_string();
        *image = match found.get(&name) {
            Some(digest) => format!("{name}@{digest}"),
            None => name,
        };
    }
    Ok(())
}

/// The digests of images, each with the place where it is written.
fn ask(context: &Context, wanted: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let engine: Engine = context.engine()?;
    let one = |(name, place): (String, String)| {
        let engine = &engine;
        async move {
            match engine.digest(&name).await {
                Ok(digest) => Ok((name, digest)),
                Err(error) => Err(CommandError::new(format!("{place}cannot {error}"))),
            }
        }
    };
    block_on(futures_util::stream::iter(wanted).map(one).buffer_unordered(AT_ONCE).try_collect())
}
