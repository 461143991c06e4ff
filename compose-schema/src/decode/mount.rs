//! One entry of `volumes`.

use super::reader::Fields;
use crate::model::{BindOptions, ImageOptions, Mount, TmpfsOptions, VolumeOptions};

pub(super) fn decode(f: &Fields<'_>) -> Mount {
    Mount {
        kind: f.text("type"),
        source: f.text("source"),
        target: f.text("target"),
        read_only: f.flag("read_only"),
        consistency: f.text("consistency"),
        bind: f.object("bind", |f| BindOptions {
            selinux: f.text("selinux"),
            propagation: f.text("propagation"),
            create_host_path: f.flag("create_host_path"),
            recursive: f.text("recursive"),
            extensions: f.extensions(),
        }),
        volume: f.object("volume", |f| VolumeOptions {
            labels: f.map("labels"),
            nocopy: f.flag("nocopy"),
            subpath: f.text("subpath"),
            extensions: f.extensions(),
        }),
        tmpfs: f.object("tmpfs", |f| TmpfsOptions {
            size: f.bytes("size"),
            mode: f.integer("mode").unwrap_or_default(),
            extensions: f.extensions(),
        }),
        image: f.object("image", |f| ImageOptions { subpath: f.text("subpath"), extensions: f.extensions() }),
        extensions: f.extensions(),
    }
}
