//! The shape of a service's `volumes`.

use super::common::{FLAG_TEXT, LIST_OR_MAP, NUMBER_TEXT, TEXT};
use super::shape::{Object, Others, Shape, object};

pub(super) const VOLUMES: Shape = Shape::Set(&Shape::Either(&[TEXT, Shape::Object(&MOUNT)]));

static MOUNT: Object = Object {
    fields: &[
        ("type", Shape::OneOf(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"])),
        ("source", TEXT),
        ("target", TEXT),
        ("read_only", FLAG_TEXT),
        ("consistency", TEXT),
        (
            "bind",
            Shape::Object(&object!(&[
                ("propagation", TEXT),
                ("create_host_path", FLAG_TEXT),
                ("recursive", Shape::OneOf(&["enabled", "disabled", "writable", "readonly"])),
                ("selinux", Shape::OneOf(&["z", "Z"])),
            ])),
        ),
        ("volume", Shape::Object(&object!(&[("labels", LIST_OR_MAP), ("nocopy", FLAG_TEXT), ("subpath", TEXT)]))),
        (
            "tmpfs",
            Shape::Object(&object!(&[
                ("size", Shape::Either(&[Shape::Range(0, i64::MAX), TEXT])),
                ("mode", NUMBER_TEXT),
            ])),
        ),
        ("image", Shape::Object(&object!(&[("subpath", TEXT)]))),
    ],
    required: &["type"],
    others: Others::Extensions,
};
