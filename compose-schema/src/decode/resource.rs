//! Networks, volumes, secrets, configs and models of the top level.

use super::reader::Fields;
use super::runtime::options;
use crate::codes::schema::BAD_VALUE;
use crate::model::{FileObject, Ipam, IpamPool, Model, Network, StringMap, Volume};
use crate::yaml::Value;

pub(super) fn network(f: &Fields<'_>) -> Network {
    Network {
        name: f.text("name"),
        driver: f.text("driver"),
        driver_opts: options(f, "driver_opts"),
        ipam: f
            .object("ipam", |f| Ipam {
                driver: f.text("driver"),
                config: f.list("config", |f| IpamPool {
                    subnet: f.text("subnet"),
                    gateway: f.text("gateway"),
                    ip_range: f.text("ip_range"),
                    aux_addresses: f.map("aux_addresses"),
                }),
                extensions: f.extensions(),
            })
            .unwrap_or_default(),
        external: f.flag("external"),
        internal: f.flag("internal"),
        attachable: f.flag("attachable"),
        labels: f.map("labels"),
        enable_ipv4: f.optional_flag("enable_ipv4"),
        enable_ipv6: f.optional_flag("enable_ipv6"),
        extensions: f.extensions(),
    }
}

pub(super) fn volume(f: &Fields<'_>) -> Volume {
    Volume {
        name: f.text("name"),
        driver: f.text("driver"),
        driver_opts: options(f, "driver_opts"),
        external: f.flag("external"),
        labels: f.map("labels"),
        extensions: f.extensions(),
    }
}

pub(super) fn file_object(f: &Fields<'_>) -> FileObject {
    FileObject {
        name: f.text("name"),
        file: f.text("file"),
        environment: f.text("environment"),
        content: f.text("content"),
        external: f.flag("external"),
        labels: f.map("labels"),
        driver: f.text("driver"),
        driver_opts: whole_options(f),
        template_driver: f.text("template_driver"),
        extensions: f.extensions(),
    }
}

/// Options of a secret's driver: texts and whole numbers.
fn whole_options(f: &Fields<'_>) -> StringMap {
    for (name, node) in f.entries_of("driver_opts") {
        if let Value::Float(_) = node.value {
            f.refuse(BAD_VALUE, "driver_opts", node, &format!("`{name}` must be a string or a whole number"));
        }
    }
    options(f, "driver_opts")
}

pub(super) fn model(f: &Fields<'_>) -> Model {
    Model {
        name: f.text("name"),
        model: f.text("model"),
        context_size: f.integer("context_size").unwrap_or_default(),
        runtime_flags: f.texts("runtime_flags"),
        extensions: f.extensions(),
    }
}
