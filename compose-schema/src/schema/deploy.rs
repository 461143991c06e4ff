//! The shape of `deploy`.

use super::common::{DEVICE_REQUEST, INTEGER_TEXT, LIST_OR_MAP, NULL, NUMBER_TEXT, TEXT, TEXTS};
use super::shape::{Object, Others, Shape, object};

pub(super) const DEPLOY: Shape = Shape::Either(&[
    NULL,
    Shape::Object(&object!(&[
        ("mode", TEXT),
        ("endpoint_mode", TEXT),
        ("replicas", INTEGER_TEXT),
        ("labels", LIST_OR_MAP),
        ("rollback_config", UPDATE),
        ("update_config", UPDATE),
        ("resources", Shape::Object(&RESOURCES)),
        (
            "restart_policy",
            Shape::Object(&object!(&[
                ("condition", TEXT),
                ("delay", TEXT),
                ("max_attempts", INTEGER_TEXT),
                ("window", TEXT),
            ])),
        ),
        (
            "placement",
            Shape::Object(&object!(&[
                ("constraints", TEXTS),
                ("preferences", Shape::List(&Shape::Object(&object!(&[("spread", TEXT)])))),
                ("max_replicas_per_node", INTEGER_TEXT),
            ])),
        ),
    ])),
]);

const UPDATE: Shape = Shape::Object(&object!(&[
    ("parallelism", INTEGER_TEXT),
    ("delay", TEXT),
    ("failure_action", TEXT),
    ("monitor", TEXT),
    ("max_failure_ratio", NUMBER_TEXT),
    ("order", Shape::OneOf(&["start-first", "stop-first"])),
]));

static RESOURCES: Object = object!(&[
    ("limits", Shape::Object(&object!(&[("cpus", NUMBER_TEXT), ("memory", TEXT), ("pids", INTEGER_TEXT)]))),
    (
        "reservations",
        Shape::Object(&object!(&[
            ("cpus", NUMBER_TEXT),
            ("memory", TEXT),
            ("generic_resources", GENERIC),
            (
                "devices",
                Shape::List(&Shape::Object(&Object {
                    fields: DEVICE_REQUEST,
                    required: &["capabilities"],
                    others: Others::Extensions,
                })),
            ),
        ])),
    ),
]);

const GENERIC: Shape = Shape::List(&Shape::Object(&object!(&[(
    "discrete_resource_spec",
    Shape::Object(&object!(&[("kind", TEXT), ("value", NUMBER_TEXT)])),
)])));
