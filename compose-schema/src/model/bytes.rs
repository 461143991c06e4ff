use serde::{Serialize, Serializer};

use crate::number::float;

/// A number of bytes; written as a quoted decimal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub i64);

impl Bytes {
    /// Reads a size: a number, then `b`, `k`, `m`, `g`, `t` or `p`, with or without `b` or `ib` after it, in any
    /// case, with or without a space between. Units are powers of 1024.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is not a size");
        let end = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(invalid)?;
        let (number, suffix) = text.split_at_checked(end + 1).ok_or_else(invalid)?;
        let number = number.strip_suffix(' ').unwrap_or(number);
        let number = float(number).ok_or_else(invalid)?;
        if number < 0.0 {
            return Err(invalid());
        }
        let power = match suffix.to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 1,
            "m" | "mb" | "mib" => 2,
            "g" | "gb" | "gib" => 3,
            "t" | "tb" | "tib" => 4,
            "p" | "pb" | "pib" => 5,
            _ => return Err(format!("the size `{text}` has an unknown unit `{suffix}`")),
        };
        let bytes = number * 1024_f64.powi(power);
        #[expect(clippy::cast_possible_truncation, reason = "fractions of a byte are cut off; `as` saturates")]
        Ok(Self(bytes as i64))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn reads_sizes_in_powers_of_1024() {
        for (text, bytes) in [
            ("64m", 64 << 20),
            ("64 M", 64 << 20),
            ("1GiB", 1 << 30),
            ("1.5k", 1536),
            ("10", 10),
            ("10b", 10),
            ("2TB", 2 << 40),
            ("1e3", 1000),
            ("1_000.5k", 1_024_512),
        ] {
            assert_eq!(Bytes::parse(text), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "lots", "-1", "512Mi", "5x", "1kbb", " 5", "1 2", "_1", "1__0", "1_e3", "1e310"] {
            assert!(Bytes::parse(text).is_err(), "{text}");
        }
    }
}
