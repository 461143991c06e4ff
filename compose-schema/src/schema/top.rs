//! The shape of a whole file: the top level and its resources.

use super::common::{FLAG_TEXT, LIST_OR_MAP, NULL, OPTIONS, TEXT, TEXT_MAP, TEXT_OR_SET, TEXTS};
use super::service::SERVICE;
use super::shape::{Kinds, NameForm, Names, Object, Others, Shape, object};

const fn named(only: bool, values: Shape) -> Names {
    Names { names: NameForm::Identifier, only, values }
}

pub(super) static FILE: Object = object!(&[
    ("version", TEXT),
    ("name", TEXT),
    ("include", Shape::List(&Shape::Either(&[TEXT, Shape::Object(&INCLUDE)]))),
    ("services", Shape::Names(&named(true, Shape::Object(&SERVICE)))),
    ("networks", Shape::Names(&named(false, Shape::Either(&[NULL, Shape::Object(&NETWORK)])))),
    ("volumes", Shape::Names(&named(true, Shape::Either(&[NULL, Shape::Object(&VOLUME)])))),
    ("secrets", Shape::Names(&named(true, Shape::Object(&SECRET)))),
    ("configs", Shape::Names(&named(true, Shape::Object(&CONFIG)))),
    ("models", Shape::Names(&named(false, Shape::Object(&MODEL)))),
]);

static INCLUDE: Object = Object {
    fields: &[("path", TEXT_OR_SET), ("env_file", TEXT_OR_SET), ("project_directory", TEXT)],
    required: &[],
    others: Others::None,
};

/// `external: true`, or the old form with a name in it.
const EXTERNAL: Shape = Shape::Either(&[FLAG_TEXT, Shape::Object(&object!(&[("name", TEXT)]))]);
const EXTERNAL_FILE: Shape = Shape::Either(&[
    FLAG_TEXT,
    Shape::Object(&Object { fields: &[("name", TEXT)], required: &[], others: Others::Any }),
]);

static NETWORK: Object = object!(&[
    ("name", TEXT),
    ("driver", TEXT),
    ("driver_opts", OPTIONS),
    ("ipam", Shape::Object(&IPAM)),
    ("external", EXTERNAL),
    ("internal", FLAG_TEXT),
    ("enable_ipv4", FLAG_TEXT),
    ("enable_ipv6", FLAG_TEXT),
    ("attachable", FLAG_TEXT),
    ("labels", LIST_OR_MAP),
]);

static IPAM: Object = object!(&[
    ("driver", TEXT),
    (
        "config",
        Shape::List(&Shape::Object(&object!(&[
            ("subnet", TEXT),
            ("ip_range", TEXT),
            ("gateway", TEXT),
            ("aux_addresses", TEXT_MAP),
        ]))),
    ),
    ("options", TEXT_MAP),
]);

static VOLUME: Object = object!(&[
    ("name", TEXT),
    ("driver", TEXT),
    ("driver_opts", OPTIONS),
    ("external", EXTERNAL),
    ("labels", LIST_OR_MAP),
]);

static SECRET: Object = object!(&[
    ("name", TEXT),
    ("environment", TEXT),
    ("file", TEXT),
    ("external", EXTERNAL_FILE),
    ("labels", LIST_OR_MAP),
    ("driver", TEXT),
    ("driver_opts", OPTIONS),
    ("template_driver", TEXT),
]);

static CONFIG: Object = object!(&[
    ("name", TEXT),
    ("content", TEXT),
    ("environment", TEXT),
    ("file", TEXT),
    ("external", EXTERNAL_FILE),
    ("labels", LIST_OR_MAP),
    ("template_driver", TEXT),
]);

static MODEL: Object = Object {
    fields: &[
        ("name", TEXT),
        ("model", TEXT),
        ("context_size", Shape::Scalar(Kinds::INTEGER)),
        ("runtime_flags", TEXTS),
    ],
    required: &["model"],
    others: Others::Extensions,
};
