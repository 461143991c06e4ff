//! Names of the labels that carry all state. Docker Compose's own, so that its commands and all tools built around it
//! work on our projects, and ours on its; what only we need is under `stack.`.

/// Project name, on everything.
pub const PROJECT: &str = "com.docker.compose.project";
/// Service name, on containers and built images.
pub const SERVICE: &str = "com.docker.compose.service";
/// Number of the container among its service's, from 1.
pub const NUMBER: &str = "com.docker.compose.container-number";
/// `True` for containers of `run`, else `False`.
pub const ONEOFF: &str = "com.docker.compose.oneoff";
/// Random part of a one-off container's name.
pub const SLUG: &str = "com.docker.compose.slug";
/// Hash of the definition (containers, networks, volumes); see `compose_schema::hash`.
pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// Id of the image at creation.
pub const IMAGE: &str = "com.docker.compose.image";
/// Dependencies, `service:condition:restart`, separated by commas.
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// Project folder.
pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// Compose files, absolute, separated by commas.
pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// `--env-file`s, separated by commas; absent without any.
pub const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
/// Version of Docker Compose whose hashes and labels these are.
pub const VERSION: &str = "com.docker.compose.version";
/// Id of the container that this one replaces.
pub const REPLACE: &str = "com.docker.compose.replace";
/// Key of a network in the compose file.
pub const NETWORK: &str = "com.docker.compose.network";
/// Key of a volume in the compose file.
pub const VOLUME: &str = "com.docker.compose.volume";

/// Short hashes of a service's attributes, to name what changed later.
pub const STACK_CONFIG: &str = "stack.config";
/// Hash of the files that are copied into a container (secrets and configs that are not host files).
pub const STACK_FILES: &str = "stack.files";

/// The version that a container took the place of; see [`crate::reconcile::version`].
pub const PREVIOUS: &str = "stack.previous";

/// Whether a label is state of ours that listings leave out: nobody can read it, and [`PREVIOUS`] holds an environment.
#[must_use]
pub fn is_internal(name: &str) -> bool {
    matches!(name, STACK_CONFIG | STACK_FILES | PREVIOUS)
}

/// The version of Docker Compose that our labels and hashes equal.
pub const COMPOSE_VERSION: &str = "2.40.3";
