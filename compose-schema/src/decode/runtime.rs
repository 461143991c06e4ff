//! The parts of a service that have a form of their own.

use std::collections::BTreeMap;

use super::reader::Fields;
use super::shell;
use crate::canonical::{PORT_MODE, PORT_PROTOCOL};
use crate::codes::schema::{BAD_VALUE, COMMAND_LINE};
use crate::model::{
    BlkioConfig, Condition, CredentialSpec, DeviceMapping, EnvFile, FileReference, Healthcheck, Hook, Port, Provider,
    ServiceNetwork, StringMap, ThrottleDevice, Ulimit, WatchRule, WeightDevice,
};
use crate::yaml::{Node, Value};

/// `command` and `entrypoint`: a line is split into words.
pub(super) fn command(f: &Fields<'_>, key: &str) -> Option<Vec<String>> {
    let node = f.get(key)?;
    let Value::String(line) = &node.value else { return Some(f.texts_of(key, node)) };
    match shell::split(line) {
        Ok(split) => Some(split.words),
        Err(shell::Unbalanced) => {
            f.refuse(COMMAND_LINE, key, node, "a quote, a parenthesis or a backslash is left open");
            None
        }
    }
}

pub(super) fn condition(f: &Fields<'_>) -> Condition {
    match f.text("condition").as_str() {
        "service_healthy" => Condition::Healthy,
        "service_completed_successfully" => Condition::CompletedSuccessfully,
        _ => Condition::Started,
    }
}

pub(super) fn healthcheck(f: &Fields<'_>) -> Healthcheck {
    let test = match f.get("test") {
        Some(node) if node.as_str().is_some() => vec!["CMD-SHELL".to_owned(), f.text("test")],
        _ => f.texts("test"),
    };
    Healthcheck {
        test,
        timeout: f.duration("timeout"),
        interval: f.duration("interval"),
        retries: f.integer("retries"),
        start_period: f.duration("start_period"),
        start_interval: f.duration("start_interval"),
        disable: f.flag("disable"),
        extensions: f.extensions(),
    }
}

pub(super) fn hook(f: &Fields<'_>) -> Hook {
    Hook {
        command: command(f, "command"),
        user: f.text("user"),
        privileged: f.flag("privileged"),
        working_dir: f.text("working_dir"),
        environment: f.variables("environment"),
        extensions: f.extensions(),
    }
}

pub(super) fn watch_rule(f: &Fields<'_>) -> WatchRule {
    WatchRule {
        path: f.text("path"),
        action: f.text("action"),
        target: f.text("target"),
        exec: f.object("exec", hook).unwrap_or_default(),
        include: f.texts("include"),
        ignore: f.texts("ignore"),
        initial_sync: f.flag("initial_sync"),
        extensions: f.extensions(),
    }
}

pub(super) fn blkio(f: &Fields<'_>) -> BlkioConfig {
    let rates = |key| f.list(key, |f| ThrottleDevice { path: f.text("path"), rate: f.bytes("rate") });
    BlkioConfig {
        weight: weight(f),
        weight_device: f.list("weight_device", |f| WeightDevice { path: f.text("path"), weight: weight(f) }),
        device_read_bps: rates("device_read_bps"),
        device_read_iops: rates("device_read_iops"),
        device_write_bps: rates("device_write_bps"),
        device_write_iops: rates("device_write_iops"),
    }
}

/// A weight; of one that is too large Docker Compose keeps the lower 16 bits, and so does its hash.
fn weight(f: &Fields<'_>) -> u16 {
    let weight: i64 = f.integer("weight").unwrap_or_default();
    u16::try_from(weight.rem_euclid(1 << 16)).unwrap_or_default()
}

pub(super) fn credential_spec(f: &Fields<'_>) -> CredentialSpec {
    CredentialSpec {
        config: f.text("config"),
        file: f.text("file"),
        registry: f.text("registry"),
        extensions: f.extensions(),
    }
}

pub(super) fn device(f: &Fields<'_>) -> DeviceMapping {
    DeviceMapping {
        source: f.text("source"),
        target: f.text("target"),
        permissions: f.text("permissions"),
        extensions: f.extensions(),
    }
}

pub(super) fn env_file(f: &Fields<'_>) -> EnvFile {
    EnvFile { path: f.text("path"), required: f.flag("required"), format: f.text("format") }
}

/// A service's or build's secret or config. A mode in quotes is octal.
pub(super) fn file_reference(f: &Fields<'_>) -> FileReference {
    let mode = f.get("mode").and_then(|node| {
        let mode = match &node.value {
            Value::Int(mode) => u32::try_from(*mode).ok(),
            Value::String(text) => u32::from_str_radix(text, 8).ok(),
            _ => None,
        };
        if mode.is_none() {
            f.refuse(BAD_VALUE, "mode", node, "must be permission bits, as in `0440` or `\"0440\"`");
        }
        mode
    });
    FileReference {
        source: f.text("source"),
        target: f.text("target"),
        uid: f.text("uid"),
        gid: f.text("gid"),
        mode,
        extensions: f.extensions(),
    }
}

