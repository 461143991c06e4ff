//! `build`.

use super::reader::Fields;
use super::runtime::{extra_hosts, file_reference, ulimits};
use crate::model::{Build, SshKey};
use crate::yaml::Value;

pub(super) fn decode(f: &Fields<'_>) -> Build {
    Build {
        context: f.text("context"),
        dockerfile: f.text("dockerfile"),
        dockerfile_inline: f.text("dockerfile_inline"),
        entitlements: f.texts("entitlements"),
        args: f.variables("args"),
        provenance: f.text("provenance"),
        sbom: f.text("sbom"),
        ssh: ssh(f),
        labels: f.map("labels"),
        cache_from: f.texts("cache_from"),
        cache_to: f.texts("cache_to"),
        no_cache: f.flag("no_cache"),
        additional_contexts: f.map("additional_contexts"),
        pull: f.flag("pull"),
        extra_hosts: extra_hosts(f),
        isolation: f.text("isolation"),
        network: f.text("network"),
        target: f.text("target"),
        secrets: f.list("secrets", file_reference),
        shm_size: f.bytes("shm_size"),
        tags: f.texts("tags"),
        ulimits: ulimits(f),
        platforms: f.texts("platforms"),
        privileged: f.flag("privileged"),
        extensions: f.extensions(),
    }
}

fn ssh(f: &Fields<'_>) -> Vec<SshKey> {
    let mut keys: Vec<SshKey> = f
        .entries_of("ssh")
        .map(|(id, node)| SshKey {
            id: id.to_owned(),
            path: match &node.value {
                Value::Null => String::new(),
                value => value.text().map(std::borrow::Cow::into_owned).unwrap_or_default(),
            },
        })
        .collect();
    keys.sort_by(|a, b| a.id.cmp(&b.id));
    keys
}
