use serde::Serialize;

use super::{Bytes, Extensions, StringMap, is_empty};

/// One entry of a service's `volumes`, in the long form.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`, `npipe`, `cluster` or `image`.
    #[serde(rename = "type", skip_serializing_if = "is_empty")]
    pub kind: String,
    /// Host path, volume key or image; empty for an anonymous volume.
    #[serde(skip_serializing_if = "is_empty")]
    pub source: String,
    /// Path in the container.
    #[serde(skip_serializing_if = "is_empty")]
    pub target: String,
    /// Not writable.
    #[serde(skip_serializing_if = "is_empty")]
    pub read_only: bool,
    /// Accepted and ignored by engines today.
    #[serde(skip_serializing_if = "is_empty")]
    pub consistency: String,
    /// For `bind`.
    #[serde(skip_serializing_if = "is_empty")]
    pub bind: Option<BindOptions>,
    /// For `volume`.
    #[serde(skip_serializing_if = "is_empty")]
    pub volume: Option<VolumeOptions>,
    /// For `tmpfs`.
    #[serde(skip_serializing_if = "is_empty")]
    pub tmpfs: Option<TmpfsOptions>,
    /// For `image`.
    #[serde(skip_serializing_if = "is_empty")]
    pub image: Option<ImageOptions>,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// Options of a bind mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BindOptions {
    /// `z` or `Z`.
    #[serde(skip_serializing_if = "is_empty")]
    pub selinux: String,
    /// `rprivate`, `rshared`, ...
    #[serde(skip_serializing_if = "is_empty")]
    pub propagation: String,
    /// Make the host path where it is missing.
    #[serde(skip_serializing_if = "is_empty")]
    pub create_host_path: bool,
    /// `enabled`, `disabled`, `writable` or `readonly`.
    #[serde(skip_serializing_if = "is_empty")]
    pub recursive: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// Options of a volume mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VolumeOptions {
    /// Labels of an anonymous volume.
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: StringMap,
    /// Do not copy the image's files into a new volume.
    #[serde(skip_serializing_if = "is_empty")]
    pub nocopy: bool,
    /// A folder of the volume.
    #[serde(skip_serializing_if = "is_empty")]
    pub subpath: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// Options of a tmpfs mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TmpfsOptions {
    /// Most bytes it may hold; 0 for no limit.
    #[serde(skip_serializing_if = "is_empty")]
    pub size: Bytes,
    /// Permission bits.
    #[serde(skip_serializing_if = "is_empty")]
    pub mode: u32,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}

/// Options of an image mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ImageOptions {
    /// A folder of the image.
    #[serde(skip_serializing_if = "is_empty")]
    pub subpath: String,
    /// `x-` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "is_empty")]
    pub extensions: Extensions,
}
