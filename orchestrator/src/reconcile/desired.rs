//! What shall be: the project as containers, networks and volumes of the engine.

mod builds;
mod files;
pub mod fingerprint;
mod mounts;
mod networks;
pub(in crate::reconcile) mod provided;
pub mod references;
mod socket;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compose_schema::model::{Dependency, Mount, Network, Project, Service, Volume};

use crate::backend::{Attachment, BuildSpec, Labels, NetworkSpec, VolumeSpec};
use crate::error::CommandError;
use crate::labels;
use crate::reconcile::action::InjectedFile;

pub use provided::{Programs, Provided};

/// Which part of a project a command is about.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Services named on the command line; none: all.
    pub services: Vec<String>,
    /// Only those, not what they depend on (`--no-deps`).
    pub no_dependencies: bool,
    /// `--scale`.
    pub scale: BTreeMap<String, u32>,
    /// Services that the gateway stands in for: they are not run.
    pub adopted: BTreeSet<String>,
}

/// Why a project cannot be run as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// A name on the command line.
    #[error("no such service: {0}")]
    NoSuchService(String),
    /// Nothing is left to run.
    #[error("no service selected")]
    NothingSelected,
    /// Builds that begin with each other's images.
    #[error("services `{}` build on each other: `additional_contexts` go round in a circle{}", .services.join("`, `"), at(.place))]
    BuildCycle {
        /// The services.
        services: Vec<String>,
        /// `file:line`, where known.
        place: Option<String>,
    },
    /// A secret or config that only a cluster could bring.
    #[error("{kind} `{name}` is external, which is not supported outside a cluster{}", at(.place))]
    ExternalFile {
        /// `secret` or `config`.
        kind: &'static str,
        /// Its key.
        name: String,
        /// `file:line`, where known.
        place: Option<String>,
    },
    /// A secret or config from a variable that is not set.
    #[error("environment variable `{variable}`, needed by {kind} `{name}`, is not set{}", at(.place))]
    VariableNotSet {
        /// `secret` or `config`.
        kind: &'static str,
        /// Its key.
        name: String,
        /// The variable.
        variable: String,
        /// `file:line`, where known.
        place: Option<String>,
    },
    /// A file cannot be copied into a container whose root is not writable.
    #[error("{kind} `{name}` cannot be put into service `{service}`, whose root is `read_only`{}", at(.place))]
    ReadOnlyRoot {
        /// `secret` or `config`.
        kind: &'static str,
        /// Its key.
        name: String,
        /// The service.
        service: String,
        /// `file:line`, where known.
        place: Option<String>,
    },
    /// A fixed name for several containers.
    #[error("service `{service}` has `container_name: {name}` and cannot run {replicas} containers{}", at(.place))]
    NameForSeveral {
        /// The service.
        service: String,
        /// The name.
        name: String,
        /// How many.
        replicas: u32,
        /// `file:line`, where known.
        place: Option<String>,
    },
}

/// A place as it follows a message.
pub(in crate::reconcile) fn at(place: &Option<String>) -> String {
    place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default()
}

impl From<ProjectError> for CommandError {
    fn from(error: ProjectError) -> Self {
        let hint = match &error {
            ProjectError::NoSuchService(_) => "`stack config --services` lists the services".to_owned(),
            ProjectError::NothingSelected => "is a profile missing? `--profile NAME` switches it on".to_owned(),
            ProjectError::BuildCycle { .. } => "let one of them begin with something else".to_owned(),
            ProjectError::ExternalFile { .. } => "use `file:`, `environment:` or `content:` instead".to_owned(),
            ProjectError::VariableNotSet { variable, .. } => format!("set `{variable}` in the shell or in `.env`"),
            ProjectError::ReadOnlyRoot { .. } => "use a `file:` source, which is mounted".to_owned(),
            ProjectError::NameForSeveral { .. } => "take `container_name` out, or run one container".to_owned(),
        };
        Self::new(error.to_string()).hint(hint)
    }
}

