//! Shapes that many attributes share.

use super::shape::{Kinds, NameForm, Names, Object, Others, Shape};

pub(super) const TEXT: Shape = Shape::Scalar(Kinds::STRING);
pub(super) const FLAG: Shape = Shape::Scalar(Kinds::BOOLEAN);
/// A flag that interpolation may have left as text.
pub(super) const FLAG_TEXT: Shape = Shape::Scalar(Kinds::BOOLEAN.or(Kinds::STRING));
pub(super) const INTEGER_TEXT: Shape = Shape::Scalar(Kinds::INTEGER.or(Kinds::STRING));
pub(super) const NUMBER: Shape = Shape::Scalar(Kinds::NUMBER);
pub(super) const NUMBER_TEXT: Shape = Shape::Scalar(Kinds::NUMBER.or(Kinds::STRING));
pub(super) const NULL: Shape = Shape::Scalar(Kinds::NULL);
const SCALAR: Shape = Shape::Scalar(Kinds::STRING.or(Kinds::NUMBER).or(Kinds::BOOLEAN));

pub(super) const TEXTS: Shape = Shape::List(&TEXT);
pub(super) const TEXT_SET: Shape = Shape::Set(&TEXT);
pub(super) const NUMBER_TEXT_SET: Shape = Shape::Set(&NUMBER_TEXT);
pub(super) const TEXT_OR_SET: Shape = Shape::Either(&[TEXT, TEXT_SET]);

/// `KEY: value` or `- KEY=value`.
pub(super) const LIST_OR_MAP: Shape = Shape::Either(&[
    Shape::Names(&Names {
        names: NameForm::NotEmpty,
        only: true,
        values: Shape::Scalar(Kinds::STRING.or(Kinds::NUMBER).or(Kinds::BOOLEAN).or(Kinds::NULL)),
    }),
    TEXT_SET,
]);

/// Options that are passed on to a driver.
pub(super) const OPTIONS: Shape = Shape::Names(&Names { names: NameForm::NotEmpty, only: false, values: NUMBER_TEXT });

/// Options of a log driver.
pub(super) const LOG_OPTIONS: Shape = Shape::Names(&Names {
    names: NameForm::NotEmpty,
    only: false,
    values: Shape::Scalar(Kinds::STRING.or(Kinds::NUMBER).or(Kinds::NULL)),
});

/// Options of a provider.
pub(super) const PROVIDER_OPTIONS: Shape = Shape::Names(&Names {
    names: NameForm::NotEmpty,
    only: false,
    values: Shape::Either(&[SCALAR, Shape::List(&SCALAR)]),
});

/// Names to texts, nothing else.
pub(super) const TEXT_MAP: Shape = Shape::Names(&Names { names: NameForm::NotEmpty, only: true, values: TEXT });

pub(super) const COMMAND: Shape = Shape::Either(&[NULL, TEXT, TEXTS]);

pub(super) const EXTRA_HOSTS: Shape = Shape::Either(&[
    Shape::Names(&Names { names: NameForm::NotEmpty, only: true, values: Shape::Either(&[TEXT, TEXTS]) }),
    TEXT_SET,
]);

pub(super) const ULIMITS: Shape = Shape::Names(&Names {
    names: NameForm::Lowercase,
    only: false,
    values: Shape::Either(&[
        INTEGER_TEXT,
        Shape::Object(&Object {
            fields: &[("hard", INTEGER_TEXT), ("soft", INTEGER_TEXT)],
            required: &["soft", "hard"],
            others: Others::Extensions,
        }),
    ]),
});

/// A service's or build's `secrets` or `configs`.
pub(super) const FILE_REFERENCES: Shape = Shape::List(&Shape::Either(&[
    TEXT,
    Shape::Object(&Object {
        fields: &[("source", TEXT), ("target", TEXT), ("uid", TEXT), ("gid", TEXT), ("mode", NUMBER_TEXT)],
        required: &[],
        others: Others::Extensions,
    }),
]));

pub(super) const HOOK: Shape = Shape::Object(&Object {
    fields: &[
        ("command", COMMAND),
        ("user", TEXT),
        ("privileged", FLAG_TEXT),
        ("working_dir", TEXT),
        ("environment", LIST_OR_MAP),
    ],
    required: &["command"],
    others: Others::Extensions,
});

/// What requests for devices are made of.
pub(super) const DEVICE_REQUEST: &[(&str, Shape)] = &[
    ("capabilities", TEXT_SET),
    ("count", INTEGER_TEXT),
    ("device_ids", TEXT_SET),
    ("driver", TEXT),
    ("options", LIST_OR_MAP),
];
