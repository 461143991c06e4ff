//! What is there: one look at the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::{try_join, try_join_all, try_join3};

use crate::backend::{
    Backend, Container, ContainerDetail, EngineInfo, ImageInfo, LabelFilter, NetworkInfo, Result, VolumeInfo,
};
use crate::labels;
use crate::reconcile::desired::Desired;

/// What a plan starts from.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The engine; known once images were looked up.
    pub engine: EngineInfo,
    /// Architectures that the host runs by emulation.
    pub emulated: BTreeSet<String>,
    /// All containers of the project, one-offs included, by name.
    pub containers: Vec<Container>,
    /// Networks of the project, and others that it names.
    pub networks: BTreeMap<String, NetworkInfo>,
    /// Volumes of the project, and others that it names.
    pub volumes: BTreeMap<String, VolumeInfo>,
    /// Images that were looked up, by name; `None` is not here.
    pub images: BTreeMap<String, Option<ImageInfo>>,
    /// When they were.
    pub now: Option<jiff::Timestamp>,
    /// Containers that were inspected, by id: only those about to be replaced, to name what changed.
    pub details: BTreeMap<String, ContainerDetail>,
    /// There is a gateway: containers with routes leave it before they end. Looked at for commands that end containers.
    pub gateway: bool,
}

impl Observed {
    /// Looks at everything that carries the project's label: three calls at once.
    ///
    /// # Errors
    /// The engine's.
    pub async fn project(engine: &dyn Backend, project: &str) -> Result<Self> {
        let filter = of_project(project);
        let (mut containers, networks, volumes) =
            try_join3(engine.containers(&filter), engine.networks(&filter), engine.volumes(&filter)).await?;
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            containers,
            networks: networks.into_iter().map(|network| (network.name.clone(), network)).collect(),
            volumes: volumes.into_iter().map(|volume| (volume.name.clone(), volume)).collect(),
            ..Self::default()
        })
    }

    /// Looks up what `desired` names and the project's label did not bring: external networks and volumes, those made
    /// by others under the same name. No call where there is nothing of the kind.
    ///
    /// # Errors
    /// The engine's.
    pub async fn complete(&mut self, engine: &dyn Backend, desired: &Desired) -> Result<()> {
        let networks: BTreeSet<&String> = desired
            .networks
            .values()
            .map(|n| &n.spec.network.name)
            .filter(|n| !self.networks.contains_key(*n))
            .collect();
        let volumes: BTreeSet<&String> =
            desired.volumes.values().map(|v| &v.spec.volume.name).filter(|v| !self.volumes.contains_key(*v)).collect();
        let (networks, volumes) = try_join(
            try_join_all(networks.into_iter().map(|name| engine.network(name))),
            try_join_all(volumes.into_iter().map(|name| engine.volume(name))),
        )
        .await?;
        self.networks.extend(networks.into_iter().flatten().map(|network| (network.name.clone(), network)));
        self.volumes.extend(volumes.into_iter().flatten().map(|volume| (volume.name.clone(), volume)));
        Ok(())
    }

    /// Looks up images, all at once.
    ///
    /// # Errors
    /// The engine's.
    pub async fn look_up_images(&mut self, engine: &dyn Backend, names: &BTreeSet<String>) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        // Whether an image can run is a matter of the engine's platform.
        let images = try_join_all(names.iter().map(|name| engine.image(name)));
        let (info, images) = try_join(engine.info(), images).await?;
        self.emulated = if info.local { emulated() } else { BTreeSet::new() };
        self.engine = info;
        self.now = Some(jiff::Timestamp::now());
        self.images.extend(names.iter().cloned().zip(images));
        Ok(())
    }

    /// Inspects containers, all at once. One that has gone meanwhile is left out.
    ///
    /// # Errors
    /// The engine's.
    pub async fn inspect(&mut self, engine: &dyn Backend, ids: &BTreeSet<String>) -> Result<()> {
        let details = futures_util::future::join_all(ids.iter().map(|id| engine.container(id))).await;
        for (id, detail) in ids.iter().zip(details) {
            match detail {
                Ok(detail) => {
                    self.details.insert(id.clone(), detail);
                }
                Err(error) if error.kind == crate::backend::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The ordinary containers of a service.
    pub fn of_service<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Container> {
        self.containers.iter().filter(move |container| !is_oneoff(container) && service_of(container) == service)
    }

    /// The id of an image without asking for it, as far as the listing of a container proves it: engines show the
    /// name of an image only as long as it still means the image that the container was made of.
    pub fn image_id(&self, name: &str) -> Option<&str> {
        if let Some(image) = self.images.get(name) {
            return image.as_ref().map(|image| image.id.as_str());
        }
        self.containers
            .iter()
            .find(|container| container.image == name && !container.image_id.is_empty())
            .map(|container| container.image_id.as_str())
    }
}

/// Everything of a project.
pub fn of_project(project: &str) -> LabelFilter {
    LabelFilter(vec![(labels::PROJECT.to_owned(), Some(project.to_owned()))])
}

/// A container of `run`.
pub fn is_oneoff(container: &Container) -> bool {
    container.labels.get(labels::ONEOFF).is_some_and(|value| value == "True")
}

/// The service a container belongs to; empty for none.
pub fn service_of(container: &Container) -> &str {
    container.labels.get(labels::SERVICE).map_or("", String::as_str)
}

/// The number of a container; 0 for none.
pub fn number_of(container: &Container) -> u32 {
    container.labels.get(labels::NUMBER).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Services that a container's service depends on, with `restart`, from its label.
pub fn dependencies_of(container: &Container) -> Vec<(&str, bool)> {
    let label = container.labels.get(labels::DEPENDS_ON).map_or("", String::as_str);
    label
        .split(',')
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let mut parts = entry.split(':');
            (parts.next().unwrap_or_default(), parts.nth(1) == Some("true"))
        })
        .collect()
}

/// Architectures that this host's kernel hands to an emulator.
pub(in crate::reconcile) fn emulated() -> BTreeSet<String> {
    let table = [
        ("aarch64", "arm64"),
        ("arm", "arm"),
        ("x86_64", "amd64"),
        ("i386", "386"),
        ("riscv64", "riscv64"),
        ("ppc64le", "ppc64le"),
        ("s390x", "s390x"),
        ("mips64el", "mips64le"),
        ("loongarch64", "loong64"),
    ];
    table
        .into_iter()
        .filter(|(kernel, _)| Path::new("/proc/sys/fs/binfmt_misc").join(format!("qemu-{kernel}")).exists())
        .map(|(_, image)| image.to_owned())
        .collect()
}
