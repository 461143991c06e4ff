//! Lists whose items have an identity: of two with the same, the last counts, at the place of the first.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::codes::merge as codes;
use crate::diagnostic::Diagnostic;
use crate::pattern::{Cursor, Patterns, Trail};
use crate::yaml::{Node, Value};

/// What makes an item the same as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// What stands before `=`, else the whole text.
    Key,
    /// The target of a mount.
    Volume,
    /// The path in the container.
    Device,
    /// The port.
    Expose,
    /// The target of a secret or config, which starts from a folder.
    Mount(&'static str),
    /// The path.
    EnvFile,
    /// Address, ports and protocol.
    Port,
}

static IDENTITIES: LazyLock<Patterns<Identity>> = LazyLock::new(|| {
    use Identity::{Device, EnvFile, Expose, Key, Mount, Port, Volume};
    Patterns::new(&[
        ("networks.*.labels", Key),
        ("networks.*.ipam.options", Key),
        ("services.*.annotations", Key),
        ("services.*.build.additional_contexts", Key),
        ("services.*.build.args", Key),
        ("services.*.build.labels", Key),
        ("services.*.build.platform", Key),
        ("services.*.build.tags", Key),
        ("services.*.cap_add", Key),
        ("services.*.cap_drop", Key),
        ("services.*.configs", Mount("")),
        ("services.*.deploy.labels", Key),
        ("services.*.devices", Device),
        ("services.*.dns", Key),
        ("services.*.dns_opt", Key),
        ("services.*.dns_search", Key),
        ("services.*.env_file", EnvFile),
        ("services.*.environment", Key),
        ("services.*.expose", Expose),
        ("services.*.labels", Key),
        ("services.*.links", Key),
        ("services.*.networks.*.aliases", Key),
        ("services.*.networks.*.link_local_ips", Key),
        ("services.*.ports", Port),
        ("services.*.profiles", Key),
        ("services.*.secrets", Mount("/run/secrets")),
        ("services.*.sysctls", Key),
        ("services.*.tmpfs", Key),
        ("services.*.volumes", Volume),
    ])
});

/// Takes repeated items out of the lists that have identities.
pub(crate) fn enforce(root: &mut Node, diagnostics: &mut Vec<Diagnostic>) {
    walk(root, IDENTITIES.root(), Trail::Root, diagnostics);
}

fn walk(node: &mut Node, cursor: Cursor<'_, Identity>, trail: Trail<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if cursor.is_out() {
        return;
    }
    match &mut node.value {
        Value::Mapping(entries) => {
            for (key, entry) in entries.iter_mut() {
                walk(&mut entry.node, cursor.child(key), Trail::Key(&trail, key), diagnostics);
            }
        }
        Value::Sequence(items) => {
            if let Some(identity) = cursor.rule()
                && items.len() > 1
            {
                *items = unique(std::mem::take(items), identity, trail, diagnostics);
            } else if let Some(identity) = cursor.rule() {
                // One item cannot repeat another, but a wrong one is wrong alone too.
                diagnostics
                    .extend(items.iter().filter_map(|item| identity.of(item).err().map(|e| refuse(item, trail, e))));
            }
        }
        _ => {}
    }
}

fn unique(items: Vec<Node>, identity: Identity, trail: Trail<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Node> {
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    let mut places: HashMap<String, usize> = HashMap::with_capacity(items.len());
    for item in items {
        let key = match identity.of(&item) {
            Ok(key) => key.into_owned(),
            Err(problem) => {
                diagnostics.push(refuse(&item, trail, problem));
                continue;
            }
        };
        match places.get(&key).and_then(|&place| kept.get_mut(place)) {
            Some(first) => *first = item,
            None => {
                places.insert(key, kept.len());
                kept.push(item);
            }
        }
    }
    kept
}

fn refuse(item: &Node, trail: Trail<'_>, problem: &'static str) -> Diagnostic {
    Diagnostic::error(codes::NO_IDENTITY, format!("an item of `{trail}` {problem}, not {}", item.value.kind()))
        .at(item.span, "")
}

impl Identity {
    /// The item's identity, or what it must be.
    fn of(self, item: &Node) -> Result<Cow<'_, str>, &'static str> {
        let text = |key: &str| item.get(key).and_then(|node| node.value.text());
        match (self, &item.value) {
            (Self::Key, Value::String(text)) => {
                Ok(Cow::Borrowed(text.split_once('=').map_or(text.as_str(), |(key, _)| key)))
            }
            (Self::Key, _) => Err("must be text"),
            (Self::Device, Value::String(device)) => {
                let mut parts = device.split(':');
                let host = parts.next().unwrap_or_default();
                Ok(Cow::Borrowed(parts.next().unwrap_or(host)))
            }
            (Self::Volume | Self::Device, Value::Mapping(_)) => text("target").ok_or("must have a `target`"),
            (Self::Volume | Self::Port | Self::EnvFile, Value::String(text)) => Ok(Cow::Borrowed(text)),
            (Self::Expose, Value::Int(port)) if i64::try_from(*port).is_err() => Err("must be a port"),
            (Self::Expose, Value::String(_) | Value::Int(_)) => item.value.text().ok_or("must be a port"),
            (Self::Expose, _) => Err("must be a port"),
            (Self::Mount(folder), Value::String(name)) => Ok(Cow::Owned(format!("{folder}/{name}"))),
            (Self::Mount(folder), Value::Mapping(_)) => {
                let source = || Cow::Owned(format!("{folder}/{}", text("source").unwrap_or_default()));
                Ok(text("target").unwrap_or_else(source))
            }
            (Self::Mount(_), _) => Err("must be a name or a mapping"),
            (Self::EnvFile, Value::Mapping(_)) => text("path").ok_or("must have a `path`"),
            (Self::EnvFile, _) => Err("must be a path or a mapping"),
            (Self::Port, Value::Mapping(_)) => {
                let target = text("target").ok_or("must have a `target` port")?;
                let host = text("host_ip").unwrap_or("0.0.0.0".into());
                let protocol = text("protocol").unwrap_or("tcp".into());
                // Docker Compose tells a number from the same text, and nothing from empty text.
                let kind = item.get("published").map_or("", |published| published.value.kind());
                let published = text("published").unwrap_or_default();
                Ok(Cow::Owned(format!("{host}:{kind} {published}:{target}/{protocol}")))
            }
            // Validation tells what is wrong with the rest; here each is only itself.
            (Self::Port | Self::Volume | Self::Device, _) => {
                Ok(item.value.text().unwrap_or_else(|| Cow::Owned(format!("{:?}", item.span))))
            }
        }
    }
}
