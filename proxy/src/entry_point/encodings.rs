//! Encodings that an entry point refuses in paths.

/// Percent-encoded characters that an entry point may refuse in a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeniedEncodings {
    /// `%2F`
    pub slash: bool,
    /// `%5C`
    pub backslash: bool,
    /// `%00`
    pub null: bool,
    /// `%3B`
    pub semicolon: bool,
    /// `%25`
    pub percent: bool,
    /// `%3F`
    pub question_mark: bool,
    /// `%23`
    pub hash: bool,
}

impl DeniedEncodings {
    /// True when `path` (canonical) holds an encoded character that is denied.
    pub(crate) fn found_in(self, path: &str) -> bool {
        if self == Self::default() {
            return false;
        }
        path.split('%').skip(1).any(|rest| match rest.get(..2) {
            Some("2F") => self.slash,
            Some("5C") => self.backslash,
            Some("00") => self.null,
            Some("3B") => self.semicolon,
            Some("25") => self.percent,
            Some("3F") => self.question_mark,
            Some("23") => self.hash,
            _ => false,
        })
    }
}
