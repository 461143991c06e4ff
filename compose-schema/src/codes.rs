//! Every code that a [`crate::Diagnostic`] can carry, with what `stack explain CODE` says about it.

pub mod check;
pub mod input;
pub mod merge;
pub mod schema;

use crate::diagnostic::Code;

/// A code and its explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: Code,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What happened, why it is refused or warned about, and the ways out.
    pub text: &'static str,
}

/// Declares codes as constants and lists their explanations, so that no code can lack one.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $title:literal, $text:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: crate::diagnostic::Code = crate::diagnostic::Code($code);
        )*

        /// The codes of this module with their explanations, in order.
        pub const EXPLANATIONS: &[crate::codes::Explanation] = &[
            $(crate::codes::Explanation { code: $name, title: $title, text: $text },)*
        ];
    };
}
pub(crate) use codes;

/// All codes with their explanations, in order of listing.
pub fn all() -> impl Iterator<Item = &'static Explanation> {
    [input::EXPLANATIONS, merge::EXPLANATIONS, schema::EXPLANATIONS, check::EXPLANATIONS].into_iter().flatten()
}

/// The explanation of a code as the user types it, in any case.
#[must_use]
pub fn explain(code: &str) -> Option<&'static Explanation> {
    all().find(|explanation| explanation.code.0.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_explained() {
        let mut seen = BTreeSet::new();
        for explanation in all() {
            assert!(seen.insert(explanation.code), "{} is listed twice", explanation.code.0);
            assert!(matches!(explanation.code.0.as_bytes(), [b'E' | b'W', rest @ ..] if rest.len() == 4));
            assert!(!explanation.title.is_empty() && !explanation.text.is_empty());
        }
        assert_eq!(explain("e0104").map(|found| found.code), Some(input::DUPLICATE_KEY));
        assert_eq!(explain("E9999"), None);
    }
}