/// One service, ready to be made into containers.
#[derive(Debug, Clone, Default)]
pub struct DesiredService {
    /// Name.
    pub name: String,
    /// The service as the file means it.
    pub service: Service,
    /// Image its containers run.
    pub image: String,
    /// How that image is built, where it is.
    pub build: Option<BuildSpec>,
    /// Services whose images its build begins with.
    pub bases: Vec<String>,
    /// Number of containers.
    pub replicas: u32,
    /// Named on the command line (or nothing was), not only needed by others.
    pub selected: bool,
    /// Labels, without number, hash and image.
    pub labels: Labels,
    /// Networks, the primary one first; aliases without the container's name.
    pub networks: Vec<Attachment>,
    /// Keys of its networks.
    pub network_keys: Vec<String>,
    /// Mounts by engine names.
    pub mounts: Vec<Mount>,
    /// Keys of its volumes.
    pub volume_keys: Vec<String>,
    /// Environment.
    pub environment: Vec<String>,
    /// Files to be copied in before each start.
    pub files: Arc<[InjectedFile]>,
    /// Where the file says which image it is.
    pub image_place: Option<String>,
    /// Where its published ports are written.
    pub ports_place: Option<String>,
    /// Where its environment variables are written, by name.
    pub environment_places: BTreeMap<String, String>,
    /// Where other attributes are written, by path (`labels.a`); only those that a plan has found changed.
    pub places: BTreeMap<String, String>,
}

impl DesiredService {
    /// Name of its container with a number.
    pub fn container_name(&self, project: &str, number: u32) -> String {
        if self.service.container_name.is_empty() {
            format!("{project}-{}-{number}", self.name)
        } else {
            self.service.container_name.clone()
        }
    }
}

/// A network or volume of the project.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resource<Spec> {
    /// How it is made; its name is the engine's.
    pub spec: Spec,
    /// It exists already and is not ours.
    pub external: bool,
}

/// What shall be.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// Project name.
    pub project: String,
    /// Project folder.
    pub working_dir: String,
    /// Services to run, by name.
    pub services: BTreeMap<String, DesiredService>,
    /// Services that are not to be run, but whose images builds of those begin with.
    pub bases: BTreeMap<String, DesiredService>,
    /// Every service of the files, those that are not to be run included: their containers are no orphans.
    pub known: BTreeSet<String>,
    /// Services that the gateway stands in for.
    pub adopted: BTreeSet<String>,
    /// Networks that those services use, by key.
    pub networks: BTreeMap<String, Resource<NetworkSpec>>,
    /// Volumes that those services use, by key.
    pub volumes: BTreeMap<String, Resource<VolumeSpec>>,
    /// What programs bring for those services.
    pub programs: Programs,
}

impl Desired {
    /// Works out what a part of a project means. `place` tells where a value stands (`compose.yaml:12`), by path.
    ///
    /// # Errors
    /// What cannot be run as it is written.
    pub fn new(
        project: &Project,
        selection: &Selection,
        place: &dyn Fn(&[&str]) -> Option<String>,
    ) -> Result<Self, ProjectError> {
        let granted = socket::granted(project);
        let project = granted.as_ref().unwrap_or(project);
        let chosen = choose(project, selection)?;
        let mut desired = Self {
            project: project.name.clone(),
            working_dir: project.working_dir.display().to_string(),
            known: project.services.keys().chain(project.disabled_services.keys()).cloned().collect(),
            adopted: selection.adopted.clone(),
            ..Self::default()
        };
        let names: BTreeSet<String> = chosen.keys().cloned().collect();
        for (name, selected) in chosen {
            let Some(service) = project.services.get(&name).filter(|service| service.provider.is_none()) else {
                continue;
            };
            let replicas = selection.scale.get(&name).copied().unwrap_or_else(|| service.replicas());
            let mut service = one(project, &name, service, replicas, selected, place)?;
            if selection.no_dependencies {
                // Docker Compose, too, notes only what is brought up with it.
                let depends_on = depends_on(&service.service, &|other| names.contains(other));
                service.labels.insert(labels::DEPENDS_ON.to_owned(), depends_on);
            }
            for key in &service.network_keys {
                if let Some(network) = project.networks.get(key) {
                    desired.networks.entry(key.clone()).or_insert_with(|| network_resource(project, key, network));
                }
            }
            for key in &service.volume_keys {
                if let Some(volume) = project.volumes.get(key) {
                    desired.volumes.entry(key.clone()).or_insert_with(|| volume_resource(project, key, volume));
                }
            }
            desired.services.insert(name, service);
        }
        desired.add_programs(project, &names, place);
        desired.bases = builds::bases(project, &desired.services, place)?;
        // The gateway stands in for them, and keeps what it has for them where they would.
        for service in selection.adopted.iter().filter_map(|name| project.services.get(name)) {
            for key in mounts::mounts(project, service).1 {
                if let Some(volume) = project.volumes.get(&key) {
                    desired.volumes.entry(key.clone()).or_insert_with(|| volume_resource(project, &key, volume));
                }
            }
        }
        Ok(desired)
    }

