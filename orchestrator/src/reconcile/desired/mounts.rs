use compose_schema::model::{Mount, Project, Service};

/// The mounts of a service with volume keys replaced by engine names, and those keys.
pub(super) fn mounts(project: &Project, service: &Service) -> (Vec<Mount>, Vec<String>) {
    let mut keys = Vec::new();
    let mounts = service
        .volumes
        .iter()
        .map(|mount| {
            let mut mount = mount.clone();
            if mount.kind == "volume"
                && let Some(volume) = project.volumes.get(&mount.source)
            {
                keys.push(std::mem::replace(&mut mount.source, volume.name.clone()));
            }
            mount
        })
        .collect();
    (mounts, keys)
}