pub(super) fn provider(f: &Fields<'_>) -> Provider {
    let options = f.entries_of("options").map(|(name, node)| {
        let texts = match &node.value {
            Value::Sequence(items) => items.iter().filter_map(|item| item.value.text()).map(Into::into).collect(),
            value => value.text().into_iter().map(Into::into).collect(),
        };
        (name.to_owned(), texts)
    });
    // An option that is given no times is not given.
    let options = options.filter(|(_, texts): &(_, Vec<String>)| !texts.is_empty());
    Provider { kind: f.text("type"), options: options.collect(), extensions: f.extensions() }
}

pub(super) fn network(f: &Fields<'_>) -> ServiceNetwork {
    ServiceNetwork {
        aliases: f.texts("aliases"),
        driver_opts: options(f, "driver_opts"),
        gw_priority: f.integer("gw_priority").unwrap_or_default(),
        interface_name: f.text("interface_name"),
        ipv4_address: f.text("ipv4_address"),
        ipv6_address: f.text("ipv6_address"),
        link_local_ips: f.texts("link_local_ips"),
        mac_address: f.text("mac_address"),
        priority: f.integer("priority").unwrap_or_default(),
        extensions: f.extensions(),
    }
}

pub(super) fn port(f: &Fields<'_>) -> Port {
    Port {
        name: f.text("name"),
        mode: f.text_or("mode", PORT_MODE),
        host_ip: f.text("host_ip"),
        target: f.integer("target").unwrap_or_default(),
        published: published(f),
        protocol: f.text_or("protocol", PORT_PROTOCOL),
        app_protocol: f.text("app_protocol"),
        extensions: f.extensions(),
    }
}

/// The port of the host: text or a whole number, though the schema takes `80.0` for one.
fn published(f: &Fields<'_>) -> String {
    if let Some(node @ Node { value: Value::Float(_), .. }) = f.get("published") {
        f.refuse(BAD_VALUE, "published", node, "must be a string, not a number with a fraction");
        return String::new();
    }
    f.text("published")
}

/// Options of a driver: any scalar, as text.
pub(super) fn options(f: &Fields<'_>, key: &str) -> StringMap {
    f.map(key)
}

/// `storage_opt`: texts and whole numbers.
pub(super) fn storage_options(f: &Fields<'_>) -> StringMap {
    f.entries_of("storage_opt")
        .map(|(name, node)| {
            let text = match &node.value {
                Value::Null => String::new(),
                Value::String(_) | Value::Int(_) => node.value.text().map(Into::into).unwrap_or_default(),
                value => {
                    f.refuse(BAD_VALUE, "storage_opt", node, &format!("must be a string, not {}", value.kind()));
                    String::new()
                }
            };
            (name.to_owned(), text)
        })
        .collect()
}

pub(super) fn ulimits(f: &Fields<'_>) -> BTreeMap<String, Ulimit> {
    let limit = |name: &str, node: &Node| match &node.value {
        Value::Int(limit) => Some(Ulimit { single: i64::try_from(*limit).unwrap_or(i64::MAX), ..Ulimit::default() }),
        Value::Mapping(entries) => {
            let limit = f.child(&format!("ulimits.{name}"), entries);
            let part = |key| limit.integer(key).unwrap_or_default();
            Some(Ulimit { single: 0, soft: part("soft"), hard: part("hard") })
        }
        value => {
            f.refuse(BAD_VALUE, "ulimits", node, &format!("`{name}` must be a whole number, not {}", value.kind()));
            None
        }
    };
    f.entries_of("ulimits").filter_map(|(name, node)| Some((name.to_owned(), limit(name, node)?))).collect()
}

/// `HOST=IP[,IP]` or `HOST:IP[,IP]` in a list, or a mapping of hosts to one address or several.
pub(super) fn extra_hosts(f: &Fields<'_>) -> BTreeMap<String, Vec<String>> {
    type Hosts = BTreeMap<String, Vec<String>>;
    fn add(hosts: &mut Hosts, host: &str, addresses: &str) {
        let bare = |ip: &str| ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip).to_owned();
        hosts.entry(host.to_owned()).or_default().extend(addresses.split(',').map(bare));
    }
    let mut hosts = Hosts::new();
    let Some(node) = f.get("extra_hosts") else { return hosts };
    match &node.value {
        Value::Mapping(entries) => {
            for (host, entry) in entries.iter() {
                if host.contains([':', '=']) {
                    let reason = format!("`{host}` is not the name of a host");
                    f.refuse(BAD_VALUE, "extra_hosts", &entry.node, &reason);
                }
                // A host without addresses is one nevertheless: hashes know the difference.
                hosts.entry(host.clone()).or_default();
                for address in f.texts_of("extra_hosts", &entry.node) {
                    add(&mut hosts, host, &address);
                }
            }
        }
        _ => {
            for line in f.texts("extra_hosts") {
                match line.split_once('=').or_else(|| line.split_once(':')) {
                    Some((host, _)) if host.is_empty() || host.contains(':') => {
                        f.refuse(
                            BAD_VALUE,
                            "extra_hosts",
                            node,
                            &format!("`{line}` does not start with the name of a host"),
                        );
                    }
                    Some((host, addresses)) => add(&mut hosts, host, addresses),
                    None => {
                        let reason = format!("`{line}` has no address; write `HOST=IP`");
                        f.refuse(BAD_VALUE, "extra_hosts", node, &reason);
                    }
                }
            }
        }
    }
    hosts
}
