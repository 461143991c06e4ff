//! Short hashes of a service's attributes, kept as a label, so that a later `up` can name what changed.

use std::collections::BTreeMap;

use compose_schema::model::Service;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Attributes whose entries are hashed one by one.
const SPLIT: [&str; 10] = [
    "annotations",
    "deploy",
    "environment",
    "extra_hosts",
    "healthcheck",
    "labels",
    "logging",
    "networks",
    "sysctls",
    "ulimits",
];

/// What changes nothing about a container: the same attributes that Docker Compose's config-hash leaves out.
const IGNORED: [&str; 6] = ["build", "depends_on", "develop", "profiles", "pull_policy", "scale"];

/// First hexadecimal digits of a SHA-256.
pub(super) fn digest(bytes: &[u8], digits: usize) -> String {
    Sha256::digest(bytes).iter().take(digits.div_ceil(2)).map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes by path (`environment.DEBUG`).
fn hashes(service: &Service) -> BTreeMap<String, String> {
    let mut service = service.clone();
    if let Some(deploy) = &mut service.deploy {
        deploy.replicas = None;
    }
    let mut hashes = BTreeMap::new();
    let Ok(Value::Object(attributes)) = serde_json::to_value(&service) else { return hashes };
    for (key, value) in attributes {
        match value {
            _ if IGNORED.contains(&key.as_str()) => {}
            Value::Null => {}
            Value::Object(entries) if SPLIT.contains(&key.as_str()) => {
                for (entry, value) in entries {
                    hashes.insert(format!("{key}.{entry}"), digest(value.to_string().as_bytes(), 8));
                }
            }
            value => {
                hashes.insert(key, digest(value.to_string().as_bytes(), 8));
            }
        }
    }
    hashes
}

/// The label's value: a JSON object of hashes by path.
pub fn of(service: &Service) -> String {
    serde_json::to_string(&hashes(service)).unwrap_or_default()
}

/// The paths that differ between a label's value and a service, in order; none if the label cannot be read.
pub fn changed(label: &str, service: &Service) -> Vec<String> {
    let Ok(old) = serde_json::from_str::<BTreeMap<String, String>>(label) else { return Vec::new() };
    let new = hashes(service);
    let mut paths: Vec<String> =
        old.keys().chain(new.keys()).filter(|path| old.get(*path) != new.get(*path)).cloned().collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}
