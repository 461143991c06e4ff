//! The shape of `build`.

use super::common::{EXTRA_HOSTS, FILE_REFERENCES, FLAG_TEXT, INTEGER_TEXT, LIST_OR_MAP, TEXT, TEXTS, ULIMITS};
use super::shape::{Object, Others, Shape};

pub(super) const BUILD: Shape = Shape::Either(&[
    TEXT,
    Shape::Object(&Object {
        fields: &[
            ("context", TEXT),
            ("dockerfile", TEXT),
            ("dockerfile_inline", TEXT),
            ("entitlements", TEXTS),
            ("args", LIST_OR_MAP),
            ("ssh", LIST_OR_MAP),
            ("labels", LIST_OR_MAP),
            ("cache_from", TEXTS),
            ("cache_to", TEXTS),
            ("no_cache", FLAG_TEXT),
            ("additional_contexts", LIST_OR_MAP),
            ("network", TEXT),
            ("provenance", FLAG_TEXT),
            ("sbom", FLAG_TEXT),
            ("pull", FLAG_TEXT),
            ("target", TEXT),
            ("shm_size", INTEGER_TEXT),
            ("extra_hosts", EXTRA_HOSTS),
            ("isolation", TEXT),
            ("privileged", FLAG_TEXT),
            ("secrets", FILE_REFERENCES),
            ("tags", TEXTS),
            ("ulimits", ULIMITS),
            ("platforms", TEXTS),
        ],
        required: &[],
        others: Others::Extensions,
    }),
]);