    /// Names of the services, each after those it depends on; otherwise by name.
    pub fn order(&self) -> Vec<&str> {
        fn visit<'a>(desired: &'a Desired, name: &'a str, seen: &mut BTreeSet<&'a str>, order: &mut Vec<&'a str>) {
            let Some(service) = desired.services.get(name) else { return };
            if !seen.insert(name) {
                return;
            }
            for dependency in service.service.depends_on.keys() {
                visit(desired, dependency, seen, order);
            }
            order.push(name);
        }
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        for name in self.services.keys() {
            visit(self, name, &mut seen, &mut order);
        }
        order
    }
}

/// The services that a selection means, and whether each was asked for itself.
fn choose(project: &Project, selection: &Selection) -> Result<BTreeMap<String, bool>, ProjectError> {
    let unknown =
        selection.services.iter().chain(selection.scale.keys()).find(|name| !project.services.contains_key(*name));
    if let Some(name) = unknown {
        return Err(ProjectError::NoSuchService(name.clone()));
    }
    let named: Vec<&String> = if selection.services.is_empty() {
        project.services.keys().collect()
    } else {
        selection.services.iter().collect()
    };
    if named.is_empty() {
        return Err(ProjectError::NothingSelected);
    }
    let mut chosen: BTreeMap<String, bool> = named.iter().map(|name| ((*name).clone(), true)).collect();
    let mut open: Vec<&String> = if selection.no_dependencies { Vec::new() } else { named };
    while let Some(name) = open.pop() {
        let Some(service) = project.services.get(name) else { continue };
        for dependency in service.depends_on.keys() {
            if project.services.contains_key(dependency) && !chosen.contains_key(dependency) {
                chosen.insert(dependency.clone(), false);
                open.push(dependency);
            }
        }
    }
    chosen.retain(|name, _| !selection.adopted.contains(name));
    Ok(chosen)
}

fn one(
    project: &Project,
    name: &str,
    service: &Service,
    replicas: u32,
    selected: bool,
    place: &dyn Fn(&[&str]) -> Option<String>,
) -> Result<DesiredService, ProjectError> {
    let here = |key: &str| place(&["services", name, key]);
    if replicas > 1 && !service.container_name.is_empty() {
        return Err(ProjectError::NameForSeveral {
            service: name.to_owned(),
            name: service.container_name.clone(),
            replicas,
            place: here("container_name"),
        });
    }
    let image = image_name(project, name, service);
    let (networks, network_keys) = networks::attachments(project, name, service);
    let (mut mounts, volume_keys) = mounts::mounts(project, service);
    let (bound, files) = files::files(project, name, service, place)?;
    mounts.extend(bound);
    let mut labels = container_labels(project, name, service);
    if !files.is_empty() {
        labels.insert(labels::STACK_FILES.to_owned(), files::digest(&files));
    }
    Ok(DesiredService {
        name: name.to_owned(),
        build: service.build.as_ref().map(|build| BuildSpec {
            build: builds::settled(project, build),
            secrets: builds::secrets(project, build),
            tag: image.clone(),
            platform: if service.platform.is_empty() {
                build.platforms.first().cloned().unwrap_or_default()
            } else {
                service.platform.clone()
            },
            labels: Labels::from([
                (labels::PROJECT.to_owned(), project.name.clone()),
                (labels::SERVICE.to_owned(), name.to_owned()),
                (labels::VERSION.to_owned(), labels::COMPOSE_VERSION.to_owned()),
            ]),
            memory: 0,
            places: builds::places(build, &|key| place(&["services", name, "build", key])),
        }),
        bases: service.build.iter().flat_map(|build| builds::needed(build)).map(str::to_owned).collect(),
        image,
        replicas,
        selected,
        labels,
        networks,
        network_keys,
        mounts,
        volume_keys,
        environment: environment(project, service),
        files: files.into(),
        image_place: here("image"),
        ports_place: here("ports"),
        environment_places: service
            .environment
            .keys()
            .filter_map(|key| Some((key.clone(), place(&["services", name, "environment", key])?)))
            .collect(),
        places: BTreeMap::new(),
        service: service.clone(),
    })
}

