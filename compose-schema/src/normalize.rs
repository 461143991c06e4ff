//! Adds what a compose file implies: the default network, names of resources, implicit dependencies.

use crate::canonical::clean_path;
use crate::model::StringMap;
use crate::source::Span;
use crate::yaml::{Entry, Mapping, Node, Value};

/// What becomes of a resource whose `name` is an empty text, such as that of a variable that is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyNames {
    /// It stays as it is.
    Kept,
    /// It is named as without it.
    Filled,
}

/// Normalizes a merged, canonical tree with defaults and resolved paths. `environment` is what interpolation used: it
/// gives build arguments without a value theirs.
pub fn normalize(root: &mut Node, project_name: &str, environment: &StringMap, empty: EmptyNames) {
    let span = root.span;
    let Some(top) = root.as_mapping_mut() else { return };
    let mut default_network = false;
    if let Some(services) = section(top, "services") {
        for entry in services.values_mut() {
            if let Some(service) = entry.node.as_mapping_mut() {
                normalize_service(service, entry.key, environment);
                default_network |= uses_default_network(service);
            }
        }
    }
    if default_network {
        let networks = top.get_or_insert_with("networks", || mapping_entry(span));
        if let Some(networks) = networks.node.as_mapping_mut() {
            networks.get_or_insert_with("default", || mapping_entry(span));
        }
    }
    top.insert("name".to_owned(), text_entry(project_name, span));
    for key in ["networks", "volumes", "configs", "secrets"] {
        for (name, entry) in section(top, key).into_iter().flatten() {
            set_name(name, entry, project_name, empty);
        }
    }
}

fn items_of(value: &mut Value) -> &mut [Node] {
    match value {
        Value::Sequence(items) => items,
        _ => &mut [],
    }
}

fn section<'a>(mapping: &'a mut Mapping, key: &str) -> Option<&'a mut Mapping> {
    mapping.get_mut(key)?.node.as_mapping_mut()
}

fn text<'a>(mapping: &'a Mapping, key: &str) -> &'a str {
    mapping.get(key).and_then(|entry| entry.node.as_str()).unwrap_or_default()
}

fn mapping_entry(span: Span) -> Entry {
    Entry { key: span, node: Node::new(Mapping::new().into(), span) }
}

fn text_entry(value: &str, span: Span) -> Entry {
    Entry { key: span, node: Node::new(Value::String(value.to_owned()), span) }
}

fn normalize_service(service: &mut Mapping, span: Span, environment: &StringMap) {
    if text(service, "pull_policy") == "if_not_present"
        && let Some(policy) = service.get_mut("pull_policy")
    {
        policy.node.value = Value::String("missing".to_owned());
    }
    if let Some(build) = section(service, "build") {
        if !build.contains_key("dockerfile_inline") {
            build.get_or_insert_with("dockerfile", || text_entry("Dockerfile", span));
        }
        if let Some(args) = build.get_mut("args") {
            resolve(&mut args.node, environment);
        }
    }
    for volume in service.get_mut("volumes").map(|entry| &mut entry.node.value).into_iter().flat_map(items_of) {
        if let Some(Value::String(target)) = volume.get_mut("target").map(|target| &mut target.value) {
            *target = clean_path(target);
        }
    }
    attach_default_network(service, span);
    for (dependency, restart, at) in implied_dependencies(service) {
        let dependencies = service.get_or_insert_with("depends_on", || mapping_entry(at));
        let Some(dependencies) = dependencies.node.as_mapping_mut() else { continue };
        dependencies.get_or_insert_with(&dependency, || {
            let flag = |value| Entry { key: at, node: Node::new(Value::Bool(value), at) };
            let fields = [
                ("condition".to_owned(), text_entry("service_started", at)),
                ("restart".to_owned(), flag(restart)),
                ("required".to_owned(), flag(true)),
            ];
            Entry { key: at, node: Node::new(fields.into_iter().collect(), at) }
        });
    }
}

/// A service that names no network joins the default one, unless it takes another's namespace or is no container.
fn attach_default_network(service: &mut Mapping, span: Span) {
    if service.contains_key("provider") || service.contains_key("network_mode") {
        return;
    }
    let attached = service.get("networks").and_then(|entry| entry.node.as_mapping()).is_some_and(|all| !all.is_empty());
    if !attached {
        let default = Entry { key: span, node: Node::new(Value::Null, span) };
        let networks = Mapping::from_iter([("default".to_owned(), default)]);
        service.insert("networks".to_owned(), Entry { key: span, node: Node::new(networks.into(), span) });
    }
}

fn uses_default_network(service: &Mapping) -> bool {
    let networks = service.get("networks").and_then(|entry| entry.node.as_mapping());
    networks.is_some_and(|networks| networks.contains_key("default"))
}

/// Dependencies that links, shared namespaces and shared volumes imply: the service, whether its restart restarts this one,
/// and where it is said.
fn implied_dependencies(service: &Mapping) -> Vec<(String, bool, Span)> {
    let mut implied = Vec::new();
    let items = |key: &str| service.get(key).and_then(|entry| entry.node.as_sequence()).unwrap_or_default();
    for item in items("links") {
        let link = item.as_str().unwrap_or_default();
        let target = match link.split(':').collect::<Vec<_>>().as_slice() {
            [target, _] => *target,
            _ => link,
        };
        implied.push((target.to_owned(), true, item.span));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(entry) = service.get(key)
            && let Some(target) = entry.node.as_str().and_then(|mode| mode.strip_prefix("service:"))
        {
            implied.push((target.to_owned(), true, entry.node.span));
        }
    }
    for item in items("volumes_from") {
        let spec = item.as_str().unwrap_or_default();
        if !spec.starts_with("container:") {
            implied.push((spec.split(':').next().unwrap_or_default().to_owned(), false, item.span));
        }
    }
    implied
}

/// Gives names without a value theirs from the environment, and drops those that it does not have.
fn resolve(node: &mut Node, environment: &StringMap) {
    match &mut node.value {
        Value::Mapping(entries) => {
            for (name, entry) in entries.iter_mut() {
                if matches!(entry.node.value, Value::Null)
                    && let Some(value) = environment.get(name)
                {
                    entry.node.value = Value::String(value.clone());
                }
            }
            entries.retain(|_, entry| !matches!(entry.node.value, Value::Null));
        }
        Value::Sequence(items) => {
            items.retain_mut(|item| {
                let Value::String(text) = &mut item.value else { return true };
                if !text.contains('=') {
                    let Some(value) = environment.get(text.as_str()) else { return false };
                    text.push('=');
                    text.push_str(value);
                }
                true
            });
        }
        _ => {}
    }
}

/// A resource is named after its key; one of the project has the project's name before it.
fn set_name(key: &str, entry: &mut Entry, project_name: &str, empty: EmptyNames) {
    let span = entry.key;
    if matches!(entry.node.value, Value::Null) {
        entry.node.value = Mapping::new().into();
    }
    let Some(fields) = entry.node.as_mapping_mut() else { return };
    let named = match fields.get("name").map(|name| &name.node.value) {
        Some(Value::String(name)) => empty == EmptyNames::Kept || !name.is_empty(),
        _ => false,
    };
    if !named {
        let external = fields.get("external").is_some_and(|external| match &external.node.value {
            Value::Bool(external) => *external,
            // Where variables are not put in, flags are texts.
            Value::String(text) => matches!(text.as_str(), "1" | "t" | "T" | "true" | "True" | "TRUE"),
            _ => false,
        });
        let name = if external { key.to_owned() } else { format!("{project_name}_{key}") };
        fields.insert("name".to_owned(), text_entry(&name, span));
    }
}
