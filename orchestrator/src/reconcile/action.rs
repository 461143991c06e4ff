//! What a plan consists of: actions, each one change of one object of the engine, or one wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use compose_schema::model::Hook;

use crate::backend::{Attachment, BuildSpec, Container, ContainerSpec, NetworkSpec, VolumeSpec};
use crate::labels;
use crate::provide::{Provision, Task};
use crate::reconcile::desired::references;
use crate::reconcile::plan::StepId;

/// A container that an action is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// It is there.
    Existing {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// A step of the same plan makes it.
    Made {
        /// That step.
        step: StepId,
        /// The name it will have in the end.
        name: String,
    },
}

/// What becomes of an image that cannot be pulled.
#[derive(Debug, Clone, PartialEq)]
pub enum PullFallback {
    /// It cannot be had.
    Nothing,
    /// The one that is here is taken, else it is built.
    Build(Box<BuildSpec>),
    /// It could be built, and `--no-build` forbids that.
    Forbidden,
}

impl From<&Container> for Target {
    fn from(container: &Container) -> Self {
        Self::Existing { id: container.id.clone(), name: container.name.clone() }
    }
}

impl Target {
    /// Its name, for people.
    pub fn name(&self) -> &str {
        match self {
            Self::Existing { name, .. } | Self::Made { name, .. } => name,
        }
    }
}

/// What a wait ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitFor {
    /// All containers are healthy; one without a check is a failure.
    Healthy,
    /// All containers have ended with code 0.
    Completed,
    /// All containers run, and are healthy where they have a check (`--wait`).
    RunningOrHealthy,
    /// As before, where having ended with code 0 is fine too (`--wait` on a service that others wait for to complete).
    RunningOrCompleted,
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookKind {
    /// `post_start`
    PostStart,
    /// `pre_stop`
    PreStop,
}

impl HookKind {
    /// Its name in compose files.
    pub fn name(self) -> &'static str {
        match self {
            Self::PostStart => "post_start",
            Self::PreStop => "pre_stop",
        }
    }
}

/// A file that is copied into a container before each start: a secret or config whose content is not a host file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectedFile {
    /// Absolute path in the container.
    pub path: String,
    /// Content.
    pub content: Content,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Permission bits.
    pub mode: u32,
}

/// What is in a file that is copied into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// This.
    Text(String),
    /// The client's credentials for registries, as a `config.json`; read when the file is copied.
    RegistryCredentials,
}

/// A container to be made, and what is known only once other steps are done.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// The container. Its service still names services where namespaces are shared, and has no config hash yet.
    pub spec: ContainerSpec,
    /// Containers of the services whose namespaces or volumes it shares.
    pub shares: BTreeMap<String, Target>,
    /// `links`, as `container:alias`.
    pub links: Vec<String>,
    /// The step that brings its image, where that is not known yet.
    pub image_from: Option<StepId>,
}

impl Create {
    /// The container as the engine gets it. `id` tells the id that a target has by now, `image` the id of the image
    /// that a step has brought.
    pub fn settle(
        &self,
        id: impl Fn(&Target) -> Option<String>,
        image: impl Fn(StepId) -> Option<String>,
    ) -> ContainerSpec {
        let ids: BTreeMap<String, String> =
            self.shares.iter().filter_map(|(service, target)| Some((service.clone(), id(target)?))).collect();
        let mut spec = self.spec.clone();
        if spec.body.is_some() {
            return spec;
        }
        spec.labels.insert(labels::CONFIG_HASH.to_owned(), references::config_hash(&spec.service, &ids));
        if let Some(image) = self.image_from.and_then(image) {
            spec.labels.insert(labels::IMAGE.to_owned(), image);
        }
        references::resolve(&mut spec.service, &ids);
        spec.service.links.clone_from(&self.links);
        spec
    }
}

