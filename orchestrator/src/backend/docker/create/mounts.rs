//! Mounts. The older `Binds` make missing host folders and label for SELinux, `Mounts` do everything else.

use std::collections::HashMap;

use bollard::models::{
    HostConfig, Mount as EngineMount, MountBindOptions, MountBindOptionsPropagationEnum, MountImageOptions,
    MountTmpfsOptions, MountType, MountVolumeOptions,
};
use compose_schema::model::{BindOptions, Mount};

use super::{Outcome, TranslateError, Translator, flag, list, map, number, text};
use crate::backend::ContainerSpec;

pub(super) fn apply(translator: &mut Translator, spec: &ContainerSpec, host: &mut HostConfig) -> Outcome<()> {
    let mut binds = Vec::new();
    let mut mounts = Vec::new();
    for mount in &spec.mounts {
        match as_bind(mount) {
            Some(bind) => binds.push(bind),
            None => mounts.push(as_mount(translator, mount)?),
        }
    }
    host.binds = list(&binds);
    host.mounts = list(&mounts);
    host.tmpfs = tmpfs(&spec.service.tmpfs);
    Ok(())
}

/// `path` or `path:options`.
fn tmpfs(entries: &[String]) -> Option<HashMap<String, String>> {
    let map: HashMap<String, String> = entries
        .iter()
        .map(|entry| entry.split_once(':').unwrap_or((entry, "")))
        .map(|(path, options)| (path.to_owned(), options.to_owned()))
        .collect();
    (!map.is_empty()).then_some(map)
}

/// The form `source:target:options`, where it says all there is to say.
fn as_bind(mount: &Mount) -> Option<String> {
    // A colon in a path would end it.
    if mount.source.is_empty() || mount.source.contains(':') || mount.target.contains(':') {
        return None;
    }
    // Without options, a missing folder is made, as in the short form.
    let bind = mount.bind.clone().unwrap_or(BindOptions { create_host_path: true, ..BindOptions::default() });
    let mut options = vec![if mount.read_only { "ro" } else { "rw" }];
    match mount.kind.as_str() {
        "bind" => {
            if !bind.create_host_path || !bind.recursive.is_empty() {
                return None;
            }
            options
                .extend([bind.selinux.as_str(), bind.propagation.as_str()].into_iter().filter(|word| !word.is_empty()));
        }
        "volume" => {
            let volume = mount.volume.clone().unwrap_or_default();
            if volume.nocopy || !volume.labels.is_empty() || !volume.subpath.is_empty() {
                return None;
            }
            // The engine labels a volume as well, which one that is a folder of the host needs.
            options.extend(Some(bind.selinux.as_str()).filter(|word| !word.is_empty()));
        }
        _ => return None,
    }
    Some(format!("{}:{}:{}", mount.source, mount.target, options.join(",")))
}

fn as_mount(translator: &mut Translator, mount: &Mount) -> Outcome<EngineMount> {
    let kind = match mount.kind.as_str() {
        "bind" => MountType::BIND,
        "volume" => MountType::VOLUME,
        "tmpfs" => MountType::TMPFS,
        "npipe" => MountType::NPIPE,
        "cluster" => MountType::CLUSTER,
        "image" => {
            translator.need((1, 48), "28.0", "volumes: type: image")?;
            MountType::IMAGE
        }
        other => return Err(TranslateError::Invalid(format!("`{other}` is not a kind of mount"))),
    };
    let volume_options = match &mount.volume {
        Some(volume) if kind == MountType::VOLUME => {
            if !volume.subpath.is_empty() {
                translator.need((1, 45), "26.0", "volumes: volume.subpath")?;
            }
            Some(MountVolumeOptions {
                no_copy: flag(volume.nocopy),
                labels: map(&volume.labels),
                subpath: text(&volume.subpath),
                ..MountVolumeOptions::default()
            })
        }
        _ => None,
    };
    let tmpfs_options = mount.tmpfs.as_ref().filter(|_| kind == MountType::TMPFS).map(|tmpfs| MountTmpfsOptions {
        size_bytes: number(tmpfs.size.0),
        mode: number(i64::from(tmpfs.mode)),
        ..MountTmpfsOptions::default()
    });
    let image_options = match &mount.image {
        Some(image) if !image.subpath.is_empty() => {
            translator.need((1, 49), "28.1", "volumes: image.subpath")?;
            Some(MountImageOptions { subpath: text(&image.subpath) })
        }
        _ => None,
    };
    let bind_options = match &mount.bind {
        Some(bind) if kind == MountType::BIND => bind_options(translator, mount, bind)?,
        _ => None,
    };
    Ok(EngineMount {
        target: Some(mount.target.clone()),
        source: text(&mount.source),
        typ: Some(kind),
        read_only: flag(mount.read_only),
        consistency: text(&mount.consistency),
        bind_options,
        volume_options,
        image_options,
        tmpfs_options,
    })
}

fn bind_options(translator: &mut Translator, mount: &Mount, bind: &BindOptions) -> Outcome<Option<MountBindOptions>> {
    if !bind.selinux.is_empty() {
        translator.warn(format!(
            "`bind.selinux` of `{}` has an effect only with `create_host_path: true` and without `recursive`",
            mount.target
        ));
    }
    let propagation = match bind.propagation.as_str() {
        "" => None,
        "private" => Some(MountBindOptionsPropagationEnum::PRIVATE),
        "rprivate" => Some(MountBindOptionsPropagationEnum::RPRIVATE),
        "shared" => Some(MountBindOptionsPropagationEnum::SHARED),
        "rshared" => Some(MountBindOptionsPropagationEnum::RSHARED),
        "slave" => Some(MountBindOptionsPropagationEnum::SLAVE),
        "rslave" => Some(MountBindOptionsPropagationEnum::RSLAVE),
        other => {
            return Err(TranslateError::Invalid(format!(
                "`bind.propagation: {other}` is not a way to propagate mounts"
            )));
        }
    };
    let mut options = MountBindOptions { propagation, ..MountBindOptions::default() };
    if bind.create_host_path {
        translator.need((1, 43), "24.0", "a host path with a colon, or `bind.recursive` with `create_host_path`")?;
        options.create_mountpoint = Some(true);
    }
    match bind.recursive.as_str() {
        "" | "enabled" => {}
        "disabled" => options.non_recursive = Some(true),
        "writable" => {
            translator.need((1, 44), "25.0", "bind.recursive: writable")?;
            options.read_only_non_recursive = Some(true);
        }
        "readonly" => {
            translator.need((1, 44), "25.0", "bind.recursive: readonly")?;
            options.read_only_force_recursive = Some(true);
        }
        other => {
            return Err(TranslateError::Invalid(format!(
                "`bind.recursive: {other}` is not one of `enabled`, `disabled`, `writable`, `readonly`"
            )));
        }
    }
    Ok((options != MountBindOptions::default()).then_some(options))
}
