//! Services that use other services' containers: shared namespaces, `volumes_from`, `links`.

use std::collections::{BTreeMap, BTreeSet};

use compose_schema::model::{Condition, Service};

/// A condition as files and labels write it.
pub fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "service_started",
        Condition::Healthy => "service_healthy",
        Condition::CompletedSuccessfully => "service_completed_successfully",
    }
}

/// The service in `service:x`.
fn shared(mode: &str) -> Option<&str> {
    mode.strip_prefix("service:")
}

/// `svc[:ro]` or `container:x[:ro]`: the service and the mode, or the container as it is.
fn volumes_from(entry: &str) -> Result<(&str, Option<&str>), &str> {
    match entry.strip_prefix("container:") {
        Some(container) => Err(container),
        None => Ok(entry.split_once(':').map_or((entry, None), |(service, mode)| (service, Some(mode)))),
    }
}

/// Services whose containers must exist before this one's can be made.
pub fn parents(service: &Service) -> BTreeSet<&str> {
    let volumes = service.volumes_from.iter().filter_map(|entry| Some(volumes_from(entry).ok()?.0));
    lenders(service).into_iter().chain(volumes).collect()
}

/// Services whose containers must run while this one's do, because it is in namespaces of theirs.
pub fn lenders(service: &Service) -> BTreeSet<&str> {
    let modes = [&service.network_mode, &service.ipc, &service.pid];
    modes.into_iter().filter_map(|mode| shared(mode)).collect()
}

fn resolve_modes(service: &mut Service, ids: &BTreeMap<String, String>) {
    for mode in [&mut service.network_mode, &mut service.ipc, &mut service.pid] {
        if let Some(id) = shared(mode).and_then(|name| ids.get(name)) {
            *mode = format!("container:{id}");
        }
    }
}

/// Replaces names of services by ids of their containers, as the engine wants them.
pub fn resolve(service: &mut Service, ids: &BTreeMap<String, String>) {
    resolve_modes(service, ids);
    for entry in &mut service.volumes_from {
        *entry = match volumes_from(entry) {
            Err(container) => container.to_owned(),
            Ok((name, mode)) => {
                let id = ids.get(name).map_or(name, String::as_str);
                mode.map_or_else(|| id.to_owned(), |mode| format!("{id}:{mode}"))
            }
        };
    }
}

/// Docker Compose's config-hash of a service whose containers share those of other services. It hashes the ids, and
/// drops the `:ro` of `volumes_from`.
pub fn config_hash(service: &Service, ids: &BTreeMap<String, String>) -> String {
    if parents(service).is_empty() && service.volumes_from.is_empty() {
        return compose_schema::hash::service(service);
    }
    let mut service = service.clone();
    resolve_modes(&mut service, ids);
    for entry in &mut service.volumes_from {
        *entry = match volumes_from(entry) {
            Err(container) => container.split(':').next().unwrap_or_default().to_owned(),
            Ok((name, _)) => ids.get(name).cloned().unwrap_or_else(|| name.to_owned()),
        };
    }
    compose_schema::hash::service(&service)
}

/// `links` of a service as `container:alias`, given the names of the other services' containers. Each container can be
/// reached by its service's alias, by `service-number` and by its own name.
pub fn links(service: &Service, containers: &dyn Fn(&str) -> Vec<(u32, String)>) -> Vec<String> {
    service
        .links
        .iter()
        .flat_map(|link| {
            let (name, alias) = link.split_once(':').unwrap_or((link, link));
            containers(name).into_iter().flat_map(move |(number, container)| {
                [
                    format!("{container}:{alias}"),
                    format!("{container}:{name}-{number}"),
                    format!("{container}:{container}"),
                ]
            })
        })
        .collect()
}