/// Name of the image that a service runs.
fn image_name(project: &Project, name: &str, service: &Service) -> String {
    if service.image.is_empty() { format!("{}-{name}", project.name) } else { service.image.clone() }
}

fn container_labels(project: &Project, name: &str, service: &Service) -> Labels {
    let mut labels: Labels = service.labels.clone();
    let files: Vec<String> = project.compose_files.iter().map(|path| path.display().to_string()).collect();
    let own = [
        (labels::PROJECT, project.name.clone()),
        (labels::SERVICE, name.to_owned()),
        (labels::VERSION, labels::COMPOSE_VERSION.to_owned()),
        (labels::WORKING_DIR, project.working_dir.display().to_string()),
        (labels::CONFIG_FILES, files.join(",")),
        (labels::ONEOFF, "False".to_owned()),
        (labels::DEPENDS_ON, depends_on(service, &|_| true)),
        (labels::STACK_CONFIG, fingerprint::of(service)),
    ];
    labels.extend(own.map(|(label, value)| (label.to_owned(), value)));
    labels
}

/// The services of a selection that one depends on, as a label has them.
fn depends_on(service: &Service, is_meant: &dyn Fn(&str) -> bool) -> String {
    let meant = service.depends_on.iter().filter(|(other, _)| is_meant(other));
    let one = |(other, dependency): (&String, &Dependency)| {
        format!("{other}:{}:{}", references::condition(dependency.condition), dependency.restart)
    };
    meant.map(one).collect::<Vec<_>>().join(",")
}

/// `KEY=value`; a key without value takes the project's, and where there is none the variable is taken away.
fn environment(project: &Project, service: &Service) -> Vec<String> {
    service
        .environment
        .iter()
        .map(|(key, value)| match value.as_ref().or_else(|| project.environment.get(key)) {
            Some(value) => format!("{key}={value}"),
            None => key.clone(),
        })
        .collect()
}

fn network_resource(project: &Project, key: &str, network: &Network) -> Resource<NetworkSpec> {
    let mut labels: Labels = network.labels.clone();
    let hash = compose_schema::hash::network(network);
    labels.extend(own_labels(project, labels::NETWORK, key, hash));
    Resource { spec: NetworkSpec { network: network.clone(), labels }, external: network.external }
}

fn volume_resource(project: &Project, key: &str, volume: &Volume) -> Resource<VolumeSpec> {
    let mut labels: Labels = volume.labels.clone();
    let hash = compose_schema::hash::volume(volume);
    labels.extend(own_labels(project, labels::VOLUME, key, hash));
    Resource { spec: VolumeSpec { volume: volume.clone(), labels }, external: volume.external }
}

fn own_labels(project: &Project, kind: &str, key: &str, hash: String) -> [(String, String); 4] {
    [
        (labels::PROJECT.to_owned(), project.name.clone()),
        (kind.to_owned(), key.to_owned()),
        (labels::VERSION.to_owned(), labels::COMPOSE_VERSION.to_owned()),
        (labels::CONFIG_HASH.to_owned(), hash),
    ]
}
