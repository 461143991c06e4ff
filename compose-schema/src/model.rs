//! The typed project: what a set of compose files means once everything is read, merged and resolved.
//!
//! Field order, names and what is left out when empty are Docker Compose's own (compose-go `types`), because
//! the serialized form is both `config`'s output and the input of the config hash.

mod build;
mod bytes;
mod deploy;
mod duration;
mod health;
mod mount;
mod network;
mod port;
mod project;
mod secret;
mod service;
mod volume;

pub use build::{Build, SshKey};
pub use bytes::Bytes;
pub use deploy::{
    Deploy, DeviceRequest, GenericResource, GenericResourceSpec, Placement, PlacementPreference, Resource, Resources,
    RestartPolicy, UpdateConfig,
};
pub use duration::Duration;
pub use health::Healthcheck;
pub use mount::{BindOptions, ImageOptions, Mount, TmpfsOptions, VolumeOptions};
pub use network::{Ipam, IpamPool, Network, ServiceNetwork};
pub use port::Port;
pub use project::{Include, Model, Project};
pub use secret::{FileObject, FileReference};
pub use service::{
    BlkioConfig, Condition, CredentialSpec, Dependency, Develop, DeviceMapping, EnvFile, Hook, Logging, Provider,
    Service, ServiceModel, ThrottleDevice, Ulimit, WatchRule, WeightDevice,
};
pub use volume::Volume;

use std::collections::BTreeMap;

/// Names to values; a missing value means "take it from the environment, else leave it out".
pub type OptionalMap = BTreeMap<String, Option<String>>;
/// Names to values.
pub type StringMap = BTreeMap<String, String>;
/// `x-` keys, kept as they are. Serialized as a field `#extensions`, which only [`crate::emit`] knows how to read: Docker
/// Compose writes them in YAML and leaves them out of JSON and hashes.
pub type Extensions = indexmap::IndexMap<String, serde_yaml::Value>;

/// Go's `omitempty`.
pub(crate) fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `extra_hosts` as Docker Compose writes it: a sorted list of `host=address`.
fn hosts<S: serde::Serializer>(hosts: &BTreeMap<String, Vec<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut lines: Vec<String> = hosts
        .iter()
        .flat_map(|(host, addresses)| addresses.iter().map(move |address| format!("{host}={address}")))
        .collect();
    lines.sort_unstable();
    serializer.collect_seq(lines)
}

/// Permission bits as Docker Compose writes them: text, octal, with a leading zero.
#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn octal<S: serde::Serializer>(mode: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    match mode {
        Some(mode) => serializer.collect_str(&format_args!("0{mode:o}")),
        None => serializer.serialize_none(),
    }
}