/// One change of one object of the engine, or a wait for its containers, for the gateway or for a program that provides
/// something. It takes as many calls as that needs (a pull is followed by a look at what came, a failed container's log is read
/// before it is removed), decides nothing, and can be repeated: what is so already is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Makes a network.
    CreateNetwork(Box<NetworkSpec>),
    /// Removes a network.
    RemoveNetwork {
        /// Id.
        id: String,
        /// Name.
        name: String,
        /// One that others still use stays, with a warning.
        may_stay: bool,
    },
    /// Makes a volume.
    CreateVolume(Box<VolumeSpec>),
    /// Removes a volume.
    RemoveVolume {
        /// Name.
        name: String,
        /// One that others still use stays, with a warning.
        may_stay: bool,
    },
    /// Pulls an image.
    Pull {
        /// Image.
        image: String,
        /// Platform; empty for the engine's own.
        platform: String,
        /// Service that asks for it.
        service: String,
        /// What else may bring it.
        fallback: PullFallback,
    },
    /// Builds an image.
    Build {
        /// What to build.
        spec: Box<BuildSpec>,
        /// Service that asks for it.
        service: String,
    },
    /// Removes an image; one that others still use stays, with a warning.
    RemoveImage {
        /// Name.
        name: String,
    },
    /// Gives an image a further name, which keeps it.
    TagImage {
        /// Its id.
        image: String,
        /// The name.
        name: String,
    },
    /// Makes a container.
    Create(Box<Create>),
    /// Copies files into a container that does not run yet.
    Put {
        /// Which container.
        target: Target,
        /// Files.
        files: Arc<[InjectedFile]>,
    },
    /// Starts a container.
    Start {
        /// Which.
        target: Target,
    },
    /// Stops a container.
    Stop {
        /// Which.
        target: Target,
        /// Time until it is killed; the container's own without one.
        grace: Option<Duration>,
    },
    /// Stops and starts a container.
    Restart {
        /// Which.
        target: Target,
        /// Time until it is killed; the container's own without one.
        grace: Option<Duration>,
    },
    /// Lets a frozen container go on.
    Unpause {
        /// Which.
        target: Target,
    },
    /// Removes a container.
    Remove {
        /// Which.
        target: Target,
        /// With its anonymous volumes.
        volumes: bool,
    },
    /// Gives a container another name.
    Rename {
        /// Which.
        target: Target,
        /// New name.
        name: String,
    },
    /// Joins a container to a network.
    Connect {
        /// Which.
        target: Target,
        /// Where.
        attachment: Box<Attachment>,
    },
    /// Takes a container out of a network.
    Disconnect {
        /// Which.
        target: Target,
        /// Name of the network.
        network: String,
    },
    /// Waits for the containers of a service.
    Wait {
        /// Service.
        service: String,
        /// Its containers.
        targets: Vec<Target>,
        /// For what.
        until: WaitFor,
        /// How long at most.
        limit: Option<Duration>,
    },
    /// Waits until the gateway routes to containers, as far as they run, and reaches them; nothing where there is no
    /// gateway.
    Enter {
        /// Which.
        targets: Vec<Target>,
        /// They have to run and to be reached, which may take so long; without it they only may be routed to again.
        limit: Option<Duration>,
    },
    /// Takes containers out of the gateway's routes, and waits until nothing is under way to them.
    Leave {
        /// Which.
        targets: Vec<Target>,
        /// How long it may take; then it is ended all the same.
        limit: Duration,
    },
    /// Watches that containers go on running, and are not unhealthy: a new one (`update_config.monitor`), and those of
    /// batches before it.
    Monitor {
        /// Which.
        targets: Vec<Target>,
        /// How long; without a time it is one look.
        time: Duration,
    },
    /// A pause (`update_config.delay`).
    Pause(Duration),
    /// Removes a container that was to take another's place and failed; shows the end of its log.
    Discard {
        /// Which.
        target: Target,
        /// How long requests have that the gateway has sent it already; none where it routes nothing to the service.
        drain: Option<Duration>,
    },
    /// Has a program bring something, or take it away.
    Provide(Box<Provision>),
    /// Runs a hook in a container.
    Hook {
        /// Which container.
        target: Target,
        /// Service.
        service: String,
        /// Command.
        hook: Box<Hook>,
        /// Which kind.
        kind: HookKind,
    },
}

impl Action {
    /// It changes something at the engine; waits only look. A program that brings something is asked each time, and knows
    /// itself whether there is anything to do.
    pub fn changes(&self) -> bool {
        match self {
            Self::Wait { .. } | Self::Monitor { .. } | Self::Pause(_) => false,
            Self::Provide(provision) => matches!(provision.task, Task::Service { down: true, .. }),
            _ => true,
        }
    }

    /// It mostly waits, for something else than a call to the engine.
    pub fn waits(&self) -> bool {
        matches!(
            self,
            Self::Wait { .. } | Self::Enter { .. } | Self::Leave { .. } | Self::Monitor { .. } | Self::Pause(_)
        )
    }
}
