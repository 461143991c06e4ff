//! What a schema can say about a value.

/// An object with `x-` keys beside its attributes; a macro, as a function's result cannot become a constant behind a reference.
macro_rules! object {
    ($fields:expr) => {
        object!($fields, required: &[])
    };
    ($fields:expr, required: $required:expr) => {
        $crate::schema::shape::Object {
            fields: $fields,
            required: $required,
            others: $crate::schema::shape::Others::Extensions,
        }
    };
}
pub(super) use object;

/// Kinds of scalars, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const STRING: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    /// Whole numbers; a float without a fraction is one.
    pub(crate) const INTEGER: Self = Self(4);
    /// Any number.
    pub(crate) const NUMBER: Self = Self(4 | 8);
    pub(crate) const NULL: Self = Self(16);

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The shape of a value.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Anything.
    Any,
    /// A scalar of one of these kinds.
    Scalar(Kinds),
    /// A whole number within bounds.
    Range(i64, i64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A text with a form.
    Form(&'static Form),
    /// A list.
    List(&'static Shape),
    /// A list without equal items.
    Set(&'static Shape),
    /// A mapping whose keys are attributes.
    Object(&'static Object),
    /// A mapping whose keys are names that people choose.
    Names(&'static Names),
    /// The first of these that a value's kind belongs to.
    Either(&'static [Shape]),
}

/// A text with a form.
#[derive(Debug)]
pub(crate) struct Form {
    /// Whether a text has it.
    pub(crate) accepts: fn(&str) -> bool,
    /// The form in words, after "must be".
    pub(crate) words: &'static str,
}

/// A mapping whose keys are attributes.
#[derive(Debug)]
pub(crate) struct Object {
    /// Attributes.
    pub(crate) fields: &'static [(&'static str, Shape)],
    /// Attributes that must be there.
    pub(crate) required: &'static [&'static str],
    /// Other keys.
    pub(crate) others: Others,
}

/// Keys that an object does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// Only `x-` keys.
    Extensions,
    /// None at all.
    None,
    /// Any.
    Any,
}

/// A mapping whose keys are names that people choose.
#[derive(Debug)]
pub(crate) struct Names {
    /// Which names the values' shape applies to.
    pub(crate) names: NameForm,
    /// Whether other names are refused rather than passed over.
    pub(crate) only: bool,
    /// The values.
    pub(crate) values: Shape,
}

/// Forms of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameForm {
    /// Letters, digits, `.`, `_` and `-`.
    Identifier,
    /// Small letters.
    Lowercase,
    /// Anything but nothing.
    NotEmpty,
}

impl NameForm {
    pub(crate) fn accepts(self, name: &str) -> bool {
        !name.is_empty()
            && match self {
                Self::Identifier => name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
                Self::Lowercase => name.bytes().all(|byte| byte.is_ascii_lowercase()),
                Self::NotEmpty => true,
            }
    }
}
